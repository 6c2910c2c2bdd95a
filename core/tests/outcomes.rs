//! The table of `session/mod.rs`: every phase against every input, for both roles; and every code at least once.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::bench::Role;
use common::{Bench, Host, Stage, credential, peer, toy};
use procy_core::credential::Credential;
use procy_core::error::{Broken, Error, Fault, Party};
use procy_core::event::{Ended, Outcome, Side};
use procy_core::prologue::{Bounds, console};
use procy_core::pump::Turn;

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
enum Input {
    NearFin,
    NearReset,
    FarFin,
    FarReset,
    FarGarbage,
    Silence,
    Close,
    Abandon,
}

const INPUTS: [Input; 8] = [
    Input::NearFin,
    Input::NearReset,
    Input::FarFin,
    Input::FarReset,
    Input::FarGarbage,
    Input::Silence,
    Input::Close,
    Input::Abandon,
];

/// What no TLS is, in the handshake and after it.
const GARBAGE: &[u8] = b"\x17\x03\x03\0\x20 this is no record of anybody's.";

fn apply(bench: &mut Bench, input: Input) {
    let host = &mut bench.host;
    match input {
        Input::NearFin => host.only(|visit| visit.eof(Side::Near)),
        Input::NearReset => host.only(|visit| visit.broken(Side::Near, Broken::Reset)),
        Input::FarFin => host.only(|visit| visit.eof(Side::Far)),
        Input::FarReset => host.only(|visit| visit.broken(Side::Far, Broken::Reset)),
        Input::FarGarbage => {
            host.far.push(GARBAGE);
            host.turn();
        }
        Input::Silence => {
            let Some((at, _)) = host.session.deadline() else { return };
            host.now = at;
            host.only(|_| {});
        }
        Input::Close => host.only(|visit| visit.close()),
        Input::Abandon => host.only(|visit| visit.abandon("a reason")),
    }
}

/// In the order of [`INPUTS`].
fn expected(role: Role, stage: Stage) -> [&'static str; 8] {
    use {Role as R, Stage as S};
    match (role, stage) {
        (R::Console, S::Credential) => [
            "viewer-left",
            "viewer-left",
            "device-left",
            "device-unreachable",
            "-",
            "credential-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Console, S::Far) => [
            "viewer-left",
            "viewer-left",
            "device-left",
            "device-unreachable",
            "-",
            "device-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Console, S::Handshake) => [
            "viewer-left",
            "viewer-left",
            "closed-in-handshake",
            "closed-in-handshake",
            "tls-protocol",
            "handshake-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Console, S::Viewer) => [
            "viewer-left",
            "viewer-left",
            "device-left",
            "device-left",
            "tls-protocol",
            "viewer-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Console, S::Hello) => [
            "viewer-left",
            "viewer-left",
            "closed-before-hello",
            "closed-before-hello",
            "tls-protocol",
            "hello-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Console, _) => {
            ["-", "ended", "-", "device-lost", "tls-protocol", "-", "ended", "abandoned"]
        }
        (R::Device, S::Far) => [
            "service-left",
            "service-left",
            "console-left",
            "console-unreachable",
            "-",
            "console-unreachable",
            "cancelled",
            "abandoned",
        ],
        (R::Device, S::Handshake) => [
            "service-left",
            "service-left",
            "closed-in-handshake",
            "closed-in-handshake",
            "tls-protocol",
            "handshake-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Device, S::Command) => [
            "service-left",
            "service-left",
            "console-left",
            "console-left",
            "tls-protocol",
            "command-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Device, S::Verdict) => [
            "service-left",
            "service-left",
            "console-left",
            "console-left",
            "tls-protocol",
            "verdict-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Device, S::Service) => [
            "service-left",
            "service-unreachable",
            "console-left",
            "console-left",
            "tls-protocol",
            "service-timeout",
            "cancelled",
            "abandoned",
        ],
        (R::Device, _) => {
            ["-", "service-lost", "-", "ended", "tls-protocol", "-", "ended", "abandoned"]
        }
    }
}

#[test]
fn every_phase_answers_every_input_as_the_table_says() {
    for role in Role::BOTH {
        for stage in role.stages() {
            for (input, expected) in INPUTS.into_iter().zip(expected(role, stage)) {
                let mut bench = Bench::at(role, stage);
                apply(&mut bench, input);
                assert_eq!(bench.host.code(), expected, "{role:?} {stage:?} {input:?}");
            }
        }
    }
}

/// A failed session ends by itself: farewells, or their deadline.
#[test]
fn whatever_fails_is_over_at_last_and_holds_nothing() {
    for role in Role::BOTH {
        for stage in role.stages() {
            for input in INPUTS {
                let mut bench = Bench::at(role, stage);
                apply(&mut bench, input);
                if bench.host.session.outcome().is_none() {
                    continue;
                }
                let outcome = bench.host.session.outcome().cloned();
                bench.settle();
                let turn = bench.host.wait(Duration::from_secs(5));
                assert_eq!(turn, Turn::Over, "{role:?} {stage:?} {input:?}");
                assert!(bench.host.session.is_over() && bench.host.session.holds() == 0);
                assert_eq!(bench.host.session.deadline(), None);
                assert_eq!(bench.host.session.outcome().cloned(), outcome);
                for side in Side::BOTH {
                    assert!(!bench.host.session.wants_read(side));
                    assert!(!bench.host.session.wants_write(side));
                }
            }
        }
    }
}

