//! `cargo xtask bench` runs this.

fn main() {}
