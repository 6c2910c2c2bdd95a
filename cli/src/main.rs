//! See and steer a device's desktop over its own secure channel.

fn main() {}
