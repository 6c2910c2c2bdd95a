//! The console's prologue: what is said, heard and refused before bytes flow.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::sync::Arc;

use common::{Bench, COMMAND, HELLO, Host, Stage, credential, peer, toy};
use procy_core::error::{Broken, Error, Leave, Party};
use procy_core::event::{Event, Side};
use procy_core::procycmd::{Style, Terminator, Verb};
use procy_core::prologue::console::Config;
use procy_core::pump::Turn;
use procy_core::tls::TlsVersion;

/// A bench whose viewer is there from the beginning.
fn watched(stage: Stage) -> Bench {
    let mut bench = Bench::console(Stage::Credential);
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.lead_console(stage);
    bench
}

/// Checks that `bytes` are one whole RFB 3.3 connection failure (RFC 6143 section 7.1.2), and gives its reason.
fn refusal(bytes: &[u8]) -> String {
    let rest = bytes.strip_prefix(b"RFB 003.003\n\0\0\0\0").expect("a refusal in RFB 3.3");
    let (len, reason) = rest.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*len) as usize, reason.len());
    String::from_utf8(reason.to_vec()).unwrap()
}

#[test]
fn each_step_is_told_once_and_in_order() {
    let bench = Bench::console(Stage::Relaying);
    let said = bench.host.said();
    assert_eq!(
        said,
        [
            "CredentialNeeded",
            "ConnectNeeded",
            "Established",
            "Verified",
            "ViewerNeeded",
            "PasswordSent",
            "Hello",
            "Relaying"
        ]
    );
    let fingerprint = credential().certificate.fingerprint();
    assert!(bench.host.events.iter().any(
        |event| matches!(event, Event::Verified { fingerprint: told } if *told == fingerprint)
    ));
}

#[test]
fn both_tls_versions_work_and_are_told_apart() {
    for (version, name) in [(peer::TLS12, TlsVersion::Tls12), (peer::TLS13, TlsVersion::Tls13)] {
        let bench = Bench::console_with(Config::new(toy()), version, Stage::Relaying);
        let told = bench.host.events.iter().find_map(|event| match event {
            Event::Established { version } => Some(*version),
            _ => None,
        });
        assert_eq!(told, Some(name));
    }
}

#[test]
fn streams_that_are_there_already_are_not_asked_for() {
    let mut bench = Bench::console(Stage::Credential);
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.host.act(|visit| visit.attach(Side::Far));
    let now = bench.host.now;
    bench.host.act(|visit| visit.credential(credential(), now));
    bench.settle();
    assert_eq!(bench.host.said(), ["CredentialNeeded", "Established", "Verified", "PasswordSent"]);
}

#[test]
fn nothing_leaves_before_the_viewer_is_there() {
    let mut bench = Bench::console(Stage::Viewer);
    assert_eq!(bench.peer.got, b"");
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.settle();
    assert_eq!(bench.peer.got, COMMAND);
}

#[test]
fn the_command_is_spelled_as_configured() {
    for verb in [Verb::Procycmd, Verb::Proxycmd] {
        for terminator in [Terminator::None, Terminator::Lf, Terminator::Crlf, Terminator::Nul] {
            let mut config = Config::new(toy());
            config.style = Style { verb, terminator };
            let bench = Bench::console_with(config, peer::TLS13, Stage::Hello);
            let expected =
                [verb.as_str().as_bytes(), &COMMAND[verb.as_str().len()..], terminator.as_bytes()];
            assert_eq!(bench.peer.got, expected.concat());
        }
    }
}

#[test]
fn a_hello_may_be_cut_anywhere() {
    for at in 1..HELLO.len() {
        let mut bench = Bench::console(Stage::Hello);
        bench.peer.say(&HELLO[..at]);
        bench.settle();
        assert_eq!(bench.host.near.take(), b"", "a part of a hello is none");
        assert!(!bench.host.session.is_relaying());
        bench.peer.say(&HELLO[at..]);
        bench.settle();
        assert_eq!(bench.host.near.take(), HELLO);
        assert!(bench.host.session.is_relaying());
        assert_eq!(bench.host.session.traffic().to_near, 12);
    }
}

