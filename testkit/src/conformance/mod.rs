//! One list of scenarios that every runtime passes, with the bytes, events and outcomes that it must show.
//!
//! A runtime takes part through an adapter, an implementation of [`Runtime`] that fits on a page (`docs/write-a-runtime.md`
//! goes through one line by line), and a test that calls [`check`]. What stands at the outer ends of its sessions knows no
//! runtime: scripts on threads of their own, over blocking sockets. [`Pair`] runs the core's own pump over in-memory
//! pipes, without any runtime: a scenario that fails there is the core's, or the list's, fault.
//!
//! Every wait of a peer's is bounded by [`LONG`], and nothing is said of how long anything takes: where a deadline is
//! to pass, it is short, and the reason that is given for the end is what counts.
//!
//! With `PROCY_CONFORMANCE=full` in the environment the large scenarios have their full size; `cargo xtask conformance
//! --full` sets it.

mod case;
mod cues;
mod job;
mod pair;
mod peer;
mod pipe;
mod plain;
mod scenarios;
mod wire;

use std::time::Duration;

pub use job::{Answer, Job, Late, Report};
pub use pair::Pair;
pub use pipe::End;
pub use wire::{Wire, tcp};

/// The longest that a peer waits for anything, and twice this a session for its end. Never reached by a runtime that
/// conforms.
pub const LONG: Duration = Duration::from_secs(30);

/// A runtime, as the scenarios see it.
pub trait Runtime: Send + Sync + 'static {
    /// The kind of stream that its sessions are given.
    type Stream: Send + 'static;

    /// The column's title in the table.
    fn name(&self) -> &'static str;

    /// A new connection: the peer's end, and the session's. Over TCP, this is [`tcp`].
    ///
    /// # Errors
    /// Those of the operating system.
    fn connection(&self) -> std::io::Result<(Wire, Self::Stream)>;

    /// Runs all these sessions at once, each from its beginning to its end, and closes what is theirs. The reports come
    /// in the jobs' order.
    fn run(&self, jobs: Vec<Job<Self::Stream>>) -> Vec<Report>;
}

/// Runs the whole list on `runtime`, printing one line a scenario.
///
/// # Errors
/// What each failed scenario has to say, its name first.
#[allow(clippy::print_stdout, reason = "the lines are what `cargo xtask conformance` reads")]
pub fn check<R: Runtime>(runtime: R) -> Result<(), String> {
    let runtime = std::sync::Arc::new(runtime);
    let only = std::env::var("PROCY_SCENARIO").unwrap_or_default();
    let mut failures = String::new();
    for case in scenarios::all(full()) {
        if !case.name.contains(&only) {
            continue;
        }
        let verdict = case.run(&runtime);
        let word = if verdict.is_ok() { "ok" } else { "failed" };
        println!("conformance | {} | {} | {word}", runtime.name(), case.name);
        if let Err(why) = verdict {
            println!("{why}");
            failures += &format!("{}: {why}\n", case.name);
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// Every scenario's name, in the order in which they run.
#[must_use]
pub fn names() -> Vec<&'static str> {
    scenarios::all(full()).iter().map(|case| case.name).collect()
}

fn full() -> bool {
    std::env::var_os("PROCY_CONFORMANCE").is_some_and(|size| size == "full")
}
