//! `cargo xtask fuzz`: campaigns, a smoke run, what the corpora cover, and the corpora themselves. fuzz/README.md says
//! what the targets are.
//!
//! It runs on stable, because no sanitizer is asked for: nothing under test has `unsafe` that one could watch.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::coverage;
use crate::step::{self, Outcome};
use crate::tool;

/// The pinned cargo-fuzz.
const CARGO_FUZZ: &str = "0.13.2";

/// Every target, and its dictionary.
const TARGETS: &[(&str, Option<&str>)] = &[
    ("console", Some("tls")),
    ("device", Some("tls")),
    ("chunks", Some("tls")),
    ("records", Some("tls")),
    ("operations", None),
    ("certificate", Some("certificate")),
    ("ums", Some("ums")),
    ("command", Some("command")),
    ("hello", Some("hello")),
];

/// How long a campaign lasts unless it is told.
const MINUTES: u64 = 5;

/// Seconds that a smoke run gives each target.
const SMOKE: u64 = 2;

const USAGE: &str = "usage: cargo xtask fuzz TARGET [--minutes N] [--jobs J] | smoke | coverage | merge TARGET | seeds";

/// The fuzz targets' manifest.
pub(crate) fn manifest() -> PathBuf {
    home().join("Cargo.toml")
}

/// Does what the first word says.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["smoke"] => smoke(),
        ["coverage"] => coverage(),
        ["seeds"] => seeds(),
        ["merge", name] => merge(target(name)?),
        [name, options @ ..] => campaign(target(name)?, options),
        [] => return Err(USAGE.to_owned()),
    }?;
    Ok(ExitCode::SUCCESS)
}

type Target = (&'static str, Option<&'static str>);

fn target(name: &str) -> Result<Target, String> {
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.copied().ok_or_else(|| format!("no such target: {name}; there are {}\n{USAGE}", names()))
}

/// Looks for what nobody has thought of. What it finds on the way stays in fuzz/found/, what breaks a promise in
/// fuzz/artifacts/.
fn campaign(target: Target, options: &[&str]) -> Result<(), String> {
    let (mut minutes, mut jobs) = (MINUTES, 1);
    for pair in options.chunks(2) {
        // None at all would mean no end to libFuzzer.
        let number = |text: &str| match text.parse() {
            Ok(number @ 1..) => Ok(number),
            _ => Err(format!("no number of at least 1: {text}\n{USAGE}")),
        };
        match pair {
            ["--minutes", text] => minutes = number(text)?,
            ["--jobs", text] => jobs = number(text)?,
            _ => return Err(format!("unknown option: {}\n{USAGE}", pair.join(" "))),
        }
    }
    let found = home().join("found").join(target.0);
    let mut command = prepared(target, &build(Some(target.0))?, &found, minutes * 60)?;
    if jobs > 1 {
        command.arg(format!("-fork={jobs}"));
    }
    step::run(command.arg(corpus(target)).arg("-print_final_stats=1"))
}

/// All targets for a moment, from their corpora on: for every commit. What libFuzzer has to say is only shown when it has
/// found something.
fn smoke() -> Result<(), String> {
    let programs = build(None)?;
    let found = step::target().join("fuzz/smoke");
    let _ = std::fs::remove_dir_all(&found);
    for target in TARGETS {
        let (name, _) = *target;
        let mut command = prepared(*target, &programs, &found.join(name), SMOKE)?;
        command.arg(corpus(*target)).args(["-seed=1", "-print_final_stats=1"]);
        let line = step::in_words(&command);
        let ran = command.output().map_err(|error| step::cannot_start(&line, &error))?;
        let said = String::from_utf8_lossy(&ran.stderr);
        if !ran.status.success() {
            eprintln!("{said}");
            return Err(format!("{line}: {}; the input is in fuzz/artifacts/{name}", ran.status));
        }
        let count =
            said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        eprintln!("{name:<11} {:>8} inputs", count.unwrap_or("?").trim());
    }
    Ok(())
}

/// Takes over into the corpus what campaigns found, as far as it reaches new code (not merely the same more often), and
/// the shortest of it.
fn merge(target: Target) -> Result<(), String> {
    let found = home().join("found").join(target.0);
    let mut command = prepared(target, &build(Some(target.0))?, &corpus(target), 0)?;
    step::run(command.arg(found).args(["-merge=1", "-use_counters=0"]))
}

/// Writes the seeds again, after the wire or a body's input has changed.
fn seeds() -> Result<(), String> {
    let mut command = step::cargo();
    command.args(["run", "--quiet", "--locked", "--example", "seeds"]);
    step::run(command.arg("--manifest-path").arg(manifest()).arg("--target-dir").arg(plain()))
}

/// Runs the corpora through instrumented bodies, and prints what of the core they reach, file by file.
fn coverage() -> Result<(), String> {
    let mut tests = step::cargo();
    tests.args(["test", "--locked", "--test", "corpora", "--manifest-path"]).arg(manifest());
    coverage::measure(&mut tests, &step::target().join("fuzz-coverage"))
}

/// Builds one target, or all; returns the folder with the programs.
fn build(only: Option<&str>) -> Result<PathBuf, String> {
    let tool = tool::installed("cargo-fuzz", CARGO_FUZZ)?;
    let folder = step::target().join("fuzz");
    let version = step::output(Command::new("rustc").arg("-vV")).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let mut command = Command::new(tool);
    command.current_dir(step::root()).args(["fuzz", "build", "--sanitizer", "none", "--release"]);
    command.args(["--codegen-units", "16", "--target", host, "--target-dir"]).arg(&folder);
    step::run(command.args(only))?;
    Ok(folder.join(host).join("release"))
}

/// A target's program, which adds to `found` for so many seconds.
fn prepared(
    (name, dictionary): Target,
    programs: &Path,
    found: &Path,
    seconds: u64,
) -> Result<Command, String> {
    let artifacts = home().join("artifacts").join(name);
    for folder in [found, &artifacts] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = Command::new(programs.join(name));
    command.current_dir(step::root()).arg(found);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}"));
    if let Some(dictionary) = dictionary {
        let file = home().join("dictionaries").join(dictionary).with_extension("dict");
        command.arg(format!("-dict={}", file.display()));
    }
    Ok(command)
}

fn corpus((name, _): Target) -> PathBuf {
    home().join("corpus").join(name)
}

fn home() -> PathBuf {
    step::root().join("fuzz")
}

/// Where its examples and tests are built without any instrument.
fn plain() -> PathBuf {
    step::target().join("fuzz-plain")
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, corpus, home, manifest};

    #[test]
    fn every_target_of_the_manifest_is_known_and_has_its_corpus_and_dictionary() {
        let manifest = std::fs::read_to_string(manifest()).unwrap();
        let programs = manifest.split("[[bin]]").skip(1);
        let names: Vec<_> = programs.filter_map(|part| part.split('"').nth(1)).collect();
        let known: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, known);
        for target in TARGETS {
            assert!(corpus(*target).read_dir().unwrap().next().is_some(), "{target:?}");
            let dictionary = target.1.map(|name| home().join(format!("dictionaries/{name}.dict")));
            assert!(dictionary.is_none_or(|file| file.is_file()), "{target:?}");
        }
    }
}
