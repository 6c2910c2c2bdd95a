//! `cargo xtask coverage`: what of the core its own tests reach, file by file, and where they do not.
//!
//! `llvm-cov report` would count the unit tests' own lines, and take of a function that several test programs hold the
//! one copy of which most was reached. Here a region counts once, and is reached if any copy of it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::step::{self, Outcome};
use crate::tool;

/// What is measured.
const SOURCES: &str = "core/src/";

/// What of that is not: the tests' own machinery.
const INSTRUMENTS: [&str; 2] = ["fuzzing/", "sim/"];

/// Measures the core's tests, but for the examples in its documentation.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown option {unknown}; there is none"));
    }
    let mut tests = step::cargo();
    tests.args(["test", "--locked", "--package", "procy-core", "--all-features", "--tests"]);
    measure(&mut tests, &step::target().join("coverage"))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds and runs a `cargo test` with instruments, in a folder of its own, and prints what of the core it reaches.
pub(crate) fn measure(tests: &mut Command, folder: &Path) -> Result<(), String> {
    let (merger, exporter) = (tool::llvm("llvm-profdata")?, tool::llvm("llvm-cov")?);
    let profiles = folder.join("profiles");
    let _ = std::fs::remove_dir_all(&profiles);
    tests.arg("--target-dir").arg(folder).env("RUSTFLAGS", "-C instrument-coverage");
    tests.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
    step::run(tests)?;
    // Once more, for the names of the programs that ran.
    let built = step::output(tests.args(["--no-run", "--message-format=json"])).unwrap_or_default();
    let merged = folder.join("merged.profdata");
    let mut merge = Command::new(merger);
    step::run(merge.args(["merge", "-sparse", "-o"]).arg(&merged).arg(&profiles))?;
    let mut export = Command::new(exporter);
    export.args(["export", "-skip-expansions", "-skip-branches", "-instr-profile"]).arg(&merged);
    for program in programs(&built) {
        export.args(["-object", program]);
    }
    let sources = step::root().join(SOURCES);
    let exported = step::output(export.arg("-sources").arg(&sources)).unwrap_or_default();
    let files = reached(&exported, &sources.to_string_lossy());
    if files.is_empty() {
        return Err(format!("{} says nothing of {SOURCES}", step::in_words(&export)));
    }
    print!("{}", table(&files));
    Ok(())
}

/// The tests' programs among all that Cargo's messages name.
fn programs(messages: &str) -> impl Iterator<Item = &str> {
    messages.lines().filter_map(|message| {
        let profile = between(message, "\"profile\":{", "}")?;
        between(message, "\"executable\":\"", "\"").filter(|_| profile.contains("\"test\":true"))
    })
}

/// What was reached of each file, from llvm-cov's export: a list of functions, each copy on its own.
fn reached(exported: &str, sources: &str) -> BTreeMap<String, File> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for function in exported.split("\"filenames\":[\"").skip(1) {
        let Some(name) = function.split('"').next().and_then(|path| path.strip_prefix(sources))
        else {
            continue;
        };
        let mangled = between(function, "\"name\":\"", "\"").unwrap_or_default();
        // A mangled name has each module's length before it.
        if INSTRUMENTS.iter().any(|folder| name.starts_with(folder)) || mangled.contains("5tests") {
            continue;
        }
        let regions = between(function, "\"regions\":[[", "]]").unwrap_or_default();
        files.entry(name.to_owned()).or_default().add(regions.split("],[").filter_map(region));
    }
    files
}

/// A stretch of code that runs as a whole, and whether it did: `[line, column, line, column, count, _, _, kind]`, where
/// kind 0 is code.
fn region(numbers: &str) -> Option<(Region, bool)> {
    let numbers: Vec<u64> = numbers.split(',').map_while(|number| number.parse().ok()).collect();
    match numbers[..] {
        [line, column, last, end, count, _, _, 0] => Some(([line, column, last, end], count > 0)),
        _ => None,
    }
}

/// First line and column, last line and column.
type Region = [u64; 4];

/// Which regions and lines a file has, and whether they were reached.
#[derive(Default)]
struct File {
    regions: BTreeMap<Region, bool>,
    lines: BTreeMap<u64, bool>,
}

