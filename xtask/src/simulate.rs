//! `cargo xtask simulate`: seeded schedules of whole sessions for as long as one likes.

use crate::step::{self, Outcome};

/// Builds the simulator as it is fastest with its checks on, and hands it the arguments.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut command = step::cargo();
    command.args(["run", "--locked", "--quiet", "--profile", "simulate", "-p", "procy-core"]);
    let real = arguments.iter().any(|word| word == "--real");
    command.args(["--features", if real { "sim,aws-lc-rs" } else { "sim" }]);
    command.args(["--example", "simulate", "--"]).args(arguments);
    let line = step::in_words(&command);
    eprintln!("+ {line}");
    let status = command.status().map_err(|error| step::cannot_start(&line, &error))?;
    Ok(step::exit_code(status))
}
