//! tlslite-ng, a TLS stack that can be bent: as consoles, against the device. The bends are in `tlslite/`.

use procy_core::credential::Password;
use procy_core::event::Outcome;
use procy_testkit::certificates::{Kind, identity};
use procy_testkit::device::{DeviceConfig, DeviceStandIn, Service, What};
use procy_testkit::real::{Process, VENV, from_venv};
use procy_tokio::Report;
use tokio::io::{AsyncWriteExt, duplex, split};
use tokio::task::spawn_blocking;

use crate::{SCAN, compare};

const HELLO: &[u8; 12] = b"RFB 003.008\n";
const PASSWORD: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// A VNC server of few words: says hello, then sends back what comes.
fn echo() -> Service {
    Service::new(|| async {
        let (near, mut server) = duplex(100_000);
        tokio::spawn(async move {
            let _ = server.write_all(HELLO).await;
            let (mut read, mut write) = split(server);
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = write.shutdown().await;
        });
        Ok(near)
    })
}

/// One of the scripts, on its way.
fn script(name: &str, arguments: &[String]) -> Process {
    Process::start(&from_venv("python").unwrap(), VENV, |command, _| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/tlslite/");
        // -B: nothing is written into the source tree.
        command.arg("-B").arg(format!("{folder}{name}")).args(arguments);
        Ok(())
    })
    .unwrap()
}

/// What a script has said, once it has ended.
fn lines(mut script: Process) -> Vec<String> {
    let status = script.wait(SCAN).unwrap();
    assert!(status.success(), "{status}\n{}{}", script.stdout(), script.stderr());
    script.stdout().lines().map(str::to_owned).collect()
}

/// How a session ended.
fn end(report: &Report) -> &'static str {
    match &report.outcome {
        Outcome::Failed(error) => error.code(),
        Outcome::Ended(ended) if ended.truncated => "ended, truncated",
        Outcome::Ended(_) => "ended",
    }
}

#[tokio::test]
async fn what_consoles_bend_is_mended_or_refused() {
    let check = |password: Password| async move { password.expose() == PASSWORD };
    let config = DeviceConfig::new(identity(Kind::P256), check, echo());
    let device = DeviceStandIn::start(config).await.unwrap();
    // There are fewer events than may wait.
    let mut events = device.subscribe();
    let port = device.address().port().to_string();
    let said = spawn_blocking(move || lines(script("console.py", &[port]))).await.unwrap();

    let mut ends = Vec::new();
    let mut offered = "";
    while ends.len() < said.len() {
        match events.recv().await.unwrap().what {
            What::Connected => offered = "",
            What::PasswordOffered { .. } => offered = ", a password was offered",
            What::Ended(report) => ends.push(format!("{}{offered}", end(&report.unwrap()))),
            _ => {}
        }
    }
    let facts = said.into_iter().zip(ends).map(|(said, end)| format!("{said} | {end}"));
    compare("consoles.txt", &facts.collect());
}
