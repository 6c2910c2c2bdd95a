//! All of the project's set-up and checks behind one word: `cargo xtask VERB`.
//!
//! It has no dependency, as it is the first thing that a newcomer compiles. A new verb is a module with a
//! `run` and a line in [`VERBS`].

#![allow(clippy::print_stdout, clippy::print_stderr)] // talking to a person is what this program does

mod bench;
mod bench_machine;
mod codes;
mod conformance;
mod coverage;
mod demo;
mod fuzz;
mod lint;
mod no_std;
mod promises;
mod setup;
mod simulate;
mod soak;
mod step;
mod test;
mod tool;
mod trees;

use std::process::ExitCode;

use step::Outcome;

/// A verb's deed, given the arguments after the word.
type Run = fn(&[String]) -> Outcome;

/// What can be asked for: the word, what it does, and who does it.
const VERBS: &[(&str, &str, Run)] = &[
    ("demo", "a whole session on loopback to look at: demo [ARGS of `procy demo`]", demo::run),
    (
        "test",
        "install what the tests need, run them all: test [--no-install] [-- ARGS of `cargo test`]",
        test::run,
    ),
    (
        "conformance",
        "every scenario on every runtime, as a table: conformance [--full]",
        conformance::run,
    ),
    (
        "simulate",
        "seeded schedules: simulate [--minutes N | --seeds N] [--from SEED] [--real]",
        simulate::run,
    ),
    (
        "fuzz",
        "fuzz TARGET [--minutes N] [--jobs J] | smoke | coverage | merge TARGET | seeds",
        fuzz::run,
    ),
    (
        "coverage",
        "what of the core its tests reach: regions and lines, file by file",
        coverage::run,
    ),
    (
        "bench",
        "what it costs: bench drivers|peers|machine|instructions|plot [--no-install] [--help]",
        bench::run,
    ),
    (
        "soak",
        "sessions come, go and fail: soak [--runtime tokio|blocking|mio|futures|all] [--minutes N]",
        soak::run,
    ),
    (
        "lint",
        "format, clippy, docs, licences, sources, dependencies, named tests and codes, no_std",
        lint::run,
    ),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match VERBS.iter().find(|(name, ..)| *name == verb) {
        Some((_, _, run)) => run(&rest),
        None if matches!(verb.as_str(), "" | "help" | "-h" | "--help") => {
            println!("{}", usage());
            Ok(ExitCode::SUCCESS)
        }
        None => Err(format!("no such verb: {verb}\n{}", usage())),
    };
    outcome.unwrap_or_else(|why| {
        eprintln!("xtask: {why}");
        ExitCode::FAILURE
    })
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask VERB [ARGS]\n");
    for (name, about, _) in VERBS {
        text += &format!("\n  {name:<11} {about}");
    }
    text
}
