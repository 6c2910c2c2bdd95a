//! A UMS and a device for the program: the device is a TLS server that this project did not write, before a real VNC server,
//! and asks the stand-in UMS about each password, as step 9 says.
#![allow(clippy::unwrap_used, clippy::panic)] // a test's helper may panic as the test may
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use procy_testkit::certificates::{Identity, Kind, identity};
use procy_testkit::real::{BOUND, Gate, Process, Result, Then, TlsFront, TlsVersions};
use procy_testkit::ums::{Device, UmsConfig, UmsStandIn};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The device's number in UMS.
const DEVICE: u32 = 7;

/// One of the programs that can be the device's TLS.
pub(crate) type Front = fn(&Path, &Path, SocketAddr, TlsVersions) -> Result<TlsFront>;

/// A UMS that knows one device, and that device.
pub(crate) struct Site {
    pub(crate) ums: UmsStandIn,
    pub(crate) gate: Gate,
    pub(crate) front: TlsFront,
    pub(crate) identity: Identity,
    _keys: TempDir,
    runtime: Runtime,
}

impl Site {
    /// A device of this kind behind stunnel, in whatever TLS the two agree on.
    pub(crate) fn usual(kind: Kind, desktop: SocketAddr) -> Self {
        Self::new(kind, TlsFront::stunnel, TlsVersions::Usual, desktop, Then::Relay)
    }

    /// A device of this kind, which leads to the VNC server at `desktop`.
    pub(crate) fn new(
        kind: Kind,
        front: Front,
        versions: TlsVersions,
        desktop: SocketAddr,
        then: Then,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let ums = runtime.block_on(UmsStandIn::start(UmsConfig::default())).unwrap();
        let identity = identity(kind);
        ums.add_device(Device::new(DEVICE, "front-desk", "127.0.0.1"));
        ums.device_boots(DEVICE, &identity.certificate_der);
        let (door, handle) = (ums.door(), runtime.handle().clone());
        let accepts = move |password: &str| handle.block_on(door.check_password(DEVICE, password));
        let gate = Gate::start(desktop, accepts, then).unwrap();
        let keys = tempfile::tempdir().unwrap();
        let files = identity.write_pem_files(keys.path()).unwrap();
        let front = front(&files.certificate, &files.key, gate.address(), versions).unwrap();
        Self { ums, gate, front, identity, _keys: keys, runtime }
    }

    /// `procy shadow front-desk`, signed in to this UMS.
    pub(crate) fn shadow(&self, options: &[&str]) -> Program {
        let port = self.front.address().port().to_string();
        let mut arguments =
            vec!["shadow", "front-desk", "--ums-user", "imi", "--device-port", &port];
        let (url, fingerprint) = (self.ums.url(), self.ums.fingerprint());
        arguments.extend(["--ums", &url, "--ums-fingerprint", &fingerprint]);
        arguments.extend(options);
        Program::start(&arguments)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The gate's threads may be asking: let them finish before the runtime goes.
        let _ = self.runtime.handle();
    }
}

/// The program, with its events on stdout.
pub(crate) struct Program {
    process: Process,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let process =
            Process::start(env!("CARGO_BIN_EXE_procy"), "procy itself", |command, folder| {
                command.args(arguments).args(["--json", "-vv"]);
                command
                    .env("PROCY_UMS_PASSWORD", "imi-password")
                    .env("HOME", folder)
                    .env_remove("XDG_CONFIG_HOME");
                Ok(())
            })
            .unwrap();
        Self { process }
    }

    /// Waits for the first event of this name.
    pub(crate) fn event(&mut self, name: &str) -> serde_json::Value {
        let found = self
            .process
            .until(name, |process| events(process).find(|event| event["event"] == name));
        found.unwrap_or_else(|error| panic!("no event {name}: {error}"))
    }

    /// Where it listens for viewers.
    pub(crate) fn port(&mut self) -> SocketAddr {
        self.event("listening")["address"].as_str().unwrap().parse().unwrap()
    }

    /// The end of a program that was started with --once.
    pub(crate) fn exit_code(&mut self) -> i32 {
        self.process.wait(BOUND).unwrap().code().unwrap()
    }

    pub(crate) fn words(&self) -> String {
        self.process.stdout() + &self.process.stderr()
    }
}

fn events(process: &Process) -> impl Iterator<Item = serde_json::Value> + use<> {
    let lines: Vec<_> =
        process.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.into_iter()
}

/// What a viewer at `port` reads first: a hello, or a whole refusal.
pub(crate) fn first_words(port: SocketAddr, len: usize) -> Vec<u8> {
    let stream = TcpStream::connect(port).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let mut words = Vec::new();
    stream.take(len as u64).read_to_end(&mut words).unwrap();
    words
}