#[test]
fn what_comes_with_the_hello_is_relayed() {
    for (first, second) in [(12, 0), (3, 9), (5, 100)] {
        let mut bench = Bench::console(Stage::Hello);
        let words = [HELLO, &common::pattern(20_000)].concat();
        bench.peer.say(&words[..first]);
        bench.settle();
        bench.peer.say(&words[first..first + second]);
        bench.settle();
        bench.peer.say(&words[first + second..]);
        bench.settle();
        assert_eq!(bench.host.near.take(), words);
        assert_eq!(bench.host.session.traffic().to_near, words.len() as u64);
    }
}

#[test]
fn every_version_of_rfb_is_passed_on_as_it_came() {
    for hello in [b"RFB 003.003\n", b"RFB 003.889\n", b"RFB 004.001\n", b"RFB 999.999\n"] {
        let mut bench = Bench::console(Stage::Hello);
        bench.peer.say(hello);
        bench.settle();
        assert_eq!(bench.host.near.take(), hello);
        let told = bench.host.events.iter().find_map(|event| match event {
            Event::Hello(version) => Some(version.hello_bytes()),
            _ => None,
        });
        assert_eq!(told.as_ref(), Some(hello));
    }
}

#[test]
fn anything_but_a_hello_fails_at_its_first_wrong_byte() {
    for (words, shown) in [
        (&b"SSH-2.0-OpenSSH_9\r\n"[..], "\"S\""),
        (b"RFB 3.8\n", "\"RFB 3.\""),
        (b"RFB 003.008\r\n", "\"RFB 003.008\\r\""),
        (b"\0", "\"\\x00\""),
    ] {
        let mut bench = watched(Stage::Hello);
        bench.peer.say(words);
        bench.settle();
        assert_eq!(bench.host.code(), "not-rfb");
        assert!(bench.host.error().to_string().contains(shown), "{}", bench.host.error());
        assert!(refusal(&bench.host.near.take()).contains("[not-rfb]"));
    }
}

#[test]
fn a_device_that_says_the_password_back_is_not_quoted() {
    for before in [&b""[..], b"400 Bad Request: ", b"RFB 003.008"] {
        let mut bench = watched(Stage::Hello);
        bench.peer.say(&[before, COMMAND].concat());
        bench.settle();
        assert_eq!(bench.host.code(), "not-rfb");
        let told = String::from_utf8_lossy(&bench.host.near.take()).into_owned();
        let error = bench.host.error();
        for shown in [error.to_string(), format!("{error:?}"), told] {
            assert!(!shown.contains("PW_") && !shown.contains("6ce7"), "{shown}");
        }
    }
}

#[test]
fn a_device_that_closes_before_its_hello_has_refused() {
    for how in [Leave::Closed, Leave::Fin, Leave::Broken(Broken::Reset)] {
        for begun in [&b""[..], b"RFB 0"] {
            let mut bench = watched(Stage::Hello);
            bench.peer.say(begun);
            match how {
                Leave::Closed => bench.peer.close(),
                Leave::Fin => bench.host.far.fin = true,
                Leave::Broken(how) => bench.host.far.broken = Some(how),
            }
            bench.settle();
            assert_eq!(*bench.host.error(), Error::ClosedBeforeHello { how });
            assert!(refusal(&bench.host.near.take()).contains("[closed-before-hello]"));
            assert!(bench.host.near.shut);
        }
    }
}

#[test]
fn a_device_that_speaks_before_the_command_is_no_device() {
    let mut bench = Bench::console(Stage::Viewer);
    bench.peer.say(b"HTTP/1.1 400 Bad Request\r\n");
    bench.settle();
    assert_eq!(*bench.host.error(), Error::SpokeFirst { shown: b"HTTP/1.1 400 Bad".to_vec() });
    assert_eq!(bench.peer.got, b"");
}

#[test]
fn plain_vnc_is_named() {
    let mut bench = watched(Stage::Handshake);
    bench.host.far.push(HELLO);
    bench.host.turn();
    assert_eq!(bench.host.code(), "plain-vnc");
    assert!(refusal(&bench.host.near.take()).contains("[plain-vnc]"));
}

#[test]
fn something_else_than_tls_is_shown() {
    let mut bench = watched(Stage::Handshake);
    bench.host.far.push(b"SSH-2.0-x");
    bench.host.turn();
    assert_eq!(bench.host.code(), "not-tls");
    assert!(bench.host.error().to_string().contains("\"SSH-2\""));
}

