//! A small HTTPS server on loopback that answers as a test says. It takes one connection after another.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use procy_core::credential::Fingerprint;
use procy_ums::{Config, Secret, Trust, provider};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

pub(crate) const USER: &str = "helpdesk";
pub(crate) const PASSWORD: &str = "open sesame";

/// After this a server gives up, so that a client that hangs fails its test instead of blocking it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes a server drips before it gives up likewise.
const DROPS: u32 = 1000;

/// What the server does with one request.
pub(crate) enum Reply {
    /// This status and body.
    Json(u16, String),
    /// These bytes as they are, and the end.
    Raw(Vec<u8>),
    /// These bytes as they are, and the end without close_notify.
    Cut(Vec<u8>),
    /// Nothing, until the client goes.
    Hang,
    /// These bytes, then one more every 10 ms, until the client goes.
    Drip(Vec<u8>),
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Json(status, body.into())
}

/// Login's answer with a session of that number.
pub(crate) fn session(number: u32) -> Reply {
    json(200, &format!(r#"{{"message":"JSESSIONID=SESSION{number}"}}"#))
}

/// An error as UMS reports it.
pub(crate) fn itg(status: u16, code: &str) -> Reply {
    json(status, &format!(r#"{{"message":"words","errorCode":"{code}","stackTrace":"at x"}}"#))
}

/// A certificate, its key and the authority's PEM.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) ca_pem: String,
}

impl Identity {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub(crate) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca_pem = params.self_signed(&ca_key).unwrap().pem();
        let issuer = Issuer::new(params, ca_key);
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Self { certificate, key, ca_pem }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    pub(crate) fn tls(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap()
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that gives these replies, one a request; further requests get nothing.
    pub(crate) fn replies(replies: impl IntoIterator<Item = Reply>) -> (Self, Config) {
        let identity = Identity::new("127.0.0.1");
        let server = Self::start(identity.tls(rustls::ALL_VERSIONS), replies);
        let config = server.config(Trust::Fingerprint(identity.fingerprint()));
        (server, config)
    }

    pub(crate) fn start(tls: ServerConfig, replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        let tls = Arc::new(tls);
        Self::on_connection(move |stream, heads| {
            let mut stream = StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), stream);
            // A client that does not trust the server leaves here.
            let Some(head) = read_head(&mut stream) else { return };
            heads.lock().unwrap().push(head);
            if let Some(reply) = replies.pop_front() {
                answer(&mut stream, reply);
            }
        })
    }

    pub(crate) fn on_connection(
        mut serve: impl FnMut(TcpStream, &Mutex<Vec<String>>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let stopping = Arc::<AtomicBool>::default();
        let thread = thread::spawn({
            let (heads, stopping) = (heads.clone(), stopping.clone());
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let stream = stream.unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    serve(stream, &heads);
                }
            }
        });
        Self { address, heads, stopping, thread: Some(thread) }
    }

    pub(crate) fn config(&self, trust: Trust) -> Config {
        let url = format!("https://{}", self.address);
        let mut config = Config::new(&url, USER, Secret::new(PASSWORD.into())).unwrap();
        config.trust = trust;
        config
    }

    /// The requests so far, as `METHOD path cookie`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads
            .iter()
            .map(|head| {
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                let cookie = head.lines().find_map(|line| line.strip_prefix("cookie: JSESSIONID="));
                format!("{line} {}", cookie.unwrap_or("-"))
            })
            .collect()
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the server panicked");
    }
}

fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// Answers; that the client may be gone before all is written is its right.
fn answer(stream: &mut StreamOwned<ServerConnection, TcpStream>, reply: Reply) {
    match reply {
        Reply::Json(status, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Cut(bytes) => {
            let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
            return;
        }
        Reply::Hang => wait_for_the_end(stream, PATIENCE, |_| false),
        Reply::Drip(bytes) => {
            let _ = stream.write_all(&bytes);
            let mut drops = 0..DROPS;
            wait_for_the_end(stream, Duration::from_millis(10), |stream| {
                drops.next().is_some()
                    && stream.write_all(b"x").and_then(|()| stream.flush()).is_ok()
            });
        }
    }
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// Reads until the client goes; whenever nothing came for that long, `again` says whether to go on.
fn wait_for_the_end(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    patience: Duration,
    mut again: impl FnMut(&mut StreamOwned<ServerConnection, TcpStream>) -> bool,
) {
    stream.sock.set_read_timeout(Some(patience)).unwrap();
    loop {
        match stream.read(&mut [0]) {
            Ok(1..) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if !again(stream) {
                    return;
                }
            }
            _ => return,
        }
    }
}
