//! `cargo xtask conformance`: every scenario on every runtime, and the table of what came of it.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use crate::step::{self, Outcome};

/// Whose `tests/conformance.rs` runs the list through an adapter, or several.
const PACKAGES: [&str; 5] =
    ["procy-testkit", "procy-tokio", "procy-blocking", "procy-mio", "procy-futures"];

/// How the tests begin each line that is meant for us: `conformance | RUNTIME | SCENARIO | ok`.
const MARK: &str = "conformance | ";

/// Runs them, and prints the table in Markdown; progress and failures go to stderr.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let full = match arguments {
        [] => false,
        [word] if word == "--full" => true,
        _ => return Err("usage: cargo xtask conformance [--full]".to_owned()),
    };
    let mut command = step::cargo();
    command.args(["test", "--locked", "--no-fail-fast", "--test", "conformance"]);
    command.args(["--features", "procy-testkit/conformance"]);
    command.args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    command.args(["--", "--nocapture", "--test-threads=1"]).stdout(Stdio::piped());
    if full {
        command.env("PROCY_CONFORMANCE", "full");
    }
    let line = step::in_words(&command);
    eprintln!("+ {line}");
    let mut child = command.spawn().map_err(|error| step::cannot_start(&line, &error))?;
    let mut table = Table::default();
    if let Some(stdout) = child.stdout.take() {
        for said in BufReader::new(stdout).lines().map_while(Result::ok) {
            eprintln!("{said}");
            table.take(&said);
        }
    }
    let status = child.wait().map_err(|error| format!("{line}: {error}"))?;
    print!("{}", table.markdown());
    Ok(if table.is_whole() { step::exit_code(status) } else { ExitCode::FAILURE })
}

/// What has become of each scenario on each runtime, both in the order in which they came.
#[derive(Default)]
struct Table {
    runtimes: Vec<String>,
    scenarios: Vec<String>,
    /// Runtime, scenario, word.
    cells: Vec<(usize, usize, String)>,
}

impl Table {
    /// Takes a line of the tests'. The test's own name may stand before ours.
    fn take(&mut self, line: &str) {
        let Some((_, line)) = line.split_once(MARK) else { return };
        let mut parts = line.split(" | ");
        if let (Some(runtime), Some(scenario), Some(word), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        {
            let cell =
                (index(&mut self.runtimes, runtime), index(&mut self.scenarios, scenario), word);
            self.cells.push((cell.0, cell.1, word.trim_end().to_owned()));
        }
    }

    fn word(&self, runtime: usize, scenario: usize) -> &str {
        let cell = self.cells.iter().find(|(r, s, _)| (*r, *s) == (runtime, scenario));
        cell.map_or("not run", |(_, _, word)| word)
    }

    /// Whether there is a table, and every runtime has passed every scenario that any has.
    fn is_whole(&self) -> bool {
        !self.cells.is_empty()
            && self.cells.len() == self.runtimes.len() * self.scenarios.len()
            && self.cells.iter().all(|(_, _, word)| word == "ok")
    }

    fn markdown(&self) -> String {
        let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let titles = self.runtimes.iter().map(String::as_str);
        let mut text = row(["scenario"].into_iter().chain(titles).collect());
        text += &row(vec!["---"; self.runtimes.len() + 1]);
        for (at, scenario) in self.scenarios.iter().enumerate() {
            let words = (0..self.runtimes.len()).map(|runtime| self.word(runtime, at));
            text += &row([scenario.as_str()].into_iter().chain(words).collect());
        }
        text
    }
}

fn index(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::Table;

    fn table(lines: &[&str]) -> Table {
        let mut table = Table::default();
        lines.iter().for_each(|line| table.take(line));
        table
    }

    #[test]
    fn lines_become_a_table_whatever_stands_around_them() {
        let table = table(&[
            "running 1 test",
            "test it ... conformance | pair | a thing | ok",
            "conformance | pair | another | ok",
            "conformance | tokio | a thing | ok",
            "conformance | tokio | another | failed",
        ]);
        assert_eq!(
            table.markdown(),
            "| scenario | pair | tokio |\n| --- | --- | --- |\n| a thing | ok | ok |\n| another | ok | failed |\n"
        );
        assert!(!table.is_whole(), "one failed");
    }

    #[test]
    fn a_scenario_that_was_not_run_is_no_success() {
        assert!(!table(&[]).is_whole());
        let mut lines = vec!["conformance | a | x | ok", "conformance | a | y | ok"];
        assert!(table(&lines).is_whole());
        lines.push("conformance | b | x | ok");
        assert!(!table(&lines).is_whole());
        assert!(table(&lines).markdown().contains("| y | ok | not run |"));
    }
}
