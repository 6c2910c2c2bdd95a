//! Every wait ends at its time, for its reason, and not before.
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
use common::{Bench, HELLO, Host, Stage, credential, pattern, peer, toy};
use procy_core::error::{Broken, Error, Party};
use procy_core::event::{Ended, Outcome, Side};
use procy_core::prologue::{Bounds, console};
use procy_core::pump::Turn;
use procy_core::timer::{Deadlines, Instant, Why};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

/// One wait as different from the others as can be seen, so that no two are mixed up.
fn bounds() -> Bounds {
    let deadlines = Deadlines {
        credential: 11 * SECOND,
        connect: 12 * SECOND,
        handshake: 13 * SECOND,
        viewer: 14 * SECOND,
        password: 400 * SECOND,
        hello: 15 * SECOND,
        command: 16 * SECOND,
        verdict: 17 * SECOND,
        service: 18 * SECOND,
        idle: Some(19 * SECOND),
        absolute: Some(500 * SECOND),
        close: 3 * SECOND,
        drain: Duration::from_secs(30),
    };
    Bounds { deadlines, ..Bounds::default() }
}

fn bench(role: Role, stage: Stage) -> Bench {
    match role {
        Role::Console => {
            let mut config = console::Config::new(toy());
            config.bounds = bounds();
            Bench::console_with(config, peer::TLS13, stage)
        }
        Role::Device => Bench::device_with(bounds(), peer::TLS13, stage),
    }
}

fn wait(stage: Stage) -> (Duration, Why) {
    match stage {
        Stage::Credential => (11 * SECOND, Why::Credential),
        Stage::Far => (12 * SECOND, Why::Connect),
        Stage::Handshake => (13 * SECOND, Why::Handshake),
        Stage::Viewer => (14 * SECOND, Why::Viewer),
        Stage::Hello => (15 * SECOND, Why::Hello),
        Stage::Command => (16 * SECOND, Why::Command),
        Stage::Verdict => (17 * SECOND, Why::Verdict),
        Stage::Service => (18 * SECOND, Why::Service),
        Stage::Relaying => (19 * SECOND, Why::Idle),
    }
}

#[test]
fn each_wait_ends_at_its_time_and_not_a_nanosecond_before() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let (length, why) = wait(stage);
            let mut bench = bench(role, stage);
            assert_eq!(bench.host.session.deadline(), Some((Host::BIRTH + length, why)));
            bench.host.wait(length - NANO);
            assert_eq!(bench.host.code(), "-", "{role:?} {stage:?}");
            bench.host.wait(NANO);
            let expected = match (role, why) {
                // It is not for a device to connect.
                (Role::Device, Why::Connect) => {
                    Error::Connect { party: Party::Console, how: Broken::TimedOut }
                }
                _ => Error::Timeout(why),
            };
            assert_eq!(*bench.host.error(), expected, "{role:?} {stage:?}");
        }
    }
}

#[test]
fn a_phase_has_its_whole_wait_however_late_it_began() {
    for role in Role::BOTH {
        let stages = role.stages();
        let mut bench = bench(role, stages[0]);
        for stage in stages {
            let next = |bench: &mut Bench| match (role, stage) {
                (_, Stage::Credential) => {
                    let now = bench.host.now;
                    bench.host.act(|visit| visit.credential(credential(), now));
                }
                (_, Stage::Far) => {
                    bench.host.act(|visit| visit.attach(Side::Far));
                }
                (_, Stage::Handshake) => bench.settle(),
                (Role::Console, Stage::Viewer) => {
                    bench.host.act(|visit| visit.attach(Side::Near));
                }
                (_, Stage::Hello) => {
                    bench.settle();
                    bench.peer.say(HELLO);
                    bench.settle();
                }
                (_, Stage::Command) => {
                    bench.peer.say(common::COMMAND);
                    bench.settle();
                }
                (_, Stage::Verdict) => {
                    bench.host.act(|visit| visit.accept());
                }
                (_, Stage::Service) => {
                    bench.host.act(|visit| visit.attach(Side::Near));
                }
                _ => {}
            };
            let (length, why) = wait(stage);
            bench.host.wait(length - NANO);
            let told = bench.host.session.deadline();
            assert_eq!(told, Some((bench.host.now + NANO, why)), "{role:?}");
            next(&mut bench);
            assert_eq!(bench.host.code(), "-", "{role:?} {stage:?}");
        }
    }
}

