//! A whole Secure VNC session without a socket: console and device as two machines, the wire a pair of vectors.
//!
//! `cargo run -p procy-core --features sim --example no_socket`
#![allow(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use procy_core::credential::Certificate;
use procy_core::sim::{Cast, Plan, Random, World};
use procy_core::tls::Crypto;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A crypto provider for play: fast, repeatable, and worth nothing.
    procy_toycrypto::seed_thread(1);
    let crypto = Crypto::from(Arc::new(procy_toycrypto::provider()));
    let player = |n| {
        let (certificate, key) = procy_toycrypto::identity(n);
        Certificate::from_der(&certificate).map(|certificate| (certificate, key))
    };

    // The device and a stranger, who stays at home: everybody is honest here. See `Plan` for who need not be.
    let cast = Cast::new(&crypto, player(1)?, player(2)?)?;
    let report = World::new(&cast, Plan::ideal(), Random::new(1)).run()?;

    for event in &report.events {
        println!("console: {event}");
    }
    println!(
        "the viewer got {} bytes, the VNC server {}",
        report.viewer_got.len(),
        report.service_got.len()
    );
    println!("{:?}", report.console);
    Ok(())
}
