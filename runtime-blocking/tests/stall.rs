//! A viewer that does not read costs little, and stops nothing but what is for it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;

use common::{HELLO, Medium, code, console_run, device_run, finish, noise, spawn, until};
use procy_blocking::Step;
use procy_blocking::core::Scratch;
use procy_blocking::core::error::Party;
use procy_blocking::core::event::Event;
use procy_blocking::core::prologue::Bounds;
use procy_blocking::core::pump::BUDGET;

/// What a session may hold for a peer that reads nothing: what one visit read, and one record.
const MOST: usize = Scratch::DEFAULT + (64 << 10);

#[test]
fn a_viewer_that_does_not_read_may_still_type() {
    const LEN: usize = 8 << 20;
    // Several turns' budgets: before the last key, the picture has come as far as it gets.
    const KEYS: usize = 4 * BUDGET;
    let ((viewer, near), (far, console)) = (Medium::Unix.pair(), Medium::Unix.pair());
    let (local, service) = Medium::Unix.pair();
    let device = spawn(move || common::serve(device_run(Bounds::default(), console), local));
    let mut run = console_run(Bounds::default(), near, far);
    let (mut service_read, mut service_write) = service.split();
    let (mut viewer_read, mut viewer_write) = viewer.split();
    service_write.write_all(HELLO).unwrap();
    until(&mut run, |event| matches!(event, Event::Relaying));

    // Far more than all buffers hold, each way.
    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = spawn(move || service_write.write_all(&sent).map(|()| service_write.end()));
    let typed = noise(2, KEYS);
    let keys = typed.clone();
    let typing = spawn(move || viewer_write.write_all(&keys).map(|()| viewer_write.end()));
    let reading = spawn(move || service_read.rest());
    // The viewer's end is told in the middle of the stall.
    let session = spawn(move || {
        let step = run.next();
        assert!(matches!(step, Step::Event(Event::HalfClosed(Party::Viewer))), "{step:?}");
        let held = run.session().holds();
        (run, held)
    });
    let (mut run, held) = session.result();
    typing.result().unwrap();
    assert!(!painting.is_finished(), "the viewer has read nothing, so the picture is stuck");
    assert!(held > 0 && held <= MOST, "{held} bytes are held for a viewer that does not read");

    // The viewer reads again: all of it comes.
    let session = spawn(move || finish(&mut run));
    assert_eq!(viewer_read.hear(HELLO.len()), HELLO);
    assert!(viewer_read.rest() == picture);
    assert!(reading.result() == typed, "what was typed differs");
    painting.result().unwrap();
    let report = session.result();
    assert_eq!(code(&report), "ended");
    assert_eq!(report.traffic.to_far, KEYS as u64);
    device.result();
}