/// A session against a TLS server that says `alert` instead of a ServerHello.
fn alerted(alert: u8) -> &'static str {
    let mut bench = Bench::console(Stage::Handshake);
    bench.host.far.push(&[21, 3, 3, 0, 2, 2, alert]);
    bench.host.turn();
    bench.host.code()
}

#[test]
fn alerts_are_told_apart() {
    assert_eq!(alerted(70), "tls-version");
    assert_eq!(alerted(40), "tls-parameters");
    assert_eq!(alerted(71), "tls-parameters");
    assert_eq!(alerted(47), "tls-parameters");
    assert_eq!(alerted(116), "tls-client-certificate");
    assert_eq!(alerted(80), "tls-alert");
}

/// Anybody could have said it: what counts is the stream's own end.
#[test]
fn a_goodbye_in_the_handshake_means_nothing_by_itself() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Handshake);
        bench.host.far.push(&[21, 3, 3, 0, 2, 1, 0]);
        bench.host.turn();
        assert_eq!(bench.host.code(), "-", "{role:?}");
        bench.host.far.fin = true;
        bench.host.turn();
        assert_eq!(bench.host.code(), "closed-in-handshake", "{role:?}");
        assert!(bench.host.error().to_string().contains("(end of stream)"));
    }
}

fn pinned(n: u64, key: u64) -> Bench {
    toy();
    let (certificate, _) = procy_toycrypto::identity(n);
    let (_, key) = procy_toycrypto::identity(key);
    let provider = procy_toycrypto::provider();
    let config = peer::server_config(provider, vec![certificate], key, peer::TLS13);
    let host = Host::console(console::Config::new(toy()));
    let mut bench = Bench { host, peer: common::Peer::server(config) };
    bench.lead_console(Stage::Viewer);
    bench
}

fn relaying_until(set: impl FnOnce(&mut Bounds)) -> Bench {
    let mut bounds = Bounds::default();
    set(&mut bounds);
    let mut bench = Bench::device_with(bounds, peer::TLS13, Stage::Relaying);
    bench.host.wait(Duration::from_secs(60));
    bench
}

fn failing(act: impl FnOnce(&mut Bench), role: Role, stage: Stage) -> Error {
    let mut bench = Bench::at(role, stage);
    act(&mut bench);
    bench.settle();
    bench.host.error().clone()
}

/// At least one error of every code that a session can reach, by feeding sessions.
fn all() -> Vec<Error> {
    let mut errors: Vec<Error> = Vec::new();
    for role in Role::BOTH {
        for stage in role.stages() {
            for input in INPUTS {
                let mut bench = Bench::at(role, stage);
                apply(&mut bench, input);
                if let Some(Outcome::Failed(error)) = bench.host.session.outcome() {
                    errors.push(error.clone());
                }
            }
        }
    }
    errors.push(pinned(2, 2).host.error().clone());
    errors.push(pinned(1, 2).host.error().clone());
    errors.push(
        relaying_until(|bounds| bounds.deadlines.idle = Some(Duration::from_secs(9)))
            .host
            .error()
            .clone(),
    );
    errors.push(
        relaying_until(|bounds| bounds.deadlines.absolute = Some(Duration::from_secs(9)))
            .host
            .error()
            .clone(),
    );
    errors.push(failing(
        |bench| {
            bench.host.act(|visit| visit.broken(Side::Far, Broken::Refused));
        },
        Role::Console,
        Stage::Far,
    ));
    for (words, stage) in [(&b"hello"[..], Stage::Viewer), (b"hello", Stage::Hello)] {
        errors.push(failing(|bench| bench.peer.say(words), Role::Console, stage));
    }
    for words in [&b"RFB 003.008\n"[..], b"SSH-2.0-"] {
        errors.push(failing(|bench| bench.host.far.push(words), Role::Console, Stage::Handshake));
    }
    for alert in [70, 40, 116, 80] {
        errors.push(failing(
            |bench| bench.host.far.push(&[21, 3, 3, 0, 2, 2, alert]),
            Role::Console,
            Stage::Handshake,
        ));
    }
    errors.push(failing(|bench| bench.peer.say(b"what?"), Role::Device, Stage::Command));
    errors.push(failing(
        |bench| {
            bench.host.act(|visit| visit.refuse());
        },
        Role::Device,
        Stage::Verdict,
    ));
    errors.push(failing(|bench| bench.peer.say(&[1; 5_000]), Role::Device, Stage::Verdict));
    errors.push(failing(
        |bench| bench.host.only(|visit| visit.read(Side::Far, usize::MAX)),
        Role::Console,
        Stage::Relaying,
    ));
    let mut bench = Bench::console(Stage::Credential);
    let old = procy_core::timer::Instant::ZERO;
    bench.host.act(|visit| visit.credential(credential(), old));
    errors.push(bench.host.error().clone());
    for der in [&b"\x30\x00"[..], UNKNOWN_KEY] {
        let mut bench = Bench::console(Stage::Credential);
        let certificate = procy_core::credential::Certificate::from_der(der).unwrap();
        let now = bench.host.now;
        let credential = Credential { certificate, ..credential() };
        bench.host.act(|visit| visit.credential(credential, now));
        errors.push(bench.host.error().clone());
    }
    errors
}

