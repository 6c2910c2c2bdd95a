//! Much, in small pieces, all at once, and to somebody who does not take it.

use std::time::Duration;

use super::relay::{CONSOLE, DOWN, UP, device_peer, happy, viewer};
use crate::certificates::TlsVersions;
use crate::conformance::Wire;
use crate::conformance::case::{Case, Scene, command, console, device, server};
use crate::conformance::peer::{Done, Ending, Fail, Tls};
use crate::conformance::plain::{self, CHUNK, HELLO};

/// Who takes nothing for so long takes nothing; a machine at a standstill only makes this mean less.
const STALL: Duration = Duration::from_millis(300);

/// More than every buffer between two peers holds.
const ENDLESS: usize = 64 << 20;

/// What a session may hold for peers that do not take it: reads of both sides, and TLS around them.
const HELD: usize = 4 << 20;

const KEYS: usize = 1 << 20;

pub(crate) fn list(full: bool) -> Vec<Case> {
    let burst = if full { 64 << 20 } else { 8 << 20 };
    let both = [&CONSOLE[..], &["HalfClosed(Device)", "HalfClosed(Viewer)"]].concat();
    vec![
        console("every byte comes alone")
            .bulk(500)
            .near(|scene, wire| viewer(scene, wire.byte_by_byte()))
            .far(|scene, wire| {
                device_peer(scene, Tls::accept(wire.byte_by_byte(), server(TlsVersions::Both))?)
            })
            .events(&both)
            .ends("ended by device")
            .traffic(512, 500),
        device("every byte comes alone to a device")
            .bulk(500)
            .near(|_, wire| {
                let wire = wire.byte_by_byte();
                plain::send(&wire, HELLO)?;
                plain::expect_pattern(&wire, UP, 500)?;
                wire.end()?;
                plain::expect_fin(&wire)
            })
            .far(|_, wire| {
                let mut tls = Tls::connect(wire.byte_by_byte())?;
                tls.send(&command()?)?;
                tls.expect(HELLO)?;
                tls.send(&plain::pattern(UP, 0, 500))?;
                tls.expect_ending(Ending::CloseNotify)?;
                tls.close_notify()
            })
            .ends("ended by local VNC server")
            .traffic(500, 12),
        console("hello, data and goodbye come at once")
            .near(|_, wire| {
                plain::expect(&wire, HELLO)?;
                plain::expect_pattern(&wire, DOWN, 10_000)?;
                plain::expect_fin(&wire)
            })
            .commanded(|_, mut tls| {
                tls.send_and_close_at_once(
                    &[&HELLO[..], &plain::pattern(DOWN, 0, 10_000)].concat(),
                )?;
                tls.expect_ending(Ending::CloseNotify)
            })
            .events(&both)
            .ends("ended by device")
            .traffic(10_012, 0),
        device("the command and the first words after it come at once")
            .near(|_, wire| {
                plain::expect_pattern(&wire, UP, 4_000)?;
                wire.end()?;
                plain::expect_fin(&wire)
            })
            .far_tls(TlsVersions::Both, |_, mut tls| {
                let words = [command()?, b"\r\n".to_vec(), plain::pattern(UP, 0, 4_000)];
                tls.send(&words.concat())?;
                tls.expect_ending(Ending::CloseNotify)?;
                tls.close_notify()
            })
            .ends("ended by local VNC server")
            .traffic(4_000, 0),
        console("bursts both ways at once")
            .bulk(burst)
            .relaying(bursting_viewer, bursting_device)
            .ends("ended by device")
            .traffic(burst as u64 + 12, burst as u64)
            .holding(HELD),
        console("a viewer that stalls for longer than every buffer keeps its keys")
            .bulk(ENDLESS)
            .relaying(stalling_viewer, stalled_device)
            .ends("ended by device")
            .holding(HELD),
        console("a device that stalls for longer than every buffer keeps its picture")
            .bulk(ENDLESS)
            .relaying(stalled_viewer, stalling_device)
            .ends("ended by device")
            .holding(HELD),
        happy("a session dropped at any wake-up leaves nothing open", TlsVersions::Tls13)
            .bulk(20_000)
            .traffic(20_012, 20_000)
            .cuts(24),
        happy("five hundred sessions at once", TlsVersions::Tls13)
            .bulk(5_000)
            .traffic(5_012, 5_000)
            .sessions(500),
    ]
}

fn bursting_viewer(scene: &Scene, wire: Wire) -> Done {
    let writer = wire.share()?;
    std::thread::scope(|threads| {
        let sending = threads.spawn(|| plain::send_pattern(&writer, UP, scene.bulk));
        plain::expect_pattern(&wire, DOWN, scene.bulk)?;
        plain::expect_fin(&wire)?;
        sending.join().unwrap_or_else(|_| Err(Fail::new("a panic")))
    })
}

/// One thread is enough, as the viewer reads and writes whatever the other does.
fn bursting_device(scene: &Scene, mut tls: Tls) -> Done {
    for at in (0..scene.bulk).step_by(CHUNK) {
        tls.send(&plain::pattern(DOWN, at, CHUNK))?;
        tls.expect(&plain::pattern(UP, at, CHUNK))?;
    }
    tls.close_notify()?;
    tls.expect_ending(Ending::CloseNotify)
}

/// Takes no picture until all of its keys have arrived.
fn stalling_viewer(scene: &Scene, wire: Wire) -> Done {
    scene.cues.wait("stalled")?;
    plain::send_pattern(&wire, UP, KEYS)?;
    scene.cues.wait("keys")?;
    plain::expect_pattern(&wire, DOWN, scene.noted())?;
    plain::expect_fin(&wire)
}

fn stalled_device(scene: &Scene, mut tls: Tls) -> Done {
    let sent = tls.send_until_stalled(scene.bulk, STALL, |at| plain::pattern(DOWN, at, CHUNK))?;
    if sent >= scene.bulk {
        return Err(Fail::new(format!("{sent} bytes were taken for a viewer that takes none")));
    }
    scene.note(sent);
    scene.cues.tell("stalled");
    tls.expect(&plain::pattern(UP, 0, KEYS))?;
    scene.cues.tell("keys");
    tls.flush()?;
    tls.close_notify()?;
    tls.expect_ending(Ending::CloseNotify)
}

/// Says more than its device takes, and sees the picture all the same.
fn stalled_viewer(scene: &Scene, wire: Wire) -> Done {
    let mut sent = 0;
    loop {
        let chunk = plain::pattern(UP, sent, CHUNK);
        match wire.write_within(&chunk, STALL) {
            Ok(n) => sent += n,
            Err(error) if crate::conformance::peer::timed_out(&error) => break,
            Err(error) => return Err(error.into()),
        }
        if sent >= scene.bulk {
            return Err(Fail::new(format!("{sent} bytes were taken for a device that takes none")));
        }
    }
    scene.note(sent);
    scene.cues.tell("stalled");
    plain::expect_pattern(&wire, DOWN, KEYS)?;
    scene.cues.tell("picture");
    plain::expect_fin(&wire)
}

fn stalling_device(scene: &Scene, mut tls: Tls) -> Done {
    scene.cues.wait("stalled")?;
    tls.send(&plain::pattern(DOWN, 0, KEYS))?;
    scene.cues.wait("picture")?;
    for at in (0..scene.noted()).step_by(CHUNK) {
        tls.expect(&plain::pattern(UP, at, CHUNK.min(scene.noted() - at)))?;
    }
    tls.close_notify()?;
    tls.expect_ending(Ending::CloseNotify)
}
