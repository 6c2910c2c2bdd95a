//! Peers that refuse, leave, and are lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{
    HELLO, LONG, Plan, Rig, Role, What, bounded, code, credential, free_port, noise, rest,
    rest_or_reset, will_reset,
};
use procy_mio::core::Session;
use procy_mio::core::event::{Event, Side};
use procy_mio::{Answer, Answers, Config, Host, Key, ListenerId, Over, Shard, now};

#[test]
fn a_device_that_refuses_to_connect_is_told_to_the_viewer() {
    let devices = OnceLock::from(vec![free_port(), free_port()]);
    let mut rig = Rig::start(Plan { devices, ..Plan::default() });
    let told = rest(rig.viewer());
    assert!(told.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", told.escape_ascii());
    assert_eq!(rig.over(Role::Console).0, "device-refused");
}

#[test]
fn a_device_with_no_address_is_unreachable() {
    let devices = OnceLock::from(vec![]);
    let mut rig = Rig::start(Plan { devices, ..Plan::default() });
    assert!(rest(rig.viewer()).starts_with(b"RFB 003.003\n"));
    assert_eq!(rig.over(Role::Console).0, "device-unreachable");
}

#[test]
fn a_local_vnc_server_that_refuses_is_told_as_such() {
    let service = OnceLock::from(free_port());
    let mut rig = Rig::start(Plan { service, ..Plan::default() });
    assert!(rest(rig.viewer()).starts_with(b"RFB 003.003\n"));
    assert_eq!(rig.over(Role::Device).0, "service-unreachable");
    assert_eq!(rig.over(Role::Console).0, "closed-before-hello");
}

/// A console session between a viewer and a device that is played by another rig, whose console side the test holds:
/// resets of the device are made by the test.
fn through_a_wire() -> (Rig, Rig, TcpStream, TcpStream, TcpStream) {
    let wire = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let devices = OnceLock::from(vec![wire.local_addr().unwrap()]);
    let console = Rig::start(Plan { devices, ..Plan::default() });
    let device = Rig::start(Plan::default());
    let viewer = console.viewer();
    let ours = bounded(wire.accept().unwrap().0);
    let (theirs, far) = common::tcp_pair();
    let session = Session::device(&common::device_config(), now()).unwrap();
    device.handle().place().unwrap().open(session, None, Some(far)).unwrap();
    (console, device, viewer, ours, theirs)
}

fn copy(from: &TcpStream, to: &TcpStream) -> std::thread::JoinHandle<()> {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || drop(std::io::copy(&mut from, &mut to)))
}

#[test]
fn a_device_reset_in_mid_session_is_lost() {
    let (mut console, device, mut viewer, ours, theirs) = through_a_wire();
    let copying = [copy(&ours, &theirs), copy(&theirs, &ours)];
    let mut service = device.accept();
    service.write_all(HELLO).unwrap();
    let mut heard = [0; HELLO.len()];
    viewer.read_exact(&mut heard).unwrap();

    let picture = noise(1, 30_000);
    service.write_all(&picture).unwrap();
    let mut came = vec![0; picture.len()];
    viewer.read_exact(&mut came).unwrap();
    assert!(came == picture);

    // The copying threads end, and the last of the sockets closes with a reset.
    will_reset(&ours);
    theirs.shutdown(Shutdown::Both).unwrap();
    let [up, down] = copying;
    down.join().unwrap();
    // What still waits for the console's bytes holds the socket; the reset comes with a shutdown of it.
    drop(theirs);
    ours.shutdown(Shutdown::Read).unwrap();
    up.join().unwrap();
    drop(ours);
    assert_eq!(rest(viewer), b"");
    assert_eq!(console.over(Role::Console), ("device-lost", 30_012));
}

#[test]
fn a_viewer_reset_in_mid_session_is_an_ordinary_end() {
    let mut rig = Rig::start(Plan::default());
    let (viewer, service) = rig.session();
    will_reset(&viewer);
    drop(viewer);
    assert_eq!(rest(service), b"");
    assert_eq!(rig.over(Role::Console).0, "ended");
    assert_eq!(rig.over(Role::Device).0, "ended");
}

#[test]
fn a_viewer_reset_while_the_picture_waits_for_it_is_noticed() {
    let mut rig = Rig::start(Plan::default());
    let (viewer, service) = rig.session();
    let painting = {
        let mut service = service.try_clone().unwrap();
        std::thread::spawn(move || drop(service.write_all(&noise(1, 64 << 20))))
    };
    rig.stats("bytes wait for the viewer", |stats| stats.held > 0);
    will_reset(&viewer);
    drop(viewer);
    assert_eq!(rig.over(Role::Console).0, "ended");
    painting.join().unwrap();
    drop(rest_or_reset(service));
    assert_eq!(rig.over(Role::Device).0, "ended");
    rig.stats("nothing is held", |stats| stats.held == 0 && stats.sessions == 0);
}

#[test]
fn a_service_reset_in_mid_session_is_the_devices_loss() {
    let mut rig = Rig::start(Plan::default());
    let (viewer, service) = rig.session();
    will_reset(&service);
    drop(service);
    assert_eq!(rig.over(Role::Device).0, "service-lost");
    drop(rest(viewer));
    // The device says goodbye in TLS, so to the console it is an ordinary end.
    assert_eq!(rig.over(Role::Console).0, "ended");
}

