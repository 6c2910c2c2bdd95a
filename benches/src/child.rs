//! The processes of a run: started, spoken with line by line, and ended with it.

use std::env::current_exe;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::measure::Tree;

/// How long a program may take until it listens, and until it has ended.
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

    /// A program of somebody else's ([`exec`]), once it listens at `address`. What it says goes into the file `log`.
    pub(crate) fn listening(program: &Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let name = program.get_program().to_string_lossy().into_owned();
        let file = File::create(log)?;
        let mut command = becoming(program)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = Self::start(&name, &mut command)?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.process.try_wait()?;
            if ended.is_some() || start.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("{name} does not listen at {address}: {}", said.trim()).into());
            }
            sleep(LOOK);
        }
        Ok(child)
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

/// This program, which at once becomes another one ([`exec`]).
pub(crate) fn becoming(program: &Command) -> Result<Command> {
    let mut command = Command::new(current_exe()?);
    command.args(["exec", "--"]).arg(program.get_program()).args(program.get_args());
    Ok(command)
}

/// A program and its arguments.
#[derive(Args)]
pub(crate) struct Words {
    #[arg(required = true, last = true)]
    words: Vec<OsString>,
}

/// The role `exec`: becomes this program, which then ends with the harness as every role does.
pub(crate) fn exec(Words { words }: &Words) -> Result<()> {
    let mut words = words.iter();
    let mut command = Command::new(words.next().ok_or("no program")?);
    // Debian keeps some where only root looks.
    let path = std::env::var("PATH").unwrap_or_default();
    Err(command.args(words).env("PATH", format!("{path}:/usr/sbin:/sbin")).exec().into())
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

    pub(crate) fn tree(&self) -> Tree {
        self.child.tree()
    }

    /// The role's process alone, which does not speak any more.
    pub(crate) fn quiet(self) -> Child {
        self.child
    }
}
