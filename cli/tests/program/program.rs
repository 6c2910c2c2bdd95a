//! `procy` as a child process, and what it says.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// No wait of a test is longer.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// A command line, with nothing of the developer's own environment and configuration in it.
pub(crate) fn procy(arguments: &[&str], home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_procy"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PROCY_") {
            command.env_remove(name);
        }
    }
    command.env_remove("XDG_CONFIG_HOME").env("HOME", home).args(arguments);
    watched(command)
}

/// The same, under a limit from its beginning: an option of prlimit(1).
#[cfg(target_os = "linux")]
pub(crate) fn limited(command: &Command, limit: &str) -> Command {
    let command = command.as_std();
    let mut limited = Command::new("prlimit");
    limited.arg(limit).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    watched(limited)
}

fn watched(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A running program. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    events: Vec<Value>,
    stderr: watch::Receiver<String>,
    reader: JoinHandle<()>,
}

/// What a program has come to.
#[derive(Debug)]
pub(crate) struct End {
    /// The exit code; of one that a signal has ended, the signal's number, negative.
    pub(crate) code: i32,
    /// All of stdout that was JSON.
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut pipe = child.stderr.take().unwrap();
        let (sender, stderr) = watch::channel(String::new());
        let reader = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                sender.send_modify(|all| all.push_str(&text));
            }
        });
        Self { child, stdout, events: Vec::new(), stderr, reader }
    }

    /// The next event of this name; others before it are passed over, and kept.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        let found = timeout(WITHIN, async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                let event: Value = serde_json::from_str(&line).unwrap();
                self.events.push(event.clone());
                if event["event"] == name {
                    return Some(event);
                }
            }
            None
        });
        match found.await {
            Ok(Some(event)) => event,
            _ => panic!("no event {name}: {:?}\n{}", self.events, *self.stderr.borrow()),
        }
    }

    /// Where viewers are to connect.
    pub(crate) async fn listening(&mut self) -> String {
        self.event("listening").await["address"].as_str().unwrap().to_owned()
    }

    /// Waits until it has said this on stderr.
    pub(crate) async fn says(&mut self, words: &str) {
        let said = self.stderr.wait_for(|all| all.contains(words));
        let heard = timeout(WITHIN, said).await.is_ok_and(|said| said.is_ok());
        assert!(heard, "it never said {words:?}: {}", *self.stderr.borrow());
    }

    /// The numbers of the files and sockets that it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_files(&self) -> Vec<u64> {
        let directory = format!("/proc/{}/fd", self.child.id().unwrap());
        let number = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().to_str().unwrap().parse().unwrap()
        };
        std::fs::read_dir(directory).unwrap().map(number).collect()
    }

    /// Waits until no more files and sockets are open than these. A session's are closed right after it has told its end.
    #[cfg(target_os = "linux")]
    pub(crate) async fn closes_all_but(&self, files: usize) {
        let closed = async {
            while self.open_files().len() > files {
                tokio::task::yield_now().await;
            }
        };
        timeout(WITHIN, closed).await.expect("sockets are left open");
    }

    /// How much of the address space it uses, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let sizes = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id().unwrap()));
        let pages: u64 = sizes.unwrap().split(' ').next().unwrap().parse().unwrap();
        pages * u64::try_from(rustix::param::page_size()).unwrap()
    }

    /// As if Ctrl-C was pressed.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// From now on it may have so much of this.
    #[cfg(target_os = "linux")]
    pub(crate) fn limit(&self, resource: Resource, limit: Rlimit) {
        prlimit(Some(self.pid()), resource, limit).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Waits until it has ended by itself. Whatever it said is searched for secrets.
    pub(crate) async fn end(mut self) -> End {
        let ended = timeout(WITHIN, async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                match serde_json::from_str(&line) {
                    Ok(event) => self.events.push(event),
                    Err(_) => self.events.push(Value::String(line)),
                }
            }
            let status = self.child.wait().await.unwrap();
            self.reader.await.unwrap();
            status
        });
        let status = ended.await.unwrap_or_else(|_| panic!("it does not end: {:?}", self.events));
        let stderr = self.stderr.borrow().clone();
        let code = status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap();
        let end = End { code, events: self.events, stderr };
        end.holds_no_secret();
        end
    }
}

impl End {
    /// The one error of this run.
    #[track_caller]
    pub(crate) fn error(&self) -> &Value {
        let mut errors = self.named("error");
        let error = errors.next().unwrap_or_else(|| panic!("no error: {self:?}"));
        assert!(errors.next().is_none(), "several errors: {self:?}");
        error
    }

    /// It has failed with exactly this error, told to people and scripts alike, and with help.
    #[track_caller]
    pub(crate) fn failed_with(&self, code: &str, exit: i32) {
        let error = self.error();
        assert_eq!(error["code"], code, "{self:?}");
        assert_eq!(self.code, exit, "{self:?}");
        let (message, help) = (error["message"].as_str().unwrap(), error["help"].as_str().unwrap());
        assert!(!message.is_empty() && !help.is_empty(), "{error}");
        assert!(self.stderr.contains(&format!("error: {message} [{code}]")), "{self:?}");
        assert!(self.stderr.contains(&format!("  help: {help}")), "{self:?}");
    }

    /// The events of this name, in order.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }

    /// No UUID (a one-time password), no cookie, no password.
    #[track_caller]
    fn holds_no_secret(&self) {
        // The example that an error's help gives.
        let example = "00000000-0000-0000-0000-000000000000";
        let text = format!("{:?}{}", self.events, self.stderr).replace(example, "");
        for secret in ["JSESSIONID", super::rig::UMS_PASSWORD, "stackTrace", "StandInException"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let is_uuid = |word: &[u8]| {
            word.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
        };
        assert!(!text.as_bytes().windows(36).any(is_uuid), "a password in {text}");
    }
}
