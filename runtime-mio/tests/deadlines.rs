//! Every deadline, made short, ends its wait for its own reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::OnceLock;
use std::time::Duration;

use common::{HELLO, Plan, Rig, Role, bounded, code, credential, rest, rest_or_reset};
use procy_mio::Answer;
use procy_mio::core::error::{Broken, Error, Party};
use procy_mio::core::event::{Ended, Outcome, Side};
use procy_mio::core::prologue::Bounds;
use procy_mio::core::timer::{Deadlines, Why};

const SHORT: Duration = Duration::from_millis(50);

fn short(set: impl FnOnce(&mut Deadlines)) -> Bounds {
    let mut bounds = Bounds::default();
    bounds.deadlines.close = SHORT;
    set(&mut bounds.deadlines);
    bounds
}

fn timeout(why: Why) -> Outcome {
    Outcome::Failed(Error::Timeout(why))
}

/// A console whose viewer is there, and whose hosts do not answer `silent`.
fn console_times_out(silent: &'static [&'static str], console: Bounds, why: Why) {
    let mut rig = Rig::start(Plan { silent, ..Plan::bounded(console, short(|_| ())) });
    let viewer = rig.viewer();
    assert_eq!(rig.outcome(Role::Console), timeout(why));
    let told = rest(viewer);
    assert!(told.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", told.escape_ascii());
}

#[test]
fn nobody_brings_the_credential() {
    let bounds = short(|deadlines| deadlines.credential = SHORT);
    console_times_out(&["CredentialNeeded"], bounds, Why::Credential);
}

#[test]
fn nobody_connects_to_the_device() {
    console_times_out(&["ConnectNeeded"], short(|it| it.connect = SHORT), Why::Connect);
}

#[test]
fn the_device_says_no_hello() {
    console_times_out(&["PasswordOffered"], short(|it| it.hello = SHORT), Why::Hello);
}

#[test]
fn the_password_expires_before_the_device_is_reached() {
    console_times_out(&["ConnectNeeded"], short(|it| it.password = SHORT), Why::Password);
}

#[test]
fn a_session_lasts_no_longer_than_it_may() {
    let bounds = short(|it| it.absolute = Some(SHORT));
    console_times_out(&["PasswordOffered"], bounds, Why::Absolute);
}

#[test]
fn the_device_is_silent_in_the_handshake() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let devices = OnceLock::from(vec![silent.local_addr().unwrap()]);
    let plan = Plan::bounded(short(|it| it.handshake = SHORT), short(|_| ()));
    let mut rig = Rig::start(Plan { devices, ..plan });
    let viewer = rig.viewer();
    let device = bounded(silent.accept().unwrap().0);
    assert_eq!(rig.outcome(Role::Console), timeout(Why::Handshake));
    assert!(rest(viewer).starts_with(b"RFB 003.003\n"));
    drop(rest_or_reset(device));
}

#[test]
fn no_viewer_comes() {
    let mut rig = Rig::start(Plan::default());
    let mut config = common::console_config();
    config.bounds = short(|it| it.viewer = SHORT);
    let session = procy_mio::core::Session::console(config.into(), procy_mio::now());
    rig.handle().place().unwrap().open(session, None, None).unwrap();
    rig.event(Role::Console, "ViewerNeeded");
    assert_eq!(rig.outcome(Role::Console), timeout(Why::Viewer));
}

#[test]
fn the_console_sends_no_command() {
    let plan = Plan::bounded(Bounds::default(), short(|it| it.command = SHORT));
    let mut rig = Rig::start(plan);
    let session =
        procy_mio::core::Session::console(common::console_config().into(), procy_mio::now());
    let key = rig.handle().place().unwrap().open(session, None, None).unwrap();
    rig.event(Role::Console, "ViewerNeeded");
    assert_eq!(rig.outcome(Role::Device), timeout(Why::Command));
    assert_eq!(code(&rig.outcome(Role::Console)), "device-left");
    rig.handle()
        .answer(key, Answer::Credential { credential: credential(), asked: procy_mio::now() })
        .unwrap();
}

#[test]
fn nobody_judges_the_password() {
    let plan = Plan::bounded(Bounds::default(), short(|it| it.verdict = SHORT));
    let mut rig = Rig::start(Plan { silent: &["PasswordOffered"], ..plan });
    let viewer = rig.viewer();
    assert_eq!(rig.outcome(Role::Device), timeout(Why::Verdict));
    assert_eq!(rest(viewer).get(..12), Some(&b"RFB 003.003\n"[..]));
    assert_eq!(code(&rig.outcome(Role::Console)), "closed-before-hello");
}

#[test]
fn nobody_connects_to_the_local_vnc_server() {
    let plan = Plan::bounded(Bounds::default(), short(|it| it.service = SHORT));
    let mut rig = Rig::start(Plan { silent: &["ServiceNeeded"], ..plan });
    let viewer = rig.viewer();
    assert_eq!(rig.outcome(Role::Device), timeout(Why::Service));
    drop(rest(viewer));
    assert_eq!(code(&rig.outcome(Role::Console)), "closed-before-hello");
}