/// A certificate with nothing in it but a key of the kind 1.2.3.
const UNKNOWN_KEY: &[u8] =
    b"\x30\x17\x30\x15\x05\0\x05\0\x05\0\x05\0\x05\0\x30\x09\x30\x04\x06\x02\x2a\x03\x03\x01\0";

#[test]
fn every_code_is_reached_by_feeding_a_session() {
    let reached: BTreeSet<&str> = all().iter().map(Error::code).collect();
    let expected = [
        "abandoned",
        "cancelled",
        "certificate-mismatch",
        "certificate-unreadable",
        "closed-before-hello",
        "closed-in-handshake",
        "command-invalid",
        "command-timeout",
        "console-left",
        "console-unreachable",
        "credential-timeout",
        "device-left",
        "device-lost",
        "device-refused",
        "device-timeout",
        "device-unreachable",
        "handshake-timeout",
        "hello-timeout",
        "idle-timeout",
        "key-not-proven",
        "key-unsupported",
        "misuse",
        "not-rfb",
        "not-tls",
        "password-expired",
        "password-refused",
        "plain-vnc",
        "service-left",
        "service-lost",
        "service-timeout",
        "service-unreachable",
        "session-limit",
        "spoke-first",
        "spoke-too-early",
        "tls-alert",
        "tls-client-certificate",
        "tls-parameters",
        "tls-protocol",
        "tls-version",
        "verdict-timeout",
        "viewer-left",
        "viewer-timeout",
    ];
    assert_eq!(reached, BTreeSet::from(expected));
}

#[test]
fn every_error_says_what_happened_in_one_line_without_a_secret() {
    for error in all() {
        let text = error.to_string();
        assert!(text.len() > 5 && !text.contains(['\n', '\r']), "{text:?}");
        for shown in [text, format!("{error:?}"), error.help().to_owned()] {
            assert!(!shown.contains(common::PASSWORD) && !shown.contains("6ce714ad"), "{shown}");
        }
    }
}

#[test]
fn the_fault_is_the_one_whose_it_is() {
    for error in all() {
        let expected = match error.code() {
            "misuse" | "abandoned" | "cancelled" | "credential-timeout" | "password-expired"
            | "verdict-timeout" | "session-limit" => Fault::Caller,
            "key-unsupported" | "certificate-unreadable" => Fault::Configuration,
            _ => Fault::Peer,
        };
        assert_eq!(error.fault(), expected, "{}", error.code());
    }
}

#[test]
fn what_a_person_can_mend_comes_with_help() {
    let silent = [
        "abandoned",
        "cancelled",
        "misuse",
        "command-invalid",
        "password-refused",
        "console-left",
        "console-unreachable",
        "device-left",
        "service-left",
        "service-lost",
        "spoke-too-early",
        "credential-timeout",
        "command-timeout",
        "verdict-timeout",
        "service-timeout",
        "idle-timeout",
        "session-limit",
    ];
    for error in all() {
        // Whoever serves a console can mend nothing of what goes wrong with it.
        let of_console = matches!(
            error,
            Error::Tls { party: Party::Console, .. }
                | Error::LeftInHandshake { party: Party::Console, .. }
        );
        let is_silent = of_console || silent.contains(&error.code());
        assert_eq!(error.help().is_empty(), is_silent, "{}", error.code());
    }
}

#[test]
fn an_ordinary_end_says_who_ended_it() {
    for (role, side, by) in [
        (Role::Console, Side::Near, Party::Viewer),
        (Role::Console, Side::Far, Party::Device),
        (Role::Device, Side::Near, Party::Service),
        (Role::Device, Side::Far, Party::Console),
    ] {
        let mut bench = Bench::at(role, Stage::Relaying);
        match side {
            Side::Near => bench.host.near.fin = true,
            Side::Far => bench.peer.close(),
        }
        bench.settle();
        assert_eq!(bench.host.code(), "-", "half a session is still one");
        bench.host.near.fin = true;
        bench.peer.close();
        bench.settle();
        let expected = Ended { by: Some(by), truncated: false };
        assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(expected)));
    }
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.act(|visit| visit.close());
    let expected = Ended { by: None, truncated: false };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(expected)));
}
