//! Other threads' part: answers that come late, queues that are full, sessions cancelled, shards drained and stopped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{HELLO, Plan, Rig, Role, Steps, What, credential, rest, rest_or_reset};
use procy_mio::core::Session;
use procy_mio::core::error::Party;
use procy_mio::core::event::{Ended, Event, Outcome, Side};
use procy_mio::{Answer, Answers, Config, Host, Key, Over, Refusal, Shard, now};

fn console() -> Session {
    Session::console(common::console_config().into(), now())
}

#[test]
fn every_answer_may_come_from_another_thread() {
    const SILENT: &[&str] =
        &["CredentialNeeded", "ConnectNeeded", "PasswordOffered", "ServiceNeeded"];
    let mut rig = Rig::start(Plan { silent: SILENT, ..Plan::default() });
    let handle = rig.handle().clone();
    let place = handle.place().unwrap();
    let key = place.key();
    assert_eq!(place.open(console(), None, None).unwrap(), key);

    assert_eq!(rig.event(Role::Console, "CredentialNeeded"), key);
    handle.answer(key, Answer::Credential { credential: credential(), asked: now() }).unwrap();
    assert_eq!(rig.event(Role::Console, "ConnectNeeded"), key);
    handle
        .answer(key, Answer::Connect { side: Side::Far, addresses: vec![rig.devices()] })
        .unwrap();
    assert_eq!(rig.dialled(Role::Console, Side::Far), Ok(rig.devices()));
    assert_eq!(rig.event(Role::Console, "ViewerNeeded"), key);
    let (mut viewer, near) = common::tcp_pair();
    handle.answer(key, Answer::Attach { side: Side::Near, stream: near }).unwrap();
    let device = rig.event(Role::Device, "PasswordOffered");
    assert_ne!(device, key);
    handle.answer(device, Answer::Accept).unwrap();
    assert_eq!(rig.event(Role::Device, "ServiceNeeded"), device);
    let (near, mut service) = common::tcp_pair();
    handle.answer(device, Answer::Attach { side: Side::Near, stream: near }).unwrap();
    service.write_all(HELLO).unwrap();
    viewer.read_exact(&mut [0; 12]).unwrap();
    assert_eq!(rig.event(Role::Console, "Relaying"), key);
}

#[test]
fn an_answer_that_comes_too_late_reaches_no_other_session() {
    let mut rig = Rig::start(Plan { silent: &["CredentialNeeded"], ..Plan::default() });
    let handle = rig.handle().clone();
    let first = handle.place().unwrap().open(console(), None, None).unwrap();
    rig.event(Role::Console, "CredentialNeeded");
    handle.answer(first, Answer::Close).unwrap();
    assert_eq!(rig.over(Role::Console).0, "cancelled");

    // The next one stands at the same place in the table.
    let second = handle.place().unwrap().open(console(), None, None).unwrap();
    assert_eq!(rig.event(Role::Console, "CredentialNeeded"), second);
    let late = [
        Answer::Credential { credential: credential(), asked: now() },
        Answer::Connect { side: Side::Far, addresses: vec![rig.devices()] },
        Answer::Attach { side: Side::Near, stream: common::tcp_pair().0 },
        Answer::Accept,
        Answer::Refuse,
        Answer::Abandon { reason: "late".into() },
        Answer::Close,
        Answer::Cancel,
    ];
    for late in late {
        handle.answer(first, late).unwrap();
    }
    handle.answer(second, Answer::Credential { credential: credential(), asked: now() }).unwrap();
    assert_eq!(rig.event(Role::Console, "ConnectNeeded"), second);
    handle.answer(second, Answer::Close).unwrap();
    // One of the late ones would have been first.
    assert_eq!(rig.over(Role::Console).0, "cancelled");
}

#[test]
fn a_key_is_worth_nothing_at_another_shard() {
    let mut rig =
        Rig::with(2, &Config::default(), Plan { silent: &["CredentialNeeded"], ..Plan::default() });
    let [one, two] = [0, 1].map(|index| rig.shards.handles()[index].clone());
    let first = one.place().unwrap().open(console(), None, None).unwrap();
    let second = two.place().unwrap().open(console(), None, None).unwrap();
    assert_ne!(first, second);
    two.answer(first, Answer::Cancel).unwrap();
    rig.shards.of(second).unwrap().answer(second, Answer::Cancel).unwrap();
    let over = |told: &common::Told| matches!(told.what, What::Over(_)).then_some(told.key);
    assert_eq!(rig.until(over), second);
    rig.shards.of(first).unwrap().answer(first, Answer::Cancel).unwrap();
    assert_eq!(rig.until(over), first);
}

#[test]
fn a_second_connection_for_the_same_side_is_dropped() {
    let rig = Rig::start(Plan { silent: &["CredentialNeeded"], ..Plan::default() });
    let (ours, near) = common::tcp_pair();
    let key = rig.handle().place().unwrap().open(console(), Some(near), None).unwrap();
    let (stranger, other) = common::tcp_pair();
    rig.handle().answer(key, Answer::Attach { side: Side::Near, stream: other }).unwrap();
    assert_eq!(rest(stranger), b"");
    rig.handle().answer(key, Answer::Abandon { reason: "enough".into() }).unwrap();
    assert!(rest(ours).starts_with(b"RFB 003.003\n"));
}

