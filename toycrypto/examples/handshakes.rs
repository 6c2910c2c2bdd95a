//! How many whole handshakes a second this provider makes, both sides on one thread.
//!
//! `cargo run -p procy-toycrypto --example handshakes [SECONDS]`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, run by hand")]

use std::time::{Duration, Instant};

use rustls::version::{TLS12, TLS13};

#[allow(dead_code, reason = "the tests' pair, of which this needs a part")]
#[path = "../tests/tls/pair.rs"]
mod pair;

fn main() {
    let seconds = std::env::args().nth(1).map_or(2, |argument| argument.parse().unwrap());
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed() < Duration::from_secs(seconds) {
            let mut pair = pair::Pair::new(version);
            pair.run();
            assert!(pair.is_established(), "{:?}", pair.error());
            count += 1;
        }
        let rate = f64::from(count) / start.elapsed().as_secs_f64();
        println!("{version:?}: {rate:.0} handshakes/s");
    }
}