/// Feeds `wire` a byte a second; gives the seconds until the session failed.
fn drip(bench: &mut Bench, wire: &[u8]) -> u64 {
    for (second, byte) in wire.iter().enumerate() {
        bench.host.far.push(&[*byte]);
        bench.host.turn();
        if bench.host.session.outcome().is_some() {
            return second as u64;
        }
        bench.host.wait(SECOND);
    }
    panic!("it goes on after {} seconds", wire.len());
}

#[test]
fn dripping_bytes_prolong_nothing_before_relaying() {
    for role in Role::BOTH {
        let mut bench = bench(role, Stage::Handshake);
        bench.peer.exchange(&mut bench.host.far);
        let wire: Vec<u8> = bench.host.far.inbox.drain(..).collect();
        assert_eq!(drip(&mut bench, &wire), 13, "{role:?}");
        assert_eq!(*bench.host.error(), Error::Timeout(Why::Handshake));
    }
    let mut console = bench(Role::Console, Stage::Hello);
    console.peer.say(b"RFB 003.00");
    let wire = console.peer.flush();
    assert_eq!(drip(&mut console, &wire), 15);
    assert_eq!(*console.host.error(), Error::Timeout(Why::Hello));
    let mut device = bench(Role::Device, Stage::Command);
    device.peer.say(&common::COMMAND[..40]);
    let wire = device.peer.flush();
    assert_eq!(drip(&mut device, &wire), 16);
    assert_eq!(*device.host.error(), Error::Timeout(Why::Command));
}

#[test]
fn a_password_is_valid_from_its_asking_on() {
    for stage in [Stage::Far, Stage::Handshake, Stage::Viewer] {
        let mut bench = bench(Role::Console, Stage::Credential);
        // Asked for 395 seconds ago: 5 are left.
        let asked = Instant::after_epoch(605 * SECOND);
        bench.host.act(|visit| visit.credential(credential(), asked));
        if stage > Stage::Far {
            bench.host.act(|visit| visit.attach(Side::Far));
        }
        if stage > Stage::Handshake {
            bench.settle();
        }
        let due = Host::BIRTH + 5 * SECOND;
        assert_eq!(bench.host.session.deadline(), Some((due, Why::Password)), "{stage:?}");
        bench.host.wait(5 * SECOND - NANO);
        assert_eq!(bench.host.code(), "-");
        bench.host.wait(NANO);
        assert_eq!(bench.host.code(), "password-expired", "{stage:?}");
        assert_eq!(bench.peer.got, b"");
    }
}

#[test]
fn a_password_that_has_been_sent_can_no_longer_expire() {
    let mut bench = bench(Role::Console, Stage::Credential);
    let asked = Instant::after_epoch(605 * SECOND);
    bench.host.act(|visit| visit.credential(credential(), asked));
    bench.host.act(|visit| {
        visit.attach(Side::Far);
        visit.attach(Side::Near);
    });
    bench.settle();
    assert_eq!(bench.host.session.deadline(), Some((Host::BIRTH + 15 * SECOND, Why::Hello)));
    bench.host.wait(14 * SECOND);
    assert_eq!(bench.host.code(), "-");
}

#[test]
fn a_password_that_came_too_late_is_never_used() {
    let mut bench = bench(Role::Console, Stage::Credential);
    let asked = Instant::after_epoch(600 * SECOND);
    bench.host.act(|visit| {
        visit.attach(Side::Far);
        visit.credential(credential(), asked);
    });
    assert_eq!(bench.host.code(), "password-expired");
}

#[test]
fn the_clock_never_goes_back() {
    let mut bench = bench(Role::Device, Stage::Command);
    bench.host.wait(15 * SECOND);
    let due = bench.host.session.deadline();
    bench.host.now = Instant::ZERO;
    bench.peer.say(common::COMMAND);
    bench.settle();
    assert_eq!(due, Some((Host::BIRTH + 16 * SECOND, Why::Command)));
    assert_eq!(
        bench.host.session.deadline(),
        Some((Host::BIRTH + 32 * SECOND, Why::Verdict)),
        "the verdict's wait begins at the latest time seen"
    );
}