#[test]
fn a_viewer_that_leaves_too_early_is_noticed_at_once() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let devices = OnceLock::from(vec![silent.local_addr().unwrap()]);
    let mut rig = Rig::start(Plan { devices, ..Plan::default() });
    let viewer = rig.viewer();
    let device = bounded(silent.accept().unwrap().0);
    drop(viewer);
    drop(rest_or_reset(device));
    assert_eq!(rig.over(Role::Console).0, "viewer-left");
}

#[test]
fn a_refused_password_closes_before_the_hello() {
    let mut rig = Rig::start(Plan { silent: &["PasswordOffered"], ..Plan::default() });
    let viewer = rig.viewer();
    let key = rig.event(Role::Device, "PasswordOffered");
    rig.handle().answer(key, Answer::Refuse).unwrap();
    assert_eq!(rig.over(Role::Device).0, "password-refused");
    assert!(rest(viewer).starts_with(b"RFB 003.003\n"));
    assert_eq!(rig.over(Role::Console).0, "closed-before-hello");
}

#[test]
fn given_up_for_a_reason_of_the_hosts_own_the_viewer_is_told_it() {
    let mut rig = Rig::start(Plan { silent: &["CredentialNeeded"], ..Plan::default() });
    let viewer = rig.viewer();
    let key = rig.event(Role::Console, "CredentialNeeded");
    rig.handle()
        .answer(key, Answer::Abandon { reason: "UMS is down for maintenance".into() })
        .unwrap();
    let told = rest(viewer);
    assert!(String::from_utf8_lossy(&told).contains("UMS is down for maintenance"));
    assert_eq!(rig.over(Role::Console).0, "abandoned");
}

/// A host that plays a device which refuses its first password, and a console that tries twice over one viewer.
struct Twice {
    config: std::sync::Arc<procy_mio::core::prologue::console::Config>,
    device: std::net::SocketAddr,
    out: Sender<(Key, Over)>,
}

impl Host for Twice {
    fn arrived(&mut self, _: Key, _: ListenerId, _: std::net::SocketAddr) -> Option<Session> {
        Some(Session::console(self.config.clone(), now()))
    }

    fn event(&mut self, _: Key, event: Event, answers: &mut Answers<'_>) {
        match event {
            Event::CredentialNeeded => answers.credential(credential(), now()),
            Event::ConnectNeeded => answers.connect(Side::Far, [self.device]),
            _ => {}
        }
    }

    fn over(&mut self, key: Key, over: Over) {
        self.out.send((key, over)).unwrap();
    }
}

#[test]
fn a_viewer_that_was_told_nothing_is_given_back_for_another_try() {
    let mut devices = Rig::start(Plan { silent: &["PasswordOffered"], ..Plan::default() });
    let consoles = devices.devices();
    let mut config = common::console_config();
    config.retriable = true;
    let config = std::sync::Arc::new(config);
    let (out, over) = channel();
    let host = Twice { config: config.clone(), device: consoles, out };
    let shard = Shard::new(&Config::default(), host).unwrap();
    let handle = shard.handle();
    let running = std::thread::spawn(move || shard.run().map(drop));
    let listener = procy_mio::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let viewers = listener.local_addr().unwrap();
    handle.listen(listener, Side::Near).unwrap();
    let mut viewer = bounded(TcpStream::connect(viewers).unwrap());

    let key = devices.event(Role::Device, "PasswordOffered");
    devices.handle().answer(key, Answer::Refuse).unwrap();
    let (first, end) = over.recv_timeout(LONG).unwrap();
    assert_eq!(code(&end.outcome), "closed-before-hello");
    let near = end.near.expect("the viewer's stream is gone");

    let again = Session::console(config, now());
    let second = handle.place().unwrap().open(again, Some(near), None).unwrap();
    assert_ne!(first, second);
    let key = devices.event(Role::Device, "PasswordOffered");
    devices.handle().answer(key, Answer::Accept).unwrap();
    devices.accept().write_all(HELLO).unwrap();
    let mut heard = [0; HELLO.len()];
    viewer.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, HELLO, "the first session has said something");
    drop(viewer);
    let (key, end) = over.recv_timeout(LONG).unwrap();
    assert_eq!((key, code(&end.outcome)), (second, "ended"));
    assert!(end.near.is_none());
    handle.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_listener_that_is_closed_takes_no_more_and_its_sessions_go_on() {
    let rig = Rig::start(Plan::default());
    let listener = procy_mio::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let id = rig.handle().listen(listener, Side::Near).unwrap();
    let mut viewer = bounded(TcpStream::connect(address).unwrap());
    let mut service = rig.accept();
    rig.handle().unlisten(id).unwrap();
    common::eventually("nobody listens", || TcpStream::connect(address).err());
    service.write_all(HELLO).unwrap();
    viewer.read_exact(&mut [0; 12]).unwrap();
    service.write_all(b"on").unwrap();
    viewer.read_exact(&mut [0; 2]).unwrap();
}

#[test]
fn connections_have_no_delay_and_are_watched() {
    let (ours, theirs) = common::tcp_pair();
    for stream in [&ours, &theirs] {
        procy_mio::tune(stream);
        let socket = socket2::SockRef::from(stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
            assert_eq!(socket.tcp_user_timeout().unwrap(), None, "a viewer may be suspended");
        }
    }
}

#[test]
fn every_session_is_told_to_be_over_once() {
    let rig = Rig::start(Plan::default());
    for _ in 0..5 {
        drop(rig.session());
    }
    rig.stats("all are over", |stats| stats.sessions == 0);
    let told = rig.join(|shards| shards.stop());
    let overs = told.iter().filter(|told| matches!(told.what, What::Over(_))).count();
    assert_eq!(overs, 10);
}
