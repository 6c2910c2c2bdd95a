//! Every wait ends, and says which it was. Only the reason is looked at, never the time.

use std::time::Duration;

use super::relay::{CONSOLE, DEVICE};
use crate::certificates::TlsVersions;
use crate::conformance::case::{Case, Scene, console, device};
use crate::conformance::job::{Deed, START};
use crate::conformance::peer::{Done, Ending, Tls};
use crate::conformance::plain;
use crate::conformance::{LONG, Wire};

/// Soon, and long after everything else in a scenario has happened on a machine that is not at a standstill.
const SOON: Duration = Duration::from_millis(300);

/// From drop to drop: 16,384 of them take much longer than [`SOON`].
const DRIP: Duration = Duration::from_millis(2);

pub(crate) fn list() -> Vec<Case> {
    let mut all = consoles();
    all.extend(devices());
    all.extend(closing());
    all
}

fn until_end(_: &Scene, mut tls: Tls) -> Done {
    tls.until_end().map(|_| ())
}

fn told(name: &'static str, code: &'static str) -> Case {
    console(name).near(move |_, wire| plain::expect_farewell(&wire, code)).ends(code)
}

fn consoles() -> Vec<Case> {
    let verified = [&CONSOLE[..4], &["ViewerNeeded"]].concat();
    let dripping = |scene: &Scene, wire: Wire| {
        // A record that promises much, a byte at a time; never whole before the session is over.
        plain::send(&wire, &[22, 3, 3, 0x40, 0])?;
        while !scene.cues.within("over", DRIP) && plain::send(&wire, &[0]).is_ok() {}
        plain::drain(&wire)
    };
    vec![
        told("a credential that is never brought", "credential-timeout")
            .never("CredentialNeeded")
            .deadlines(|d| d.credential = SOON)
            .events(&CONSOLE[..1]),
        told("a device that is never connected", "device-timeout")
            .never("ConnectNeeded")
            .deadlines(|d| d.connect = SOON)
            .events(&CONSOLE[..2]),
        told("a device that is silent in the handshake", "handshake-timeout")
            .deadlines(|d| d.handshake = SOON)
            .events(&CONSOLE[..2]),
        told("a device that drips bytes in the handshake", "handshake-timeout")
            .far(dripping)
            .deadlines(|d| d.handshake = SOON)
            .events(&CONSOLE[..2]),
        console("a viewer that never comes")
            .never(START)
            .far_tls(TlsVersions::Both, until_end)
            .deadlines(|d| d.viewer = SOON)
            .events(&verified)
            .ends("viewer-timeout"),
        console("a password that expires before it is sent")
            .never(START)
            .far_tls(TlsVersions::Both, until_end)
            .deadlines(|d| d.password = SOON)
            .events(&verified)
            .ends("password-expired"),
        told("a device that never says hello", "hello-timeout")
            .commanded(until_end)
            .deadlines(|d| d.hello = SOON)
            .events(&CONSOLE[..5]),
        told("a session that may not last until it relays", "session-limit")
            .commanded(until_end)
            .deadlines(|d| d.absolute = Some(SOON)),
        silent(console("a console's session that is silent for too long"))
            .deadlines(|d| d.idle = Some(SOON))
            .events(&CONSOLE)
            .ends("idle-timeout"),
        silent(console("a console's session that lasts for too long"))
            .deadlines(|d| d.absolute = Some(2 * SOON))
            .events(&CONSOLE)
            .ends("session-limit"),
    ]
}

fn devices() -> Vec<Case> {
    vec![
        device("a console that is silent in the handshake")
            .deadlines(|d| d.handshake = SOON)
            .events(&[])
            .ends("handshake-timeout"),
        device("a console that never sends its command")
            .far_tls(TlsVersions::Both, until_end)
            .deadlines(|d| d.command = SOON)
            .events(&DEVICE[..1])
            .ends("command-timeout"),
        device("a password that nobody checks")
            .never("PasswordOffered")
            .commanded(until_end)
            .deadlines(|d| d.verdict = SOON)
            .events(&DEVICE[..2])
            .ends("verdict-timeout"),
        device("a local VNC server that is never connected")
            .never("ServiceNeeded")
            .commanded(until_end)
            .deadlines(|d| d.service = SOON)
            .events(&DEVICE[..3])
            .ends("service-timeout"),
        silent(device("a device's session that is silent for too long"))
            .deadlines(|d| d.idle = Some(SOON))
            .events(&DEVICE)
            .ends("idle-timeout"),
        silent(device("a device's session that lasts for too long"))
            .deadlines(|d| d.absolute = Some(2 * SOON))
            .events(&DEVICE)
            .ends("session-limit"),
    ]
}

/// Both peers keep quiet once bytes could flow.
fn silent(case: Case) -> Case {
    case.relaying(|_, wire| plain::drain(&wire), until_end)
}

fn closing() -> Vec<Case> {
    vec![
        console("a device that goes on without a word after its viewer has left")
            .relaying(
                |_, wire| {
                    wire.end()?;
                    plain::drain(&wire)
                },
                |scene, mut tls| {
                    tls.until_end()?;
                    // It keeps its side open until the session is over for its viewer.
                    scene.cues.wait("over")
                },
            )
            .deadlines(|d| d.close = SOON)
            .events(&[&CONSOLE[..], &["HalfClosed(Viewer)"]].concat())
            .ends("ended by viewer"),
        console("a viewer that does not take the rest in time")
            .bulk(64 << 20)
            .relaying(
                |scene, wire| {
                    // It says that it has nothing more to say, and takes nothing more.
                    scene.cues.wait("stalled")?;
                    wire.end()?;
                    scene.cues.wait("over")
                },
                |scene, mut tls| {
                    let chunk = |at| plain::pattern(1, at, plain::CHUNK);
                    tls.send_until_stalled(scene.bulk, SOON, chunk)?;
                    scene.cues.tell("stalled");
                    tls.until_end().map(|_| ())
                },
            )
            .deadlines(|d| d.close = SOON)
            .events(&[&CONSOLE[..], &["HalfClosed(Viewer)"]].concat())
            .ends("ended by viewer, truncated"),
        console("a viewer that does not take its farewell's end in time")
            .near(|scene, wire| {
                // It neither ends nor leaves before the session is over all the same.
                plain::expect_farewell(&wire, "cancelled")?;
                scene.cues.wait("over")
            })
            .at("ConnectNeeded", Deed::Close)
            .deadlines(|d| d.close = SOON)
            .events(&CONSOLE[..2])
            .ends("cancelled"),
        draining(console("peers that never close after the session's end"))
            .also("Relaying", Deed::Close)
            .relaying(
                |scene, wire| {
                    plain::expect_fin(&wire)?;
                    scene.cues.wait("over")
                },
                stays,
            )
            .events(&CONSOLE)
            .ends("ended by host")
            .traffic(12, 0),
        draining(device("a console that never closes after its password was refused"))
            .at("PasswordOffered", Deed::Refuse)
            .commanded(stays)
            .events(&DEVICE[..2])
            .ends("password-refused")
            .traffic(0, 0),
    ]
}

/// Nothing but the bound on all of the end comes in time.
fn draining(case: Case) -> Case {
    case.deadlines(|d| {
        d.close = 4 * LONG;
        d.drain = SOON;
    })
}

/// Hears the end, and keeps its own side open until the session is over all the same.
fn stays(scene: &Scene, mut tls: Tls) -> Done {
    tls.expect_ending(Ending::CloseNotify)?;
    scene.cues.wait("over")
}
