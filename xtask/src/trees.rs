//! What must not be among a crate's dependencies, so that it stays what it says it is. `cargo tree` knows without
//! building anything, for targets too that the toolchain does not have.

use crate::step;

/// One promise of a crate's.
struct Rule {
    /// What is promised.
    promise: &'static str,
    /// The crate and its features, as `cargo tree` takes them.
    of: &'static [&'static str],
    /// Where; everywhere, if nothing is said.
    target: &'static str,
    /// What is not in its tree of normal dependencies, by name.
    without: &'static [&'static str],
}

/// Everything that is async, or made for it.
const ASYNC: &[&str] = &[
    "async-executor",
    "async-io",
    "async-std",
    "futures",
    "futures-core",
    "futures-io",
    "futures-lite",
    "futures-util",
    "hyper",
    "mio",
    "polling",
    "smol",
    "tokio",
];

/// What exists on Unix only, or means it. `rustix` is not among them: sockets, for which async-io takes it, it has on
/// Windows too.
const UNIX: &[&str] = &[
    "libc",
    "linux-raw-sys",
    "nix",
    "procy-blocking",
    "procy-mio",
    "signal-hook",
    "signal-hook-registry",
];

const WINDOWS: &str = "x86_64-pc-windows-msvc";

const RULES: &[Rule] = &[
    Rule {
        promise: "a blocking session has nothing async beneath",
        of: &["procy-blocking"],
        target: "all",
        without: ASYNC,
    },
    Rule {
        promise: "the blocking face of UMS has nothing async beneath",
        of: &["procy-ums", "--no-default-features", "--features", "blocking,aws-lc-rs"],
        target: "all",
        without: ASYNC,
    },
    Rule {
        promise: "a session on any executor brings none",
        of: &["procy-futures"],
        target: "all",
        without: &["async-executor", "async-io", "async-std", "mio", "polling", "smol", "tokio"],
    },
    Rule {
        promise: PORTABLE,
        of: &["procy-core", "--all-features"],
        target: WINDOWS,
        without: UNIX,
    },
    Rule { promise: PORTABLE, of: &["procy-tokio"], target: WINDOWS, without: UNIX },
    Rule { promise: PORTABLE, of: &["procy-futures"], target: WINDOWS, without: UNIX },
    Rule {
        promise: PORTABLE,
        of: &["procy-ums", "--all-features"],
        target: WINDOWS,
        without: UNIX,
    },
    Rule { promise: PORTABLE, of: &["procy"], target: WINDOWS, without: UNIX },
];

const PORTABLE: &str = "what serves on Windows needs no Unix there";

/// Checks every promise.
pub(crate) fn check() -> Result<(), String> {
    let broken: Vec<_> = RULES.iter().filter_map(|rule| rule.check().err()).collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let mut tree = step::cargo();
        tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
        tree.args(["--target", self.target, "--package"]).args(self.of);
        let line = step::in_words(&tree);
        eprintln!("+ {line}");
        let text = step::output(&mut tree).ok_or("cargo tree cannot be run")?;
        let names: Vec<_> =
            text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        // A tree that could not be made is no proof of anything.
        if names.first() != self.of.first() {
            return Err(format!("{line}: it says nothing of {}", self.of.join(" ")));
        }
        match names.iter().find(|name| self.without.contains(name)) {
            None => Ok(()),
            Some(name) => Err(format!("{}, but `{line}` holds {name}", self.promise)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promise_is_kept() {
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn a_broken_promise_is_named_with_what_breaks_it() {
        let rule = |of, target| Rule { promise: "no mio", of, target, without: &["mio"] };
        let broken = rule(&["procy-tokio"], WINDOWS).check().unwrap_err();
        assert!(
            broken.starts_with("no mio, but `cargo tree ") && broken.ends_with("holds mio"),
            "{broken}"
        );
        assert_eq!(rule(&["procy-blocking"], WINDOWS).check(), Ok(()));
        // No tree, no proof.
        assert!(rule(&["procy-nothing"], WINDOWS).check().is_err());
        assert!(rule(&["procy-blocking"], "no-such-target").check().is_err());
    }
}
