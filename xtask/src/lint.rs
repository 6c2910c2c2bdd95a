//! `cargo xtask lint`: all checks that need no test to run. Every check runs, then the failed ones are named.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::step::{self, Outcome};
use crate::{no_std, trees};

/// The pinned cargo-deny; see deny.toml for why it and how it is built.
const CARGO_DENY: &str = "0.20.2";

/// A check, which fails with a sentence.
type Check = fn() -> Result<(), String>;

/// The checks in order: the quick ones first.
const CHECKS: &[(&str, Check)] = &[
    ("format", format),
    ("dependencies", trees::check),
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
    step::run(step::cargo().args(["fmt", "--check", "--manifest-path"]).arg(no_std::manifest()))
}

fn clippy() -> Result<(), String> {
    component("clippy", "clippy")?;
    step::run(step::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn docs() -> Result<(), String> {
    step::run(
        step::cargo()
            .args(["doc", "--workspace", "--all-features", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn deny() -> Result<(), String> {
    let tool = cargo_deny()?;
    // The crates of every platform are judged, not only those that this one builds, so they must be here;
    // after that nothing needs a network.
    step::run(step::cargo().args(["fetch", "--locked"]))?;
    let mut command = Command::new(tool);
    command.current_dir(step::root());
    command.args(["--offline", "--locked", "check", "licenses", "bans", "sources"]);
    step::run(&mut command)
}

/// Installs cargo-deny under target/ once, unoptimised: that takes a third of the time, and it runs in a second.
fn cargo_deny() -> Result<PathBuf, String> {
    let home = step::target().join("tools");
    let tool = home.join("bin/cargo-deny");
    let version = step::output(Command::new(&tool).arg("--version"));
    if version.is_some_and(|text| text.trim() == format!("cargo-deny {CARGO_DENY}")) {
        return Ok(tool);
    }
    step::run(
        step::cargo()
            .args([
                "install",
                "--debug",
                "--locked",
                "--quiet",
                "cargo-deny",
                "--version",
                CARGO_DENY,
            ])
            .arg("--root")
            .arg(&home)
            .env("CARGO_TARGET_DIR", home.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0"),
    )?;
    // Only the program is wanted; its half a gigabyte of intermediate files is not.
    let _ = std::fs::remove_dir_all(home.join("target"));
    Ok(tool)
}

/// Says what to install when the toolchain came without one of its parts.
fn component(subcommand: &str, name: &str) -> Result<(), String> {
    if step::succeeds(step::cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    Err(format!("the toolchain has no {name}; install it with: rustup component add {name}"))
}
