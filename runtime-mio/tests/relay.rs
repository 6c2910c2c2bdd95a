//! A whole session: what goes in at one end comes out at the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;

use common::{HELLO, Plan, Rig, Role, What, device_config_of, noise, receive, rest, send};
use procy_mio::Config;
use procy_mio::core::error::Party;
use procy_mio::core::event::{Ended, Outcome};
use procy_mio::core::tls::TlsVersion;

const ORDER: [&str; 8] = [
    "Event(\"CredentialNeeded",
    "Event(\"ConnectNeeded",
    "Dialled(Far, Ok(",
    "Event(\"Established",
    "Event(\"Verified",
    "Event(\"PasswordSent",
    "Event(\"Hello",
    "Event(\"Relaying",
];

/// So many bytes each way at once, with content check; the viewer leaves at the end.
fn exchange(version: TlsVersion, config: &Config, len: usize) {
    let plan = Plan { device: device_config_of(version), ..Plan::default() };
    let mut rig = Rig::with(1, config, plan);
    let (viewer, service) = rig.session();
    let (down, up) = (noise(1, len), noise(2, len));
    let sending = [send(&service, down.clone()), send(&viewer, up.clone())];
    let (came_down, came_up) = (receive(&viewer), receive(&service));
    assert!(came_down.join().unwrap() == down, "what came to the viewer differs");
    assert!(came_up.join().unwrap() == up, "what came to the service differs");
    for sending in sending {
        sending.join().unwrap();
    }

    for role in [Role::Console, Role::Device] {
        let over = rig.until(|told| match &told.what {
            What::Over(over) if told.role == role => Some((over.outcome.clone(), over.traffic)),
            _ => None,
        });
        assert!(
            matches!(over.0, Outcome::Ended(Ended { by: Some(_), truncated: false })),
            "{over:?}"
        );
        let (to_near, to_far) = match role {
            Role::Console => (len + HELLO.len(), len),
            Role::Device => (len, len + HELLO.len()),
        };
        assert_eq!((over.1.to_near, over.1.to_far), (to_near as u64, to_far as u64));
    }
    let stats = rig.stats("both are over", |stats| stats.sessions == 0);
    assert_eq!((stats.opened, stats.ended, stats.held), (2, 2, 0));
    assert_eq!(stats.to_near, (2 * len + HELLO.len()) as u64);
    assert_eq!(stats.to_far, stats.to_near);
    let told = rig.join(|shards| shards.drain());
    let mut order = ORDER.iter();
    for told in told.iter().filter(|told| told.role == Role::Console) {
        let words = format!("{:?}", told.what);
        if let Some(name) = order.next() {
            assert!(words.starts_with(name), "{words} instead of {name}");
        }
    }
    assert_eq!(order.next(), None);
}

#[test]
fn over_tls_1_3() {
    exchange(TlsVersion::Tls13, &Config::default(), 100_000);
}

#[test]
fn over_tls_1_2() {
    exchange(TlsVersion::Tls12, &Config::default(), 100_000);
}

#[test]
fn bursts_of_64_mib_both_ways_at_once() {
    exchange(TlsVersion::Tls13, &Config::default(), 64 << 20);
}

#[test]
fn with_the_least_memory_and_a_budget_that_every_read_uses_up() {
    let config = Config { window: 0, budget: 1, ..Config::default() };
    exchange(TlsVersion::Tls13, &config, 4 << 20);
    exchange(TlsVersion::Tls12, &config, 4 << 20);
}

#[test]
fn the_viewer_ends_its_direction_and_hears_the_rest() {
    const LEN: usize = 300_000;
    let mut rig = Rig::start(Plan::default());
    let (viewer, mut service) = rig.session();
    viewer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(service.read(&mut [0]).unwrap(), 0, "the service sees the viewer's end");
    let picture = noise(1, LEN);
    let sending = send(&service, picture.clone());
    assert!(rest(viewer) == picture);
    sending.join().unwrap();
    let by = |party| Outcome::Ended(Ended { by: Some(party), truncated: false });
    assert_eq!(rig.outcome(Role::Console), by(Party::Viewer));
    assert_eq!(rig.outcome(Role::Device), by(Party::Console));
}

#[test]
fn the_service_ends_its_direction_and_hears_the_rest() {
    const LEN: usize = 300_000;
    let mut rig = Rig::start(Plan::default());
    let (mut viewer, service) = rig.session();
    service.shutdown(Shutdown::Write).unwrap();
    assert_eq!(viewer.read(&mut [0]).unwrap(), 0, "the viewer sees the service's end");
    let typed = noise(1, LEN);
    let sending = send(&viewer, typed.clone());
    assert!(rest(service) == typed);
    sending.join().unwrap();
    let by = |party| Outcome::Ended(Ended { by: Some(party), truncated: false });
    assert_eq!(rig.outcome(Role::Console), by(Party::Device));
    assert_eq!(rig.outcome(Role::Device), by(Party::Service));
}

#[test]
fn a_service_that_speaks_and_ends_before_anybody_looks_is_heard() {
    // Its words and its end come with the same edge as the connection itself, often enough.
    for _ in 0..50 {
        let mut rig = Rig::start(Plan::default());
        let viewer = rig.viewer();
        let mut service = rig.accept();
        service.write_all(HELLO).unwrap();
        service.write_all(b"and goodbye").unwrap();
        service.shutdown(Shutdown::Write).unwrap();
        let heard = common::receive(&viewer);
        // The viewer's own end, or the session would wait for it until its close deadline.
        let mut ended = [0; 1];
        let _ = viewer.peek(&mut ended);
        viewer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(heard.join().unwrap(), b"RFB 003.008\nand goodbye");
        assert_eq!(rig.over(Role::Device).0, "ended");
    }
}
