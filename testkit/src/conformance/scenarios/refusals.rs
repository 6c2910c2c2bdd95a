//! Sessions that never come to relaying, because somebody will not have it.

use std::sync::{Arc, LazyLock};

use procy_core::error::Broken;
use procy_core::event::Side;
use rustls::ServerConfig;

use super::relay::CONSOLE;
use crate::certificates::{Identity, Kind, TlsVersions, identity};
use crate::conformance::Wire;
use crate::conformance::case::{Case, Scene, console, device, server_of};
use crate::conformance::job::{Deed, START};
use crate::conformance::peer::{Done, Fail, Tls};
use crate::conformance::plain::{self, HELLO};

pub(crate) fn list() -> Vec<Case> {
    let mut all = before_tls();
    all.extend(in_tls());
    all.extend(after_tls());
    all.extend(by_the_host());
    all.extend(devices());
    all
}

/// A console's session that fails with this code, which its viewer is told.
fn told(name: &'static str, code: &'static str) -> Case {
    console(name).near(move |_, wire| plain::expect_farewell(&wire, code)).ends(code)
}

fn before_tls() -> Vec<Case> {
    let says = |text: &'static [u8]| {
        move |_: &Scene, wire: Wire| {
            plain::send(&wire, text)?;
            plain::drain(&wire)
        }
    };
    vec![
        told("a key too small to be proven", "key-too-small")
            .pinned(Kind::Rsa1024Sha1)
            .events(&CONSOLE[..1]),
        told("a device that refuses connections", "device-refused")
            .at("ConnectNeeded", Deed::Broken(Side::Far, Broken::Refused))
            .events(&CONSOLE[..2]),
        told("a device that cannot be reached", "device-unreachable")
            .at("ConnectNeeded", Deed::Broken(Side::Far, Broken::Unreachable))
            .events(&CONSOLE[..2]),
        told("a device that speaks plain VNC", "plain-vnc").far(says(HELLO)).events(&CONSOLE[..2]),
        told("a peer that speaks no TLS", "not-tls")
            .far(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
            .events(&CONSOLE[..2]),
        console("a viewer that leaves before the credential comes")
            .never("CredentialNeeded")
            .near(|_, _| Ok(()))
            .events(&CONSOLE[..1])
            .ends("viewer-left"),
        console("a viewer that leaves before the device is connected")
            .never("ConnectNeeded")
            .near(|scene, _| scene.cues.wait("ConnectNeeded"))
            .events(&CONSOLE[..2])
            .ends("viewer-left"),
        told("a viewer that says too much too early", "spoke-too-early")
            .never("CredentialNeeded")
            .near(|_, wire| {
                // As much as is read before it is too much; the rest would meet a closed door.
                plain::send_pattern(&wire, 1, 4_097)?;
                plain::expect_farewell(&wire, "spoke-too-early")
            })
            .events(&CONSOLE[..1]),
    ]
}

fn in_tls() -> Vec<Case> {
    vec![
        told("a device that shows another certificate", "certificate-mismatch")
            .far(|_, wire| turned_away(wire, &TWIN))
            .pinned(Kind::Rsa2048)
            .events(&CONSOLE[..2]),
        told("a device whose certificate was renewed under the same key", "certificate-mismatch")
            .far(|_, wire| turned_away(wire, &RENEWED))
            .pinned(Kind::Rsa2048)
            .events(&CONSOLE[..2]),
        told("an impostor with the right certificate", "key-not-proven")
            .far(|_, wire| turned_away(wire, &IMPOSTOR))
            .pinned(Kind::Rsa2048)
            .events(&CONSOLE[..2]),
        told("a device that leaves in the handshake", "closed-in-handshake")
            .far(|_, wire| plain::receive(&wire, &mut [0; 5]))
            .events(&CONSOLE[..2]),
        console("a viewer that leaves in the handshake")
            .near(|scene, _| scene.cues.wait("handshake"))
            .far(|scene, wire| {
                plain::receive(&wire, &mut [0; 5])?;
                scene.cues.tell("handshake");
                plain::drain(&wire)
            })
            .events(&CONSOLE[..2])
            .ends("viewer-left"),
    ]
}

