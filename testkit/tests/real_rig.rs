//! The rig of real programs, tried on itself: what it shows and passes on is what there is.
#![cfg(target_os = "linux")]

mod rig;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use procy_testkit::real::{
    BOUND, Gate, Then, TlsFront, TlsVersions, Typed, Viewer, Xvnc, capture, type_text, wait_for,
};
use rig::{Console, Device, Front, Identity, RIGHT, WRONG};

/// What all servers of the rig greet with.
const HELLO: &[u8] = b"RFB 003.008\n";

#[test]
fn vncdo_sees_exactly_what_the_x_server_shows() {
    let desktop = Xvnc::start().unwrap();
    let text = desktop.show_random_text(1).unwrap();
    assert_eq!(text.lines().count(), 9);
    let direct = desktop.screenshot_direct().unwrap();
    assert!(!direct.is_blank());
    assert_eq!(capture(desktop.address()).unwrap().differing_pixels(&direct), 0);
}

#[test]
fn another_seed_is_another_picture() {
    let desktop = Xvnc::start().unwrap();
    let first = desktop.show_random_text(1).and_then(|_| capture(desktop.address())).unwrap();
    let second = desktop.show_random_text(2).and_then(|_| capture(desktop.address())).unwrap();
    assert!(first.differing_pixels(&second) > 1000);
}

#[test]
fn keys_typed_by_vncdo_arrive() {
    let desktop = Xvnc::start().unwrap();
    let typed = desktop.take_typing().unwrap();
    type_text(desktop.address(), "hello Desktop 42\n").unwrap();
    typed.wait_for("hello Desktop 42\n", BOUND).unwrap();
}

#[test]
fn every_front_lets_the_right_password_through_to_the_hello() {
    let fronts: [(&str, Front); 3] = [
        ("stunnel", TlsFront::stunnel),
        ("socat", TlsFront::socat),
        ("openssl", TlsFront::openssl),
    ];
    for (name, front) in fronts {
        for versions in [TlsVersions::Usual, TlsVersions::Only12, TlsVersions::Only13] {
            let device = Device::start(front, versions);
            let mut console = Console::connect(device.front.address(), &[]);
            assert_eq!(console.say(RIGHT), HELLO, "{name} {versions:?}: {}", device.front.words());
            assert_eq!(device.gate.commands(), [std::str::from_utf8(RIGHT).unwrap()]);
        }
    }
}

#[test]
fn every_front_answers_a_wrong_password_with_silence_and_close() {
    let fronts: [Front; 3] = [TlsFront::stunnel, TlsFront::socat, TlsFront::openssl];
    for front in fronts {
        let device = Device::start(front, TlsVersions::Usual);
        assert_eq!(Console::connect(device.front.address(), &[]).say(WRONG), b"");
    }
}

#[test]
fn a_front_of_one_version_speaks_no_other() {
    let identity = Identity::new();
    // The hello alone is enough here; a whole desktop for each pair would take long.
    let gate =
        Gate::wire(SocketAddr::from(([127, 0, 0, 1], 1)), Then::Say(HELLO.to_vec())).unwrap();
    for front in [TlsFront::stunnel as Front, TlsFront::socat, TlsFront::openssl] {
        let speaks = |versions, options: &[&str]| {
            let front =
                front(&identity.certificate(), &identity.key(), gate.address(), versions).unwrap();
            let mut console = Console::connect(front.address(), options);
            let sent = console.to.write_all(RIGHT);
            sent.is_ok() && console.say(b"") == HELLO
        };
        let only10 = ["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"];
        assert!(speaks(TlsVersions::Only10, &only10));
        assert!(!speaks(TlsVersions::Only10, &[]));
        assert!(!speaks(TlsVersions::Usual, &only10));
        assert!(!speaks(TlsVersions::Only12, &["-tls1_3"]));
        assert!(!speaks(TlsVersions::Only13, &["-tls1_2"]));
    }
}

#[test]
fn a_picture_through_tls_and_gate_is_the_picture_shown() {
    for front in [TlsFront::stunnel as Front, TlsFront::openssl] {
        let device = Device::start(front, TlsVersions::Usual);
        device.desktop.show_random_text(7).unwrap();
        let viewers = Console::connect(device.front.address(), &[]).serve_one_viewer();
        let seen = capture(viewers).unwrap();
        assert_eq!(seen.differing_pixels(&device.desktop.screenshot_direct().unwrap()), 0);
    }
}

#[test]
fn the_tigervnc_viewer_shows_the_desktop_and_takes_keys() {
    let desktop = Xvnc::start().unwrap();
    desktop.show_random_text(3).unwrap();
    let direct = desktop.screenshot_direct().unwrap();
    let viewer = Viewer::tigervnc(desktop.address()).unwrap();
    viewer.screenshot_when(BOUND, |seen| seen.differing_pixels(&direct) == 0).unwrap();

    let typed: Typed = desktop.take_typing().unwrap();
    viewer.type_text("by hand\n").unwrap();
    typed.wait_for("by hand\n", BOUND).unwrap();
}

#[test]
fn a_viewer_without_a_server_is_an_error_with_its_words() {
    let desktop = Xvnc::start().unwrap();
    let gate = Gate::wire(desktop.address(), Then::Say(b"NOT 003.008\n".to_vec())).unwrap();
    let error = capture(gate.address()).unwrap_err().to_string();
    assert!(error.contains("vncdo"), "{error}");
}

#[test]
fn a_cut_front_ends_its_connections() {
    let device = Device::start(TlsFront::stunnel, TlsVersions::Usual);
    let mut console = Console::connect(device.front.address(), &[]);
    assert_eq!(console.say(RIGHT), HELLO);
    device.front.cut();
    console.process.wait(BOUND).unwrap();
}

#[test]
fn what_is_dropped_leaves_no_process_behind() {
    let mut device = Device::start(TlsFront::socat, TlsVersions::Usual);
    let mut console = Console::connect(device.front.address(), &[]);
    assert_eq!(console.say(RIGHT), HELLO);
    let ids = [device.desktop.process().id(), console.process.id()];
    let addresses = [device.desktop.address(), device.gate.address(), device.front.address()];
    drop(console);
    drop(device);
    for id in ids {
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }
    for address in addresses {
        // A child that outlived its group's leader would still hold the port for a moment.
        wait_for("closed port", Duration::from_secs(5), || {
            std::net::TcpStream::connect(address).is_err().then_some(())
        })
        .unwrap();
    }
}
