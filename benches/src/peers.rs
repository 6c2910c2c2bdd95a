//! Programs of others that put TLS on a stream: as they come, and as well tuned as they go.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use crate::Result;
use crate::child::{Child, becoming};
use crate::contender::{Way, value_name};
use crate::workload::Workload;

/// A program and how it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// stunnel, a thread a session
    Stunnel,
    /// HAProxy, buffers of 16 KiB
    Haproxy,
    /// HAProxy, buffers of 256 KiB
    #[value(name = "haproxy-256k")]
    Haproxy256k,
    /// nginx's stream module, buffers of 16 KiB
    Nginx,
    /// nginx's stream module, buffers of 1 MiB
    #[value(name = "nginx-1m")]
    Nginx1m,
    /// socat, a process a session, buffers of 8 KiB
    Socat,
    /// socat, a process a session, buffers of 64 KiB
    #[value(name = "socat-64k")]
    Socat64k,
}

/// socat starts a process a session.
const MOST_PROCESSES: usize = 300;

impl Peer {
    /// Whether the workload can be put to it.
    pub(crate) fn takes(self, workload: &Workload) -> bool {
        let forks = matches!(self, Self::Socat | Self::Socat64k);
        // Debian's OpenSSL knows no X25519MLKEM768.
        let too_many = forks && workload.sessions > MOST_PROCESSES;
        !workload.post_quantum && !too_many
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(self, workload: &Workload, way: &Way<'_>) -> Result<(Child, SocketAddr)> {
        // None of them says which port it got: this one was free a moment ago.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let setup = Setup { way, address, threads: workload.threads };
        let file = way.folder.join("peer.conf");
        let mut command = Command::new(self.program());
        match self {
            Self::Stunnel => {
                fs::write(&file, setup.stunnel())?;
                command.arg(&file);
            }
            Self::Haproxy | Self::Haproxy256k => {
                let buffer = if self == Self::Haproxy { 16_384 } else { 262_144 };
                fs::write(&file, setup.haproxy(buffer))?;
                command.args(["-db", "-f"]).arg(&file);
            }
            Self::Nginx | Self::Nginx1m => {
                let buffer = if self == Self::Nginx { "16k" } else { "1m" };
                fs::write(&file, setup.nginx(buffer))?;
                let log = way.folder.join("nginx.log");
                command.arg("-p").arg(way.folder).arg("-e").arg(log).arg("-c").arg(&file);
            }
            Self::Socat => drop(command.args(setup.socat())),
            Self::Socat64k => drop(command.args(["-b", "65536"]).args(setup.socat())),
        }
        let log = way.folder.join(value_name(self)).with_extension("log");
        Ok((Child::listening(&command, address, &log)?, address))
    }

    fn program(self) -> &'static str {
        match self {
            Self::Stunnel => "stunnel",
            Self::Haproxy | Self::Haproxy256k => "haproxy",
            Self::Nginx | Self::Nginx1m => "nginx",
            Self::Socat | Self::Socat64k => "socat",
        }
    }
}

/// What the programs say of themselves.
pub(crate) fn versions() -> Vec<String> {
    let asked = [("stunnel", "-version"), ("haproxy", "-v"), ("nginx", "-v"), ("socat", "-V")];
    let version = |(name, flag): (&str, &str)| {
        let output = becoming(Command::new(name).arg(flag)).ok()?.output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let is_it = |line: &&str| {
            line.to_lowercase().contains(name) && line.contains(|c: char| c.is_ascii_digit())
        };
        said.lines().find(is_it).map(str::to_owned)
    };
    asked.into_iter().filter_map(version).collect()
}

/// The same in each one's words: TLS 1.3 with AES-128-GCM to this device, whose certificate is checked. No session is resumed.
struct Setup<'w> {
    way: &'w Way<'w>,
    address: SocketAddr,
    threads: usize,
}

impl Setup<'_> {
    fn certificate(&self) -> std::path::Display<'_> {
        Path::display(&self.way.files.certificate)
    }

    fn stunnel(&self) -> String {
        let (accept, connect, certificate) = (self.address, self.way.device, self.certificate());
        format!(
            "foreground = yes\n\
             pid =\n\
             debug = 3\n\
             [rfb]\n\
             client = yes\n\
             accept = {accept}\n\
             connect = {connect}\n\
             verifyPeer = yes\n\
             CAfile = {certificate}\n\
             ciphersuites = TLS_AES_128_GCM_SHA256\n\
             sslVersionMin = TLSv1.3\n"
        )
    }

    fn haproxy(&self, buffer: usize) -> String {
        let Self { address, threads, .. } = self;
        let (device, certificate) = (self.way.device, self.certificate());
        format!(
            "global\n\
             \x20 nbthread {threads}\n\
             \x20 maxconn 9900\n\
             \x20 tune.bufsize {buffer}\n\
             defaults\n\
             \x20 mode tcp\n\
             \x20 timeout connect 10s\n\
             \x20 timeout client 1h\n\
             \x20 timeout server 1h\n\
             listen rfb\n\
             \x20 bind {address}\n\
             \x20 server dev {device} ssl verify required ca-file {certificate} verifyhost localhost \
             ciphersuites TLS_AES_128_GCM_SHA256 ssl-min-ver TLSv1.3 no-ssl-reuse\n"
        )
    }

    fn nginx(&self, buffer: &str) -> String {
        let Self { address, threads, .. } = self;
        let (device, certificate) = (self.way.device, self.certificate());
        // Without it, one of several workers takes most of a burst of connections.
        let share = if *threads > 1 { " reuseport" } else { "" };
        format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
             daemon off; worker_processes {threads}; pid nginx.pid; user root; worker_rlimit_nofile 20000;\n\
             events {{ worker_connections 19000; }}\n\
             stream {{\n\
             \x20 proxy_buffer_size {buffer};\n\
             \x20 server {{\n\
             \x20   listen {address} backlog=4096{share}; proxy_pass {device}; proxy_timeout 1h;\n\
             \x20   proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate {certificate};\n\
             \x20   proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;\n\
             \x20   proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; proxy_ssl_session_reuse off;\n\
             \x20 }}\n\
             }}\n"
        )
    }

    fn socat(&self) -> [String; 2] {
        let (port, device, certificate) =
            (self.address.port(), self.way.device, self.certificate());
        [
            format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=1024,nodelay"),
            format!("OPENSSL:{device},verify=1,cafile={certificate},commonname=localhost,nodelay"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Files;

    #[test]
    fn each_is_told_where_to_listen_whom_to_reach_and_whom_to_trust() {
        let files = Files { certificate: "/rig/ecdsa.pem".into(), key: "/rig/ecdsa.key".into() };
        let way =
            Way { device: ([127, 0, 0, 1], 9443).into(), files: &files, folder: "/rig".as_ref() };
        let setup = Setup { way: &way, address: ([127, 0, 0, 1], 9100).into(), threads: 2 };
        let (haproxy, nginx) = (setup.haproxy(16_384), setup.nginx("1m"));
        for text in [&setup.stunnel(), &haproxy, &nginx, &setup.socat().join(" ")] {
            for word in ["9100", "127.0.0.1:9443", "/rig/ecdsa.pem"] {
                assert!(text.contains(word), "{word} in {text}");
            }
        }
        assert!(haproxy.contains("nbthread 2\n") && haproxy.contains("tune.bufsize 16384\n"));
        assert!(nginx.contains("worker_processes 2;") && nginx.contains("proxy_buffer_size 1m;"));
        assert!(nginx.contains("reuseport"));
        assert!(!Setup { threads: 1, ..setup }.nginx("1m").contains("reuseport"));
    }
}
