//! What an edge-triggered loop can miss, and what it must not do for nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{Plan, Rig, Role, Steps, noise, receive};
use procy_mio::core::Scratch;

/// What a session may hold for a peer that reads nothing: what one visit read, and one record.
const MOST: u64 = (Scratch::DEFAULT + (64 << 10)) as u64;

/// More than a socket takes for a viewer that reads nothing. What lies in all the sockets on the way may be more still:
/// systems let those of somebody who reads fast grow to dozens of MiB.
const PICTURE: usize = 32 << 20;

/// Writes what the socket takes now.
fn push(mut to: &TcpStream, bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match to.write(&bytes[at..]) {
            Ok(n) => at += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    at
}

/// Sends of it until bytes wait for a viewer that reads nothing, and nobody is visited for that: how many were taken.
fn stall(steps: &mut Steps, service: &TcpStream, picture: &[u8]) -> usize {
    let handle = steps.shard.handle();
    let mut sent = 0;
    common::eventually("bytes wait for the viewer", || {
        sent += push(service, &picture[sent..]);
        steps.settle();
        (handle.stats().held > 0).then_some(sent)
    })
}

/// Reads what is there now.
fn pull(mut from: &TcpStream, into: &mut Vec<u8>) {
    match from.read_to_end(into) {
        Ok(_) => panic!("it has ended"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
}

#[test]
fn last_words_and_end_in_one_edge() {
    for from_viewer in [true, false] {
        let mut steps = Steps::new(Plan::default());
        let (viewer, service) = steps.session();
        let (mut from, to) = if from_viewer { (&viewer, &service) } else { (&service, &viewer) };
        from.write_all(b"goodbye").unwrap();
        from.shutdown(Shutdown::Write).unwrap();
        assert_eq!(steps.rest(to), b"goodbye");
        to.shutdown(Shutdown::Write).unwrap();
        assert_eq!(steps.rest(from), b"");
    }
}

#[test]
fn an_end_in_an_edge_of_its_own_after_a_partial_read() {
    for from_viewer in [true, false] {
        let mut steps = Steps::new(Plan::default());
        let (viewer, service) = steps.session();
        let (mut from, to) = if from_viewer { (&viewer, &service) } else { (&service, &viewer) };
        from.write_all(b"good").unwrap();
        let mut came = Vec::new();
        steps.until("the words", || {
            pull(to, &mut came);
            (came == b"good").then_some(())
        });
        steps.settle();
        from.shutdown(Shutdown::Write).unwrap();
        assert_eq!(steps.rest(to), b"");
    }
}

#[test]
fn words_and_end_in_the_edge_that_says_connected() {
    // A connection that the other end cannot take at once is made while the shard waits for it.
    let (address, listener, full) = common::black_hole();
    let service = OnceLock::from(address);
    let mut steps = Steps::new(Plan { service, ..Plan::default() });
    let viewer = TcpStream::connect(steps.viewers()).unwrap();
    viewer.set_nonblocking(true).unwrap();
    steps.event("ServiceNeeded");
    for _ in &full {
        listener.accept().unwrap();
    }
    // Everything happens between two turns: the system tries again, and the service takes it, speaks and ends.
    let (mut service, _) = listener.accept().unwrap();
    service.write_all(b"RFB 003.008\nand goodbye").unwrap();
    service.shutdown(Shutdown::Write).unwrap();
    assert_eq!(steps.rest(&viewer), b"RFB 003.008\nand goodbye");
}

#[test]
fn an_idle_shard_waits() {
    let mut steps = Steps::new(Plan::default());
    let session = steps.session();
    let (wait, start) = (Duration::from_millis(20), Instant::now());
    steps.shard.turn(Some(wait)).unwrap();
    assert!(start.elapsed() >= wait, "it looks again and again");
    drop(session);
}

#[test]
fn a_peer_that_ends_and_is_reset_while_it_is_owed_bytes() {
    let mut steps = Steps::new(Plan::default());
    let (viewer, service) = steps.session();
    let handle = steps.shard.handle();
    let picture = noise(1, PICTURE);
    stall(&mut steps, &service, &picture);
    viewer.shutdown(Shutdown::Write).unwrap();
    steps.event("HalfClosed(Viewer)");
    common::will_reset(&viewer);
    drop(viewer);
    drop(service);
    steps.until("both are over", || (handle.stats().sessions == 0).then_some(()));
    assert_eq!(handle.stats().held, 0);
}

#[test]
fn a_stalled_viewer_costs_little_and_stops_nothing_but_what_is_for_it() {
    let mut steps = Steps::new(Plan::default());
    let (viewer, service) = steps.session();
    let handle = steps.shard.handle();
    let picture = noise(1, PICTURE);
    let mut sent = stall(&mut steps, &service, &picture);

    // The other direction goes on, and what is held does not grow, although the picture goes on too.
    let typed = noise(2, 16 << 20);
    let (mut pushed, mut came, mut most) = (0, Vec::new(), 0);
    steps.until("what was typed", || {
        sent += push(&service, &picture[sent..]);
        pushed += push(&viewer, &typed[pushed..]);
        pull(&service, &mut came);
        most = most.max(handle.stats().held);
        (came.len() == typed.len()).then_some(())
    });
    assert!(came == typed);
    assert!(most > 0 && most <= 4 * MOST, "{most} bytes are held by two sessions, both ways");
    // A session that can go on only when its viewer reads is left alone.
    steps.settle();

    // The viewer reads again: nothing is missing, although every byte came while nobody wanted to read it.
    let mut seen = Vec::new();
    steps.until("the picture", || {
        sent += push(&service, &picture[sent..]);
        pull(&viewer, &mut seen);
        (seen.len() == picture.len()).then_some(())
    });
    assert!(seen == picture);
    steps.until("an idle session holds no buffer", || (handle.stats().held == 0).then_some(()));
}

#[test]
fn ten_viewers_stall_and_an_eleventh_does_not_notice() {
    let mut rig = Rig::start(Plan::default());
    let stalled: Vec<_> = (0..10).map(|_| rig.session()).collect();
    let painting: Vec<_> = stalled
        .iter()
        .map(|(_, service)| {
            let mut service = service.try_clone().unwrap();
            std::thread::spawn(move || drop(service.write_all(&noise(1, 32 << 20))))
        })
        .collect();
    rig.stats("bytes wait for viewers", |stats| stats.held > 0);
    let (viewer, service) = rig.session();
    let picture = noise(3, 16 << 20);
    let heard = receive(&viewer);
    common::send(&service, picture.clone()).join().unwrap();
    viewer.shutdown(Shutdown::Write).unwrap();
    assert!(heard.join().unwrap() == picture);
    assert!(rig.shards.stats().held <= 22 * MOST);
    for (viewer, service) in stalled {
        viewer.shutdown(Shutdown::Both).unwrap();
        service.shutdown(Shutdown::Both).unwrap();
    }
    for painting in painting {
        painting.join().unwrap();
    }
    assert_eq!(rig.over(Role::Console).0, "ended");
    rig.stats("all are over", |stats| stats.sessions == 0 && stats.held == 0);
}
