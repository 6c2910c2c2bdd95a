//! Writes the seeds of all corpora: `cargo xtask fuzz seeds`. Whole sessions, recorded from a TLS stack that is not under
//! test, and what else people and programs say. What a campaign found on top has other names and is left alone.

use std::path::{Path, PathBuf};

use procy_core::fuzzing::{Host, Manner, Role};
use procy_core::sim::Random;
use procy_fuzz::{Players, seed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use peer::{Peer, Version};

#[path = "../../core/tests/common/peer.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)]
mod peer;

const UUID: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";
const HELLO: &[u8] = b"RFB 003.008\n";
/// The peers' randomness; the session's is its own.
const THEIRS: u64 = 8;

fn main() {
    let players = Players::new();
    let folder = Corpora::open();
    sessions(&players, &folder);
    operations(&folder);
    certificates(&folder);
    answers(&folder);
    words(&folder);
}

/// Where the seeds go.
struct Corpora(PathBuf);

impl Corpora {
    fn open() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))
    }

    fn write(&self, target: &str, name: &str, parts: &[&[u8]]) {
        let folder = self.0.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("seed-{name}")), parts.concat()).unwrap();
    }
}

/// What the peer does once its handshake is over.
type Scene = (&'static str, fn(&mut Peer));

const DEVICES: &[Scene] = &[
    ("picture", |peer| {
        peer.say(HELLO);
        peer.say(b"a picture");
        refresh_keys(peer);
        peer.say(&[7; 300]);
        peer.close();
    }),
    ("cut-off", |peer| peer.say(&[HELLO, b"half a pic"].concat())),
    ("hello-in-two", |peer| {
        peer.say(&HELLO[..5]);
        peer.say(&HELLO[5..]);
    }),
    ("refusal", Peer::close),
    ("no-rfb", |peer| peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
];

const CONSOLES: &[Scene] = &[
    ("session", |peer| {
        peer.say(format!("PROCYCMD PW_{UUID}").as_bytes());
        peer.say(b"\r");
        peer.say(b"\nRFB 003.008\n\x01");
        refresh_keys(peer);
        peer.say(b"keys and pointers");
        peer.close();
    }),
    ("proxycmd", |peer| peer.say(format!("PROXYCMD PW_{UUID}\0RFB 003.008\n").as_bytes())),
    ("in-two", |peer| {
        peer.say(b"PROCYCMD PW_6ce714ad-");
        peer.say(format!("{}\n", &UUID[9..]).as_bytes());
    }),
    ("wrong-password", |peer| {
        peer.say(format!("PROCYCMD PW_{}", UUID.replace('6', "7")).as_bytes())
    }),
    ("no-command", |peer| peer.say(b"GET / HTTP/1.1\r\n\r\n")),
    ("nothing", Peer::close),
];

/// TLS 1.2 has no such thing.
fn refresh_keys(peer: &mut Peer) {
    if peer.tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
        peer.refresh_keys();
    }
}

/// What is no TLS, or none of ours.
const STRANGERS: &[(&str, &[u8])] = &[
    ("silence", b""),
    ("plain-vnc", HELLO),
    ("http", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ("alert", b"\x15\x03\x03\x00\x02\x02\x28"),
    ("goodbye", b"\x15\x03\x03\x00\x02\x01\x00"),
    ("change-cipher", b"\x14\x03\x03\x00\x01\x01"),
    ("empty-record", b"\x16\x03\x03\x00\x00"),
    ("huge-record", b"\x16\x03\x03\xff\xff"),
    ("huge-message", b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"),
];

fn sessions(players: &Players, corpora: &Corpora) {
    for (role, target, scenes) in
        [(Role::Console, "console", DEVICES), (Role::Device, "device", CONSOLES)]
    {
        let which = u8::from(role == Role::Device);
        let mut wires: Vec<_> =
            STRANGERS.iter().map(|(name, wire)| ((*name).to_owned(), wire.to_vec())).collect();
        for (name, scene) in scenes {
            for (version, tls) in [(peer::TLS13, "tls13"), (peer::TLS12, "tls12")] {
                wires.push((format!("{name}-{tls}"), recorded(players, role, version, *scene)));
            }
        }
        for (name, wire) in &wires {
            corpora.write(target, name, &[&[0, 0], wire]);
            corpora.write("chunks", &format!("{target}-{name}"), &[&[which, 2, 3, 200], wire]);
            corpora.write("records", &format!("{target}-{name}"), &[&[which, 0, 0], wire]);
        }
        // A viewer that is late, speaks early, or is deaf; a reset; another try; small chunks.
        for (at, manner) in
            [[1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [0, 255], [2, 90], [31, 7]].iter().enumerate()
        {
            for (name, wire) in wires.iter().skip(STRANGERS.len()) {
                corpora.write(target, &format!("{name}-manner-{at}"), &[manner, wire]);
            }
        }
    }
}

/// All that a peer says in a whole session in which it plays its scene.
fn recorded(players: &Players, role: Role, version: Version, scene: fn(&mut Peer)) -> Vec<u8> {
    procy_toycrypto::seed_thread(THEIRS);
    let provider = procy_toycrypto::transparent();
    let mut peer = match role {
        Role::Console => {
            let (certificate, key) = procy_toycrypto::identity(1);
            Peer::server(peer::server_config(provider, vec![certificate], key, version))
        }
        Role::Device => Peer::client(peer::client_config(provider, version)),
    };
    let mut wire = peer.flush();
    seed();
    let mut host = Host::new(role, &players.believing, Manner::default()).unwrap();
    host.feed(&wire).unwrap();
    procy_toycrypto::seed_thread(THEIRS);
    let mut heard = 0;
    let mut exchange = |peer: &mut Peer, host: &mut Host, wire: &mut Vec<u8>| {
        peer.hear(&host.sent()[heard..]);
        heard = host.sent().len();
        let said = peer.flush();
        host.feed(&said).unwrap();
        wire.extend(said);
    };
    for _ in 0..4 {
        exchange(&mut peer, &mut host, &mut wire);
    }
    scene(&mut peer);
    exchange(&mut peer, &mut host, &mut wire);
    assert!(
        host.events().iter().any(|event| event.starts_with("Established")),
        "{role:?} {:?} {:?}",
        host.events(),
        peer.error
    );
    wire
}

/// Random worlds, and one in which all goes well.
fn operations(corpora: &Corpora) {
    corpora.write("operations", "zeroes", &[&[0; 64]]);
    corpora.write("operations", "empty", &[]);
    for number in 0..40 {
        let mut random = Random::new(number);
        let script: Vec<u8> = (0..300).map(|_| random.word() as u8).collect();
        corpora.write("operations", &format!("random-{number}"), &[&script]);
    }
}

fn certificates(corpora: &Corpora) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures");
    for name in ["rsa-2048", "rsa-1024-md5", "rsa-pss", "p256", "p521", "ed25519", "v1"] {
        let pem = std::fs::read(fixtures.join(format!("{name}.crt.pem"))).unwrap();
        let der = CertificateDer::from_pem_slice(&pem).unwrap();
        corpora.write("certificate", &format!("{name}-der"), &[&der]);
        if name == "p256" {
            let text = String::from_utf8(pem).unwrap();
            corpora.write("certificate", "pem", &[text.as_bytes()]);
            corpora.write("certificate", "pem-crlf", &[text.replace('\n', "\r\n").as_bytes()]);
            corpora.write("certificate", "pem-in-one-line", &[text.replace('\n', "").as_bytes()]);
            let x509 = text.replace("CERTIFICATE", "X509 CERTIFICATE");
            corpora.write("certificate", "pem-x509", &[x509.as_bytes()]);
            let bare: Vec<_> = text.lines().filter(|line| !line.contains('-')).collect();
            corpora.write("certificate", "base64", &[bare.concat().as_bytes()]);
        }
    }
    let (toy, key) = procy_toycrypto::identity(1);
    corpora.write("certificate", "toy-der", &[&toy]);
    corpora.write("certificate", "key-pkcs8", &[key.secret_der()]);
    let spki = SubjectPublicKeyInfoDer::from(&b"\x30\x05\x30\x00\x03\x01\x00"[..]);
    corpora.write("certificate", "spki", &[&spki]);
    corpora.write("certificate", "password", &[UUID.as_bytes()]);
    let fingerprint = format!("SHA256 Fingerprint={}", ["BA"; 32].join(":"));
    corpora.write("certificate", "fingerprint", &[fingerprint.as_bytes()]);
    corpora.write(
        "certificate",
        "empty-pem",
        &[b"-----BEGIN CERTIFICATE----------END CERTIFICATE-----"],
    );
}

fn answers(corpora: &Corpora) {
    let secret = format!(
        r#"{{"id":"95","shadowSecret":{{"certificate":"-----BEGIN CERTIFICATE-----\r\nMAIFAA==\r\n-----END CERTIFICATE-----","password":"{UUID}"}}}}"#
    );
    let bodies = [
        ("login", r#"{"message":"JSESSIONID=3FB2F3F6A089FE90"}"#),
        ("logout", r#"{"message":"Logout successful"}"#),
        (
            "status",
            r#"{"rmGuiServerVersion":"12.08","buildNumber":44,"serverUUID":"","server":"ums:8443","links":[]}"#,
        ),
        (
            "devices",
            r#"[{"id":"95","unitID":"00E0C5000001","mac":"00:e0:c5:00:00:01","name":"pc-7","lastIP":"192.0.2.7","movedToBin":"true","firmwareID":2},{"id":96,"online":true,"osType":"IGEL Linux 10 (Kernel 4.9.58)","connectedViaReverseProxy":false}]"#,
        ),
        ("results", r#"{"page":{"size":1},"results":[{"id":"1","comment":"x\ty"}],"links":[]}"#),
        ("refused", r#"{"message":"no way","errorCode":"ITG-0A001","stackTrace":"at de.igel"}"#),
        ("two-lines", r#"{"message":"two\nlines\u0007","errorCode":"ITG-FF\t1"}"#),
        ("ended", r#"{"errorCode":"ITG-0B004","message":null}"#),
        ("secret", &secret),
        ("no-secret", r#"{"id":"95","shadowSecret":""}"#),
        ("html", "<html>"),
        ("cut", r#"[{"id":"1"}"#),
    ];
    for (name, body) in bodies {
        let sized = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let until_end = format!("HTTP/1.1 400 Bad\r\n\r\n{body}");
        let (one, two) = body.split_at(body.len() / 2);
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nset-cookie: JSESSIONID=1; Path=/umsapi\r\ntransfer-encoding: chunked\r\n\r\n\
             {:x}\r\n{one}\r\n{:x};a=b\r\n{two}\r\n0\r\nx: y\r\n\r\n",
            one.len(),
            two.len()
        );
        for (framing, text) in [("sized", sized), ("open", until_end), ("chunked", chunked)] {
            corpora.write("ums", &format!("{name}-{framing}"), &[&[2, 1, 90], text.as_bytes()]);
        }
    }
    for (name, text) in [
        ("interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        ("switching", "HTTP/1.1 101 Switching\r\n\r\n"),
        ("gateway", "HTTP/1.0 503 No\r\ncontent-encoding: gzip\r\n\r\n"),
        ("ambiguous", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nhi"),
        ("too-long", "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"),
        ("ssh", "SSH-2.0-x\r\n"),
    ] {
        corpora.write("ums", name, &[&[1, 7], text.as_bytes()]);
    }
}

fn words(corpora: &Corpora) {
    for verb in ["PROCYCMD", "PROXYCMD"] {
        for (name, end) in
            [("plain", ""), ("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r"), ("nul", "\0")]
        {
            let text = format!("{verb} PW_{UUID}{end}RFB 003.008\n");
            corpora.write("command", &format!("{verb}-{name}"), &[&[3, 1, 40, 9], text.as_bytes()]);
        }
    }
    corpora.write(
        "command",
        "upper",
        &[&[0], format!("PROCYCMD PW_{}", UUID.to_uppercase()).as_bytes()],
    );
    let no_hex = format!("PROCYCMD PW_{}", UUID.replace('e', "g"));
    corpora.write("command", "no-hex", &[&[0], no_hex.as_bytes()]);
    corpora.write("command", "cut", &[&[0], b"PROCYCMD PW_6ce714ad-66"]);
    corpora.write("command", "shell", &[&[0], b"PROCYCMD PW_$(reboot)"]);
    for (name, text) in [
        ("3-8", "RFB 003.008\n and more"),
        ("3-3", "RFB 003.003\n"),
        ("apple", "RFB 003.889\n"),
        ("cut", "RFB 003"),
        ("http", "HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("letters", "RFB 00a.008\n"),
        ("unicode", "Ger\u{e4}t \u{20ac} \u{1b}[2J"),
    ] {
        corpora.write("hello", name, &[&[2, 1, 5], text.as_bytes()]);
    }
}

/// What the peers' file expects of its neighbours.
pub struct Wire;

impl Wire {
    fn push(&mut self, _: &[u8]) {}

    fn take(&mut self) -> Vec<u8> {
        Vec::new()
    }
}
