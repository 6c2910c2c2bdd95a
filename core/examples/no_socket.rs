//! A whole Secure VNC session without a socket: console and device as two machines, the wire a pair of vectors.
//!
//! `cargo run -p procy-core --features sim --example no_socket`
#![allow(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use procy_core::credential::Certificate;
use procy_core::prologue::{console, device};
use procy_core::sim::{Cast, Plan, Random, World};
use procy_core::tls::Crypto;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A crypto provider for play: fast, repeatable, and worth nothing.
    procy_toycrypto::seed_thread(1);
    let crypto = Crypto::from(Arc::new(procy_toycrypto::provider()));
    let (certificate, key) = procy_toycrypto::identity(1);
    let certificate = Certificate::from_der(&certificate)?;
    let device = device::Config::new(&certificate, &key, &crypto)?;

    // Everybody is honest here: see `Plan` for who need not be.
    let cast = Cast {
        console: Arc::new(console::Config::new(crypto)),
        stranger: device.clone(),
        impostor: device.clone(),
        device,
        certificate,
    };
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
