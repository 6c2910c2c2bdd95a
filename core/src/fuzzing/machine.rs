//! The session machine against a peer that says anything, and against its own kind under any schedule.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::slice;

use super::host::{Heard, Host, Manner, Role};
use super::{Input, Verdict, pieces};
use crate::event::Outcome;
use crate::sim::{Cast, Plan, Random, World};

/// The longest wire that [`chunks`] takes byte by byte.
const MAX_CHUNKED: usize = 4_096;

/// A console's session. Input: a [`Manner`], then all that the device says.
///
/// # Errors
/// The promise that was broken, after any visit or in the end.
pub fn console(cast: &Cast, input: &[u8]) -> Verdict {
    run(Role::Console, cast, input)
}

/// A device's session. Input: a [`Manner`], then all that the console says.
///
/// # Errors
/// The promise that was broken, after any visit or in the end.
pub fn device(cast: &Cast, input: &[u8]) -> Verdict {
    run(Role::Device, cast, input)
}

fn run(role: Role, cast: &Cast, input: &[u8]) -> Verdict {
    let mut input = Input(input);
    let manner = Manner::take(&mut input);
    let mut host = Host::new(role, cast, manner)?;
    let lengths = if manner.chunk == 0 { &[] } else { slice::from_ref(&manner.chunk) };
    // In pieces, the host's answers come in between; a console that has said all at once has left before it was let in.
    for piece in pieces(input.0, lengths) {
        host.feed(piece)?;
    }
    host.finish().map(|_| ())
}

/// The same bytes, byte by byte and in other pieces. Input: the role, the number of cuts, their lengths, then all that the
/// peer says. `reseed` makes randomness the same again.
///
/// What the host does is part of the input too: where it acted on the bytes up to some place, it acts there each time.
///
/// # Errors
/// I5: the results differ.
pub fn chunks(cast: &Cast, reseed: fn(), input: &[u8]) -> Verdict {
    let mut input = Input(input);
    let role = if input.byte() % 2 == 0 { Role::Console } else { Role::Device };
    let count = usize::from(input.byte() % 16);
    let cuts = input.take(count);
    let wire = input.take(MAX_CHUNKED);

    let mut host = Host::new(role, cast, Manner::default())?;
    let mut stops = Vec::new();
    for (at, byte) in wire.iter().enumerate() {
        if host.feed(&[*byte])? {
            stops.push(at + 1);
        }
    }
    let slow = host.finish()?;

    reseed();
    let mut host = Host::new(role, cast, Manner::default())?;
    stops.push(wire.len());
    let mut from = 0;
    for to in stops {
        for piece in pieces(wire.get(from..to).unwrap_or_default(), cuts) {
            host.feed(piece)?;
        }
        from = to;
    }
    let fast = host.finish()?;
    if slow == fast { Ok(()) } else { Err(difference(&slow, &fast)) }
}

fn difference(slow: &Heard, fast: &Heard) -> alloc::string::String {
    format!(
        "I5: where bytes are cut matters\nbyte by byte: {:?} {:?}\nin pieces:    {:?} {:?}\nnear is the same: {}, far is: {}",
        slow.outcome,
        slow.events,
        fast.outcome,
        fast.events,
        slow.near == fast.near,
        slow.far == fast.far
    )
}

/// Two sessions that differ in their record layer alone: `plain` is the cast that leaves records to rustls. Input: the role, a
/// [`Manner`], then all that the peer says. `reseed` makes randomness the same again.
///
/// # Errors
/// The results differ.
pub fn records(cast: &Cast, plain: &Cast, reseed: fn(), input: &[u8]) -> Verdict {
    let mut input = Input(input);
    let role = if input.byte() % 2 == 0 { Role::Console } else { Role::Device };
    let manner = Manner::take(&mut input);
    let lengths = if manner.chunk == 0 { &[] } else { slice::from_ref(&manner.chunk) };
    let run = |cast| {
        reseed();
        let mut host = Host::new(role, cast, manner)?;
        for piece in pieces(input.0, lengths) {
            host.feed(piece)?;
        }
        host.finish()
    };
    let (ours, plain) = (run(cast)?, run(plain)?);
    // rustls reads a message before it sees that it has no place: one that is malformed too ends in another alert.
    let no_place = matches!(&ours.outcome, Some(Outcome::Failed(error)) if error.to_string().contains(NO_PLACE));
    let code = |heard: &Heard| match &heard.outcome {
        Some(Outcome::Failed(error)) => Some(error.code()),
        _ => None,
    };
    if ours == plain || (no_place && code(&ours) == code(&plain)) {
        return Ok(());
    }
    Err(format!("the record layers differ\nours:  {ours:?}\nplain: {plain:?}"))
}

/// What rustls says of a handshake message of a type that may not come now.
const NO_PLACE: &str = "unexpected handshake message";

/// Two sessions, with a viewer, a desktop and two hosts, in a [`World`] whose every choice is a byte of the input: its plan,
/// then who acts, how bytes are cut, what goes wrong. All of the simulator's invariants are checked after every step.
///
/// # Errors
/// The invariant that was broken.
pub fn operations(cast: &Cast, input: &[u8]) -> Verdict {
    let mut random = Random::scripted(input);
    let plan = Plan::draw(&mut random);
    let report = World::new(cast, plan, random).run()?;
    match report.console {
        Outcome::Failed(error) if error.code().is_empty() => Err("an error without a code".into()),
        _ => Ok(()),
    }
}
