//! A network that fails between procy and the device, in silence: nothing is refused, nothing comes back.

use tokio::time::timeout;

use crate::lan::{DEVICE, Door, Lan};
use crate::program::{Program, WITHIN};
use crate::rig::{Rig, Viewer};

/// A session that is to go on whatever becomes of others, and what it needs.
struct Site {
    lan: Lan,
    rig: Rig,
    door: Door,
    procy: Program,
    address: String,
    steady: Viewer,
    /// Its connection to the device.
    spared: u16,
    /// What procy has open while there is only this session.
    files: usize,
}

impl Site {
    async fn new(lan: Lan) -> Self {
        let rig = Rig::start().await;
        let mut door = lan.door(rig.device.address()).await;
        let (device, port) = (DEVICE.to_string(), door.port.to_string());
        let mut procy = rig.shadow(&["--device-address", &device, "--device-port", &port]);
        let address = procy.listening().await;
        let steady = Viewer::connect(&address).await.unwrap();
        procy.event("relaying").await;
        door.taken().await;
        let spared = lan.connections(door.port)[0].0;
        let files = procy.open_files().len();
        Self { lan, rig, door, procy, address, steady, spared, files }
    }

    /// A viewer that comes now.
    fn viewer(&self) -> tokio::task::JoinHandle<Result<Viewer, String>> {
        let address = self.address.clone();
        tokio::spawn(async move { Viewer::connect(&address).await })
    }

    /// The steady session goes on.
    async fn goes_on(&mut self) {
        self.steady.types(b's').await;
        self.arrives("s").await;
    }

    /// Waits until these keys arrive, which have not been typed before.
    async fn arrives(&self, keys: &str) {
        let seen = self.rig.desktop.seen_until(|seen| seen.typed.contains(keys));
        timeout(WITHIN, seen).await.expect("the keys are lost");
    }

    /// Waits until what was said to the device was sent again, and once more: by another session than the steady one.
    async fn sends_again(&self) {
        let again = async {
            let is_cut = |(port, again): (u16, u32)| port != self.spared && again >= 2;
            while !self.lan.connections(self.door.port).into_iter().any(is_cut) {
                tokio::task::yield_now().await;
            }
        };
        timeout(WITHIN, again).await.expect("it is not cut off");
    }

    /// All but the steady session has been given back, and this was the one error.
    async fn ends(self, error: Option<&str>) {
        self.procy.closes_all_but(self.files).await;
        self.procy.interrupt();
        self.steady.closed().await;
        let end = self.procy.end().await;
        assert_eq!(end.code, 130, "{end:?}");
        let codes: Vec<_> = end.named("error").map(|error| error["code"].as_str()).collect();
        assert_eq!(codes, error.map(Some).as_slice(), "{end:?}");
        assert_eq!(end.stderr.matches("error: ").count(), codes.len(), "{end:?}");
    }
}

#[test]
fn a_device_that_is_cut_off_is_not_connected_to_and_others_go_on() {
    Lan::with(async |lan| {
        let mut site = Site::new(lan).await;
        site.lan.cut(&[site.spared]);
        let reason = site.viewer().await.unwrap().unwrap_err();
        assert!(reason.contains("[device-timeout]"), "{reason}");
        site.procy.event("ended").await;
        site.goes_on().await;
        site.ends(Some("device-timeout")).await;
    });
}

#[test]
fn a_device_that_is_cut_off_in_the_handshake_fails_it_and_others_go_on() {
    Lan::with(async |lan| {
        let mut site = Site::new(lan).await;
        site.door.hold();
        let viewer = site.viewer();
        site.door.taken().await;
        site.lan.cut(&[site.spared]);
        site.goes_on().await;
        let reason = viewer.await.unwrap().unwrap_err();
        assert!(reason.contains("[handshake-timeout]"), "{reason}");
        site.procy.event("ended").await;
        site.ends(Some("handshake-timeout")).await;
    });
}

#[test]
fn sessions_that_are_cut_off_for_a_while_lose_nothing_and_others_go_on() {
    Lan::with(async |lan| {
        let mut site = Site::new(lan).await;
        let mut typing = site.viewer().await.unwrap().unwrap();
        let mut idle = site.viewer().await.unwrap().unwrap();
        site.lan.cut(&[site.spared]);
        typing.types(b'a').await;
        site.sends_again().await;
        typing.types(b'b').await;
        site.goes_on().await;
        assert!(!site.rig.desktop.seen().typed.contains('a'), "it was not cut off");
        site.lan.heal();
        site.arrives("ab").await;
        idle.types(b'c').await;
        site.arrives("c").await;
        for viewer in [typing, idle] {
            drop(viewer);
            site.procy.event("ended").await;
        }
        site.ends(None).await;
    });
}

#[test]
fn sessions_that_are_cut_off_for_good_can_be_left_and_give_everything_back() {
    Lan::with(async |lan| {
        let mut site = Site::new(lan).await;
        let mut typing = site.viewer().await.unwrap().unwrap();
        let idle = site.viewer().await.unwrap().unwrap();
        site.lan.cut(&[site.spared]);
        typing.types(b'a').await;
        site.sends_again().await;
        drop((typing, idle));
        for _ in 0..2 {
            assert_eq!(site.procy.event("ended").await["reason"], "viewer-closed");
        }
        site.goes_on().await;
        site.ends(None).await;
    });
}
