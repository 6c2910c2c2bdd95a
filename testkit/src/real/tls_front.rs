//! The device's TLS, by programs that this project did not write.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use super::process::{Process, loopback};
use super::s_server::{self, Shared};
use super::{Result, RigError};

/// Which TLS versions a front speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// What the program speaks by itself: 1.2 and 1.3.
    Usual,
    /// TLS 1.3 only.
    Only13,
    /// TLS 1.2 only.
    Only12,
    /// TLS 1.2 only, with OpenSSL's security level lowered to 0 so that it shows small keys and weak digests.
    Weak12,
    /// TLS 1.0 only, as very old devices do; OpenSSL's security level is lowered to 0 for it.
    Only10,
}

/// A TLS server before a plain TCP server. It ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    process: Shared,
    /// Moves bytes for a program that has no sockets of its own for them.
    bridge: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// stunnel in server mode: any number of connections. `certificate` and `key` are PEM files (a key that
    /// others may read makes it warn). What ends by FIN behind it ends by close_notify, a reset by a reset.
    pub fn stunnel(
        certificate: &Path,
        key: &Path,
        to: SocketAddr,
        versions: TlsVersions,
    ) -> Result<Self> {
        let versions = match versions {
            TlsVersions::Usual => "",
            TlsVersions::Only13 => "sslVersion = TLSv1.3",
            TlsVersions::Only12 => "sslVersion = TLSv1.2",
            TlsVersions::Weak12 => {
                "sslVersion = TLSv1.2\nsecurityLevel = 0\nciphers = DEFAULT:@SECLEVEL=0"
            }
            TlsVersions::Only10 => {
                "sslVersion = TLSv1\nsecurityLevel = 0\nciphers = DEFAULT:@SECLEVEL=0"
            }
        };
        // Debian's stunnel stays in the foreground and prints only if told so.
        let text = format!(
            "foreground = yes\npid =\nsyslog = no\n[device]\naccept = 127.0.0.1:0\nconnect = {to}\n\
             cert = {}\nkey = {}\n{versions}\n",
            certificate.display(),
            key.display(),
        );
        Self::start(Process::start("stunnel", "stunnel4", |command, folder| {
            let file = folder.join("stunnel.conf");
            command.arg(&file);
            std::fs::write(file, text)
        })?)
    }

    /// socat's OPENSSL-LISTEN: any number of connections, a process for each.
    pub fn socat(
        certificate: &Path,
        key: &Path,
        to: SocketAddr,
        versions: TlsVersions,
    ) -> Result<Self> {
        let versions = match versions {
            TlsVersions::Usual => "",
            TlsVersions::Only13 => ",openssl-min-proto-version=TLS1.3",
            TlsVersions::Only12 => {
                ",openssl-min-proto-version=TLS1.2,openssl-max-proto-version=TLS1.2"
            }
            TlsVersions::Weak12 => {
                ",openssl-min-proto-version=TLS1.2,openssl-max-proto-version=TLS1.2,\
                 cipher=DEFAULT:@SECLEVEL=0"
            }
            TlsVersions::Only10 => {
                ",openssl-min-proto-version=TLS1,openssl-max-proto-version=TLS1,\
                 cipher=DEFAULT:@SECLEVEL=0"
            }
        };
        let listen = format!(
            "OPENSSL-LISTEN:0,bind=127.0.0.1,fork,verify=0,cert={},key={}{versions}",
            certificate.display(),
            key.display(),
        );
        Self::start(Process::start("socat", "socat", |command, _| {
            command.args([listen, format!("TCP:{to}")]);
            Ok(())
        })?)
    }

    /// `openssl s_server`: one connection, joined to `to` when the client has sent its first byte. When that
    /// server ends the connection, this ends by a bare FIN, without close_notify.
    pub fn openssl(
        certificate: &Path,
        key: &Path,
        to: SocketAddr,
        versions: TlsVersions,
    ) -> Result<Self> {
        let versions: &[&str] = match versions {
            TlsVersions::Usual => &[],
            TlsVersions::Only13 => &["-tls1_3"],
            TlsVersions::Only12 => &["-tls1_2"],
            TlsVersions::Weak12 => &["-tls1_2", "-cipher", "DEFAULT:@SECLEVEL=0"],
            TlsVersions::Only10 => &["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"],
        };
        let mut process = s_server::start(certificate, key, versions)?;
        let (stdin, stdout) = process.take_pipes();
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(RigError::new("openssl s_server was started without pipes"));
        };
        let mut front = Self::start(process)?;
        let shared = front.process.clone();
        let bridge = move || s_server::bridge(&shared, stdin, stdout, to);
        front.bridge = Some(std::thread::spawn(bridge));
        Ok(front)
    }

    fn start(mut process: Process) -> Result<Self> {
        let port = process.until("listening", Process::listening_port)?;
        Ok(Self { address: loopback(port), process: Shared::new(process), bridge: None })
    }

    /// Where it accepts TLS.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process's id. [`TlsFront::socat`]'s children are its connections.
    pub fn id(&self) -> u32 {
        self.process.lock().id()
    }

    /// What the program has said so far, for a failing test to show.
    pub fn words(&self) -> String {
        self.process.lock().stderr()
    }

    /// Ends the program on the spot: its connections are cut without close_notify, by the kernel.
    pub fn cut(&self) {
        self.process.lock().kill();
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.process.end();
        if let Some(bridge) = self.bridge.take() {
            let _ = bridge.join();
        }
    }
}
