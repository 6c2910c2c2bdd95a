//! The device's prologue: the command, the host's verdict, the local VNC server.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use common::{Bench, COMMAND, PASSWORD, Stage, peer};
use procy_core::error::{Broken, Error, Leave, Party};
use procy_core::event::{Event, Side};
use procy_core::procycmd::Verb;
use procy_core::prologue::Bounds;

fn offer(bench: &Bench) -> Option<(Verb, String)> {
    bench.host.events.iter().find_map(|event| match event {
        Event::PasswordOffered(offer) => Some((offer.verb, offer.password.expose().to_owned())),
        _ => None,
    })
}

#[test]
fn each_step_is_told_once_and_in_order() {
    for version in peer::BOTH {
        let bench = Bench::device_with(Bounds::default(), version, Stage::Relaying);
        assert_eq!(
            bench.host.said(),
            ["Established", "PasswordOffered", "ServiceNeeded", "Relaying"]
        );
        assert_eq!(offer(&bench), Some((Verb::Procycmd, PASSWORD.to_owned())));
    }
}

#[test]
fn a_command_may_be_cut_anywhere() {
    for at in 1..COMMAND.len() {
        let mut bench = Bench::device(Stage::Command);
        bench.peer.say(&COMMAND[..at]);
        bench.settle();
        assert_eq!(offer(&bench), None);
        bench.peer.say(&COMMAND[at..]);
        bench.settle();
        assert!(offer(&bench).is_some());
    }
}

#[test]
fn at_most_one_terminator_falls_away() {
    for (after, left) in [
        (&b"\n"[..], &b""[..]),
        (b"\r\n", b""),
        (b"\0", b""),
        (b"\r", b""),
        (b"\n\n", b"\n"),
        (b"\r\nRFB", b"RFB"),
        (b"RFB\n", b"RFB\n"),
    ] {
        for cut in 0..=after.len() {
            let mut bench = Bench::device(Stage::Command);
            bench.peer.say(&[COMMAND, &after[..cut]].concat());
            bench.settle();
            bench.peer.say(&after[cut..]);
            bench.settle();
            bench.lead_device_on();
            assert_eq!(bench.host.near.take(), left, "{after:?} cut at {cut}");
            assert_eq!(bench.host.session.traffic().to_near, left.len() as u64);
        }
    }
}

#[test]
fn a_terminator_that_comes_after_relaying_has_begun_falls_away_too() {
    for (with, after, left) in [
        (&b""[..], &b"\nRFB"[..], &b"RFB"[..]),
        (b"", b"\r\nRFB", b"RFB"),
        (b"\r", b"\nRFB", b"RFB"),
        (b"\r", b"RFB", b"RFB"),
        (b"\n", b"\nRFB", b"\nRFB"),
        (b"", b"RFB\n", b"RFB\n"),
        (b"\0", b"\0", b"\0"),
    ] {
        let mut bench = Bench::device(Stage::Command);
        bench.peer.say(&[COMMAND, with].concat());
        bench.settle();
        bench.lead_device_on();
        for byte in after {
            bench.peer.say(&[*byte]);
            bench.settle();
        }
        assert_eq!(bench.host.near.take(), left, "{with:?} {after:?}");
        assert_eq!(bench.host.session.traffic().to_near, left.len() as u64);
    }
}

#[test]
fn the_other_spelling_is_understood() {
    let mut bench = Bench::device(Stage::Command);
    bench.peer.say(&[b"PROXYCMD", &COMMAND[8..]].concat());
    bench.settle();
    assert_eq!(offer(&bench).map(|(verb, _)| verb), Some(Verb::Proxycmd));
}

#[test]
fn what_is_no_command_fails() {
    for words in [&b"GET / HTTP/1.1\r\n"[..], b"PROCYCMD PW_zzz", b"RFB 003.008\n"] {
        let mut bench = Bench::device(Stage::Command);
        bench.peer.say(words);
        bench.settle();
        assert_eq!(bench.host.code(), "command-invalid");
        assert_eq!(bench.peer.got, b"", "it is told nothing");
        assert!(bench.peer.closed);
    }
}

