//! Sessions that go well.

use crate::certificates::TlsVersions;
use crate::conformance::Wire;
use crate::conformance::case::{Case, Scene, command, console, device};
use crate::conformance::peer::{Done, Ending, Tls};
use crate::conformance::plain::{self, HELLO};

const SMALL: usize = 100_000;
pub(crate) const UP: u64 = 1;
pub(crate) const DOWN: u64 = 2;

/// What a console's session tells of before bytes flow.
pub(crate) const CONSOLE: [&str; 7] = [
    "CredentialNeeded",
    "ConnectNeeded",
    "Established",
    "Verified",
    "PasswordSent",
    "Hello",
    "Relaying",
];

/// The same for a device's.
pub(crate) const DEVICE: [&str; 4] =
    ["Established", "PasswordOffered", "ServiceNeeded", "Relaying"];

pub(crate) fn list() -> Vec<Case> {
    vec![
        happy("a session over TLS 1.3", TlsVersions::Tls13),
        happy("a session over TLS 1.2", TlsVersions::Tls12),
        device("a device's session")
            .bulk(SMALL)
            .relaying(service, console_peer)
            .events(&[&DEVICE[..], &["HalfClosed(Service)", "HalfClosed(Console)"]].concat())
            .ends("ended by local VNC server")
            .traffic(SMALL as u64, (SMALL + HELLO.len()) as u64),
    ]
}

pub(crate) fn happy(name: &'static str, versions: TlsVersions) -> Case {
    console(name)
        .bulk(SMALL)
        .near(viewer)
        .far_tls(versions, device_peer)
        .events(&[&CONSOLE[..], &["HalfClosed(Device)", "HalfClosed(Viewer)"]].concat())
        .ends("ended by device")
        .traffic((SMALL + HELLO.len()) as u64, SMALL as u64)
}

/// Sends, receives, and waits for the end.
pub(crate) fn viewer(scene: &Scene, wire: Wire) -> Done {
    plain::expect(&wire, HELLO)?;
    plain::send_pattern(&wire, UP, scene.bulk)?;
    plain::expect_pattern(&wire, DOWN, scene.bulk)?;
    plain::expect_fin(&wire)
}

/// Receives, sends, says goodbye.
pub(crate) fn device_peer(scene: &Scene, mut tls: Tls) -> Done {
    tls.expect(&command()?)?;
    tls.send(HELLO)?;
    tls.expect(&plain::pattern(UP, 0, scene.bulk))?;
    tls.send(&plain::pattern(DOWN, 0, scene.bulk))?;
    tls.close_notify()?;
    tls.expect_ending(Ending::CloseNotify)
}

fn service(scene: &Scene, wire: Wire) -> Done {
    plain::expect_pattern(&wire, UP, scene.bulk)?;
    plain::send_pattern(&wire, DOWN, scene.bulk)?;
    wire.end()?;
    plain::expect_fin(&wire)
}

fn console_peer(scene: &Scene, mut tls: Tls) -> Done {
    tls.send(&plain::pattern(UP, 0, scene.bulk))?;
    tls.expect(&plain::pattern(DOWN, 0, scene.bulk))?;
    tls.expect_ending(Ending::CloseNotify)?;
    tls.close_notify()
}
