//! The stand-in device, as a console meets it: once for each of its behaviours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use procy_core::credential::{Certificate, Credential, Password};
use procy_core::event::{Ended, Outcome};
use procy_core::procycmd::Verb;
use procy_core::prologue::console;
use procy_core::tls::{Crypto, TlsVersion};
use procy_testkit::certificates::{Identity, Kind, identity};
use procy_testkit::device::{
    Behaviour, DeviceConfig, DeviceEvent, DeviceStandIn, Service, StartError, What,
};
use procy_tokio::{CONNECT_WITHIN, Report, now};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;

const HELLO: &[u8; 12] = b"RFB 003.008\n";
const PASSWORD: &str = "01234567-89ab-cdef-0123-456789abcdef";

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| identity(Kind::P256));

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it does not end")
}

/// A VNC server of few words: says hello, then sends back what comes.
fn echo() -> Service {
    Service::new(|| async {
        let (near, mut server) = duplex(100_000);
        tokio::spawn(async move {
            server.write_all(HELLO).await.unwrap();
            let (mut read, mut write) = tokio::io::split(server);
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = write.shutdown().await;
        });
        Ok(near)
    })
}

fn config(behaviour: Behaviour, service: Service) -> DeviceConfig {
    let check = |password: Password| async move { password.expose() == PASSWORD };
    DeviceConfig::new(IDENTITY.clone(), check, service).behaving(behaviour)
}

/// A device, a console session with it, and the viewer's end of that.
struct Meeting {
    device: DeviceStandIn,
    events: broadcast::Receiver<DeviceEvent>,
    viewer: DuplexStream,
    session: JoinHandle<Report>,
}

impl Meeting {
    async fn with(behaviour: Behaviour) -> Self {
        Self::between(config(behaviour, echo()), PASSWORD, Verb::Procycmd).await
    }

    async fn between(config: DeviceConfig, password: &str, verb: Verb) -> Self {
        let device = DeviceStandIn::start(config).await.unwrap();
        let events = device.subscribe();
        let (viewer, session) = console(device.address(), password, verb).await;
        Self { device, events, viewer, session }
    }

    /// What the device tells next.
    async fn told(&mut self) -> What {
        bounded(self.events.recv()).await.unwrap().what
    }

    /// The session's outcome as a code, once the viewer has read all; and what it has read.
    async fn ends(&mut self) -> (&'static str, Vec<u8>) {
        let mut heard = Vec::new();
        bounded(self.viewer.read_to_end(&mut heard)).await.unwrap();
        let _ = self.viewer.shutdown().await;
        let report = bounded(&mut self.session).await.unwrap();
        (code(&report), heard)
    }

    async fn hears_hello(&mut self) {
        let mut heard = [0; HELLO.len()];
        bounded(self.viewer.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, HELLO);
    }
}

async fn console(
    address: SocketAddr,
    password: &str,
    verb: Verb,
) -> (DuplexStream, JoinHandle<Report>) {
    let mut config = console::Config::new(Crypto::aws_lc_rs());
    config.style.verb = verb;
    let credential = Credential {
        certificate: Certificate::from_der(&IDENTITY.certificate_der).unwrap(),
        password: Password::parse(password).unwrap(),
    };
    let far = procy_tokio::connect(&address.ip().to_string(), address.port(), CONNECT_WITHIN)
        .await
        .unwrap();
    let (viewer, near) = duplex(100_000);
    let session = tokio::spawn(async move {
        procy_tokio::console(Arc::new(config), credential, now(), near, far, |_| {}).await
    });
    (viewer, session)
}

fn code(report: &Report) -> &'static str {
    match &report.outcome {
        Outcome::Failed(error) => error.code(),
        Outcome::Ended(_) => "ended",
    }
}

#[tokio::test]
async fn a_device_that_behaves_takes_its_steps_in_order() {
    let mut meeting = Meeting::with(Behaviour::Normal).await;
    meeting.hears_hello().await;
    meeting.viewer.write_all(b"echo").await.unwrap();
    meeting.viewer.shutdown().await.unwrap();
    let (code, heard) = meeting.ends().await;
    assert_eq!((code, &heard[..]), ("ended", &b"echo"[..]));

    assert_eq!(meeting.told().await, What::Connected);
    assert_eq!(meeting.told().await, What::CertificateSent { version: TlsVersion::Tls13 });
    assert_eq!(meeting.told().await, What::PasswordOffered { verb: Verb::Procycmd });
    assert_eq!(meeting.told().await, What::Accepted);
    assert_eq!(meeting.told().await, What::Hello);
    let What::Ended(Some(report)) = meeting.told().await else { panic!("it has not ended") };
    assert_eq!(report.traffic.to_near, 4);
    assert_eq!(report.traffic.to_far, (HELLO.len() + 4) as u64);
}

