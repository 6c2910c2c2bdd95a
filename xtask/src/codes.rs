//! The error codes that docs/operations.md explains: every one that the sources have, once, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::step;

const PAGE: &str = "docs/operations.md";

/// What begins the page's part about codes.
const HEADING: &str = "\n## Error codes\n";

/// Where an error's code is what a function of the name `code`, or `..._code`, says.
const LIBRARIES: [&str; 2] = ["core/src", "ums/src"];

/// Where it is what [`FAILURE`] and a constructor are given first.
const PROGRAM: &str = "cli/src";
const FAILURE: &str = "Failure::";

/// Fails with those that are missing, explained twice, or unknown.
pub(crate) fn check() -> Result<(), String> {
    let page = read(&step::root().join(PAGE))?;
    let (_, tables) =
        page.split_once(HEADING).ok_or_else(|| format!("{PAGE} has no {HEADING:?}"))?;
    let known = known()?;
    let wrong = compare(&known, &explained(tables));
    if wrong.is_empty() {
        eprintln!("{} codes are explained", known.len());
        return Ok(());
    }
    Err(format!("{PAGE}: {}", wrong.join("; ")))
}

/// Every code of the sources.
fn known() -> Result<BTreeSet<String>, String> {
    let mut codes = BTreeSet::new();
    for folder in LIBRARIES {
        for source in sources(folder)? {
            codes.extend(said(&source));
        }
    }
    for source in sources(PROGRAM)? {
        codes.extend(constructed(&source));
    }
    Ok(codes)
}

/// The texts in the bodies of functions that say a code. rustfmt ends such a body with a brace below its `fn`.
fn said(source: &str) -> Vec<String> {
    let (mut codes, mut end) = (Vec::new(), None);
    for line in source.lines() {
        match &end {
            None if line.contains("fn code(")
                || line.contains("_code(") && line.contains("fn ") =>
            {
                end = Some(format!("{}}}", &line[..line.len() - line.trim_start().len()]));
            }
            Some(brace) if line == brace => end = None,
            Some(_) => codes.extend(line.split('"').skip(1).step_by(2).map(str::to_owned)),
            None => {}
        }
    }
    codes
}

/// The texts that constructors are given first; what is no text there is the code of a library's error.
fn constructed(source: &str) -> Vec<String> {
    let first = |call: &str| {
        let (_, given) = call.split_once('(')?;
        let (code, _) = given.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(code.to_owned())
    };
    source.split(FAILURE).skip(1).filter_map(first).collect()
}

/// The codes in the first cells of the tables' rows.
fn explained(tables: &str) -> Vec<&str> {
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// What is wrong with the page, in words.
fn compare(known: &BTreeSet<String>, explained: &[&str]) -> Vec<String> {
    let times = |code: &str| explained.iter().filter(|other| **other == code).count();
    let missing = known.iter().filter(|code| times(code) == 0);
    let twice = known.iter().filter(|code| times(code) > 1);
    let unknown = explained.iter().filter(|code| !known.contains(**code));
    let missing = missing.map(|code| format!("{code} is missing"));
    let twice = twice.map(|code| format!("{code} is explained more than once"));
    let unknown = unknown.map(|code| format!("no source has {code}"));
    missing.chain(twice).chain(unknown).collect()
}

/// The files of a folder and its folders.
fn sources(folder: &str) -> Result<Vec<String>, String> {
    let (mut folders, mut sources) = (vec![step::root().join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| named(&folder, &error))?;
        for entry in entries {
            let path: PathBuf = entry.map_err(|error| named(&folder, &error))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push(read(&path)?);
            }
        }
    }
    Ok(sources)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_sources_is_explained_once() {
        check().unwrap();
        let known = known().unwrap();
        // One of each kind: of a match, of a method of one text, of a function, of a constructor's first and next line.
        for code in [
            "closed-before-hello",
            "device-query-malformed",
            "idle-timeout",
            "demo-failed",
            "listen-failed",
        ] {
            assert!(known.contains(code), "{code}");
        }
        assert!(
            known
                .iter()
                .all(|code| !code.contains(|c: char| c != '-' && !c.is_ascii_alphanumeric()))
        );
    }

    #[test]
    fn a_page_that_is_wrong_is_told_what_is() {
        let known = ["a-b", "c", "d"].map(str::to_owned).into();
        let page = "| code | what |\n|---|---|\n| `a-b`, `c` | words of `z` |\n| `c` | words |\n| `e` | words |\n";
        assert_eq!(
            compare(&known, &explained(page)),
            ["d is missing", "c is explained more than once", "no source has e"]
        );
    }

    #[test]
    fn only_what_says_a_code_is_taken_for_one() {
        let library = "    fn code(&self) -> &str {\n        \"a\"\n    }\n    fn help() -> &str {\n        \"b\"\n    }\n\
            fn late_code(why: u8) -> &str {\n    \"c\"\n}\nconst D: &str = \"d\";\n";
        assert_eq!(said(library), ["a", "c"]);
        let program = "Failure::usage(\n    \"a\", \"words\")\nFailure::from(error)\nFailure::local(\"b\", words)";
        assert_eq!(constructed(program), ["a", "b"]);
    }
}
