//! Ways to end while bytes flow: each direction for itself, without goodbye, or by a reset in any phase.

use procy_core::event::Side;

use super::relay::{CONSOLE, DEVICE};
use crate::certificates::TlsVersions;
use crate::conformance::Wire;
use crate::conformance::case::{Case, Scene, command, console, device};
use crate::conformance::job::{Deed, START};
use crate::conformance::peer::{Done, Ending, Tls};
use crate::conformance::plain;

const BULK: usize = 200_000;

pub(crate) fn list() -> Vec<Case> {
    let mut all = half_closes();
    all.extend(without_goodbye());
    all.extend(resets_of_the_far_side());
    all.extend(resets_of_the_near_side());
    all.extend(device_resets());
    all
}

fn half_closes() -> Vec<Case> {
    let half = |session: &[&'static str], first, second| [session, &[first, second]].concat();
    vec![
        console("a viewer that ends first gets the answer all the same")
            .bulk(BULK)
            .relaying(plain_first, tls_second)
            .events(&half(&CONSOLE, "HalfClosed(Viewer)", "HalfClosed(Device)"))
            .ends("ended by viewer")
            .traffic(BULK as u64 + 12, BULK as u64),
        console("a device that ends first gets the rest all the same")
            .bulk(BULK)
            .relaying(plain_second, tls_first)
            .events(&half(&CONSOLE, "HalfClosed(Device)", "HalfClosed(Viewer)"))
            .ends("ended by device")
            .traffic(BULK as u64 + 12, BULK as u64),
        device("a console that ends first gets the answer all the same")
            .bulk(BULK)
            .relaying(plain_second, tls_first)
            .events(&half(&DEVICE, "HalfClosed(Console)", "HalfClosed(Service)"))
            .ends("ended by console")
            .traffic(BULK as u64, BULK as u64 + 12),
        device("a local VNC server that ends first gets the rest all the same")
            .bulk(BULK)
            .relaying(plain_first, tls_second)
            .events(&half(&DEVICE, "HalfClosed(Service)", "HalfClosed(Console)"))
            .ends("ended by local VNC server")
            .traffic(BULK as u64, BULK as u64 + 12),
    ]
}

const FIRST: u64 = 3;
const SECOND: u64 = 4;

fn plain_first(scene: &Scene, wire: Wire) -> Done {
    plain::send_pattern(&wire, FIRST, scene.bulk)?;
    wire.end()?;
    plain::expect_pattern(&wire, SECOND, scene.bulk)?;
    plain::expect_fin(&wire)
}

fn plain_second(scene: &Scene, wire: Wire) -> Done {
    plain::expect_pattern(&wire, FIRST, scene.bulk)?;
    plain::expect_fin(&wire)?;
    plain::send_pattern(&wire, SECOND, scene.bulk)
}

fn tls_first(scene: &Scene, mut tls: Tls) -> Done {
    tls.send(&plain::pattern(FIRST, 0, scene.bulk))?;
    tls.close_notify()?;
    tls.expect(&plain::pattern(SECOND, 0, scene.bulk))?;
    tls.expect_ending(Ending::CloseNotify)
}

fn tls_second(scene: &Scene, mut tls: Tls) -> Done {
    tls.expect(&plain::pattern(FIRST, 0, scene.bulk))?;
    tls.expect_ending(Ending::CloseNotify)?;
    tls.send(&plain::pattern(SECOND, 0, scene.bulk))?;
    tls.close_notify()
}

fn without_goodbye() -> Vec<Case> {
    let fin = |scene: &Scene, mut tls: Tls| {
        tls.send(&plain::pattern(FIRST, 0, scene.bulk))?;
        tls.wire().end()?;
        tls.expect_ending(Ending::CloseNotify)
    };
    let takes = |scene: &Scene, wire: Wire| {
        plain::expect_pattern(&wire, FIRST, scene.bulk)?;
        plain::expect_fin(&wire)
    };
    let half = |session: &[&'static str], ends: &[&'static str]| [session, ends].concat();
    vec![
        console("a device that ends without goodbye has all of it delivered, and is told of")
            .bulk(BULK)
            .relaying(takes, fin)
            .events(&half(&CONSOLE, &["HalfClosed(Device)", "HalfClosed(Viewer)"]))
            .ends("ended by device, truncated")
            .traffic(BULK as u64 + 12, 0),
        console("a device whose last record is cut off")
            .bulk(1_000)
            .relaying(takes, |scene, mut tls| {
                tls.send(&plain::pattern(FIRST, 0, scene.bulk))?;
                // A record's header, and less than it promises.
                plain::send(tls.wire(), &[23, 3, 3, 1, 0, 7, 7, 7])?;
                tls.wire().end()?;
                tls.expect_ending(Ending::CloseNotify)
            })
            .ends("ended by device, truncated")
            .traffic(1_012, 0),
        device("a console that ends without goodbye has all of it delivered, and is told of")
            .bulk(BULK)
            .relaying(takes, fin)
            .events(&half(&DEVICE, &["HalfClosed(Console)", "HalfClosed(Service)"]))
            .ends("ended by console, truncated")
            .traffic(BULK as u64, 12),
        console("a host that ends a session says goodbye to both")
            .also("Relaying", Deed::Close)
            .relaying(
                |_, wire| plain::expect_fin(&wire),
                |_, mut tls| tls.expect_ending(Ending::CloseNotify),
            )
            .events(&CONSOLE)
            .ends("ended by host"),
        console("a host that gives up while bytes flow")
            .also("Relaying", Deed::Abandon("enough"))
            .relaying(
                |_, wire| plain::expect_fin(&wire),
                |_, mut tls| tls.expect_ending(Ending::CloseNotify),
            )
            .events(&CONSOLE)
            .ends("abandoned"),
    ]
}

fn resets_of_the_far_side() -> Vec<Case> {
    let verified = [&CONSOLE[..4], &["ViewerNeeded"]].concat();
    vec![
        console("a device that resets in the handshake")
            .far(|_, wire| {
                // All of the greeting: what is unread would be a reset of its own.
                plain::receive(&wire, &mut [0; 5])?;
                Ok(wire.reset()?)
            })
            .events(&CONSOLE[..2])
            .ends("closed-in-handshake"),
        console("a device that resets before its viewer comes")
            .never(START)
            .far_tls(TlsVersions::Both, |scene, tls| {
                scene.cues.wait("ViewerNeeded")?;
                tls.reset()
            })
            .events(&verified)
            .ends("device-left"),
        console("a device that resets before the hello")
            .commanded(|_, tls| tls.reset())
            .events(&CONSOLE[..5])
            .ends("closed-before-hello"),
        console("a device that resets while bytes flow")
            .bulk(BULK)
            .relaying(
                |scene, wire| {
                    plain::expect_pattern(&wire, FIRST, scene.bulk)?;
                    scene.cues.tell("all");
                    plain::expect_fin(&wire)
                },
                |scene, mut tls| {
                    tls.send(&plain::pattern(FIRST, 0, scene.bulk))?;
                    scene.cues.wait("all")?;
                    tls.reset()
                },
            )
            .events(&CONSOLE)
            .ends("device-lost")
            .traffic(BULK as u64 + 12, 0),
    ]
}

fn resets_of_the_near_side() -> Vec<Case> {
    let resets_at = |event: &'static str| {
        move |scene: &Scene, wire: Wire| {
            scene.cues.wait(event)?;
            Ok(wire.reset()?)
        }
    };
    vec![
        console("a viewer that resets before the credential comes")
            .never("CredentialNeeded")
            .near(resets_at("CredentialNeeded"))
            .events(&CONSOLE[..1])
            .ends("viewer-left"),
        console("a viewer that resets before the device is connected")
            .never("ConnectNeeded")
            .near(resets_at("ConnectNeeded"))
            .events(&CONSOLE[..2])
            .ends("viewer-left"),
        console("a viewer that resets in the handshake")
            .near(resets_at("handshake"))
            .far(|scene, wire| {
                plain::receive(&wire, &mut [0; 5])?;
                scene.cues.tell("handshake");
                plain::drain(&wire)
            })
            .events(&CONSOLE[..2])
            .ends("viewer-left"),
        console("a viewer that resets before the hello")
            .near(resets_at("PasswordSent"))
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&CONSOLE[..5])
            .ends("viewer-left"),
        console("a viewer that resets while bytes flow")
            .relaying(
                |_, wire| Ok(wire.reset()?),
                |_, mut tls| tls.expect_ending(Ending::CloseNotify),
            )
            .events(&CONSOLE)
            .ends("ended by viewer"),
    ]
}

