//! `cargo xtask soak`: sessions come, go and fail on each runtime, and leave nothing behind (`benches/README.md`).

use std::process::ExitCode;

use crate::step::{self, Outcome};

/// Builds it as it is shipped, and hands it the arguments; its own help lists them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut command = step::cargo();
    command.args(["run", "--release", "--locked", "-p", "procy-benches", "--", "soak"]);
    step::run(command.args(arguments))?;
    Ok(ExitCode::SUCCESS)
}