#[tokio::test]
async fn its_vnc_server_may_be_anywhere() {
    let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let service = Service::at(server.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(HELLO).await.unwrap();
        stream.read_u8().await.unwrap()
    });
    let config = config(Behaviour::Normal, service);
    let mut meeting = Meeting::between(config, PASSWORD, Verb::Procycmd).await;
    meeting.hears_hello().await;
    meeting.viewer.write_all(b"k").await.unwrap();
    assert_eq!(bounded(serving).await.unwrap(), b'k');
    let _ = meeting.ends().await;
}

#[tokio::test]
async fn a_vnc_server_that_is_down_is_no_hello() {
    let address = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap()
    };
    let config = config(Behaviour::Normal, Service::at(address));
    let mut meeting = Meeting::between(config, PASSWORD, Verb::Procycmd).await;
    assert_eq!(meeting.ends().await.0, "closed-before-hello");
    let report = loop {
        if let What::Ended(report) = meeting.told().await {
            break report.unwrap();
        }
    };
    assert_eq!(code(&report), "service-unreachable");
}

#[tokio::test]
async fn a_wrong_password_is_checked_and_refused() {
    let wrong = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    let mut meeting =
        Meeting::between(config(Behaviour::Normal, echo()), wrong, Verb::Procycmd).await;
    assert_eq!(meeting.ends().await.0, "closed-before-hello");
    assert_eq!(meeting.told().await, What::Connected);
    assert!(matches!(meeting.told().await, What::CertificateSent { .. }));
    assert!(matches!(meeting.told().await, What::PasswordOffered { .. }));
    assert_eq!(meeting.told().await, What::Refused);
}

/// A device that counts how often it asks UMS.
fn counting(behaviour: Behaviour) -> (DeviceConfig, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let check = move |_| {
        *count.lock().unwrap() += 1;
        async { true }
    };
    let config = DeviceConfig::new(IDENTITY.clone(), check, echo());
    (config.behaving(behaviour), asked)
}

#[tokio::test]
async fn one_that_closes_before_the_hello_asks_nobody() {
    let (config, asked) = counting(Behaviour::CloseBeforeHello);
    let mut meeting = Meeting::between(config, PASSWORD, Verb::Procycmd).await;
    assert_eq!(meeting.ends().await.0, "closed-before-hello");
    assert_eq!(*asked.lock().unwrap(), 0);
}

#[tokio::test]
async fn one_that_knows_the_other_spelling_only_closes_or_serves() {
    let (config, asked) = counting(Behaviour::ProxycmdOnly);
    let mut meeting = Meeting::between(config, PASSWORD, Verb::Procycmd).await;
    assert_eq!(meeting.ends().await.0, "closed-before-hello");
    assert_eq!(*asked.lock().unwrap(), 0);

    let (mut viewer, session) = console(meeting.device.address(), PASSWORD, Verb::Proxycmd).await;
    let mut heard = [0; HELLO.len()];
    bounded(viewer.read_exact(&mut heard)).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), 1);
    drop(viewer);
    assert_eq!(code(&bounded(session).await.unwrap()), "ended");
}

