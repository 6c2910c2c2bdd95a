//! What once went wrong, found by a review of the machine with fresh eyes.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::time::Duration;

use common::bench::Role;
use common::{Bench, HELLO, Stage, pattern, peer, toy};
use procy_core::error::{Broken, Party};
use procy_core::event::{Ended, Outcome, Side};
use procy_core::prologue::console;
use rustls::ContentType;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_viewer_that_neither_says_nor_takes_anything_has_left_however_much_its_device_says() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.fin = true;
    bench.settle();
    bench.host.near.deaf = Some(Broken::Reset);
    let before = bench.host.session.traffic();
    for _ in 0..10 {
        bench.peer.say(b"picture");
        bench.settle();
        bench.host.wait(SECOND);
    }
    assert!(bench.host.session.is_over());
    assert!(
        bench.host.session.traffic().to_near <= before.to_near + 7,
        "what is dropped does not count"
    );
}

#[test]
fn a_device_that_neither_says_nor_takes_anything_has_left_however_much_is_typed() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.close();
    bench.settle();
    bench.host.far.fin = true;
    bench.host.act(|visit| visit.unwritable(Side::Far, Broken::Reset));
    for _ in 0..10 {
        bench.host.near.push(b"mouse");
        bench.host.wait(SECOND);
    }
    assert!(bench.host.session.is_over());
    let ended = Ended { by: Some(Party::Device), truncated: false };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(ended)));
}

#[test]
fn after_our_goodbye_a_bad_record_ends_the_session_and_nothing_is_said_any_more() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            host.near.fin = true;
            host.turn();
            let said = host.far.outbox.len();
            let mut record = forge.seal(ContentType::ApplicationData, b"x");
            *record.last_mut().unwrap() ^= 1;
            host.far.push(&record);
            host.turn();
            assert_eq!(host.code(), "tls-protocol", "{role:?} {version:?}");
            assert_eq!(host.far.outbox.len(), said, "{role:?} {version:?}");
        }
    }
}

#[test]
fn after_our_goodbye_a_request_to_renegotiate_is_not_answered() {
    let (mut host, mut forge) = Bench::forge(Role::Console, peer::TLS12);
    host.near.fin = true;
    host.turn();
    let said = host.far.outbox.len();
    host.far.push(&forge.seal(ContentType::Handshake, &[0, 0, 0, 0]));
    host.turn();
    assert_eq!(host.far.outbox.len(), said);
}

#[test]
fn who_ended_first_and_whether_all_came_is_known_however_it_is_closed() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.far.fin = true;
    bench.host.turn();
    bench.host.act(|visit| visit.close());
    let cut = Ended { by: Some(Party::Device), truncated: true };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(cut)));

    let mut bench = Bench::console(Stage::Relaying);
    bench.host.act(|visit| visit.unwritable(Side::Near, Broken::Reset));
    bench.host.far.fin = true;
    bench.host.wait(6 * SECOND);
    let left = Ended { by: Some(Party::Viewer), truncated: false };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(left)));
}

#[test]
fn what_a_stalled_viewer_never_took_is_marked_as_missing() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(60_000));
    bench.peer.close();
    bench.settle();
    bench.host.far.fin = true;
    bench.host.wait(6 * SECOND);
    bench.host.wait(6 * SECOND);
    let missing = Ended { by: Some(Party::Device), truncated: true };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(missing)));
    assert!(bench.host.session.is_over());
}

#[test]
fn a_device_attached_before_its_credential_is_not_read() {
    let mut bench = Bench::console(Stage::Credential);
    bench.host.act(|visit| visit.attach(Side::Far));
    assert!(!bench.host.session.wants_read(Side::Far));
    bench.host.far.push(&[22; 400_000]);
    bench.host.turn();
    assert_eq!(bench.host.session.holds(), 0);
}

#[test]
fn early_bytes_are_bounded_whatever_is_asked_for() {
    let mut config = console::Config::new(toy());
    config.bounds.limits.early = usize::MAX;
    let mut bench = Bench::console_with(config, peer::TLS13, Stage::Hello);
    bench.host.near.push(&[1; 400_000]);
    bench.host.turn();
    assert_eq!(bench.host.code(), "spoke-too-early");
}

#[test]
fn a_record_of_a_version_that_tls_never_had_ends_the_session() {
    for version in [[0, 2], [0xfe, 0xff], [0xfe, 0xfd]] {
        let (mut host, mut forge) = Bench::forge(Role::Console, peer::TLS13);
        let mut record = forge.seal(ContentType::ApplicationData, &[0x17; 40]);
        record[1..3].copy_from_slice(&version);
        host.far.push(&record);
        host.turn();
        assert_eq!(host.code(), "tls-protocol", "{version:x?}");
        assert!(host.near.take().is_empty());
    }
}

#[test]
fn both_sides_may_be_given_room_before_either_is_reported() {
    let mut bench = Bench::console(Stage::Hello);
    bench.peer.got.clear();
    bench.host.near.push(b"0123456789");
    bench.host.turn();
    bench.peer.say(HELLO);
    let wire = bench.peer.flush();
    bench.host.only(|visit| {
        visit.space(Side::Near)[..3].copy_from_slice(b"XYZ");
        visit.space(Side::Far)[..wire.len()].copy_from_slice(&wire);
        visit.read(Side::Far, wire.len());
        visit.read(Side::Near, 3);
    });
    bench.settle();
    assert_eq!(String::from_utf8_lossy(&bench.peer.got), "0123456789XYZ");
}