#[test]
fn silence_both_ways_is_idleness() {
    let idle = short(|it| it.idle = Some(SHORT));
    let mut rig = Rig::start(Plan::bounded(idle, Bounds::default()));
    let (viewer, service) = rig.session();
    assert_eq!(rig.outcome(Role::Console), timeout(Why::Idle));
    assert_eq!((rest(viewer), rest(service)), (vec![], vec![]));
}

#[test]
fn bytes_put_idleness_off() {
    // Each gap is far below the bound, all of them together far above it.
    let idle = short(|it| it.idle = Some(Duration::from_secs(2)));
    let mut rig = Rig::start(Plan::bounded(idle, Bounds::default()));
    let (viewer, mut service) = rig.session();
    let start = std::time::Instant::now();
    let mut sent = 0;
    while start.elapsed() < Duration::from_millis(2_500) {
        service.write_all(b"x").unwrap();
        let mut came = [0];
        std::io::Read::read_exact(&mut &viewer, &mut came).unwrap();
        sent += 1;
    }
    assert!(sent > 10);
    viewer.shutdown(Shutdown::Both).unwrap();
    drop(service);
    assert_eq!(rig.over(Role::Console), ("ended", 12 + sent));
}

#[test]
fn what_remains_after_an_end_may_stand_still_for_a_while_only() {
    let mut rig = Rig::start(Plan::bounded(short(|_| ()), Bounds::default()));
    let (viewer, service) = rig.session();
    viewer.shutdown(Shutdown::Write).unwrap();
    let ended = Ended { by: Some(Party::Viewer), truncated: false };
    assert_eq!(rig.outcome(Role::Console), Outcome::Ended(ended));
    assert_eq!(rest(viewer), b"");
    drop(service);
}

#[test]
fn an_address_that_does_not_answer_gets_its_share_of_the_time_and_then_the_next_is_tried() {
    let hole = common::black_hole();
    let consoles = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let devices = OnceLock::from(vec![common::free_port(), hole.0, consoles.local_addr().unwrap()]);
    let plan = Plan::bounded(short(|it| it.connect = Duration::from_secs(2)), Bounds::default());
    let mut rig = Rig::start(Plan { devices, ..plan });
    let viewer = rig.viewer();
    let mut device = bounded(consoles.accept().unwrap().0);
    // It is no TLS, which is enough to see that it was reached.
    device.write_all(HELLO).unwrap();
    assert_eq!(code(&rig.outcome(Role::Console)), "plain-vnc");
    drop(viewer);
}

#[test]
fn a_device_that_does_not_answer_is_named_before_the_session_stops_waiting() {
    let hole = common::black_hole();
    let devices = OnceLock::from(vec![hole.0]);
    let plan = Plan::bounded(short(|it| it.connect = Duration::from_secs(1)), Bounds::default());
    let mut rig = Rig::start(Plan { devices, ..plan });
    let viewer = rig.viewer();
    let why = rig.dialled(Role::Console, Side::Far).unwrap_err();
    assert_eq!(why, format!("{}: no answer", hole.0));
    let silent = Error::Connect { party: Party::Device, how: Broken::TimedOut };
    assert_eq!(rig.outcome(Role::Console), Outcome::Failed(silent));
    drop(viewer);
}

#[test]
fn a_connection_that_is_brought_meanwhile_counts_and_the_one_being_made_is_given_up() {
    let hole = common::black_hole();
    let devices = OnceLock::from(vec![hole.0]);
    let bounds = short(|it| {
        it.connect = Duration::from_secs(1);
        it.absolute = Some(Duration::from_secs(2));
    });
    let mut rig = Rig::start(Plan { devices, ..Plan::bounded(bounds, Bounds::default()) });
    let viewer = rig.viewer();
    let key = rig.event(Role::Console, "ConnectNeeded");
    let (device, stream) = common::tcp_pair();
    rig.handle().answer(key, Answer::Attach { side: Side::Far, stream }).unwrap();
    assert_eq!(rig.outcome(Role::Console), timeout(Why::Absolute));
    drop((viewer, device));
}

#[test]
fn addresses_that_all_fail_are_reported_by_the_one_that_tells_most() {
    let hole = common::black_hole();
    let (hole_at, free) = (hole.0, common::free_port());
    let devices = OnceLock::from(vec![hole_at, free]);
    let plan = Plan::bounded(short(|it| it.connect = Duration::from_secs(1)), Bounds::default());
    let mut rig = Rig::start(Plan { devices, ..plan });
    let viewer = rig.viewer();
    let refused = Error::Connect { party: Party::Device, how: Broken::Refused };
    let why = rig.dialled(Role::Console, Side::Far).unwrap_err();
    assert!(why.starts_with(&format!("{hole_at}: no answer; {free}: ")), "{why}");
    assert_eq!(rig.outcome(Role::Console), Outcome::Failed(refused));
    drop(viewer);
}
