//! `cargo xtask bench machine` and `bench instructions`: the machine in memory, by the clock and by callgrind.

use std::process::{Command, ExitCode};

use crate::setup::{self, Consent};
use crate::step::{self, Outcome};

/// What callgrind counts: the function of that name in `benches/examples/instructions.rs`.
const COUNTED: &str = "--toggle-collect=instructions::measured*";

/// By the clock. What is passed on is for criterion: a part of a name, `--save-baseline NAME`, `--baseline NAME`.
pub(crate) fn clock(passed_on: &[&String]) -> Outcome {
    let mut command = step::cargo();
    command.args(["bench", "--locked", "-p", "procy-benches", "--bench", "machine", "--"]);
    step::run(command.args(passed_on))?;
    Ok(ExitCode::SUCCESS)
}

/// By callgrind: a table of instructions, which hardly differ from one run to the next, whatever else the machine does.
pub(crate) fn instructions(consent: Consent) -> Outcome {
    setup::packages(setup::FOR_INSTRUCTIONS, consent)?;
    let mut build = step::cargo();
    build.args(["build", "--release", "--locked", "-p", "procy-benches"]);
    step::run(build.args(["--example", "instructions"]))?;
    let program = step::target().join("release/examples/instructions");
    let list = step::output(&mut Command::new(&program)).unwrap_or_default();
    println!("| operation | instructions | a byte |\n| --- | ---: | ---: |");
    for line in list.lines() {
        let mut parts = line.split('\t');
        let (Some(name), Some(Ok(times)), Some(Ok(bytes))) = (
            parts.next(),
            parts.next().map(str::parse::<u64>),
            parts.next().map(str::parse::<u64>),
        ) else {
            return Err(format!("{}: not an operation: {line}", program.display()));
        };
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", COUNTED]);
        let ran = valgrind.arg(&program).arg(name).output();
        let ran = ran.map_err(|error| step::cannot_start("valgrind", &error))?;
        let said = String::from_utf8_lossy(&ran.stderr);
        let Some(counted) = collected(&said).filter(|_| ran.status.success()) else {
            return Err(format!("{name}: {said}"));
        };
        let each = counted / times.max(1);
        let a_byte = match bytes {
            0 => String::new(),
            _ => format!("{:.2}", each as f64 / bytes as f64),
        };
        println!("| {name} | {each} | {a_byte} |");
    }
    Ok(if list.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The count in callgrind's last words: `==17== Collected : 4711`.
fn collected(said: &str) -> Option<u64> {
    let (_, count) = said.lines().find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_read_and_none_is_no_count() {
        assert_eq!(collected("==1== \n==1== Collected : 4711\n==1== \n"), Some(4_711));
        assert_eq!(collected("==1== Collected : 0\n"), None);
        assert_eq!(collected("==1== Events    : Ir\n"), None);
    }
}