fn device_resets() -> Vec<Case> {
    let resets_at = |event: &'static str| {
        move |scene: &Scene, tls: Tls| {
            scene.cues.wait(event)?;
            tls.reset()
        }
    };
    vec![
        device("a console that resets in the handshake")
            .far(|_, wire| Ok(wire.reset()?))
            .events(&[])
            .ends("closed-in-handshake"),
        device("a console that resets before its command")
            .far_tls(TlsVersions::Both, resets_at("Established"))
            .events(&DEVICE[..1])
            .ends("console-left"),
        device("a console that resets before the verdict")
            .never("PasswordOffered")
            .commanded(resets_at("PasswordOffered"))
            .events(&DEVICE[..2])
            .ends("console-left"),
        device("a console that resets before the local VNC server is connected")
            .never("ServiceNeeded")
            .commanded(resets_at("ServiceNeeded"))
            .events(&DEVICE[..3])
            .ends("console-left"),
        device("a console that resets while bytes flow")
            .relaying(|_, wire| plain::expect_fin(&wire), |_, tls| tls.reset())
            .events(&DEVICE)
            .ends("ended by console, truncated"),
        device("a local VNC server that resets while bytes flow")
            .relaying(
                |scene, wire| {
                    scene.cues.wait("hello")?;
                    Ok(wire.reset()?)
                },
                |scene, mut tls| {
                    scene.cues.tell("hello");
                    tls.expect_ending(Ending::CloseNotify)
                },
            )
            .events(&DEVICE)
            .ends("service-lost"),
        reset_before_attached(device("a local VNC server that resets before the session has it"))
            .commanded(|_, mut tls| tls.expect_ending(Ending::CloseNotify))
            .traffic(0, 0),
        reset_before_attached(device("a local VNC server that resets while words wait for it"))
            .far_tls(TlsVersions::Both, |_, mut tls| {
                tls.send(&[command()?, plain::pattern(FIRST, 0, 4_000)].concat())?;
                tls.expect_ending(Ending::CloseNotify)
            }),
        device("a local VNC server that comes early and resets before the verdict")
            .at("PasswordOffered", Deed::Attach(Side::Near))
            .near(|scene, wire| {
                scene.cues.wait("PasswordOffered")?;
                Ok(wire.reset()?)
            })
            .commanded(|_, mut tls| tls.expect_ending(Ending::CloseNotify))
            .events(&DEVICE[..2])
            .ends("service-left")
            .traffic(0, 0),
        device("a local VNC server that was never there")
            .at("ServiceNeeded", Deed::Broken(Side::Near, procy_core::error::Broken::Unreachable))
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&DEVICE[..3])
            .ends("service-unreachable"),
    ]
}

/// What is attached as the local VNC server is a connection that has broken meanwhile.
fn reset_before_attached(case: Case) -> Case {
    case.never("ServiceNeeded")
        .later("reset", Deed::Attach(Side::Near))
        .near(|scene, wire| {
            scene.cues.wait("ServiceNeeded")?;
            wire.reset()?;
            scene.cues.tell("reset");
            Ok(())
        })
        .events(&DEVICE)
        .ends("service-lost")
}
