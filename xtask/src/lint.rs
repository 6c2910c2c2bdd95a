//! `cargo xtask lint`: all checks that need no test to run. Every check runs, then the failed ones are named.

use std::process::{Command, ExitCode};

use crate::step::{self, Outcome};
use crate::{codes, fuzz, no_std, promises, tool, trees};

/// The pinned cargo-deny; see deny.toml for why it and how it is built.
const CARGO_DENY: &str = "0.20.2";

/// A check, which fails with a sentence.
type Check = fn() -> Result<(), String>;

/// The checks in order: the quick ones first.
const CHECKS: &[(&str, Check)] = &[
    ("format", format),
    ("dependencies", trees::check),
    ("tests that the threat model names", promises::check),
    ("error codes that the operations page explains", codes::check),
    ("no_std proof", no_std::prove),
    ("clippy", clippy),
    ("docs", docs),
    ("licences, bans, sources", deny),
];

/// Runs every check.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("lint takes no arguments: {unknown}"));
    }
    let mut failures = Vec::new();
    for (name, check) in CHECKS {
        eprintln!("\n== {name}");
        if let Err(why) = check() {
            eprintln!("{why}");
            failures.push(*name);
        }
    }
    if failures.is_empty() {
        eprintln!("\nlint: all {} checks passed", CHECKS.len());
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!("failed: {}", failures.join("; ")))
}

fn format() -> Result<(), String> {
    component("fmt", "rustfmt")?;
    step::run(step::cargo().args(["fmt", "--all", "--check"]))?;
    for manifest in [no_std::manifest(), fuzz::manifest()] {
        step::run(step::cargo().args(["fmt", "--check", "--manifest-path"]).arg(manifest))?;
    }
    Ok(())
}

/// All of it; and the core with each feature by itself, as those who depend on it build it.
fn clippy() -> Result<(), String> {
    component("clippy", "clippy")?;
    let run = |what: &[&str]| {
        let mut command = step::cargo();
        step::run(command.args(["clippy", "--locked"]).args(what).args(["--", "-D", "warnings"]))
    };
    run(&["--workspace", "--all-targets", "--all-features"])?;
    ["", "ring", "aws-lc-rs", "sim", "fuzzing"].into_iter().try_for_each(|feature| {
        run(&["-p", "procy-core", "--no-default-features", "--features", feature])
    })
}

fn docs() -> Result<(), String> {
    step::run(
        step::cargo()
            .args(["doc", "--workspace", "--all-features", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn deny() -> Result<(), String> {
    let tool = tool::installed("cargo-deny", CARGO_DENY)?;
    // The crates of every platform are judged, not only those that this one builds, so they must be here;
    // after that nothing needs a network.
    step::run(step::cargo().args(["fetch", "--locked"]))?;
    let mut command = Command::new(tool);
    command.current_dir(step::root());
    command.args(["--offline", "--locked", "check", "licenses", "bans", "sources"]);
    step::run(&mut command)
}

/// Says what to install when the toolchain came without one of its parts.
fn component(subcommand: &str, name: &str) -> Result<(), String> {
    if step::succeeds(step::cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    Err(format!("the toolchain has no {name}; install it with: rustup component add {name}"))
}
