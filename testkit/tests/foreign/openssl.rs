//! What the device's TLS offers to whoever connects, as OpenSSL finds by trying everything that it knows.

use std::process::{Command, Stdio};

use procy_testkit::certificates::Kind;
use tokio::task::spawn_blocking;

use crate::device;

fn openssl(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    let output = command.args(arguments).stdin(Stdio::null()).output().expect("openssl runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// One handshake; whether it came off, and what OpenSSL says of it.
fn connect(address: &str, more: &[&str]) -> (bool, String) {
    openssl(&[&["s_client", "-connect", address], more].concat())
}

/// Those of `all` with which a handshake comes off; `with` says how to ask for no other.
fn accepted(address: &str, all: &[&str], with: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let comes_off = |one: &&str| {
        let options = with(one);
        connect(address, &options.iter().map(String::as_str).collect::<Vec<_>>()).0
    };
    all.iter().copied().filter(comes_off).map(str::to_owned).collect()
}

/// Everything that this OpenSSL has, however old, as it is told to it.
const ALL: &str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";

const SUITES_13: [&str; 5] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
];
const GROUPS: [&str; 7] = ["X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe3072"];
const SIGNATURES: [&str; 6] =
    ["ECDSA+SHA256", "RSA-PSS+SHA256", "RSA+SHA256", "ECDSA+SHA1", "RSA+SHA1", "RSA+MD5"];

/// What is expected with a key.
struct Expected {
    kind: Kind,
    /// In alphabetical order.
    suites_12: [&'static str; 3],
    /// In TLS 1.2 a client's groups are those of ECDSA certificates too (RFC 8422 section 5.1.1), so one that names only
    /// another one is not for a P-256 key.
    groups_12: &'static [&'static str],
    signatures_12: &'static [&'static str],
    signatures_13: &'static [&'static str],
}

const EXPECTED: [Expected; 2] = [
    Expected {
        kind: Kind::P256,
        suites_12: [
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ],
        groups_12: &["P-256"],
        signatures_12: &["ECDSA+SHA256"],
        signatures_13: &["ECDSA+SHA256"],
    },
    Expected {
        kind: Kind::Rsa2048,
        suites_12: [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ],
        groups_12: &GROUPS_13,
        signatures_12: &["RSA-PSS+SHA256", "RSA+SHA256"],
        signatures_13: &["RSA-PSS+SHA256"],
    },
];

const GROUPS_13: [&str; 3] = ["X25519", "P-256", "P-384"];

fn scan(address: &str, expected: &Expected) {
    let kind = expected.kind;
    for version in ["-tls1", "-tls1_1"] {
        let (came_off, said) = connect(address, &[version, "-cipher", ALL]);
        assert!(!came_off && said.contains("SSL alert number"), "{version}: {said}");
    }

    let (_, all) = openssl(&["ciphers", "-s", "-tls1_2", ALL]);
    let mut all: Vec<_> = all.trim().split(':').collect();
    all.sort_unstable();
    assert!(all.len() > 20, "a scan of little: {all:?}");
    let found = accepted(address, &all, |suite| {
        ["-tls1_2", "-cipher", &format!("{suite}:@SECLEVEL=0")].map(str::to_owned).to_vec()
    });
    assert_eq!(found, expected.suites_12, "{kind:?}");
    let found = accepted(address, &SUITES_13, |suite| {
        ["-tls1_3", "-ciphersuites", suite].map(str::to_owned).to_vec()
    });
    assert_eq!(found, SUITES_13[..3], "{kind:?}");

    for (version, groups, signatures) in [
        ("-tls1_2", expected.groups_12, expected.signatures_12),
        ("-tls1_3", &GROUPS_13[..], expected.signatures_13),
    ] {
        let found = accepted(address, &GROUPS, |group| {
            [version, "-groups", group].map(str::to_owned).to_vec()
        });
        assert_eq!(found, groups, "{kind:?} {version}");
        let found = accepted(address, &SIGNATURES, |signature| {
            [version, "-sigalgs", signature, "-cipher", ALL].map(str::to_owned).to_vec()
        });
        assert_eq!(found, signatures, "{kind:?} {version}");

        let (_, said) = connect(address, &[version]);
        let always = ["Compression: NONE", "No ALPN negotiated", "No client certificate CA"];
        assert!(always.iter().all(|words| said.contains(words)), "{said}");
        assert!(!said.contains("session ticket"), "{said}");
    }

    // RFC 5746 is heeded, and no session is resumed.
    let (_, said) = connect(address, &["-tls1_2", "-reconnect"]);
    assert!(said.contains("Secure Renegotiation IS supported"), "{said}");
    assert!(!said.contains("Reused") && said.matches("\nNew, ").count() == 6, "{said}");
}

#[tokio::test]
async fn a_device_offers_what_is_modern_and_nothing_else() {
    for expected in EXPECTED {
        let (_device, address) = device(expected.kind).await;
        let address = address.to_string();
        spawn_blocking(move || scan(&address, &expected)).await.unwrap();
    }
}
