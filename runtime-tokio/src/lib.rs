//! Runs procy sessions on tokio.