#[test]
fn every_byte_either_way_ends_a_silence() {
    let mut bench = bench(Role::Console, Stage::Relaying);
    for _ in 0..3 {
        bench.host.wait(18 * SECOND);
        bench.host.near.push(b"x");
        bench.host.turn();
        bench.host.wait(18 * SECOND);
        bench.peer.say(b"y");
        bench.settle();
    }
    assert_eq!(bench.host.code(), "-");
    bench.host.wait(19 * SECOND);
    assert_eq!(bench.host.code(), "idle-timeout");
}

#[test]
fn a_viewer_that_takes_bytes_slowly_is_not_silent() {
    let mut bench = bench(Role::Console, Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(100));
    bench.settle();
    for _ in 0..10 {
        bench.host.near.room = 1;
        bench.host.wait(18 * SECOND);
    }
    assert_eq!(bench.host.code(), "-");
    bench.host.wait(19 * SECOND);
    assert_eq!(bench.host.code(), "idle-timeout");
}

#[test]
fn the_absolute_limit_counts_from_the_birth_in_every_phase() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut limits = bounds();
            limits.deadlines.absolute = Some(9 * SECOND);
            let mut bench = match role {
                Role::Console => {
                    let mut config = console::Config::new(toy());
                    config.bounds = limits;
                    Bench::console_with(config, peer::TLS13, stage)
                }
                Role::Device => Bench::device_with(limits, peer::TLS13, stage),
            };
            let told = bench.host.session.deadline();
            assert_eq!(told, Some((Host::BIRTH + 9 * SECOND, Why::Absolute)));
            bench.host.wait(9 * SECOND);
            assert_eq!(bench.host.code(), "session-limit", "{role:?} {stage:?}");
        }
    }
}

#[test]
fn without_an_idle_limit_relaying_waits_for_ever() {
    let mut bench = Bench::console(Stage::Relaying);
    assert_eq!(bench.host.session.deadline(), None);
    bench.host.wait(1_000_000 * SECOND);
    assert_eq!(bench.host.code(), "-");
}

#[test]
fn what_remains_after_one_side_ended_may_stand_still_for_so_long() {
    let mut bench = bench(Role::Console, Stage::Relaying);
    bench.host.near.fin = true;
    bench.settle();
    assert_eq!(bench.host.session.deadline(), Some((Host::BIRTH + 3 * SECOND, Why::Close)));
    bench.host.wait(2 * SECOND);
    bench.peer.say(b"still talking");
    bench.settle();
    bench.host.wait(2 * SECOND);
    assert_eq!(bench.host.code(), "-", "whatever moves prolongs it");
    bench.host.wait(SECOND);
    let expected = Ended { by: Some(Party::Viewer), truncated: false };
    assert_eq!(bench.host.session.outcome(), Some(&Outcome::Ended(expected)));
    assert_eq!(bench.host.near.take(), b"still talking");
}

#[test]
fn a_farewell_that_nobody_takes_is_given_up_in_time() {
    let mut bench = bench(Role::Console, Stage::Hello);
    bench.host.near.room = 0;
    bench.host.act(|visit| visit.abandon("no"));
    let due = Host::BIRTH + 3 * SECOND;
    assert_eq!(bench.host.session.deadline(), Some((due, Why::Close)));
    assert_eq!(bench.host.wait(3 * SECOND - NANO), Turn::Wait);
    assert!(bench.host.session.holds() > 0);
    assert_eq!(bench.host.wait(NANO), Turn::Over);
    assert_eq!(bench.host.code(), "abandoned");
    assert_eq!(bench.host.session.holds(), 0);
}

#[test]
fn a_host_that_slept_through_everything_finds_the_session_over_or_failed() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut bench = bench(role, stage);
            bench.host.wait(10_000 * SECOND);
            assert_ne!(bench.host.code(), "-");
            assert_eq!(bench.host.wait(3 * SECOND), Turn::Over);
        }
    }
}

#[test]
fn instants_saturate() {
    let end = Instant::after_epoch(Duration::MAX);
    assert_eq!(end + SECOND, end);
    assert_eq!(Instant::ZERO + Duration::MAX, end);
    assert_eq!(Instant::ZERO.since(end), Duration::ZERO);
    assert_eq!((Instant::ZERO + 2 * SECOND).since(Instant::ZERO + SECOND), SECOND);
    assert_eq!(Instant::default(), Instant::ZERO);
    assert_eq!(format!("{:?}", Instant::ZERO + SECOND), "1s");
}
