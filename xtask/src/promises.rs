//! The tests that the threat model names for its promises: each must exist.

use std::fs;
use std::path::Path;

use crate::step;

const THREAT_MODEL: &str = "docs/threat-model.md";

/// The packages by the names that the threat model has for them, and where they lie.
const PACKAGES: &[(&str, &str)] = &[
    ("core", "core"),
    ("cli", "cli"),
    ("ums", "ums"),
    ("std", "runtime-std"),
    ("testkit", "testkit"),
    ("tokio", "runtime-tokio"),
    ("blocking", "runtime-blocking"),
    ("mio", "runtime-mio"),
    ("futures", "runtime-futures"),
];

/// Fails with those that are missing.
pub(crate) fn check() -> Result<(), String> {
    let path = step::root().join(THREAT_MODEL);
    let text = fs::read_to_string(&path).map_err(|error| format!("{THREAT_MODEL}: {error}"))?;
    let named: Vec<_> = text.split('`').skip(1).step_by(2).filter_map(Named::parse).collect();
    if named.is_empty() {
        return Err(format!("{THREAT_MODEL} names no test"));
    }
    let missing: Vec<_> =
        named.iter().filter(|test| !test.exists()).map(|test| test.test).collect();
    if missing.is_empty() {
        eprintln!("{} tests are named, and exist", named.len());
        return Ok(());
    }
    Err(format!("{THREAT_MODEL} names tests that do not exist: {}", missing.join(", ")))
}

/// `package file::test`.
struct Named<'a> {
    package: &'a str,
    file: &'a str,
    test: &'a str,
}

impl<'a> Named<'a> {
    fn parse(quoted: &'a str) -> Option<Self> {
        let (place, test) = quoted.split_once("::")?;
        let (package, file) = place.split_once(' ')?;
        Some(Self { package, file, test })
    }

    /// The file holds this name as a whole: a macro may make the function.
    fn exists(&self) -> bool {
        let Some((_, folder)) = PACKAGES.iter().find(|(name, _)| *name == self.package) else {
            return false;
        };
        let parts = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        ["tests", "src"].iter().any(|kind| {
            let path = Path::new(folder).join(kind).join(self.file).with_extension("rs");
            fs::read_to_string(step::root().join(path))
                .is_ok_and(|source| source.split(parts).any(|word| word == self.test))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_exists_and_what_does_not_is_noticed() {
        check().unwrap();
        let exists = |quoted| Named::parse(quoted).unwrap().exists();
        assert!(exists("core deadlines::the_clock_never_goes_back"));
        assert!(!exists("core deadlines::the_clock_never_goes"));
        assert!(!exists("core nowhere::the_clock_never_goes_back"));
        assert!(!exists("nobody deadlines::the_clock_never_goes_back"));
        assert!(Named::parse("timer::Deadlines").is_none());
    }
}
