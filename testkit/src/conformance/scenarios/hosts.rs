//! Hosts that answer from elsewhere while their session waits, hosts that answer too much, and hosts that try again.

use std::time::Duration;

use procy_core::event::Side;

use super::relay::{CONSOLE, device_peer, happy, viewer};
use crate::certificates::TlsVersions;
use crate::conformance::LONG;
use crate::conformance::case::{Case, Scene, console, dropped_cue};
use crate::conformance::job::{Deed, START};
use crate::conformance::peer::Ending;
use crate::conformance::plain;

const BULK: usize = 50_000;

pub(crate) fn list() -> Vec<Case> {
    let mut all = late_answers();
    all.extend(streams_too_many());
    all.extend(second_tries());
    all
}

fn late_answers() -> Vec<Case> {
    vec![
        happy("a credential that comes late and from elsewhere", TlsVersions::Both)
            .later("CredentialNeeded", Deed::Credential),
        console("a late credential brings a nearer deadline")
            .later("CredentialNeeded", Deed::Credential)
            .never("ConnectNeeded")
            .near(|_, wire| plain::expect_farewell(&wire, "device-timeout"))
            .deadlines(|d| {
                d.credential = 4 * LONG;
                d.connect = Duration::from_millis(300);
            })
            .events(&CONSOLE[..2])
            .ends("device-timeout"),
        console("a host that ends a quiet session from elsewhere")
            .later("Relaying", Deed::Close)
            .relaying(
                |_, wire| plain::expect_fin(&wire),
                |_, mut tls| tls.expect_ending(Ending::CloseNotify),
            )
            .events(&CONSOLE)
            .ends("ended by host")
            .traffic(12, 0),
    ]
}

fn streams_too_many() -> Vec<Case> {
    let verified = [&CONSOLE[..4], &["ViewerNeeded"]].concat();
    let dropped = |scene: &Scene| {
        Side::BOTH.into_iter().try_for_each(|side| scene.cues.wait(dropped_cue(side)))
    };
    vec![
        happy("a second stream for a side is dropped", TlsVersions::Both)
            .also("Relaying", Deed::AttachSecond(Side::Near))
            .also("Relaying", Deed::AttachSecond(Side::Far))
            .near(move |scene, wire| {
                dropped(scene)?;
                viewer(scene, wire)
            }),
        console("a viewer that comes when its host has given up is told why")
            .never(START)
            .also("ViewerNeeded", Deed::Abandon("enough"))
            .also("ViewerNeeded", Deed::Attach(Side::Near))
            .near(|_, wire| plain::expect_farewell(&wire, "abandoned"))
            .far_tls(TlsVersions::Both, |_, mut tls| tls.expect_ending(Ending::CloseNotify))
            .events(&verified)
            .ends("abandoned"),
        console("a device that is connected when its host has given up is dropped")
            .at("ConnectNeeded", Deed::Abandon("enough"))
            .also("ConnectNeeded", Deed::Attach(Side::Far))
            .near(|scene, wire| {
                plain::expect_farewell(&wire, "abandoned")?;
                scene.cues.wait("dropped")
            })
            .far(|scene, wire| {
                plain::expect_fin(&wire)?;
                scene.cues.tell("dropped");
                Ok(())
            })
            .deadlines(|d| (d.close, d.drain) = (4 * LONG, 4 * LONG))
            .events(&CONSOLE[..2])
            .ends("abandoned"),
    ]
}

fn second_tries() -> Vec<Case> {
    let again = |ends| [&CONSOLE[..5], &["closed-before-hello"], &CONSOLE[..ends]].concat();
    vec![
        console("a viewer that was told nothing is handed to the next session")
            .bulk(BULK)
            .commanded(|_, mut tls| tls.close_notify())
            .tried_again()
            .near(viewer)
            .far_tls(TlsVersions::Both, device_peer)
            .events(&[&again(7)[..], &["HalfClosed(Device)", "HalfClosed(Viewer)"]].concat())
            .ends("ended by device")
            .traffic(BULK as u64 + 12, BULK as u64),
        console("a viewer that was handed on hears why the next session fails")
            .commanded(|_, mut tls| tls.close_notify())
            .tried_again()
            .near(|_, wire| plain::expect_farewell(&wire, "not-rfb"))
            .commanded(|_, mut tls| {
                tls.send(b"GARBAGE GARBAGE")?;
                tls.until_end().map(|_| ())
            })
            .events(&again(5))
            .ends("not-rfb")
            .traffic(0, 0),
    ]
}