#[test]
fn a_viewers_early_words_are_kept_and_delivered() {
    for stage in [Stage::Credential, Stage::Far, Stage::Handshake, Stage::Hello] {
        let mut bench = watched(stage);
        bench.host.near.push(b"RFB 003.");
        bench.host.turn();
        bench.host.near.push(b"008\n");
        bench.host.turn();
        bench.lead_from(stage);
        assert_eq!(bench.peer.got, HELLO, "{stage:?}");
        assert_eq!(bench.host.session.traffic().to_far, 12);
    }
}

#[test]
fn a_viewer_may_say_so_much_early_and_not_a_byte_more() {
    for stage in [Stage::Credential, Stage::Far, Stage::Handshake, Stage::Hello] {
        let mut bench = watched(stage);
        bench.host.near.push(&[7; 4_096]);
        bench.host.turn();
        assert_eq!(bench.host.code(), "-", "{stage:?}");
        bench.host.near.push(&[7]);
        bench.host.turn();
        assert_eq!(
            *bench.host.error(),
            Error::Early { party: Party::Viewer, limit: 4_096 },
            "{stage:?}"
        );
        assert!(refusal(&bench.host.near.take()).contains("[spoke-too-early]"));
    }
}

#[test]
fn a_viewer_that_leaves_ends_the_session_in_every_phase() {
    for stage in [Stage::Credential, Stage::Far, Stage::Handshake, Stage::Hello] {
        for (how, leave) in
            [(None, Leave::Fin), (Some(Broken::Reset), Leave::Broken(Broken::Reset))]
        {
            let mut bench = watched(stage);
            bench.host.near.fin = how.is_none();
            bench.host.near.broken = how;
            bench.settle();
            assert_eq!(
                *bench.host.error(),
                Error::Left { party: Party::Viewer, how: leave },
                "{stage:?}"
            );
        }
    }
}

#[test]
fn a_device_that_leaves_is_noticed_while_the_viewer_is_awaited() {
    let mut bench = Bench::console(Stage::Viewer);
    bench.peer.close();
    bench.settle();
    assert_eq!(*bench.host.error(), Error::Left { party: Party::Device, how: Leave::Closed });
    let mut bench = Bench::console(Stage::Viewer);
    bench.host.far.fin = true;
    bench.settle();
    assert_eq!(*bench.host.error(), Error::Left { party: Party::Device, how: Leave::Fin });
}

#[test]
fn a_failed_connection_says_how() {
    for (how, code) in [
        (Broken::Refused, "device-refused"),
        (Broken::Unreachable, "device-unreachable"),
        (Broken::TimedOut, "device-timeout"),
    ] {
        let mut bench = watched(Stage::Far);
        bench.host.act(|visit| visit.broken(Side::Far, how));
        assert_eq!(bench.host.code(), code);
        assert!(refusal(&bench.host.near.take()).contains(code));
    }
}

#[test]
fn a_host_that_gives_up_has_its_words_shown_to_the_viewer() {
    for stage in [Stage::Credential, Stage::Far, Stage::Handshake, Stage::Hello] {
        let mut bench = watched(stage);
        bench.host.act(|visit| visit.abandon("UMS does not answer"));
        bench.settle();
        assert_eq!(
            refusal(&bench.host.near.take()),
            "procy: given up: UMS does not answer [abandoned]"
        );
        assert!(bench.host.near.shut);
    }
}

#[test]
fn a_refusal_that_the_viewer_does_not_take_at_once_is_held_until_it_does() {
    let mut bench = watched(Stage::Handshake);
    bench.host.near.room = 5;
    bench.host.act(|visit| visit.abandon("x"));
    assert!(!bench.host.near.shut && bench.host.session.wants_write(Side::Near));
    assert!(bench.host.session.holds() > 0);
    bench.host.near.room = usize::MAX;
    bench.host.turn();
    assert_eq!(refusal(&bench.host.near.take()), "procy: given up: x [abandoned]");
    assert!(bench.host.near.shut);
    bench.host.near.fin = true;
    bench.host.far.fin = true;
    assert_eq!(bench.host.turn(), Turn::Over);
}

fn retriable() -> Config {
    let mut config = Config::new(toy());
    config.retriable = true;
    config
}

