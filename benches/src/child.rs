//! The processes of a run: started, spoken with line by line, and ended with it.

use std::env::current_exe;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::measure::Tree;

/// How long a program may take until it has ended.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// A process, ended when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    /// What it is called in an error.
    name: String,
}

impl Child {
    fn start(name: &str, command: &mut Command) -> Result<Self> {
        let process = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { process, name: name.to_owned() })
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree(self.process.id())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let ended = |process: &mut std::process::Child| !matches!(process.try_wait(), Ok(None));
        if ended(&mut self.process) {
            return;
        }
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if ended(&mut self.process) {
                return;
            }
            sleep(LOOK);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One of this program's own roles.
pub(crate) struct Role {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Role {
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        let mut command = Command::new(current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Child::start(&arguments.join(" "), &mut command)?;
        let process = &mut child.process;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("a child without pipes".into());
        };
        Ok(Self { child, stdin, stdout: BufReader::new(stdout) })
    }

    /// Waits for the next line that it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err(format!("{} ended early", self.child.name).into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Waits for this line.
    pub(crate) fn expect(&mut self, word: &str) -> Result<()> {
        let line = self.line()?;
        if line == word { Ok(()) } else { Err(format!("not {word}, but {line}").into()) }
    }

    /// Lets it go on.
    pub(crate) fn go(&mut self) -> Result<()> {
        Ok(self.stdin.write_all(b"\n")?)
    }

    /// The role's process alone, which does not speak any more.
    pub(crate) fn quiet(self) -> Child {
        self.child
    }
}
