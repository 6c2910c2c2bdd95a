//! A stand-in UMS, a stand-in device and a viewer.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use procy_core::credential::Password;
use procy_testkit::certificates::{Identity, Kind, identity};
use procy_testkit::desktop::{Desktop, DesktopConfig};
use procy_testkit::device::{Behaviour, DeviceConfig, DeviceStandIn, Service};
use procy_testkit::ums::{Device, UmsConfig, UmsStandIn};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::program::{Program, WITHIN, procy};

/// The UMS user's password.
pub(crate) const UMS_PASSWORD: &str = "correct-horse-battery";
/// The device's number in UMS.
pub(crate) const DEVICE: u32 = 7;

/// Everything that a session needs.
pub(crate) struct Rig {
    pub(crate) ums: UmsStandIn,
    pub(crate) device: DeviceStandIn,
    pub(crate) desktop: Desktop,
    /// Every password that the device was offered.
    pub(crate) offered: Arc<Mutex<Vec<String>>>,
    pub(crate) flood: Flood,
    pub(crate) home: TempDir,
}

/// What a device does instead of showing its desktop, from when it is told to: it sends all that is taken from it, and reads nothing.
#[derive(Clone, Default)]
pub(crate) struct Flood {
    begun: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
}

impl Flood {
    /// For all sessions from now on.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    /// How much has been taken from all of them together.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    async fn run(&self, mut stream: DuplexStream) {
        let mut bytes = b"RFB 003.008\n".to_vec();
        while stream.write_all(&bytes).await.is_ok() {
            self.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            bytes.resize(16 * 1024, 0);
        }
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::behaving(Behaviour::Normal).await
    }

    pub(crate) async fn behaving(behaviour: Behaviour) -> Self {
        let password = UMS_PASSWORD.to_owned();
        let ums_config = UmsConfig { password, audited: true, ..UmsConfig::default() };
        let ums = UmsStandIn::start(ums_config).await.unwrap();
        let identity = identity(Kind::Rsa2048);
        ums.add_device(Device::new(DEVICE, "reception", "127.0.0.1"));
        ums.device_boots(DEVICE, &identity.certificate_der);
        let desktop = Desktop::new(&DesktopConfig { animated: false, ..DesktopConfig::default() });
        let offered = Arc::<Mutex<Vec<String>>>::default();
        let (flood, screen) = (Flood::default(), desktop.clone());
        let device =
            start_device(&ums, identity, screen, flood.clone(), behaviour, Arc::clone(&offered))
                .await;
        let home = tempfile::tempdir().unwrap();
        let rig = Self { ums, device, desktop, offered, flood, home };
        rig.secret("ums-password", UMS_PASSWORD);
        rig
    }

    /// A file that only we can read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The options with which UMS is reached.
    pub(crate) fn ums_options(&self) -> Vec<String> {
        let password = self.home.path().join("ums-password");
        [
            "--ums",
            &self.ums.url(),
            "--ums-user",
            "imi",
            "--ums-password-file",
            password.to_str().unwrap(),
            "--ums-fingerprint",
            &self.ums.fingerprint(),
            "--json",
            "-vv",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// `procy shadow id:7` with all that it needs, and more.
    pub(crate) fn shadow(&self, more: &[&str]) -> Program {
        Program::start(&mut self.shadow_command("id:7", more))
    }

    pub(crate) fn shadow_command(&self, device: &str, more: &[&str]) -> Command {
        let port = self.device.address().port().to_string();
        let options = self.ums_options();
        let usual = ["--device-port", &port].into_iter().chain(options.iter().map(String::as_str));
        self.procy(&Self::arguments(&["shadow", device], &usual.collect::<Vec<_>>(), more))
    }

    /// A command line.
    pub(crate) fn arguments<'a>(
        first: &[&'a str],
        usual: &[&'a str],
        more: &[&'a str],
    ) -> Vec<&'a str> {
        let mut arguments = first.to_vec();
        // What is given stands instead of what is usual; an option twice would be an error.
        for option in usual.chunk_by(|_, next| !next.starts_with('-')) {
            let is_given =
                more.iter().any(|given| given.split('=').next() == option.first().copied());
            arguments.extend(option.iter().filter(|_| !is_given));
        }
        arguments.extend(more);
        arguments
    }

    pub(crate) fn procy(&self, arguments: &[&str]) -> Command {
        procy(arguments, self.home.path())
    }

    /// What a device's password is worth is seen at once: how often it was offered.
    pub(crate) fn offers(&self) -> usize {
        self.offered.lock().unwrap().len()
    }
}

async fn start_device(
    ums: &UmsStandIn,
    identity: Identity,
    desktop: Desktop,
    flood: Flood,
    behaviour: Behaviour,
    offered: Arc<Mutex<Vec<String>>>,
) -> DeviceStandIn {
    let door = ums.door();
    let check = move |password: Password| {
        offered.lock().unwrap().push(password.expose().to_owned());
        let door = door.clone();
        async move { door.check_password(DEVICE, password.expose()).await }
    };
    let service = Service::new(move || {
        let (desktop, flood) = (desktop.clone(), flood.clone());
        async move {
            let (ours, its) = duplex(64 * 1024);
            if flood.begun.load(Ordering::SeqCst) {
                tokio::spawn(async move { flood.run(its).await });
            } else {
                tokio::spawn(async move { desktop.serve(its).await });
            }
            Ok::<_, io::Error>(ours)
        }
    });
    let config = DeviceConfig::new(identity, check, service).behaving(behaviour);
    DeviceStandIn::start(config).await.unwrap()
}

/// A VNC viewer that has seen the desktop's size.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) stream: TcpStream,
    pub(crate) size: (u16, u16),
}

impl Viewer {
    /// Connects as RFC 6143 sections 7.1 and 7.3 have it. An error is the reason that the server gave.
    pub(crate) async fn connect(address: &str) -> Result<Self, String> {
        timeout(WITHIN, Self::handshake(address)).await.expect("the viewer waits for ever")
    }

    async fn handshake(address: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let hello: [u8; 12] = read(&mut stream).await?;
        if &hello == b"RFB 003.003\n" {
            assert_eq!(stream.read_u32().await.unwrap(), 0, "an RFB 3.3 failure");
            let mut reason = vec![0; stream.read_u32().await.unwrap() as usize];
            stream.read_exact(&mut reason).await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "nothing after the reason");
            return Err(String::from_utf8(reason).unwrap());
        }
        assert_eq!(&hello, b"RFB 003.008\n");
        stream.write_all(b"RFB 003.008\n").await.unwrap();
        assert_eq!(read(&mut stream).await?, [1, 1], "one security type: None");
        stream.write_all(&[1]).await.unwrap();
        assert_eq!(read(&mut stream).await?, [0; 4]);
        stream.write_all(&[1]).await.unwrap();
        let [a, b, c, d] = read(&mut stream).await?;
        let size = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let _: [u8; 16] = read(&mut stream).await?;
        let mut name = vec![0; stream.read_u32().await.unwrap() as usize];
        stream.read_exact(&mut name).await.unwrap();
        Ok(Self { stream, size })
    }

    /// Types a key: 'a' and so on.
    pub(crate) async fn types(&mut self, key: u8) {
        for down in [1, 0] {
            self.stream.write_all(&[4, down, 0, 0, 0, 0, 0, key]).await.unwrap();
        }
    }

    /// Waits until procy has closed.
    pub(crate) async fn closed(mut self) {
        let drain = async { while let Ok(1..) = self.stream.read(&mut [0; 4096]).await {} };
        timeout(WITHIN, drain).await.expect("the viewer is never closed");
    }
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(|error| format!("closed: {error}"))?;
    Ok(bytes)
}
