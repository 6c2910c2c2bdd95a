//! The configuration file, and what flags, environment, file and defaults come to together.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::args::Cli;
use crate::error::Failure;

/// The longest configuration file that is read, in bytes.
const MAX_FILE: usize = 256 * 1024;

/// A known key so like an unknown one (Jaro-Winkler, 0 to 1) that it is named.
const ALIKE: f64 = 0.7;

/// The configuration file's contents; empty if there is none.
#[derive(Debug, Default)]
pub(crate) struct File {
    path: PathBuf,
    table: Table,
}

impl File {
    /// Reads the file that was asked for, or the one in the usual place if it is there.
    pub(crate) fn find(asked: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = asked.map(Path::to_owned).or_else(usual_place) else {
            return Ok(Self::default());
        };
        match read_bounded(&path, MAX_FILE) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if asked.is_none() && error.kind() == ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(wrong(&path, &error.to_string())),
        }
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // Not the error's own `Display`: that shows the line, in which a secret may stand.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            wrong(&path, &format!("line {line}: {}", error.message()))
        })?;
        let known = known_keys();
        if let Some(key) = table.keys().find(|key| !known.contains(key)) {
            let alike = known
                .iter()
                .map(|known| (strsim::jaro_winkler(key, known), known))
                .filter(|(alike, _)| *alike > ALIKE)
                .max_by(|(a, _), (b, _)| a.total_cmp(b));
            let nearest = match alike {
                Some((_, known)) => format!("Is `{known}` meant? "),
                None => String::new(),
            };
            return Err(Failure::usage(
                "config-unknown-key",
                format!("{}: there is no key `{key}`", path.display()),
                format!(
                    "{nearest}Keys are the long names of `procy shadow --help`, without dashes before."
                ),
            ));
        }
        Ok(Self { path, table })
    }

    /// One group of options, as far as the file has them.
    pub(crate) fn group<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.table
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| wrong(&self.path, error.message()))
    }
}

/// Reads a text file that is no longer than `most` bytes.
pub(crate) fn read_bounded(path: &Path, most: usize) -> io::Result<String> {
    let mut text = String::new();
    let read = fs::File::open(path)?.take(most as u64 + 1).read_to_string(&mut text)?;
    if read > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(text)
}

/// The long names of all options that can be set: the keys.
fn known_keys() -> Vec<String> {
    let mut cli = Cli::command();
    cli.build();
    let root = cli.get_arguments();
    let shadow =
        cli.find_subcommand("shadow").into_iter().flat_map(|shadow| shadow.get_arguments());
    root.chain(shadow)
        .filter_map(|argument| argument.get_long())
        .filter(|long| !["config", "help", "version"].contains(long))
        .map(str::to_owned)
        .collect()
}

fn usual_place() -> Option<PathBuf> {
    let absolute =
        |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = || match cfg!(windows) {
        true => absolute("APPDATA"),
        false => Some(absolute("HOME")?.join(".config")),
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(usual)?;
    Some(base.join("procy").join("config.toml"))
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::usage(
        "config-invalid",
        format!("the configuration file {} cannot be used: {what}", path.display()),
        "Correct the file, or name another one with --config.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{OutputOptions, UmsOptions, Verb, ViewerOptions};

    fn parse(text: &str) -> Result<File, Failure> {
        File::parse("procy.toml".into(), text)
    }

    #[test]
    fn every_option_has_a_variable_and_every_key_is_read() {
        let mut cli = Cli::command();
        cli.build();
        let shadow = cli.find_subcommand("shadow").unwrap();
        for argument in cli.get_arguments().chain(shadow.get_arguments()) {
            let Some(long) = argument.get_long() else { continue };
            if !["help", "version"].contains(&long) {
                let variable = argument.get_env().unwrap().to_str().unwrap();
                let name = long.to_uppercase().replace('-', "_");
                assert!(variable.starts_with("PROCY_"), "{variable}");
                assert!(variable.contains(&name), "{variable} for --{long}");
            }
        }
        let file = parse(
            "json = true\nverbose = 2\nums = \"https://ums\"\nums-user = \"u\"\nlisten = \"127.0.0.1:5901\"\n\
             allow = [\"192.0.2.0/24\"]\nonce = true\nverb = \"auto\"\n",
        )
        .unwrap();
        let output: OutputOptions = file.group().unwrap();
        assert_eq!((output.json, output.verbose), (Some(true), 2));
        assert_eq!(file.group::<UmsOptions>().unwrap().ums.as_deref(), Some("https://ums"));
        let viewer: ViewerOptions = file.group().unwrap();
        assert_eq!(viewer.listen.unwrap().port(), 5901);
        assert_eq!((viewer.allow.unwrap().len(), viewer.once), (1, Some(true)));
        assert_eq!(file.group::<crate::args::DeviceOptions>().unwrap().verb, Some(Verb::Auto));
    }

    #[test]
    fn an_unknown_key_is_refused_and_the_nearest_one_named() {
        for (key, nearest) in [
            ("ums-users", "ums-user"),
            ("lissten", "listen"),
            ("ums-password", "ums-password-file"),
        ] {
            let failure = parse(&format!("{key} = \"hush\"\n")).unwrap_err();
            assert_eq!(failure.code, "config-unknown-key");
            assert!(failure.message.contains(&format!("`{key}`")), "{failure}");
            assert!(failure.help.contains(&format!("`{nearest}`")), "{}", failure.help);
            assert!(!format!("{failure}{}", failure.help).contains("hush"));
        }
        assert!(!parse("zzz = 1").unwrap_err().help.contains("meant"));
    }

    #[test]
    fn what_is_no_toml_is_refused_by_its_line_and_without_showing_it() {
        let failure = parse("json = true\nums-password = \"hush\n").unwrap_err();
        assert_eq!(failure.code, "config-invalid");
        assert!(failure.message.contains("line 2"), "{failure}");
        assert!(!failure.message.contains("hush"), "{failure}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        let file = parse("listen = 5901\n").unwrap();
        assert_eq!(file.group::<ViewerOptions>().unwrap_err().code, "config-invalid");
    }

    #[test]
    fn an_upper_layer_counts_and_trust_is_one_choice() {
        let upper = UmsOptions {
            ums: Some("https://upper".to_owned()),
            ums_fingerprint: Some("AA".to_owned()),
            ..UmsOptions::default()
        };
        let lower = UmsOptions {
            ums: Some("https://lower".to_owned()),
            ums_user: Some("lower".to_owned()),
            ums_ca: Some("lower.pem".into()),
            ..UmsOptions::default()
        };
        let both = upper.or(lower);
        assert_eq!(both.ums.as_deref(), Some("https://upper"));
        assert_eq!(both.ums_user.as_deref(), Some("lower"));
        assert_eq!((both.ums_fingerprint.as_deref(), both.ums_ca), (Some("AA"), None));
    }
}
