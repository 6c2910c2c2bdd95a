//! What errors say: their code, whose fault they are, and in words what happened and what to do.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use procy_core::credential::{CredentialError, Fingerprint};
use procy_core::error::{Broken, Error, Fault, Leave, Party};
use procy_core::procycmd::CommandError;
use procy_core::rfb::HelloScanner;
use procy_core::timer::Why;
use procy_core::tls::{KeyError, TlsFault, TlsVersion};

/// An error, its code, whose fault it is, what its text says, and what its help says (nothing, if it has none).
type Case = (Error, &'static str, Fault, &'static str, &'static str);

fn configuration() -> Vec<Case> {
    let small = |bits, curable| KeyError::TooSmall { bits, curable }.into();
    [
        (
            CredentialError::CertificateEmpty.into(),
            "certificate-empty",
            "UMS has no certificate for this device",
            "Reboot the device once",
        ),
        (
            CredentialError::CertificateMalformed { what: "it is not DER" }.into(),
            "certificate-malformed",
            "cannot be read: it is not DER",
            "as PEM or as Base64",
        ),
        (
            CredentialError::PasswordMalformed.into(),
            "password-malformed",
            "not a UUID",
            "exactly as UMS gave it",
        ),
        (
            CredentialError::FingerprintMalformed.into(),
            "fingerprint-malformed",
            "64 hexadecimal digits",
            "openssl x509",
        ),
        (small(512, false), "key-too-small", "of 512 bits; less than 2048", "makes a larger key."),
        (small(1_024, true), "key-too-small", "of 1024 bits", "allow legacy keys"),
        (
            KeyError::Unsupported { kind: "Ed448".into() }.into(),
            "key-unsupported",
            "cannot be verified here: Ed448",
            "aws-lc-rs",
        ),
        (
            KeyError::Unreadable { part: "key" }.into(),
            "certificate-unreadable",
            "its key is malformed",
            "Reboot the device",
        ),
        (
            Error::Setup("no groups".into()),
            "tls-setup",
            "TLS cannot be set up: no groups",
            "another crypto provider",
        ),
        (
            Error::Connect { party: Party::Device, how: Broken::Exhausted },
            "host-exhausted",
            "the device cannot be reached: this machine has no descriptor",
            "more open files",
        ),
    ]
    .map(|(error, code, text, help)| (error, code, Fault::Configuration, text, help))
    .into()
}

fn connecting() -> Vec<Case> {
    let connect = |party, how| Error::Connect { party, how };
    [
        (
            connect(Party::Service, Broken::Refused),
            "service-unreachable",
            "the local VNC server cannot be reached: nothing listens there",
            "Start the local VNC server",
        ),
        (
            connect(Party::Device, Broken::Refused),
            "device-refused",
            "the device cannot be reached: nothing listens there",
            "the port is 5900",
        ),
        (
            connect(Party::Console, Broken::Refused),
            "console-unreachable",
            "the console cannot be reached: nothing listens there",
            "",
        ),
        (
            connect(Party::Device, Broken::TimedOut),
            "device-timeout",
            "it no longer answers",
            "Check that the device is on",
        ),
        (
            connect(Party::Device, Broken::Unreachable),
            "device-unreachable",
            "there is no way to it",
            "Check that the device is on",
        ),
        (
            connect(Party::Device, Broken::Other),
            "device-unreachable",
            "the connection broke",
            "Check that the device is on",
        ),
    ]
    .map(|(error, code, text, help)| (error, code, Fault::Peer, text, help))
    .into()
}

fn tls() -> Vec<Case> {
    [
        (TlsFault::PlainVnc, "plain-vnc", "plain VNC, without TLS", "Secure mode is off"),
        (
            TlsFault::NotTls { shown: b"\x1bSSH-".to_vec() },
            "not-tls",
            r#"it began with "\x1bSSH-""#,
            "check address and port",
        ),
        (TlsFault::Version, "tls-version", "neither TLS 1.2 nor TLS 1.3", "too old"),
        (
            TlsFault::Parameters("HandshakeFailure".into()),
            "tls-parameters",
            "in common with us: HandshakeFailure",
            "outdated cryptography",
        ),
        (TlsFault::KeyNotProven, "key-not-proven", "could not prove", "Do not trust"),
        (
            TlsFault::ClientCertificate,
            "tls-client-certificate",
            "asks for a client certificate",
            "no IGEL device's VNC port",
        ),
        (
            TlsFault::Alert("InternalError".into()),
            "tls-alert",
            "with the alert InternalError",
            "look at the device's log",
        ),
        (TlsFault::Exhausted, "tls-exhausted", "used up its keys", "Connect again."),
        (
            TlsFault::Protocol("bad record".into()),
            "tls-protocol",
            "broke the rules of TLS: bad record",
            "look at the device's log",
        ),
    ]
    .into_iter()
    .flat_map(|(fault, code, text, help)| {
        // What a device's operator could do is of no use to a device.
        [(Party::Device, help), (Party::Console, "")].map(|(party, help)| {
            (Error::Tls { party, fault: fault.clone() }, code, Fault::Peer, text, help)
        })
    })
    .collect()
}

#[test]
fn a_tls_failure_names_the_peer() {
    for (party, words) in [(Party::Device, "the device"), (Party::Console, "the console")] {
        let error = Error::Tls { party, fault: TlsFault::Version };
        assert!(error.to_string().starts_with(&format!("TLS with {words} failed: ")), "{error}");
    }
}

fn device() -> Vec<Case> {
    let (pinned, shown) = (Fingerprint::of(b"a"), Fingerprint::of(b"b"));
    let (_, answer) = HelloScanner::new().feed(b"HTTP");
    let not_rfb = answer.unwrap().unwrap_err();
    let reset = Leave::Broken(Broken::Reset);
    [
        (
            Error::Mismatch { pinned, shown },
            "certificate-mismatch",
            "pinned CA:97:81:12",
            "reboot it and try again",
        ),
        (
            Error::LeftInHandshake { party: Party::Device, how: Leave::Closed },
            "closed-in-handshake",
            "the device left during the TLS handshake (close_notify)",
            "wait some seconds",
        ),
        (
            Error::LeftInHandshake { party: Party::Console, how: Leave::Closed },
            "closed-in-handshake",
            "the console left during the TLS handshake (close_notify)",
            "",
        ),
        (
            Error::SpokeFirst { shown: b"\n220".to_vec() },
            "spoke-first",
            r#"it began with "\n220""#,
            "no IGEL device in Secure mode",
        ),
        (
            Error::ClosedBeforeHello { how: Leave::Fin },
            "closed-before-hello",
            "after the password was sent (end of stream)",
            "try the other spelling",
        ),
        (Error::NotRfb(not_rfb), "not-rfb", r#"the peer sent "H""#, "restart it"),
        (
            Error::Left { party: Party::Viewer, how: reset },
            "viewer-left",
            "the viewer left before the session began (connection reset)",
            "Connect the viewer again.",
        ),
        (Error::Left { party: Party::Device, how: reset }, "device-left", "the device left", ""),
        (Error::Left { party: Party::Console, how: reset }, "console-left", "the console left", ""),
        (
            Error::Left { party: Party::Service, how: reset },
            "service-left",
            "the local VNC server left",
            "",
        ),
        (
            Error::Early { party: Party::Viewer, limit: 4_096 },
            "spoke-too-early",
            "the viewer sent more than 4096 bytes",
            "Use a VNC viewer",
        ),
        (
            Error::Early { party: Party::Console, limit: 4_096 },
            "spoke-too-early",
            "the console sent more than 4096 bytes",
            "",
        ),
        (lost(Party::Device), "device-lost", "to the device was lost", "was switched off"),
        (lost(Party::Service), "service-lost", "to the local VNC server was lost", ""),
        (
            Error::Command(CommandError::NotACommand { at: 3 }),
            "command-invalid",
            "no PROCYCMD command (byte 3 does not belong)",
            "",
        ),
        (Error::Refused, "password-refused", "the password was refused", ""),
    ]
    .map(|(error, code, text, help)| (error, code, Fault::Peer, text, help))
    .into()
}

fn lost(party: Party) -> Error {
    Error::Lost { party, how: Broken::Reset }
}

fn waiting() -> Vec<Case> {
    use Fault::{Caller, Peer};
    [
        (Why::Credential, "credential-timeout", Caller, "credential was not brought", ""),
        (
            Why::Connect,
            "device-timeout",
            Peer,
            "the connection could not be made",
            "the device is on",
        ),
        (Why::Handshake, "handshake-timeout", Peer, "handshake did not finish", "finish TLS"),
        (Why::Viewer, "viewer-timeout", Peer, "no viewer came", "Start the viewer sooner"),
        (Why::Password, "password-expired", Caller, "password expired", "Ask for a new password"),
        (Why::Hello, "hello-timeout", Peer, "did not say hello", "consent"),
        (Why::Command, "command-timeout", Peer, "sent no command", ""),
        (Why::Verdict, "verdict-timeout", Caller, "password was not checked", ""),
        (Why::Service, "service-timeout", Peer, "local VNC server could not", ""),
        (Why::Idle, "idle-timeout", Peer, "nothing was relayed", ""),
        (Why::Absolute, "session-limit", Caller, "for as long as it may", ""),
        (Why::Close, "close-timeout", Peer, "the end could not be delivered", ""),
    ]
    .map(|(why, code, fault, text, help)| (Error::Timeout(why), code, fault, text, help))
    .into()
}

fn caller() -> Vec<Case> {
    [
        (Error::Abandoned("UMS is down".into()), "abandoned", "given up: UMS is down"),
        (Error::Cancelled, "cancelled", "cancelled"),
        (Error::Misuse("too many bytes"), "misuse", "driven wrongly: too many bytes"),
    ]
    .map(|(error, code, text)| (error, code, Fault::Caller, text, ""))
    .into()
}

fn all() -> Vec<Case> {
    [configuration(), connecting(), tls(), device(), waiting(), caller()].concat()
}

#[test]
fn every_error_says_what_happened_whose_fault_it_is_and_what_to_do() {
    for (error, code, fault, text, help) in all() {
        assert_eq!((error.code(), error.fault()), (code, fault), "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.help().contains(help), "{code}: {}", error.help());
        assert_eq!(error.help().is_empty(), help.is_empty(), "{code}: {}", error.help());
    }
}

/// A script tells errors apart by their codes: one code is one remedy, and at most one fault.
#[test]
fn errors_with_one_code_are_one_partys_fault() {
    let mut known = BTreeMap::new();
    for (error, code, fault, ..) in all() {
        assert_eq!(*known.entry(code).or_insert(fault), fault, "{error}");
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
    }
}

#[test]
fn tls_versions_are_named_as_people_name_them() {
    assert_eq!(TlsVersion::Tls12.to_string(), "TLS 1.2");
    assert_eq!(TlsVersion::Tls13.to_string(), "TLS 1.3");
}
