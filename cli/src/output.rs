//! All that the program prints: words for people on stderr, JSON for scripts on stdout.

// The one place that prints; everything else is to go through it, so that no secret can slip out elsewhere.
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Value, json};

use crate::args::OutputOptions;
use crate::error::{Failure, fault_name};
use crate::fact::{Fact, Level};

/// The version of the JSON events; a change that breaks readers raises it.
const SCHEMA: u32 = 1;

/// Where facts and failures go. Clones are cheap, and print to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    verbose: u8,
    /// Tells this run of the program from others in a log that holds several.
    run: Arc<str>,
    /// Zero is the program itself, others are viewers' sessions.
    session: u32,
}

impl Output {
    pub(crate) fn new(options: &OutputOptions) -> Self {
        let mut run = uuid::Uuid::new_v4().simple().to_string();
        run.truncate(8);
        Self {
            json: options.json.unwrap_or_default(),
            verbose: options.verbose,
            run: run.into(),
            session: 0,
        }
    }

    /// The same, for a session of its own.
    pub(crate) fn session(&self, number: u32) -> Self {
        Self { session: number, ..self.clone() }
    }

    /// Whether stdout is for JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Something has come true.
    pub(crate) fn fact(&self, fact: &Fact<'_>) {
        if let Some((level, words)) = fact.words() {
            self.say(level, &words);
        }
        if let Some((event, fields)) = fact.json() {
            self.event(event, fields);
        }
    }

    /// Something has failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut text = format!("{}error: {}", self.label(), printable(failure));
        if !failure.help.is_empty() {
            let _ = write!(text, "\n  help: {}", printable(&failure.help));
        }
        to_stderr(&text);
        self.event(
            "error",
            json!({
                "code": failure.code,
                "message": failure.message,
                "help": failure.help,
                "fault": fault_name(failure.fault),
            }),
        );
    }

    /// Something is not as it should be, and does no harm yet.
    pub(crate) fn warn(&self, words: &str) {
        to_stderr(&format!("{}warning: {}", self.label(), printable(words)));
    }

    /// Words for people alone.
    pub(crate) fn say(&self, level: Level, words: &str) {
        if self.verbose >= level as u8 {
            to_stderr(&format!("{}{}", self.label(), printable(words)));
        }
    }

    /// What a command was asked to produce: stdout, whether JSON or not.
    pub(crate) fn result(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    }

    fn event(&self, event: &str, fields: Value) {
        if !self.json {
            return;
        }
        let line = Line {
            schema: SCHEMA,
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            session: format!("{}-{}", self.run, self.session),
            event,
            fields,
        };
        // Whoever has closed stdout does not want it; sessions go on.
        let Ok(line) = serde_json::to_string(&line) else { return };
        let _ = self.result(&format!("{line}\n"));
    }

    fn label(&self) -> String {
        if self.session == 0 { String::new() } else { format!("[{}] ", self.session) }
    }
}

/// An event as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    time: String,
    session: String,
    event: &'a str,
    #[serde(flatten)]
    fields: Value,
}

/// One write a line, so that lines of several sessions do not mix.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// What others have named or said, without what would steer a terminal.
pub(crate) fn printable(text: &(impl Display + ?Sized)) -> String {
    let plain = |c: char| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c };
    text.to_string().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_not_printed() {
        assert_eq!(
            printable("a\u{1b}[31mb\rc\td\u{9b}"),
            "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d\u{FFFD}"
        );
        assert_eq!(printable("Empfang \u{2013} Büro\nzwei"), "Empfang \u{2013} Büro\nzwei");
    }
}
