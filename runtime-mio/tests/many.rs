//! Many sessions share a thread, and nothing of one is seen in another; what they take from the system comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{HELLO, Plan, Rig, What, noise};
use procy_mio::Config;

/// Tests that count descriptors, and those that take thousands, run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the process open as many files as it may: six sockets a session are more than many systems' soft limit.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(maximum.unwrap_or(20_000).min(20_000));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

#[cfg(target_os = "linux")]
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What a viewer says who it is with: no viewer begins with what could end the command.
const VIEWER: u64 = 1 << 63;

/// So many sessions relay at once before the first of them goes on.
fn at_once(shards: usize, sessions: usize) {
    const LEN: usize = 20_000;
    allow_many_files();
    let rig = Rig::with(shards, &Config::default(), Plan::default());
    let viewers: Vec<TcpStream> = (0..sessions).map(|_| rig.viewer()).collect();
    // Which service belongs to which viewer shows when each viewer has said who it is.
    let services: Vec<TcpStream> = (0..sessions)
        .map(|_| {
            let mut service = rig.accept();
            service.write_all(HELLO).unwrap();
            service
        })
        .collect();
    for (seed, mut viewer) in viewers.iter().enumerate() {
        viewer.read_exact(&mut [0; HELLO.len()]).unwrap();
        viewer.write_all(&(VIEWER | seed as u64).to_be_bytes()).unwrap();
    }
    let stats = rig.shards.stats();
    assert_eq!(stats.sessions, 2 * sessions as u64, "a console and a device each");

    // The services answer with what is meant for that viewer alone, and end.
    let mut seen = HashSet::new();
    for mut service in &services {
        let mut seed = [0; 8];
        service.read_exact(&mut seed).unwrap();
        let seed = u64::from_be_bytes(seed) & !VIEWER;
        assert!(seen.insert(seed));
        service.write_all(&noise(seed + 1, LEN)).unwrap();
        service.shutdown(Shutdown::Write).unwrap();
    }
    for (seed, viewer) in viewers.into_iter().enumerate() {
        viewer.shutdown(Shutdown::Write).unwrap();
        assert!(common::rest(viewer) == noise(seed as u64 + 1, LEN), "viewer {seed}");
    }
    drop(services);
    let stats = rig.stats("all are over", |stats| stats.sessions == 0);
    assert_eq!((stats.ended, stats.held), (2 * sessions as u64, 0));

    let share: Vec<u64> = rig.shards.handles().iter().map(|handle| handle.stats().opened).collect();
    let even = (2 * sessions / shards) as u64;
    // Whoever hands connections out knows how many each has.
    assert!(share.iter().all(|share| share.abs_diff(even) <= even / 4), "{share:?}");
    let mut places = HashSet::new();
    while let Ok(told) = rig.told.try_recv() {
        if let What::Over(_) = told.what {
            assert!(places.insert(told.key), "{:?} is over twice", told.key);
        }
    }
    assert_eq!(places.len(), 2 * sessions);
    rig.join(|shards| shards.drain());
}

#[test]
fn five_hundred_sessions_at_once_on_one_shard() {
    let _alone = alone();
    at_once(1, 500);
}

#[test]
fn five_hundred_sessions_at_once_on_two_shards() {
    let _alone = alone();
    at_once(2, 500);
}

#[cfg(target_os = "linux")]
#[test]
fn descriptors_return_to_the_start() {
    let _alone = alone();
    // What the process opens once and keeps is opened now.
    Rig::start(Plan::default()).join(|shards| shards.stop());
    let before = descriptors();
    for end in [0, 1] {
        let rig = Rig::with(2, &Config::default(), Plan::default());
        let mut open: Vec<_> = (0..20).map(|_| rig.session()).collect();
        assert!(descriptors() >= before + 20 * 6);
        open.truncate(10);
        rig.stats("half of them are over", |stats| stats.sessions == 20);
        let told = if end == 0 {
            rig.join(|shards| shards.stop())
        } else {
            // They go when they are told to.
            let open = std::mem::take(&mut open);
            let closing = std::thread::spawn(move || {
                for (viewer, service) in &open {
                    drop(common::rest_or_reset(viewer.try_clone().unwrap()));
                    let _ = service.shutdown(Shutdown::Both);
                }
            });
            let told = rig.join(|shards| shards.drain());
            closing.join().unwrap();
            told
        };
        assert_eq!(told.iter().filter(|told| matches!(told.what, What::Over(_))).count(), 40);
        drop((open, told));
        assert_eq!(descriptors(), before);
    }
}
