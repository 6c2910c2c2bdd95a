//! A fast, deterministic and insecure crypto provider for simulating TLS.
