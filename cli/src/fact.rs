//! What the program tells while it works: each fact's words, and its JSON.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use procy_core::credential::Fingerprint;
use procy_core::rfb::Version;
use procy_core::tls::TlsVersion;
use serde_json::{Value, json};

/// How much one has to ask for to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Always.
    Plain = 0,
    /// `-v`: the steps of the Secure VNC procedure.
    Steps = 1,
    /// `-vv`: what the program itself does.
    Inner = 2,
}

/// A fact. Steps are those of the Secure VNC procedure, as far as a console sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fact<'a> {
    /// The port is open.
    Listening { address: SocketAddr },
    /// A viewer has come (step 7).
    Viewer { from: SocketAddr },
    /// UMS is being asked (step 2).
    Asking { device: &'a str },
    /// Certificate and password are there (step 3).
    Credentials { fingerprint: Fingerprint, given: bool },
    /// TCP to the device stands (step 4).
    Connected { address: SocketAddr },
    /// The device shows a certificate (step 5).
    Established { version: TlsVersion },
    /// It is the right one (step 6).
    Verified { fingerprint: Fingerprint },
    /// The command is on its way (step 8).
    PasswordSent,
    /// The device has said hello (step 12).
    Hello { version: Version },
    /// Bytes flow.
    Relaying,
    /// A session is over.
    Ended(&'a Ended),
}

/// What there is to say about a session that is over.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) to_viewer: u64,
    pub(crate) to_device: u64,
    pub(crate) duration: Duration,
    /// A stable name: who ended it, or an error's code.
    pub(crate) reason: String,
    pub(crate) truncated: bool,
}

impl Fact<'_> {
    /// For people.
    pub(crate) fn words(&self) -> Option<(Level, String)> {
        let told = |number: u8, words: String| Some((Level::Steps, step(number, &words)));
        match self {
            Self::Listening { address } => Some((
                Level::Plain,
                format!(
                    "Listening on {address}\nConnect a VNC viewer to it: vncviewer {}::{}",
                    host(*address),
                    address.port()
                ),
            )),
            Self::Viewer { from } => {
                Some((Level::Plain, step(7, &format!("a viewer has connected from {from}"))))
            }
            Self::Asking { device } => {
                told(2, format!("asking UMS for the credentials of {device}"))
            }
            Self::Credentials { fingerprint, given: false } => told(
                3,
                format!("UMS has given a one-time password, and the certificate {fingerprint}"),
            ),
            Self::Credentials { fingerprint, given: true } => {
                told(3, format!("a one-time password is given, and the certificate {fingerprint}"))
            }
            Self::Connected { address } => told(4, format!("connected to the device at {address}")),
            Self::Established { version } => {
                told(5, format!("the device has sent its certificate ({version})"))
            }
            Self::Verified { .. } => {
                told(6, "it is that certificate, and the device holds its key".to_owned())
            }
            Self::PasswordSent => told(8, "the one-time password is on its way".to_owned()),
            Self::Hello { version } => told(12, format!("the device says hello: {version}")),
            Self::Relaying => Some((Level::Plain, "the session has begun".to_owned())),
            Self::Ended(ended) => Some((Level::Plain, ended.to_string())),
        }
    }

    /// For scripts: the event's name and fields.
    pub(crate) fn json(&self) -> Option<(&'static str, Value)> {
        Some(match self {
            Self::Listening { address } => ("listening", json!({ "address": address })),
            Self::Viewer { from } => ("viewer", json!({ "from": from })),
            Self::Credentials { fingerprint, .. } => {
                ("credentials", json!({ "fingerprint": fingerprint.to_string() }))
            }
            Self::Connected { address } => ("connected", json!({ "address": address })),
            Self::Verified { fingerprint } => {
                ("verified", json!({ "fingerprint": fingerprint.to_string() }))
            }
            Self::Hello { version } => ("hello", json!({ "version": version.to_string() })),
            Self::Relaying => ("relaying", json!({})),
            Self::Ended(ended) => (
                "ended",
                json!({
                    "to_viewer": ended.to_viewer,
                    "to_device": ended.to_device,
                    "duration_ms": u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
                    "reason": ended.reason,
                    "truncated": ended.truncated,
                }),
            ),
            Self::Asking { .. } | Self::Established { .. } | Self::PasswordSent => return None,
        })
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ended after {:.1} s: {} bytes to the viewer, {} to the device; {}{}",
            self.duration.as_secs_f64(),
            self.to_viewer,
            self.to_device,
            match self.reason.as_str() {
                "viewer-closed" => "the viewer has closed",
                "device-closed" => "the device has closed",
                "closed" => "closed by procy",
                reason => reason,
            },
            if self.truncated { "; something may be missing at the end" } else { "" }
        )
    }
}

/// An address's host as viewers take it before `::PORT`.
pub(crate) fn host(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => "THIS-MACHINE".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// A line about a step of the procedure.
pub(crate) fn step(number: u8, words: &str) -> String {
    format!("step {number:>2}: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_of_the_issue_has_its_event_and_fields() {
        let address = SocketAddr::from(([127, 0, 0, 1], 5901));
        let fingerprint = Fingerprint::of(b"certificate");
        let ended = Ended {
            to_viewer: 1,
            to_device: 2,
            duration: Duration::from_millis(1_500),
            reason: "viewer-closed".to_owned(),
            truncated: true,
        };
        let facts = [
            (Fact::Listening { address }, "listening", vec!["address"]),
            (Fact::Viewer { from: address }, "viewer", vec!["from"]),
            (Fact::Credentials { fingerprint, given: false }, "credentials", vec!["fingerprint"]),
            (Fact::Connected { address }, "connected", vec!["address"]),
            (Fact::Verified { fingerprint }, "verified", vec!["fingerprint"]),
            (Fact::Relaying, "relaying", vec![]),
            (
                Fact::Ended(&ended),
                "ended",
                vec!["duration_ms", "reason", "to_device", "to_viewer", "truncated"],
            ),
        ];
        for (fact, name, keys) in facts {
            let (event, fields) = fact.json().unwrap();
            assert_eq!(event, name);
            let mut found: Vec<&String> = fields.as_object().unwrap().keys().collect();
            found.sort();
            assert_eq!(found, keys, "{name}");
            assert!(fact.words().is_some(), "{name}");
        }
        assert_eq!(
            ended.to_string(),
            "ended after 1.5 s: 1 bytes to the viewer, 2 to the device; the viewer has closed; something may be \
             missing at the end"
        );
    }
}
