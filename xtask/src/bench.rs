//! `cargo xtask bench`: the benchmarks that want processes of their own (`benches/README.md`).

use std::process::ExitCode;

use crate::bench_machine;
use crate::setup::{self, Consent};
use crate::step::{self, Outcome};

/// Sees to the peers' packages, builds the harness and hands the words on; its own help lists them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (own, passed_on): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| *word == "--no-install");
    let consent = Consent::here(!own.is_empty());
    match passed_on.first().map(|verb| verb.as_str()) {
        Some("machine") => return bench_machine::clock(&passed_on[1..]),
        Some("instructions") => return bench_machine::instructions(consent),
        Some("peers") => setup::packages(setup::FOR_PEERS, consent)?,
        _ => {}
    }
    let mut command = step::cargo();
    command.args(["run", "--release", "--locked", "-p", "procy-benches", "--"]).args(passed_on);
    step::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