#[tokio::test]
async fn garbage_comes_instead_of_the_hello() {
    let mut meeting = Meeting::with(Behaviour::GarbageHello(b"HTTP/1.1 400 Bad".to_vec())).await;
    let (code, heard) = meeting.ends().await;
    assert_eq!(code, "not-rfb");
    assert!(heard.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", heard.escape_ascii());
    loop {
        match meeting.told().await {
            What::Hello => panic!("garbage was told as a hello"),
            What::Ended(_) => break,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_silent_one_says_nothing_not_even_tls() {
    let device = DeviceStandIn::start(config(Behaviour::Silent, echo())).await.unwrap();
    let mut stream = TcpStream::connect(device.address()).await.unwrap();
    let mut events = device.subscribe();
    stream.write_all(b"anybody there?").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    bounded(stream.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"");
    loop {
        if bounded(events.recv()).await.unwrap().what == What::Ended(None) {
            break;
        }
    }
}

#[tokio::test]
async fn plain_vnc_is_recognised() {
    let mut meeting = Meeting::with(Behaviour::PlainVnc).await;
    assert_eq!(meeting.ends().await.0, "plain-vnc");
}

#[tokio::test]
async fn a_reset_comes_after_exactly_so_many_bytes() {
    let limit = 50_000;
    let mut meeting = Meeting::with(Behaviour::ResetAfter(limit)).await;
    meeting.hears_hello().await;
    meeting.viewer.write_all(&[7; 60_000]).await.unwrap();
    let (code, heard) = meeting.ends().await;
    assert_eq!(code, "device-lost");
    assert_eq!((HELLO.len() + heard.len()) as u64, limit);
}

#[tokio::test]
async fn a_cut_comes_after_exactly_so_many_bytes_and_is_marked() {
    let limit = 50_000;
    let mut meeting = Meeting::with(Behaviour::CutAfter(limit)).await;
    meeting.hears_hello().await;
    meeting.viewer.write_all(&[7; 60_000]).await.unwrap();
    let mut heard = Vec::new();
    bounded(meeting.viewer.read_to_end(&mut heard)).await.unwrap();
    assert_eq!((HELLO.len() + heard.len()) as u64, limit);
    meeting.viewer.shutdown().await.unwrap();
    let report = bounded(&mut meeting.session).await.unwrap();
    let by = Some(procy_core::error::Party::Device);
    assert_eq!(report.outcome, Outcome::Ended(Ended { by, truncated: true }));
}

#[tokio::test]
async fn the_hello_waits_for_consent() {
    let consent = Arc::new(Notify::new());
    let mut meeting = Meeting::with(Behaviour::SlowConsent(consent.clone())).await;
    while !matches!(meeting.told().await, What::PasswordOffered { .. }) {}
    assert!(meeting.events.is_empty(), "it goes on without consent");
    consent.notify_one();
    assert_eq!(meeting.told().await, What::Accepted);
    meeting.hears_hello().await;
}

#[tokio::test]
async fn a_full_device_lets_the_next_console_wait() {
    let mut config = config(Behaviour::Normal, echo());
    config.max_sessions = 1;
    let mut meeting = Meeting::between(config, PASSWORD, Verb::Procycmd).await;
    meeting.hears_hello().await;
    let (mut next, session) = console(meeting.device.address(), PASSWORD, Verb::Procycmd).await;
    while meeting.told().await != What::Hello {}
    drop(meeting.viewer);
    // Nothing of the second is told before the first has ended.
    let event = bounded(meeting.events.recv()).await.unwrap();
    assert!(matches!(event, DeviceEvent { session: 1, what: What::Ended(_) }), "{event:?}");
    let mut heard = [0; HELLO.len()];
    bounded(next.read_exact(&mut heard)).await.unwrap();
    drop(next);
    bounded(session).await.unwrap();
}

#[tokio::test]
async fn shut_down_it_leaves_no_task_and_no_socket() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let device = DeviceStandIn::start(config(Behaviour::Silent, echo())).await.unwrap();
    let address = device.address();
    let mut events = device.subscribe();
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(bounded(events.recv()).await.unwrap().what, What::Connected);
    assert!(tasks() > before);

    bounded(device.shutdown()).await;
    assert_eq!(tasks(), before);
    assert_eq!(bounded(stream.read(&mut [0])).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err(), "something still listens");
}

#[tokio::test]
async fn dropped_it_closes_its_sessions() {
    let mut meeting = Meeting::with(Behaviour::Normal).await;
    meeting.hears_hello().await;
    drop(meeting.device);
    let mut rest = Vec::new();
    bounded(meeting.viewer.read_to_end(&mut rest)).await.unwrap();
    drop(meeting.viewer);
    bounded(meeting.session).await.unwrap();
}

#[tokio::test]
async fn without_a_usable_key_it_does_not_start() {
    let check = |_| async { true };
    let identity = Identity { key_pkcs8_der: b"no key".to_vec(), ..IDENTITY.clone() };
    let config = DeviceConfig::new(identity, check, echo());
    let error = DeviceStandIn::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Identity(_)), "{error}");
}