#[test]
fn a_visit_leaked_in_the_middle_of_a_message_is_misuse_and_no_panic() {
    let (mut host, mut forge) = Bench::forge(Role::Console, peer::TLS13);
    host.far.push(&forge.seal(ContentType::Handshake, &[4, 0, 0, 100, 1]));
    host.turn();
    let more = forge.seal(ContentType::Handshake, &[4, 0, 0, 100, 1]);
    let mut visit = host.session.visit(&mut host.scratch, host.now);
    visit.space(Side::Far)[..more.len()].copy_from_slice(&more);
    visit.read(Side::Far, more.len());
    std::mem::forget(visit);
    host.turn();
    assert_eq!(host.code(), "misuse");
}

#[test]
fn a_farewell_that_is_taken_a_byte_at_a_time_has_an_end() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(60_000));
    bench.settle();
    bench.host.act(|visit| visit.close());
    for _ in 0..7 {
        bench.host.near.room = 1;
        bench.host.wait(Duration::from_millis(4_900));
    }
    assert!(bench.host.session.is_over(), "after 30 s");
}

#[test]
fn a_viewer_that_comes_after_the_failure_is_told_why() {
    let mut bench = Bench::console(Stage::Viewer);
    bench.peer.say(b"early words");
    bench.settle();
    assert_eq!(bench.host.code(), "spoke-first");
    bench.host.act(|visit| visit.attach(Side::Near));
    let told = bench.host.near.take();
    assert!(told.starts_with(b"RFB 003.003\n") && told.ends_with(b"[spoke-first]"), "{told:?}");
}

#[test]
fn a_device_that_is_connected_after_the_end_is_not_waited_for() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Far);
        bench.host.act(|visit| visit.attach(Side::Near));
        bench.host.act(|visit| visit.abandon("enough"));
        assert!(!bench.host.session.is_over(), "{role:?}: its near side has yet to close");
        bench.host.act(|visit| visit.attach(Side::Far));
        bench.host.near.fin = true;
        bench.host.turn();
        assert!(bench.host.session.is_over(), "{role:?}");
    }
}

#[test]
fn no_password_is_said_to_be_sent_to_a_device_that_takes_nothing() {
    let mut bench = Bench::console(Stage::Viewer);
    bench.host.act(|visit| visit.unwritable(Side::Far, Broken::Reset));
    bench.host.act(|visit| visit.attach(Side::Near));
    assert!(!bench.host.said().iter().any(|event| event.starts_with("PasswordSent")));
}

#[test]
fn a_viewer_that_has_left_already_costs_no_password() {
    // It comes to a verified device, and has left before anybody looked.
    let mut bench = Bench::console(Stage::Viewer);
    bench.host.near.fin = true;
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.settle();
    assert_eq!(bench.host.code(), "viewer-left");
    assert_eq!(String::from_utf8_lossy(&bench.peer.got), "");

    // It was there, and its end comes in one wake-up with the handshake's.
    let mut bench = Bench::console(Stage::Handshake);
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.peer.exchange(&mut bench.host.far);
    bench.host.near.fin = true;
    bench.settle();
    assert_eq!(bench.host.code(), "viewer-left");
    assert_eq!(String::from_utf8_lossy(&bench.peer.got), "");
}

#[test]
fn a_viewer_is_seen_to_leave_while_its_device_stands_still() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.far.room = 0;
    bench.host.near.push(b"keys");
    bench.host.turn();
    bench.host.near.fin = true;
    bench.host.turn();
    bench.host.wait(6 * SECOND);
    let missing = Ended { by: Some(Party::Viewer), truncated: true };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(missing)));
}

#[test]
fn reading_ahead_of_a_device_that_stands_still_is_bounded() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.far.room = 0;
    bench.host.near.push(&pattern(4 << 20));
    for _ in 0..20 {
        bench.host.turn();
    }
    assert!(!bench.host.session.wants_read(Side::Near));
    assert!(bench.host.session.holds() < 3 * 65_536, "{}", bench.host.session.holds());
    bench.host.far.room = usize::MAX;
    bench.settle();
    assert_eq!(bench.host.session.holds(), 0, "and given back");
}

#[test]
fn a_record_that_comes_in_many_pieces_does_not_allocate_for_each() {
    let mut bench = Bench::console(Stage::Relaying);
    let mut buffers = std::collections::HashSet::new();
    for _ in 0..5 {
        bench.peer.say(&pattern(16_000));
        let wire = bench.peer.flush();
        for part in wire.chunks(1_448) {
            bench.host.far.push(part);
            bench.host.turn();
            buffers.insert(bench.host.session.holds());
        }
    }
    assert!(buffers.len() <= 13, "the same buffer comes back, whatever its size: {buffers:?}");
}

#[test]
fn a_goodbye_after_a_long_silence_leaves_the_other_direction_its_time() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.wait(60 * SECOND);
        bench.peer.close();
        bench.settle();
        bench.host.wait(SECOND);
        assert_eq!(bench.host.session.outcome(), None, "{role:?}: the near side has five seconds");
        bench.host.near.push(b"the last words");
        bench.settle();
        assert!(bench.peer.got.ends_with(b"the last words"), "{role:?}");
    }
}
