//! `cargo xtask bench`: the benchmarks that want processes of their own (`benches/README.md`).

use std::process::ExitCode;

use crate::step::{self, Outcome};

/// Builds the harness and hands the words on; its own help lists them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut command = step::cargo();
    command.args(["run", "--release", "--locked", "-p", "procy-benches", "--"]).args(arguments);
    step::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
