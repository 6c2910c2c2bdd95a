//! The viewer that procy starts itself.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::error::Failure;
use crate::fact;

/// How long a viewer may take to end after it was asked to; then it is killed.
const END_WITHIN: Duration = Duration::from_secs(3);

/// The names that may stand in braces in a command.
const PLACEHOLDERS: [&str; 3] = ["host", "port", "address"];

/// A command to start a viewer with, split into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ViewerCommand(Vec<String>);

impl ViewerCommand {
    /// Splits a command as a POSIX shell would, without expanding anything.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            Failure::usage(
                "viewer-command-invalid",
                format!("the viewer's command `{text}` cannot be used: {what}"),
                "Give the program and its arguments, such as 'xtigervncviewer {host}::{port}'.",
            )
        };
        let words = shlex::split(text).ok_or_else(|| wrong("a quotation mark is not closed"))?;
        if words.first().is_none_or(String::is_empty) {
            return Err(wrong("it is empty"));
        }
        if let Some(name) = words.iter().find_map(|word| unknown_placeholder(word)) {
            return Err(wrong(&format!("{{{name}}} means nothing")));
        }
        Ok(Self(words))
    }

    /// The words, with the place to connect to filled in.
    fn words(&self, address: SocketAddr) -> Vec<String> {
        let address = reachable(address);
        let (host, port) = (fact::host(address), address.port().to_string());
        let fill = |word: &String| {
            word.replace("{host}", &host)
                .replace("{port}", &port)
                .replace("{address}", &address.to_string())
        };
        self.0.iter().map(fill).collect()
    }

    /// Starts it. None of procy's variables, among which are secrets, are passed on; what it prints goes to stderr.
    pub(crate) fn start(&self, address: SocketAddr) -> Result<RunningViewer, Failure> {
        let words = self.words(address);
        let (program, arguments) = words.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(stderr()).kill_on_drop(true);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PROCY_") {
                command.env_remove(name);
            }
        }
        let child = command.spawn().map_err(|error| {
            Failure::local(
                "viewer-not-started",
                format!("the viewer `{program}` cannot be started: {error}"),
                "Install it, or name another one with --viewer.",
            )
        })?;
        Ok(RunningViewer(child))
    }
}

/// A viewer that was started. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct RunningViewer(Child);

impl RunningViewer {
    /// Waits until it has ended by itself. Cancellation-safe.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// Asks it to end, and kills it if it does not.
    pub(crate) async fn end(mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        self.ask_to_end();
        if timeout(END_WITHIN, self.0.wait()).await.is_err() {
            // It may have ended just now: then there is nothing to kill.
            let _ = self.0.start_kill();
            let _ = timeout(END_WITHIN, self.0.wait()).await;
        }
    }

    #[cfg(unix)]
    fn ask_to_end(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        // Not reaped yet, so the number is still its own.
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    #[cfg(not(unix))]
    fn ask_to_end(&mut self) {
        let _ = self.0.start_kill();
    }
}

/// Our stderr, as the viewer's stdout: ours is for events.
fn stderr() -> Stdio {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        if let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() {
            return stderr.into();
        }
    }
    Stdio::null()
}

/// An address to connect to, of one that is listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The first `{name}` that is none of ours. Other braces stand for themselves.
fn unknown_placeholder(word: &str) -> Option<&str> {
    word.split('{').skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        (is_name && !PLACEHOLDERS.contains(&name)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str, address: &str) -> Vec<String> {
        ViewerCommand::parse(command).unwrap().words(address.parse().unwrap())
    }

    #[test]
    fn a_command_is_split_into_words_and_filled_in() {
        assert_eq!(
            words("xtigervncviewer {host}::{port}", "127.0.0.1:5901"),
            ["xtigervncviewer", "127.0.0.1::5901"]
        );
        assert_eq!(
            words(r#"'/opt/my viewer' --to "{address}" a\ b"#, "[::1]:5901"),
            ["/opt/my viewer", "--to", "[::1]:5901", "a b"]
        );
        assert_eq!(words("v {host} {port}", "0.0.0.0:5901"), ["v", "127.0.0.1", "5901"]);
        assert_eq!(words("v {host}::{port}", "[::]:5901"), ["v", "[::1]::5901"]);
    }

    #[test]
    fn no_shell_looks_at_it() {
        assert_eq!(
            words("v $HOME `id` ; rm -rf {port} | x > y * ~", "127.0.0.1:1"),
            ["v", "$HOME", "`id`", ";", "rm", "-rf", "1", "|", "x", ">", "y", "*", "~"]
        );
    }

    #[test]
    fn a_command_that_cannot_be_meant_is_refused() {
        for text in ["", "  ", "''", "viewer 'x", "viewer {hots}:{port}"] {
            let failure = ViewerCommand::parse(text).unwrap_err();
            assert_eq!(failure.code, "viewer-command-invalid", "{text}");
        }
        assert!(ViewerCommand::parse("viewer {} {X} {0}").is_ok());
    }
}