impl File {
    /// Adds one copy of one function, an outer region before those within it.
    fn add(&mut self, regions: impl Iterator<Item = (Region, bool)>) {
        let mut lines = BTreeMap::new();
        for (region @ [first, _, last, _], reached) in regions {
            *self.regions.entry(region).or_default() |= reached;
            // On its first line what is around it counts too, and from there on it alone.
            *lines.entry(first).or_default() |= reached;
            lines.extend((first + 1..=last).map(|line| (line, reached)));
        }
        for (line, reached) in lines {
            *self.lines.entry(line).or_default() |= reached;
        }
    }
}

/// A line a file and one for all; with each file the lines on which a region begins that was not reached.
fn table(files: &BTreeMap<String, File>) -> String {
    let row = |name: &str, regions: [usize; 2], lines: [usize; 2], missed: &str| {
        let share = |[reached, all]: [usize; 2]| 100.0 * reached as f64 / all.max(1) as f64;
        let figures =
            |of: [usize; 2]| format!("{:>11} {:>6.2} %", format!("{}/{}", of[0], of[1]), share(of));
        format!("{name:<22} {} {}  {missed}\n", figures(regions), figures(lines))
    };
    let mut text = format!("{:<22} {:>20} {:>20}  not reached\n", "", "regions", "lines");
    let mut sums = [[0; 2]; 2];
    for (name, File { regions, lines }) in files {
        let reached =
            |all: &mut dyn Iterator<Item = &bool>| all.filter(|reached| **reached).count();
        let counts = [
            [reached(&mut regions.values()), regions.len()],
            [reached(&mut lines.values()), lines.len()],
        ];
        let missed = regions.iter().filter(|(_, reached)| !**reached).map(|(region, _)| region[0]);
        let missed: BTreeSet<_> = missed.collect();
        let missed: Vec<_> = missed.iter().map(u64::to_string).collect();
        text += &row(name, counts[0], counts[1], &missed.join(" "));
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = [sum[0] + count[0], sum[1] + count[1]];
        }
    }
    text + &row("all", sums[0], sums[1], "")
}

/// What stands between the first `start` and the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

#[cfg(test)]
mod tests {
    use super::{programs, reached, table};

    #[test]
    fn the_tests_programs_are_found_in_cargos_messages() {
        let messages = r#"{"target":{"test":true},"profile":{"test":false},"executable":"/a/console"}
{"target":{"test":true},"profile":{"opt_level":"0","test":true},"executable":"/a/deps/corpora-1f"}
{"target":{"test":true},"profile":{"test":true},"executable":null}
{"reason":"build-finished"}"#;
        assert_eq!(programs(messages).collect::<Vec<_>>(), ["/a/deps/corpora-1f"]);
    }

    #[test]
    fn a_region_is_reached_if_any_copy_of_it_is_and_tests_do_not_count() {
        let function = |file: &str, name: &str, regions: &str| {
            format!(r#"{{"count":1,"filenames":["{file}"],"name":"{name}","regions":{regions}}},"#)
        };
        let one = "[[1,1,9,2,1,0,0,0],[2,5,2,9,0,0,0,0],[4,5,6,6,0,0,0,0],[7,1,7,9,0,0,0,3]]";
        let other = "[[1,1,9,2,1,0,0,0],[2,5,2,9,3,0,0,0],[4,5,6,6,0,0,0,0]]";
        let exported = [
            function("/src/a.rs", "_RN1c1a", one),
            function("/src/a.rs", "_RN2c1a", other),
            function("/src/a.rs", "_RN1c5tests1a", "[[20,1,29,2,1,0,0,0]]"),
            function("/src/sim/b.rs", "_RN1c1b", one),
            function("/elsewhere/c.rs", "_RN1c1c", one),
        ];
        let files = reached(&exported.concat(), "/src/");
        let table = table(&files);
        let rows: Vec<Vec<_>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["a.rs", "2/3", "66.67", "%", "7/9", "77.78", "%", "4"]);
        assert_eq!(rows[2][..2], ["all", "2/3"]);
        assert_eq!(rows.len(), 3);
    }
}