#[test]
fn a_retriable_session_leaves_the_viewer_to_the_next_one() {
    let mut bench = Bench::console_with(retriable(), peer::TLS13, Stage::Hello);
    bench.peer.close();
    bench.settle();
    assert_eq!(bench.host.code(), "closed-before-hello");
    assert_eq!(bench.host.near.take(), b"");
    assert!(!bench.host.near.shut, "the next session needs it");
    assert!(bench.host.session.spares_near());
    bench.host.far.fin = true;
    assert_eq!(bench.host.turn(), Turn::Over, "it does not wait for the viewer");
}

#[test]
fn a_viewer_that_has_spoken_cannot_be_left_to_another_session() {
    let mut bench = Bench::console_with(retriable(), peer::TLS13, Stage::Hello);
    bench.host.near.push(b"R");
    bench.host.turn();
    bench.peer.close();
    bench.settle();
    assert_eq!(bench.host.code(), "closed-before-hello");
    assert!(refusal(&bench.host.near.take()).contains("closed-before-hello"));
    assert!(!bench.host.session.spares_near());
}

#[test]
fn other_failures_are_not_retriable() {
    let mut bench = Bench::console_with(retriable(), peer::TLS13, Stage::Hello);
    bench.peer.say(b"no");
    bench.settle();
    assert_eq!(bench.host.code(), "not-rfb");
    assert!(refusal(&bench.host.near.take()).contains("not-rfb"));
    assert!(bench.host.near.shut && !bench.host.session.spares_near());
}

/// The whole of it: the same viewer, two devices' sessions, the second with the other spelling.
#[test]
fn the_next_session_gets_the_viewer_as_it_was() {
    let mut first = Bench::console_with(retriable(), peer::TLS13, Stage::Hello);
    assert!(!first.host.session.spares_near(), "it has not failed");
    first.peer.close();
    first.settle();
    assert!(first.host.session.spares_near());
    let mut config = Config::new(toy());
    config.style.verb = Verb::Proxycmd;
    let mut second = Bench::console_with(config, peer::TLS13, Stage::Credential);
    second.host.near = std::mem::take(&mut first.host.near);
    second.host.act(|visit| visit.attach(Side::Near));
    let now = second.host.now;
    second.host.act(|visit| visit.credential(credential(), now));
    second.host.act(|visit| visit.attach(Side::Far));
    second.settle();
    assert!(second.peer.got.starts_with(b"PROXYCMD PW_"));
    second.peer.say(HELLO);
    second.settle();
    assert_eq!(second.host.near.take(), HELLO, "all that the viewer ever got");
}

#[test]
fn a_password_is_offered_once_even_if_brought_twice() {
    let mut bench = Bench::console(Stage::Credential);
    let now = bench.host.now;
    bench.host.act(|visit| {
        visit.credential(credential(), now);
        visit.credential(credential(), now);
    });
    bench.host.act(|visit| visit.attach(Side::Far));
    bench.host.act(|visit| visit.attach(Side::Far));
    bench.settle();
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.host.act(|visit| visit.credential(credential(), now));
    bench.settle();
    assert_eq!(bench.peer.got, COMMAND);
    let sent = bench.host.said().iter().filter(|event| *event == "PasswordSent").count();
    assert_eq!(sent, 1);
}

#[test]
fn a_session_is_debugged_without_its_bytes_and_can_cross_threads() {
    fn send<T: Send>(_: &T) {}
    let host = Host::console(Config::new(toy()));
    send(&host.session);
    assert!(format!("{:?}", Arc::new(host.session)).contains("AwaitCredential"));
}

/// The rest of the way from a stage whose viewer is there.
trait Lead {
    fn lead_from(&mut self, stage: Stage);
}

impl Lead for Bench {
    fn lead_from(&mut self, stage: Stage) {
        let now = self.host.now;
        if stage < Stage::Far {
            self.host.act(|visit| visit.credential(credential(), now));
        }
        if stage < Stage::Handshake {
            self.host.act(|visit| visit.attach(Side::Far));
        }
        self.settle();
        assert_eq!(std::mem::take(&mut self.peer.got), COMMAND);
        self.peer.say(HELLO);
        self.settle();
        assert!(self.host.session.is_relaying());
    }
}
