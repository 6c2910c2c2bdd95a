//! I2: no allocation of ours a record while relaying and both peers keep up; idle holds nothing but the machine.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;
#[path = "common/heap.rs"]
mod heap;

use std::mem::size_of;

use common::bench::Role;
use common::peer::{self, TLS12, TLS13, Version};
use common::{Bench, Stage, pattern, toy};
use procy_core::Session;
use procy_core::prologue::{Bounds, console};
use procy_core::pump::{BUDGET, Io, Stream, Turn, pump};
use procy_core::session::Pending;

/// What rustls itself allocates for each record of TLS 1.2, down the content that it copies out, up the record that it
/// seals; and for each of TLS 1.3 up, unless AWS-LC seals it.
const RUSTLS_ALLOCS_PER_RECORD: usize = 1;

/// What an idle session may have on the heap: mostly rustls' configuration, keys and key schedule (with the toy provider,
/// whose keys are as small as a real one's; 3,167 to 4,039 bytes when it was measured).
const IDLE: usize = 4 << 10;

/// A stream that allocates nothing itself.
struct Quiet {
    inbox: Vec<u8>,
    read: usize,
    written: usize,
}

impl Quiet {
    fn new(inbox: Vec<u8>) -> Self {
        Self { inbox, read: 0, written: 0 }
    }
}

impl Stream for Quiet {
    fn read(&mut self, into: &mut [u8]) -> Io {
        let rest = &self.inbox[self.read..];
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        if n == 0 { Io::Blocked } else { Io::Moved(n) }
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let n = parts.map(<[u8]>::len).sum();
        self.written += n;
        Io::Moved(n)
    }

    fn shutdown(&mut self) -> Io {
        unreachable!("nobody ends")
    }
}

fn bench(role: Role, version: Version) -> Bench {
    match role {
        Role::Console => Bench::console_with(console::Config::new(toy()), version, Stage::Relaying),
        Role::Device => Bench::device_with(Bounds::default(), version, Stage::Relaying),
    }
}

/// One visit with so much to read; gives the allocations in it, and the bytes written near and far.
fn visit(bench: &mut Bench, near: Vec<u8>, far: Vec<u8>) -> (usize, usize, usize) {
    let (mut near, mut far) = (Quiet::new(near), Quiet::new(far));
    let host = &mut bench.host;
    let made = heap::allocations(|| {
        let mut visit = host.session.visit(&mut host.scratch, host.now);
        assert_eq!(pump(&mut visit, &mut near, &mut far, BUDGET), Turn::Wait);
    });
    (made, near.written, far.written)
}

#[test]
fn relaying_down_allocates_nothing_but_what_rustls_does() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let mut bench = bench(role, version);
            for (records, size) in [(3, 16_384), (1, 1), (40, 16_384), (100, 1_000), (1, 16_384)] {
                let mut wire = Vec::new();
                for _ in 0..records {
                    bench.peer.say(&pattern(size));
                    wire.extend(bench.peer.flush());
                }
                let (made, near, _) = visit(&mut bench, Vec::new(), wire);
                assert_eq!(near, records * size);
                let copied = if version == TLS13 { 0 } else { records };
                assert_eq!(made, copied * RUSTLS_ALLOCS_PER_RECORD, "{role:?} {version:?}");
            }
        }
    }
}

#[test]
fn relaying_up_allocates_nothing_but_what_rustls_does() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let mut bench = bench(role, version);
            visit(&mut bench, pattern(50_000), Vec::new());
            for (reads, content, records) in [(1, 1, 1), (1, 16_384, 1), (1, 32_768, 2), (5, 10, 1)]
            {
                for _ in 0..reads {
                    let (made, _, far) = visit(&mut bench, pattern(content), Vec::new());
                    assert!(far > content);
                    assert_eq!(made, records * RUSTLS_ALLOCS_PER_RECORD, "{role:?} {version:?}");
                }
            }
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn with_aws_lc_relaying_allocates_nothing_either_way() {
    use common::real;
    let chain = vec![real::certificate("p256")];
    let config = real::server(chain, real::signer("p256").unwrap(), TLS13);
    let host = common::Host::console(console::Config::new(procy_core::tls::Crypto::aws_lc_rs()));
    let mut bench = Bench { host, peer: common::Peer::server(config) };
    let now = bench.host.now;
    bench.host.act(|visit| {
        visit.attach(procy_core::event::Side::Near);
        visit.credential(real::credential("p256"), now);
        visit.attach(procy_core::event::Side::Far);
    });
    bench.settle();
    bench.peer.say(common::HELLO);
    bench.settle();
    assert!(bench.host.session.is_relaying());
    for size in [1, 1_000, 16_384, 100_000] {
        bench.peer.say(&pattern(size));
        let wire = bench.peer.flush();
        let (made, near, _) = visit(&mut bench, Vec::new(), wire);
        assert_eq!((made, near), (0, size));
        let (made, _, far) = visit(&mut bench, pattern(size), Vec::new());
        assert!(made == 0 && far > size, "{size}: {made} allocations");
    }
}

#[test]
fn a_visit_in_which_nothing_moves_allocates_nothing() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut bench = Bench::at(role, stage);
            bench.settle();
            let (made, ..) = visit(&mut bench, Vec::new(), Vec::new());
            assert_eq!(made, 0, "{role:?} {stage:?}");
        }
    }
}

#[test]
fn an_idle_session_holds_no_buffer_and_little_else() {
    for role in Role::BOTH {
        for version in [TLS12, TLS13] {
            let mut bench = bench(role, version);
            bench.host.near.push(&pattern(100_000));
            bench.peer.say(&pattern(1 << 20));
            bench.settle();
            bench.host.turn();
            assert_eq!(bench.host.session.holds(), 0, "{role:?} {version:?}");
            let before = heap::live();
            drop(bench.host.session);
            let heap = usize::try_from(before - heap::live()).unwrap();
            println!("{role:?} {version:?}: {heap} + {} bytes", size_of::<Session>());
            assert!(heap <= IDLE, "{role:?} {version:?}: {heap}");
            assert!(size_of::<Session>() <= 640);
        }
    }
}
