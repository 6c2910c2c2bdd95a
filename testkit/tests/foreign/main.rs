//! TLS scanners and stacks that we did not write, against procy. What each is to find stands in `expected/`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod openssl;
mod sslscan;
mod sslyze;
mod testssl;
mod tlslite;

use std::collections::BTreeSet;
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use procy_testkit::certificates::{Kind, identity};
use procy_testkit::device::{DeviceConfig, DeviceStandIn, Service};
use procy_testkit::real::{BOUND, Process};
use tokio::io::DuplexStream;
use tokio::task::spawn_blocking;

/// What a program found, a line a fact; their order means nothing.
type Facts = BTreeSet<String>;

/// How long a scan may take. The longest is expected to take half a minute.
const SCAN: Duration = BOUND.saturating_mul(6);

/// The keys that are scanned for, and what their files in `expected/` are called by.
const KEYS: [(Kind, &str); 2] = [(Kind::P256, "p256"), (Kind::Rsa2048, "rsa")];

/// A device that nobody gets further with than its TLS.
async fn device(kind: Kind) -> (DeviceStandIn, SocketAddr) {
    let service = Service::new(pending::<io::Result<DuplexStream>>);
    let config = DeviceConfig::new(identity(kind), |_| async { false }, service);
    let device = DeviceStandIn::start(config).await.unwrap();
    let address = device.address();
    (device, address)
}

/// Scans a device of each key with `facts`, both at once, and holds what it finds against what is expected.
async fn scan(scanner: &'static str, facts: fn(SocketAddr) -> Facts) {
    let scans = KEYS.map(async |(kind, key)| {
        let (_device, address) = device(kind).await;
        let found = spawn_blocking(move || facts(address)).await.unwrap();
        compare(&format!("{scanner}-{key}.txt"), &found);
    });
    let [p256, rsa] = scans;
    tokio::join!(p256, rsa);
}

/// Runs a program to its end, and gives the file that it was told to write its report to. Scanners differ in what
/// their exit codes mean; without a report there are no facts.
fn report(program: &str, package: &str, arguments: impl FnOnce(String) -> Vec<String>) -> String {
    let mut file = PathBuf::new();
    let mut scan = Process::start(program, package, |command, folder| {
        file = folder.join("report");
        command.args(arguments(file.display().to_string())).current_dir(folder);
        Ok(())
    })
    .unwrap();
    let status = scan.wait(SCAN).unwrap();
    fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{program}: {status}, {error}\n{}{}", scan.stdout(), scan.stderr())
    })
}

/// Fails with what is expected and was not found, and with what was found and is not expected.
#[track_caller]
fn compare(name: &str, found: &Facts) {
    let expected = expected(name);
    let missing = expected.difference(found).map(|fact| format!("- {fact}\n"));
    let more = found.difference(&expected).map(|fact| format!("+ {fact}\n"));
    let difference: String = missing.chain(more).collect();
    assert!(difference.is_empty(), "testkit/tests/foreign/expected/{name}:\n{difference}");
}

/// The facts of a file in `expected/`; what stands behind # explains.
fn expected(name: &str) -> Facts {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/expected/");
    let text = fs::read_to_string(format!("{folder}{name}")).unwrap();
    let facts = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    facts.map(str::to_owned).collect()
}
