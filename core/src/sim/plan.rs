//! What happens in one simulated world: who is honest, who is slow, who leaves.

use core::time::Duration;

use super::{Conditions, Random};

/// What stands at the device's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// The device that UMS knows.
    Honest,
    /// One with another certificate.
    Stranger,
    /// One that shows the device's certificate, but does not hold its key.
    Impostor,
    /// Something that sends random bytes.
    Noise,
    /// Something that accepts and says nothing.
    Silent,
}

/// What a host does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// What it should, at once or later.
    Helpful,
    /// It says no: UMS is down, the connection is refused, the password is wrong.
    Refusing,
    /// Nothing.
    Absent,
}

/// What the viewer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerKind {
    /// It waits for the hello, talks and listens, and leaves when all has been said.
    Patient,
    /// It speaks a little before the hello.
    Eager,
    /// It leaves at a random moment.
    Fickle,
    /// It reads nothing for a long while.
    Stalling,
    /// It comes only when the device is verified.
    Late,
    /// It never comes.
    Missing,
}

/// One world, drawn from a seed or made by hand.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The device.
    pub device: DeviceKind,
    /// The program that drives the console's session.
    pub console_host: HostKind,
    /// The program that drives the device's session.
    pub device_host: HostKind,
    /// The viewer.
    pub viewer: ViewerKind,
    /// Bytes that the viewer sends once it may.
    pub upload: u64,
    /// Bytes that the VNC server sends, its hello of 12 included.
    pub download: u64,
    /// Between viewer and console, and between device and VNC server.
    pub local: Conditions,
    /// Between console and device.
    pub wire: Conditions,
    /// A fault is tried once in so many steps; 0 for never.
    pub faults: usize,
    /// The size of the scratch memory; the least that there can be is used if this is less.
    pub memory: usize,
    /// The longest that a host thinks before it acts.
    pub thinking: Duration,
    /// How old the one-time password is when the console's host brings it.
    pub password_age: Duration,
}

impl Plan {
    /// All goes well.
    #[must_use]
    pub const fn ideal() -> Self {
        Self {
            device: DeviceKind::Honest,
            console_host: HostKind::Helpful,
            device_host: HostKind::Helpful,
            viewer: ViewerKind::Patient,
            upload: 1_000,
            download: 10_000,
            local: Conditions::IDEAL,
            wire: Conditions::IDEAL,
            faults: 0,
            memory: 0,
            thinking: Duration::ZERO,
            password_age: Duration::ZERO,
        }
    }

    /// A plan in which anything may happen, more often well than not.
    pub fn draw(random: &mut Random) -> Self {
        use {DeviceKind as D, HostKind as H, ViewerKind as V};
        let conditions = |random: &mut Random| {
            let chunk = random.choose(&[1, 3, 50, 1_000, 20_000, usize::MAX]);
            let room = random.choose(&[1, 100, 5_000, 70_000, 1 << 20]);
            let delay = random.choose(&[0, 0, 1, 200]);
            // A stream that is narrow and slow would be too slow for any deadline.
            let delay =
                Duration::from_millis(if room.min(chunk) < 1_000 { delay / 200 } else { delay });
            Conditions { chunk, delay, room }
        };
        let (local, wire) = (conditions(random), conditions(random));
        let narrow = [local, wire].iter().any(|on| on.chunk.min(on.room) < 1_000);
        let (upload, download) = if narrow {
            (&[0, 1, 50, 100][..], &[12, 13, 200, 500][..])
        } else {
            (&[0, 1, 5_000][..], &[12, 13, 40_000][..])
        };
        let device = if random.one_in(3) {
            random.choose(&[D::Stranger, D::Impostor, D::Noise, D::Silent])
        } else {
            D::Honest
        };
        let host = |random: &mut Random| {
            if random.one_in(8) { random.choose(&[H::Refusing, H::Absent]) } else { H::Helpful }
        };
        Self {
            device,
            console_host: host(random),
            device_host: host(random),
            viewer: random.choose(&[
                V::Patient,
                V::Patient,
                V::Eager,
                V::Fickle,
                V::Stalling,
                V::Late,
                V::Late,
                V::Missing,
            ]),
            upload: random.choose(upload),
            download: random.choose(download),
            local,
            wire,
            faults: random.choose(&[0, 30, 300]),
            memory: random.choose(&[0, 500_000, 4 << 20]),
            thinking: Duration::from_millis(random.choose(&[0, 10, 20_000])),
            password_age: Duration::from_secs(if random.one_in(16) {
                random.choose(&[299, 301])
            } else {
                0
            }),
        }
    }

    /// Whether nothing in it keeps a session from a good end.
    #[must_use]
    pub fn is_benign(&self) -> bool {
        self.device == DeviceKind::Honest
            && self.console_host == HostKind::Helpful
            && self.device_host == HostKind::Helpful
            && matches!(self.viewer, ViewerKind::Patient | ViewerKind::Eager | ViewerKind::Late)
            && self.faults == 0
            && self.thinking < Duration::from_secs(1)
            && self.password_age.is_zero()
    }
}
