//! A session brought to a phase, with the peer that it speaks TLS with.

use procy_core::credential::Credential;
use procy_core::event::Side;
use procy_core::prologue::{Bounds, console};

use super::forge::Forge;
use super::peer::{self, Version};
use super::{COMMAND, HELLO, Host, Peer, credential, device_config, toy};

/// The phases of `session/mod.rs`' table, but for the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Credential,
    Far,
    Handshake,
    Viewer,
    Hello,
    Command,
    Verdict,
    Service,
    Relaying,
}

impl Stage {
    pub const CONSOLE: [Self; 6] =
        [Self::Credential, Self::Far, Self::Handshake, Self::Viewer, Self::Hello, Self::Relaying];
    pub const DEVICE: [Self; 6] =
        [Self::Far, Self::Handshake, Self::Command, Self::Verdict, Self::Service, Self::Relaying];
}

/// A session's host and its TLS peer.
#[derive(Debug)]
pub struct Bench {
    pub host: Host,
    pub peer: Peer,
}

impl Bench {
    /// A console's session that has come to `stage`, against a TLS 1.3 server.
    pub fn console(stage: Stage) -> Self {
        Self::console_with(console::Config::new(toy()), peer::TLS13, stage)
    }

    pub fn console_with(config: console::Config, version: Version, stage: Stage) -> Self {
        toy();
        let peer = Peer::server(peer::toy_server_config(version));
        let mut bench = Self { host: Host::console(config), peer };
        bench.lead_console(stage);
        bench
    }

    /// A console's session at its beginning goes on to `stage`.
    pub fn lead_console(&mut self, stage: Stage) {
        self.lead_console_to(credential(), stage);
    }

    /// A console's session at its beginning goes on to relaying with the device that `credential` is of.
    pub fn lead_console_with(&mut self, credential: Credential) {
        self.lead_console_to(credential, Stage::Relaying);
    }

    fn lead_console_to(&mut self, credential: Credential, stage: Stage) {
        let now = self.host.now;
        if stage > Stage::Credential {
            self.host.act(|visit| visit.credential(credential, now));
        }
        if stage > Stage::Far {
            self.host.act(|visit| visit.attach(Side::Far));
        }
        if stage > Stage::Handshake {
            self.settle();
        }
        if stage > Stage::Viewer {
            self.host.act(|visit| visit.attach(Side::Near));
            self.settle();
        }
        if stage > Stage::Hello {
            assert_eq!(std::mem::take(&mut self.peer.got), COMMAND);
            self.peer.say(HELLO);
            self.settle();
            assert_eq!(self.host.near.take(), HELLO);
            assert!(self.host.session.is_relaying(), "{:?}", self.host.session);
        }
    }

    /// A device's session that has come to `stage`, against a TLS 1.3 client.
    pub fn device(stage: Stage) -> Self {
        Self::device_with(Bounds::default(), peer::TLS13, stage)
    }

    pub fn device_with(bounds: Bounds, version: Version, stage: Stage) -> Self {
        let mut config = device_config();
        config.bounds = bounds;
        let peer = Peer::client(peer::client_config(procy_toycrypto::provider(), version));
        let mut bench = Self { host: Host::device(&config), peer };
        bench.lead_device(stage);
        bench
    }

    /// A device's session at its beginning goes on to `stage`.
    pub fn lead_device(&mut self, stage: Stage) {
        if stage > Stage::Far {
            self.host.act(|visit| visit.attach(Side::Far));
        }
        if stage > Stage::Handshake {
            self.settle();
        }
        if stage > Stage::Command {
            self.peer.say(COMMAND);
            self.settle();
        }
        if stage > Stage::Verdict {
            self.host.act(|visit| visit.accept());
        }
        if stage > Stage::Service {
            self.host.act(|visit| visit.attach(Side::Near));
            assert!(self.host.session.is_relaying(), "{:?}", self.host.session);
        }
    }

    /// A relaying session and the keys to seal records for it with.
    pub fn forge(role: Role, version: Version) -> (Host, Forge) {
        Self::forge_at(role, version, Stage::Relaying)
    }

    /// The same at another stage after the handshake.
    pub fn forge_at(role: Role, version: Version, stage: Stage) -> (Host, Forge) {
        toy();
        let mut bench = match role {
            Role::Console => {
                let mut config = peer::toy_server_config(version);
                config.enable_secret_extraction = true;
                config.send_tls13_tickets = 0;
                let host = Host::console(console::Config::new(toy()));
                Self { host, peer: Peer::server(config) }
            }
            Role::Device => {
                let mut config = peer::client_config(procy_toycrypto::provider(), version);
                config.enable_secret_extraction = true;
                Self { host: Host::device(&device_config()), peer: Peer::client(config) }
            }
        };
        match role {
            Role::Console => bench.lead_console(stage),
            Role::Device => bench.lead_device(stage),
        }
        (bench.host, Forge::take(bench.peer))
    }

    /// Either role's session at `stage`.
    pub fn at(role: Role, stage: Stage) -> Self {
        match role {
            Role::Console => Self::console(stage),
            Role::Device => Self::device(stage),
        }
    }

    /// Lets session and peer talk until neither has anything to say.
    pub fn settle(&mut self) {
        loop {
            let before = self.standing();
            self.host.turn();
            if !self.peer.exchange(&mut self.host.far) && self.standing() == before {
                return;
            }
        }
    }

    fn standing(&self) -> (usize, usize, usize, usize) {
        let host = &self.host;
        (host.near.inbox.len(), host.near.outbox.len(), host.far.inbox.len(), host.events.len())
    }
}

/// Which kind of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Console,
    Device,
}

impl Role {
    pub const BOTH: [Self; 2] = [Self::Console, Self::Device];

    pub fn stages(self) -> [Stage; 6] {
        match self {
            Self::Console => Stage::CONSOLE,
            Self::Device => Stage::DEVICE,
        }
    }
}
