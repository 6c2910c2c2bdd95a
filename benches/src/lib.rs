//! Measures procy on loopback beside the usual ways to do its job. See `benches/README.md` for method and noise.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