#[test]
fn early_words_wait_for_the_vnc_server_in_order() {
    let mut bench = Bench::device(Stage::Verdict);
    bench.peer.say(b"RFB 003.");
    bench.settle();
    bench.host.act(|visit| visit.accept());
    bench.peer.say(b"008\n");
    bench.settle();
    assert_eq!(bench.host.near.take(), b"");
    bench.host.act(|visit| visit.attach(Side::Near));
    assert_eq!(bench.host.near.take(), b"RFB 003.008\n");
    assert_eq!(bench.host.session.traffic().to_near, 12);
}

#[test]
fn a_console_may_say_so_much_early_and_not_a_byte_more() {
    for stage in [Stage::Verdict, Stage::Service] {
        let mut bench = Bench::device(stage);
        bench.peer.say(&[7; 4_000]);
        bench.settle();
        bench.peer.say(&[7; 96]);
        bench.settle();
        assert_eq!(bench.host.code(), "-");
        bench.peer.say(&[7]);
        bench.settle();
        assert_eq!(*bench.host.error(), Error::Early { party: Party::Console, limit: 4_096 });
    }
}

#[test]
fn refusal_closes_and_says_nothing() {
    let mut bench = Bench::device(Stage::Verdict);
    bench.host.act(|visit| visit.refuse());
    bench.settle();
    assert_eq!(bench.host.code(), "password-refused");
    assert_eq!(bench.peer.got, b"");
    assert!(bench.peer.closed && bench.host.far.shut);
}

#[test]
fn nothing_flows_before_the_verdict() {
    let mut bench = Bench::device(Stage::Verdict);
    bench.host.near.push(b"RFB 003.008\n");
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.settle();
    assert_eq!(bench.peer.got, b"");
    bench.host.act(|visit| visit.accept());
    bench.settle();
    assert_eq!(bench.peer.got, b"RFB 003.008\n");
}

#[test]
fn a_console_that_leaves_is_noticed_in_every_phase() {
    for (stage, code) in [
        (Stage::Handshake, "closed-in-handshake"),
        (Stage::Command, "console-left"),
        (Stage::Verdict, "console-left"),
        (Stage::Service, "console-left"),
    ] {
        for fin in [true, false] {
            let mut bench = Bench::device(stage);
            bench.host.far.fin = fin;
            bench.host.far.broken = (!fin).then_some(Broken::Reset);
            bench.settle();
            assert_eq!(bench.host.code(), code, "{stage:?}");
        }
        if stage > Stage::Handshake {
            let mut bench = Bench::device(stage);
            bench.peer.close();
            bench.settle();
            let expected = Error::Left { party: Party::Console, how: Leave::Closed };
            assert_eq!(*bench.host.error(), expected, "{stage:?}");
        }
    }
}

#[test]
fn a_vnc_server_that_cannot_be_reached_is_named() {
    let mut bench = Bench::device(Stage::Service);
    bench.host.act(|visit| visit.broken(Side::Near, Broken::Refused));
    assert_eq!(bench.host.code(), "service-unreachable");
    let mut bench = Bench::device(Stage::Verdict);
    bench.host.act(|visit| {
        visit.attach(Side::Near);
        visit.eof(Side::Near);
    });
    assert_eq!(bench.host.code(), "service-left");
}

#[test]
fn a_viewer_refusal_is_never_sent_to_a_vnc_server() {
    let mut bench = Bench::device(Stage::Verdict);
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.host.act(|visit| visit.abandon("no"));
    assert_eq!(bench.host.near.take(), b"");
    assert!(bench.host.near.shut);
}

trait Lead {
    fn lead_device_on(&mut self);
}

impl Lead for Bench {
    fn lead_device_on(&mut self) {
        self.host.act(|visit| visit.accept());
        self.host.act(|visit| visit.attach(Side::Near));
        assert!(self.host.session.is_relaying());
    }
}

#[test]
fn a_configuration_shows_its_bounds_and_nothing_of_its_key() {
    let shown = format!("{:?}", common::device_config());
    assert!(shown.starts_with("Config { bounds: Bounds { deadlines: "), "{shown}");
    assert!(shown.ends_with(".. }") && !shown.to_lowercase().contains("key"), "{shown}");
}
