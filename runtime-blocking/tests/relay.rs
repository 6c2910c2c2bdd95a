//! A whole session: what goes in at one end comes out at the other, over any socket.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;
use std::sync::Arc;

use common::{HELLO, Medium, Pair, Pipe, noise, spawn};
use procy_blocking::core::error::Party;
use procy_blocking::core::event::{Ended, Outcome};
use procy_blocking::core::tls::TlsVersion;
use procy_blocking::now;

const ORDER: [&str; 7] = [
    "CredentialNeeded",
    "ConnectNeeded",
    "Established",
    "Verified",
    "PasswordSent",
    "Hello",
    "Relaying",
];

fn by(party: Party) -> Outcome {
    Outcome::Ended(Ended { by: Some(party), truncated: false })
}

/// Sends these bytes in pieces of so many, and the socket back.
fn sending(mut pipe: Pipe, bytes: Vec<u8>, piece: usize) -> common::Working<Pipe> {
    spawn(move || {
        for piece in bytes.chunks(piece) {
            pipe.write_all(piece).unwrap();
        }
        pipe
    })
}

/// So many bytes each way at once, with content check; the viewer leaves at the end.
fn exchange(medium: Medium, version: TlsVersion, len: usize, piece: usize) {
    let mut pair = Pair::start(medium, version);
    pair.hello();
    let (down, up) = (noise(1, len), noise(2, len));

    let (mut viewer_read, viewer_write) = pair.viewer.split();
    let (mut service_read, service_write) = pair.service.split();
    let painting = sending(service_write, down.clone(), piece);
    let typing = sending(viewer_write, up.clone(), piece);
    let reading = spawn(move || (viewer_read.hear(len), viewer_read));
    let came_up = service_read.hear(len);
    let (came_down, mut viewer_read) = reading.result();
    assert!(came_down == down, "what came to the viewer differs");
    assert!(came_up == up, "what came to the service differs");

    typing.result().end();
    assert_eq!(service_read.rest(), b"", "the service sees the viewer's end");
    painting.result().end();
    assert_eq!(viewer_read.rest(), b"", "the viewer sees the service's end");

    let ((console, events), device) = (pair.console.result(), pair.device.result());
    assert_eq!(console.outcome, by(Party::Viewer));
    assert_eq!(device.outcome, by(Party::Console));
    assert_eq!(console.traffic.to_near, (len + HELLO.len()) as u64);
    assert_eq!(console.traffic.to_far, len as u64);
    assert_eq!(device.traffic.to_near, console.traffic.to_far);
    for (event, name) in events.iter().zip(ORDER) {
        assert!(event.starts_with(name), "{event} instead of {name}");
    }
    assert!(events.len() >= ORDER.len(), "{events:?}");
}

#[test]
fn over_tcp_and_tls_1_3() {
    exchange(Medium::Tcp, TlsVersion::Tls13, 100_000, 100_000);
}

#[test]
fn over_tcp_and_tls_1_2() {
    exchange(Medium::Tcp, TlsVersion::Tls12, 100_000, 100_000);
}

#[test]
fn over_unix_sockets() {
    exchange(Medium::Unix, TlsVersion::Tls13, 100_000, 100_000);
    exchange(Medium::Unix, TlsVersion::Tls12, 100_000, 100_000);
}

#[test]
fn byte_by_byte() {
    exchange(Medium::Tcp, TlsVersion::Tls13, 3_000, 1);
}

#[test]
fn through_sockets_that_hold_little() {
    exchange(Medium::NarrowTcp, TlsVersion::Tls13, 300_000, 70_000);
}

#[test]
fn bursts_of_8_mib_both_ways_at_once() {
    exchange(Medium::Tcp, TlsVersion::Tls13, 8 << 20, 8 << 20);
    exchange(Medium::Unix, TlsVersion::Tls12, 8 << 20, 8 << 20);
}

#[test]
fn after_the_viewers_end_the_device_may_still_speak() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13);
    pair.hello();
    pair.viewer.write_all(b"last words").unwrap();
    pair.viewer.end();
    assert_eq!(pair.service.rest(), b"last words");
    pair.service.write_all(b"and an answer").unwrap();
    pair.service.end();
    assert_eq!(pair.viewer.rest(), b"and an answer");
    assert_eq!(pair.console.result().0.outcome, by(Party::Viewer));
}

#[test]
fn after_the_devices_end_the_viewer_may_still_speak() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13);
    pair.hello();
    pair.service.write_all(b"last words").unwrap();
    pair.service.end();
    assert_eq!(pair.viewer.rest(), b"last words");
    pair.viewer.write_all(b"and an answer").unwrap();
    pair.viewer.end();
    assert_eq!(pair.service.rest(), b"and an answer");
    assert_eq!(pair.console.result().0.outcome, by(Party::Device));
    assert_eq!(pair.device.result().outcome, by(Party::Service));
}

#[test]
fn a_console_session_whose_parts_are_at_hand_is_one_call() {
    let (mut viewer, near) = Medium::Tcp.pair();
    let (far, console) = Medium::Unix.pair();
    let (local, mut service) = Medium::Unix.pair();
    let device = spawn(|| common::serve(common::device_run(Default::default(), console), local));
    let (config, asked) = (Arc::new(common::console_config()), now());
    let session = spawn(move || {
        let mut events = 0;
        let observe = |_: &_| events += 1;
        let credential = common::credential();
        (procy_blocking::console(config, credential, asked, near, far, observe), events)
    });
    service.write_all(HELLO).unwrap();
    assert_eq!(viewer.hear(HELLO.len()), HELLO);
    drop(viewer);
    service.rest();
    drop(service);
    let (report, events) = session.result();
    assert_eq!(report.outcome, by(Party::Viewer));
    assert!(events >= ORDER.len());
    device.result();
}

#[test]
fn the_sockets_own_flags_stay_as_they_were() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13);
    pair.hello();
    // The test's ends block; had a session's call waited for one that says nothing, the other way would stand still.
    for n in *b"RFB \0\r\n" {
        pair.viewer.write_all(&[n]).unwrap();
        assert_eq!(pair.service.hear(1), [n]);
    }
    drop((pair.viewer, pair.service));
    pair.console.result();
    pair.device.result();
}