fn after_tls() -> Vec<Case> {
    let verified = [&CONSOLE[..4], &["ViewerNeeded"]].concat();
    let says = |text: &'static [u8]| {
        move |_: &Scene, mut tls: Tls| {
            tls.send(text)?;
            tls.until_end().map(|_| ())
        }
    };
    vec![
        console("a device that speaks before it is sent the password")
            .never(START)
            .far_tls(TlsVersions::Both, says(HELLO))
            .events(&verified)
            .ends("spoke-first"),
        console("a device that leaves before its viewer comes")
            .never(START)
            .far_tls(TlsVersions::Both, |_, mut tls| tls.close_notify())
            .events(&verified)
            .ends("device-left"),
        told("a device that closes instead of saying hello", "closed-before-hello")
            .commanded(|_, mut tls| tls.close_notify())
            .events(&CONSOLE[..5]),
        told("a device that ends without a word instead of saying hello", "closed-before-hello")
            .commanded(|_, tls| Ok(tls.wire().end()?))
            .events(&CONSOLE[..5]),
        told("a device whose hello is garbage", "not-rfb")
            .commanded(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
            .events(&CONSOLE[..5]),
        console("a viewer that leaves before the hello")
            .near(|scene, _| scene.cues.wait("PasswordSent"))
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&CONSOLE[..5])
            .ends("viewer-left"),
    ]
}

fn by_the_host() -> Vec<Case> {
    let abandoned = |name| told(name, "abandoned");
    vec![
        abandoned("a host that gives up before the credential")
            .at("CredentialNeeded", Deed::Abandon("UMS is down"))
            .events(&CONSOLE[..1]),
        abandoned("a host that gives up before the hello")
            .also("PasswordSent", Deed::Abandon("enough"))
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&CONSOLE[..5]),
        told("a host that cancels before it connects", "cancelled")
            .at("ConnectNeeded", Deed::Close)
            .events(&CONSOLE[..2]),
        told("a host that cancels before the hello", "cancelled")
            .also("PasswordSent", Deed::Close)
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&CONSOLE[..5]),
    ]
}

fn devices() -> Vec<Case> {
    let offered = ["Established", "PasswordOffered"];
    let accepted = ["Established", "PasswordOffered", "ServiceNeeded"];
    vec![
        device("a device that refuses the password")
            .at("PasswordOffered", Deed::Refuse)
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&offered)
            .ends("password-refused"),
        device("a console that sends no valid command")
            .far_tls(TlsVersions::Both, |_, mut tls| {
                tls.send(b"GET / HTTP/1.1\r\nHost: device\r\nAccept: */*\r\n\r\n")?;
                tls.until_end().map(|_| ())
            })
            .events(&offered[..1])
            .ends("command-invalid"),
        device("a console that speaks no TLS")
            .far(|_, wire| {
                plain::send(&wire, b"GET / HTTP/1.1\r\n\r\n")?;
                plain::drain(&wire)
            })
            .events(&[])
            .ends("not-tls"),
        device("a console that leaves in the handshake")
            .far(|_, _| Ok(()))
            .events(&[])
            .ends("closed-in-handshake"),
        device("a console that leaves before its command")
            .far_tls(TlsVersions::Both, |_, mut tls| tls.close_notify())
            .events(&offered[..1])
            .ends("console-left"),
        device("a console that leaves before the verdict")
            .never("PasswordOffered")
            .commanded(|scene, mut tls| {
                scene.cues.wait("PasswordOffered")?;
                tls.close_notify()
            })
            .events(&offered)
            .ends("console-left"),
        device("a local VNC server that cannot be reached")
            .at("ServiceNeeded", Deed::Broken(Side::Near, Broken::Refused))
            .commanded(|_, mut tls| tls.until_end().map(|_| ()))
            .events(&accepted)
            .ends("service-unreachable"),
    ]
}

/// A device that must not be believed.
fn turned_away(wire: Wire, config: &Arc<ServerConfig>) -> Done {
    match Tls::accept(wire, config) {
        Ok(_) => Err(Fail::new("it was believed")),
        Err(_) => Ok(()),
    }
}

static TWIN: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| server_of(&identity(Kind::Twin), TlsVersions::Both));

static RENEWED: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| server_of(&identity(Kind::Renewed), TlsVersions::Both));

static IMPOSTOR: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let impostor =
        Identity { key_pkcs8_der: identity(Kind::Twin).key_pkcs8_der, ..identity(Kind::Rsa2048) };
    server_of(&impostor, TlsVersions::Both)
});
