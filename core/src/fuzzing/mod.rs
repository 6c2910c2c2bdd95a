//! The bodies of the fuzz targets in `fuzz/`, behind the feature `fuzzing`.
//!
//! Each takes a fuzzer's bytes, does with them what a host would, and returns the promise that was broken, in words. Crypto
//! comes from outside, as everywhere: [`console`], [`device`], [`chunks`] and [`records`] expect a [`Cast`] whose provider believes
//! everything, so that a changed byte does not end at a tag that no longer fits; [`operations`] expects one that detects
//! changes. Both must be deterministic, and seeded before each call.
//!
//! [`Cast`]: crate::sim::Cast

mod codec;
mod host;
mod machine;
mod ums;

pub use codec::{certificate, command, hello};
pub use host::{Host, Manner, Role, WORDS};
pub use machine::{chunks, console, device, operations, records};
pub use ums::answers;

use alloc::string::String;

/// What a target returns: the promise that was broken, if one was.
pub type Verdict = Result<(), String>;

/// Fails with `what` unless it `holds`.
fn demand(holds: bool, what: &str) -> Verdict {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// A fuzzer's bytes, used up from the front; beyond their end there are zeroes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// `bytes` in pieces as long as `lengths` say, in turn and again from the first; an empty list cuts nothing.
fn pieces<'a>(mut bytes: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let most = lengths.next().map_or(usize::MAX, |length| usize::from(*length).max(1));
        let (piece, rest) = bytes.split_at(most.min(bytes.len()));
        bytes = rest;
        Some(piece)
    })
}
