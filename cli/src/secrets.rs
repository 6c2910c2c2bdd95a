//! Secrets: from a file, the environment or a prompt, and never from an option's value.

use std::env;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::Failure;
use crate::output::Output;

/// The variable with the UMS user's password.
pub(crate) const UMS_PASSWORD: &str = "PROCY_UMS_PASSWORD";
/// The variable with a given one-time password.
pub(crate) const PASSWORD: &str = "PROCY_PASSWORD";

/// The longest secret that is read, in bytes.
const MAX_SECRET: u64 = 4_096;

/// Where a secret is looked for. The first that is there counts, in the order of the fields.
#[derive(Clone, Debug)]
pub(crate) struct SecretSource {
    /// What it is, in words.
    pub(crate) what: &'static str,
    /// A file named on the command line, or by a variable.
    pub(crate) file: Option<PathBuf>,
    /// The variable that holds the secret itself.
    pub(crate) variable: &'static str,
    /// A file named in the configuration file.
    pub(crate) configured_file: Option<PathBuf>,
    /// The option for the file, to be named in errors.
    pub(crate) option: &'static str,
}

impl SecretSource {
    /// Finds the secret; asks the person at the terminal for it at last. Call it before signals are caught: at the
    /// prompt, Ctrl-C has to end the program.
    pub(crate) fn read(&self, output: &Output) -> Result<Zeroizing<String>, Failure> {
        if let Some(path) = &self.file {
            return self.read_file(path, output);
        }
        if let Some(secret) = env::var_os(self.variable) {
            let Some(secret) = secret.to_str() else {
                return Err(self.missing(format!("{} is not UTF-8", self.variable)));
            };
            return Ok(Zeroizing::new(secret.to_owned()));
        }
        if let Some(path) = &self.configured_file {
            return self.read_file(path, output);
        }
        if !std::io::stdin().is_terminal() {
            return Err(self.missing(format!("{} is not given", self.what)));
        }
        rpassword::prompt_password(format!("{}: ", self.what))
            .map(Zeroizing::new)
            .map_err(|error| self.missing(format!("{} cannot be asked for: {error}", self.what)))
    }

    fn read_file(&self, path: &Path, output: &Output) -> Result<Zeroizing<String>, Failure> {
        let unreadable =
            |error| self.missing(format!("{} cannot be read: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        if readable_by_others(&file) {
            output.warn(&format!(
                "{} holds a secret and others can read it; `chmod 600` cures that",
                path.display()
            ));
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET as usize + 1));
        file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_SECRET {
            let message =
                format!("{} is longer than {MAX_SECRET} bytes: no password", path.display());
            return Err(self.missing(message));
        }
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Zeroizing::new(secret.strip_suffix('\r').unwrap_or(secret).to_owned()))
    }

    fn missing(&self, message: String) -> Failure {
        let help = format!(
            "Put it into a file that only you can read and name that with {}, or into the variable {}, or run this in \
             a terminal to be asked for it.",
            self.option, self.variable
        );
        Failure::usage("secret-missing", message, help)
    }
}

#[cfg(unix)]
fn readable_by_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // Pipes and the like (`<(pass show ums)`) are nobody else's.
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
const fn readable_by_others(_file: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::args::OutputOptions;

    fn read(bytes: &[u8]) -> Result<String, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, bytes).unwrap();
        let source = SecretSource {
            what: "secret",
            file: Some(path),
            variable: "PROCY_TEST_SECRET",
            configured_file: Some("/nonexistent".into()),
            option: "--secret-file",
        };
        let output = Output::new(&OutputOptions::default());
        source.read(&output).map(|secret| secret.to_string())
    }

    #[test]
    fn a_files_last_line_break_is_not_part_of_the_secret() {
        for (bytes, secret) in [
            (&b"hush"[..], "hush"),
            (b"hush\n", "hush"),
            (b"hush\r\n", "hush"),
            (b" hush hush \n\n", " hush hush \n"),
            (b"", ""),
        ] {
            assert_eq!(read(bytes).unwrap(), secret);
        }
    }

    #[test]
    fn what_is_no_password_is_refused_without_showing_it() {
        let longest = vec![b'x'; usize::try_from(MAX_SECRET).unwrap()];
        assert_eq!(read(&longest).unwrap().len(), longest.len());
        for bytes in [[&longest[..], b"x"].concat(), b"hush\xff".to_vec()] {
            let failure = read(&bytes).unwrap_err();
            assert_eq!(failure.code, "secret-missing");
            assert!(failure.help.contains("--secret-file"));
            assert!(
                !format!("{failure}").contains("xxx") && !format!("{failure}").contains("hush")
            );
        }
    }
}
