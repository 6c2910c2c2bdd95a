//! `cargo xtask demo`: `procy demo` from a checkout, in the profile that compiles fastest.

use std::process::Command;

use crate::step::{self, Outcome};

/// Becomes `cargo run ... -- demo ARGS`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut command = step::cargo();
    command.args(["run", "--locked", "--package", "procy", "--features", "demo", "--", "demo"]);
    command.args(arguments);
    become_it(command)
}

/// On Unix this process becomes Cargo, and Cargo becomes `procy`: Ctrl-C, signals and the exit code are the
/// demo's own, with nobody in between.
#[cfg(unix)]
fn become_it(mut command: Command) -> Outcome {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(step::cannot_start(&step::in_words(&command), &error))
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Outcome {
    let status =
        command.status().map_err(|error| step::cannot_start(&step::in_words(&command), &error))?;
    Ok(step::exit_code(status))
}
