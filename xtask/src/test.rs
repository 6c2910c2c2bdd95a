//! `cargo xtask test`: everything that the tests need, then all tests, then one line with the totals.

use std::io::Write as _;
use std::process::Stdio;

use crate::setup::{self, Consent};
use crate::step::{self, Outcome};

/// Installs, runs, counts; the exit code is Cargo's.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (own, passed_on) = match arguments.iter().position(|word| word == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &arguments[arguments.len()..]),
    };
    if let Some(unknown) = own.iter().find(|word| *word != "--no-install") {
        return Err(format!(
            "unknown option {unknown}; what `cargo test` should get comes after `--`"
        ));
    }
    let consent = Consent::here(own.iter().any(|word| word == "--no-install"));
    setup::packages(setup::FOR_TESTS, consent)?;
    let venv = setup::python(consent)?;

    let mut command = step::cargo();
    command.args(["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"]);
    command.args(passed_on).env("PROCY_TEST_VENV", venv).stdout(Stdio::piped());
    let line = step::in_words(&command);
    eprintln!("+ {line}");
    let mut child = command.spawn().map_err(|error| step::cannot_start(&line, &error))?;
    let mut totals = Totals::default();
    if let Some(mut stdout) = child.stdout.take() {
        totals.follow(&mut stdout);
    }
    let status = child.wait().map_err(|error| format!("{line}: {error}"))?;
    if totals.ignored > 0 {
        println!("\n{} ignored", totals.ignored);
    }
    println!("\n{} passed, {} failed", totals.passed, totals.failed);
    Ok(step::exit_code(status))
}

/// The sum over all test binaries and doc tests.
#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// The line that is not over yet.
    line: Vec<u8>,
}

impl Totals {
    /// Shows what comes as it comes (in pieces, as a test's name is shown before its result) and counts.
    fn follow(&mut self, from: &mut impl std::io::Read) {
        let mut buffer = [0; 8192];
        let mut out = std::io::stdout();
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            // With nobody reading us any more, the count and the exit code still matter.
            let _ = out.write_all(&buffer[..n]).and_then(|()| out.flush());
            self.take(&buffer[..n]);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.count_line();
            } else {
                self.line.push(byte);
            }
        }
    }

    /// Counts in a line like `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; ...`.
    fn count_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let Some(Ok(n)) = words.next().map(str::parse::<u64>) else { continue };
            match words.next() {
                Some("passed") => self.passed += n,
                Some("failed") => self.failed += n,
                Some("ignored") => self.ignored += n,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn totals_are_summed_over_binaries_whatever_the_chunks() {
        let text = "running 2 tests\ntest a ... ok\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s\n\
            noise: test result: ok. 9 passed;\n\
            test result: FAILED. 40 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n";
        for chunk in [1, 7, 4096] {
            let mut totals = Totals::default();
            text.as_bytes().chunks(chunk).for_each(|bytes| totals.take(bytes));
            assert_eq!((totals.passed, totals.failed, totals.ignored), (42, 3, 1));
        }
    }
}