#[test]
fn a_connection_for_a_session_that_says_its_farewells_is_dropped() {
    let mut plan = Plan { silent: &["CredentialNeeded"], ..Plan::default() };
    // It would wait as long for the stranger to end.
    plan.console.bounds.deadlines.close = common::LONG * 10;
    let mut rig = Rig::start(plan);
    let viewer = rig.viewer();
    let key = rig.event(Role::Console, "CredentialNeeded");
    rig.handle().answer(key, Answer::Abandon { reason: "enough".into() }).unwrap();
    let (stranger, other) = common::tcp_pair();
    rig.handle().answer(key, Answer::Attach { side: Side::Far, stream: other }).unwrap();
    assert!(rest(viewer).starts_with(b"RFB 003.003\n"));
    assert_eq!(rig.over(Role::Console).0, "abandoned");
    assert_eq!(rest(stranger), b"");
}

/// It tells how sessions end, and nothing else.
struct Ends(Sender<Over>);

impl Host for Ends {
    fn event(&mut self, _: Key, _: Event, _: &mut Answers<'_>) {}

    fn over(&mut self, _: Key, over: Over) {
        self.0.send(over).unwrap();
    }
}

#[test]
fn a_viewer_that_comes_with_the_end_is_not_handed_on() {
    let (ends, ended) = channel();
    let mut shard = Shard::new(&Config::default(), Ends(ends)).unwrap();
    let handle = shard.handle();
    let key = handle.place().unwrap().open(console(), None, None).unwrap();
    shard.turn(Some(Duration::ZERO)).unwrap();
    // Both before the shard looks again.
    handle.answer(key, Answer::Abandon { reason: "enough".into() }).unwrap();
    let (stranger, near) = common::tcp_pair();
    handle.answer(key, Answer::Attach { side: Side::Near, stream: near }).unwrap();
    shard.turn(Some(Duration::ZERO)).unwrap();
    let over = ended.try_recv().unwrap();
    assert!(over.near.is_none(), "{over:?}");
    assert_eq!(rest(stranger), b"");
}

#[test]
fn given_up_while_an_event_is_told_the_viewer_hears_it_at_once() {
    for abandon in ["CredentialNeeded", "ConnectNeeded", "Established", "PasswordSent"] {
        let mut rig = Rig::start(Plan { abandon: Some(abandon), ..Plan::default() });
        assert!(String::from_utf8_lossy(&rest(rig.viewer())).contains("enough"), "{abandon}");
        assert_eq!(rig.over(Role::Console).0, "abandoned");
    }
}

#[test]
fn the_queue_is_bounded_and_gives_back_what_it_refuses() {
    let config = Config { commands: 3, ..Config::default() };
    let mut shard = Shard::new(&config, Nobody).unwrap();
    let handle = shard.handle();
    let key = handle.place().unwrap().open(console(), None, None).unwrap();
    handle.answer(key, Answer::Accept).unwrap();
    handle.answer(key, Answer::Accept).unwrap();
    let refused = handle.answer(key, Answer::Abandon { reason: "no room".into() }).unwrap_err();
    assert_eq!(refused.why, Refusal::Full);
    shard.turn(None).unwrap();
    handle.send(refused.command).unwrap();
    shard.turn(None).unwrap();
    assert_eq!(handle.stats().failed_by_caller, 1);
    drop(shard);
    let refused = handle.answer(key, Answer::Accept).unwrap_err();
    assert_eq!(refused.why, Refusal::Stopped);
    assert_eq!(handle.place().unwrap_err(), Refusal::Stopped);
}

/// A host that answers nothing.
struct Nobody;

impl procy_mio::Host for Nobody {
    fn event(
        &mut self,
        _: procy_mio::Key,
        _: procy_mio::core::event::Event,
        _: &mut procy_mio::Answers<'_>,
    ) {
    }
}

#[test]
fn places_are_bounded_and_come_back() {
    let shard = Shard::new(&Config { sessions: 2, ..Config::default() }, Nobody).unwrap();
    let handle = shard.handle();
    let first = handle.place().unwrap();
    let second = handle.place().unwrap();
    assert_ne!(first.key(), second.key());
    assert_eq!(handle.place().unwrap_err(), Refusal::Full);
    assert_eq!(handle.stats().sessions, 2);
    drop(first);
    let third = handle.place().unwrap();
    assert_ne!(third.key(), second.key());
    // A command that was never taken gives its place back too.
    second.open(console(), None, None).unwrap();
    drop(shard);
    drop(third);
    assert_eq!(handle.stats().sessions, 0);
}

#[test]
fn viewers_beyond_the_bound_wait_until_there_is_room() {
    let config = Config { sessions: 2, ..Config::default() };
    let rig = Rig::with(1, &config, Plan::default());
    let (viewer, service) = rig.session();
    let mut waiting = rig.viewer();
    drop((viewer, service));
    let mut service = rig.accept();
    service.write_all(HELLO).unwrap();
    waiting.read_exact(&mut [0; 12]).unwrap();
}

#[test]
fn closed_politely_a_session_says_goodbye_to_both() {
    let mut rig = Rig::start(Plan::default());
    let viewer = rig.viewer();
    let key = rig.event(Role::Console, "CredentialNeeded");
    let mut service = rig.accept();
    service.write_all(HELLO).unwrap();
    (&viewer).read_exact(&mut [0; 12]).unwrap();
    rig.handle().answer(key, Answer::Close).unwrap();
    assert_eq!((rest(viewer), rest(service)), (vec![], vec![]));
    let by = |by| Outcome::Ended(Ended { by, truncated: false });
    assert_eq!(rig.outcome(Role::Console), by(None));
    assert_eq!(rig.outcome(Role::Device), by(Some(Party::Console)));
}

#[test]
fn cancelled_at_any_point_a_session_closes_both_sockets_and_frees_its_place() {
    // From the first event on to long after the hello.
    for point in [
        "CredentialNeeded",
        "ConnectNeeded",
        "Established",
        "Verified",
        "PasswordSent",
        "Hello",
        "Relaying",
    ] {
        let mut rig = Rig::start(Plan::default());
        let viewer = rig.viewer();
        let service = (point == "Hello" || point == "Relaying").then(|| {
            let mut service = rig.accept();
            service.write_all(HELLO).unwrap();
            service
        });
        let key = rig.event(Role::Console, point);
        rig.handle().answer(key, Answer::Cancel).unwrap();
        rest_or_reset(viewer);
        let outcome = rig.over(Role::Console).0;
        let relaying = rig.shards.stats().ended > 0;
        assert_eq!(outcome, if relaying { "ended" } else { "cancelled" }, "{point}");
        drop(service);
        rig.join(|shards| shards.stop());
    }
}

#[test]
fn stopped_at_every_turn_nothing_stays_open() {
    for turns in 0..60 {
        let mut steps = Steps::new(Plan::default());
        let viewer = TcpStream::connect(steps.viewers()).unwrap();
        let mut service = None;
        for _ in 0..turns {
            assert!(steps.shard.turn(Some(std::time::Duration::ZERO)).unwrap());
            if let Some(mut accepted) = steps.accepted() {
                accepted.write_all(HELLO).unwrap();
                accepted.write_all(b"picture").unwrap();
                service = Some(accepted);
            }
        }
        let handle = steps.shard.handle();
        handle.stop();
        assert!(!steps.shard.turn(None).unwrap());
        let stats = handle.stats();
        assert_eq!((stats.sessions, stats.held), (0, 0));
        let overs =
            steps.told.try_iter().filter(|told| matches!(told.what, What::Over(_))).count() as u64;
        assert_eq!(overs, stats.opened);
        drop(steps);
        viewer.set_read_timeout(Some(common::LONG)).unwrap();
        rest_or_reset(viewer);
        if let Some(service) = service {
            service.set_nonblocking(false).unwrap();
            rest_or_reset(service);
        }
    }
}

#[test]
fn drained_at_every_turn_it_ends_by_itself() {
    for turns in 0..60 {
        let mut plan = Plan::default();
        let close = std::time::Duration::from_millis(20);
        plan.console.bounds.deadlines.close = close;
        plan.device.bounds.deadlines.close = close;
        let mut steps = Steps::new(plan);
        let viewer = TcpStream::connect(steps.viewers()).unwrap();
        let mut services = Vec::new();
        for _ in 0..turns {
            assert!(steps.shard.turn(Some(std::time::Duration::ZERO)).unwrap());
            if let Some(mut accepted) = steps.accepted() {
                accepted.write_all(HELLO).unwrap();
                services.push(accepted);
            }
        }
        let handle = steps.shard.handle();
        handle.drain();
        // Neither the viewer nor the service closes.
        common::eventually("the shard has drained", || {
            (!steps.shard.turn(None).unwrap()).then_some(())
        });
        assert_eq!(handle.place().unwrap_err(), Refusal::Stopped);
        assert!(TcpStream::connect(steps.viewers()).is_err(), "it still listens");
        assert_eq!(handle.stats().sessions, 0);
        drop(viewer);
    }
}

#[test]
fn a_drain_lets_what_is_on_its_way_arrive() {
    let mut rig = Rig::start(Plan::default());
    let (viewer, mut service) = rig.session();
    // More than all buffers on the way can take, so that sessions hold some of it.
    let painting = {
        let mut service = service.try_clone().unwrap();
        std::thread::spawn(move || drop(service.write_all(&common::noise(1, 64 << 20))))
    };
    rig.stats("bytes wait for the viewer", |stats| stats.held > 0);
    rig.shards.drain();
    let came = rest(viewer);
    let told = rig.until(|told| match &told.what {
        What::Over(over) if told.role == Role::Console => Some(over.traffic.to_near),
        _ => None,
    });
    assert!(!came.is_empty() && came.len() as u64 == told - HELLO.len() as u64);
    let _ = service.shutdown(Shutdown::Both);
    let _ = service.read(&mut [0]);
    drop(service);
    painting.join().unwrap();
    rig.join(|_| ());
}
