//! What the rig's own tests share: throw-away certificates, and a console made of `openssl s_client`.
#![allow(clippy::unwrap_used)] // a test's helper may panic as the test may

use std::io::{Read, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};

use procy_testkit::real::{Gate, Process, Then, TlsFront, TlsVersions, Xvnc};

pub(crate) const PASSWORD: &str = "6f1c2a54-9d1e-4b7a-8a55-0c1d2e3f4a5b";
pub(crate) const RIGHT: &[u8] = b"PROCYCMD PW_6f1c2a54-9d1e-4b7a-8a55-0c1d2e3f4a5b";
pub(crate) const WRONG: &[u8] = b"PROCYCMD PW_00000000-9d1e-4b7a-8a55-0c1d2e3f4a5b";

/// A key and a self-signed certificate, as long as the value lives.
pub(crate) struct Identity {
    process: Process,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let mut process = Process::start("openssl", "openssl", |command, folder| {
            command.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"]);
            command.args(["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=IGEL-RIG"]);
            Ok(())
        })
        .unwrap();
        assert!(process.wait(procy_testkit::real::BOUND).unwrap().success());
        Self { process }
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.process.folder().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.process.folder().join("key.pem")
    }
}

/// One of the three programs with the fewest words.
pub(crate) type Front = fn(
    &std::path::Path,
    &std::path::Path,
    SocketAddr,
    TlsVersions,
) -> procy_testkit::real::Result<TlsFront>;

/// Desktop, gate and TLS front, joined.
pub(crate) struct Device {
    pub(crate) front: TlsFront,
    pub(crate) gate: Gate,
    pub(crate) desktop: Xvnc,
    _identity: Identity,
}

impl Device {
    pub(crate) fn start(front: Front, versions: TlsVersions) -> Self {
        let identity = Identity::new();
        let desktop = Xvnc::start().unwrap();
        let gate = Gate::start(desktop.address(), |given| given == PASSWORD, Then::Relay).unwrap();
        let front =
            front(&identity.certificate(), &identity.key(), gate.address(), versions).unwrap();
        Self { front, gate, desktop, _identity: identity }
    }
}

/// `openssl s_client`: a TLS client that checks nothing.
pub(crate) struct Console {
    pub(crate) process: Process,
    pub(crate) to: ChildStdin,
    pub(crate) from: ChildStdout,
}

impl Console {
    pub(crate) fn connect(server: SocketAddr, options: &[&str]) -> Self {
        // Bounded, so that a rig that answers nothing fails its test instead of hanging it.
        let mut process = Process::start("timeout", "coreutils", |command, _| {
            command
                .args([
                    "--foreground",
                    "60",
                    "openssl",
                    "s_client",
                    "-quiet",
                    "-connect",
                    &server.to_string(),
                ])
                .args(options);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            Ok(())
        })
        .unwrap();
        let (to, from) = process.take_pipes();
        Self { process, to: to.unwrap(), from: from.unwrap() }
    }

    /// Sends a command and reads a hello, or what there is of it at the connection's end.
    pub(crate) fn say(&mut self, command: &[u8]) -> Vec<u8> {
        self.to.write_all(command).unwrap();
        let mut hello = Vec::new();
        (&mut self.from).take(12).read_to_end(&mut hello).unwrap();
        hello
    }

    /// Opens a port for one plain viewer and relays it through this session (not by splice(2): it locks pipes).
    pub(crate) fn serve_one_viewer(self) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let Self { process: _process, mut to, mut from } = self;
            let (mut viewer, _) = listener.accept().unwrap();
            to.write_all(RIGHT).unwrap();
            let mut reader = viewer.try_clone().unwrap();
            let upwards =
                std::thread::spawn(move || copy::<dyn Read, dyn Write>(&mut reader, &mut to));
            let _ = copy::<dyn Read, dyn Write>(&mut from, &mut viewer);
            let _ = viewer.shutdown(Shutdown::Both);
            let _ = upwards.join();
        });
        address
    }
}
