//! tlslite-ng, a TLS stack that can be bent: as consoles against the device, and as devices against the console. The bends
//! are in `tlslite/`.

use std::sync::{Arc, LazyLock};

use procy_core::credential::{Certificate, Credential, Password};
use procy_core::event::{Event, Outcome};
use procy_core::prologue::console;
use procy_core::tls::Crypto;
use procy_testkit::certificates::{Identity, Kind, identity};
use procy_testkit::device::{DeviceConfig, DeviceStandIn, Service, What};
use procy_testkit::real::{Process, VENV, from_venv};
use procy_tokio::{Report, now};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::task::spawn_blocking;

use crate::{SCAN, compare};

const HELLO: &[u8; 12] = b"RFB 003.008\n";
const PASSWORD: &str = "01234567-89ab-cdef-0123-456789abcdef";

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| identity(Kind::P256));

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
    let config = DeviceConfig::new(IDENTITY.clone(), check, echo());
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

/// A session with the device at `port`, and how it ended. The viewer hears the hello, says a word and waits for the answer.
async fn session(port: u16) -> String {
    let config = Arc::new(console::Config::new(Crypto::aws_lc_rs()));
    let credential = Credential {
        certificate: Certificate::from_der(&IDENTITY.certificate_der).unwrap(),
        password: Password::parse(PASSWORD).unwrap(),
    };
    let far = match procy_tokio::connect("127.0.0.1", port, procy_tokio::CONNECT_WITHIN).await {
        Ok(far) => far,
        // The script has ended, and will have said why.
        Err(error) => return error.to_string(),
    };
    let (mut viewer, near) = duplex(100_000);
    let looks = async move {
        let mut heard = vec![0; HELLO.len()];
        if viewer.read_exact(&mut heard).await.is_ok() && heard == HELLO {
            let _ = viewer.write_all(b"!").await;
        }
        let _ = viewer.read_to_end(&mut heard).await;
        heard
    };
    let mut sent = "";
    let observe = |event: &Event| {
        if let Event::PasswordSent = event {
            sent = ", the password was sent";
        }
    };
    let runs = procy_tokio::console(config, credential, now(), near, far, observe);
    let (heard, report) = tokio::join!(looks, runs);
    let answered = heard.starts_with(HELLO) && heard.ends_with(b"!");
    format!("{}{sent}{}", end(&report), if answered { ", the viewer was answered" } else { "" })
}

#[tokio::test]
async fn what_devices_bend_is_mended_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = IDENTITY.write_pem_files(folder.path()).unwrap();
    let paths = [files.certificate, files.key].map(|path| path.display().to_string());
    let mut devices = script("device.py", &paths);
    let first = devices.until("a port", |devices| {
        devices.stdout().split_once('\n').map(|(first, _)| first.to_owned())
    });
    let first = first.unwrap();
    let (port, count) = first.split_once(' ').unwrap();
    let mut ends = Vec::new();
    for _ in 0..count.parse().unwrap() {
        ends.push(session(port.parse().unwrap()).await);
    }
    let said = lines(devices);
    let facts = said.into_iter().skip(1).zip(ends).map(|(said, end)| format!("{said} | {end}"));
    compare("devices.txt", &facts.collect());
}
