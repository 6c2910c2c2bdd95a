//! See and steer a device's desktop over its own secure channel.

#![forbid(unsafe_code)]

mod allow;
mod args;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod devices;
mod error;
mod exit;
mod fact;
mod output;
mod secrets;
mod settings;
mod shadow;
mod stop;
mod ums;

use std::future::Future;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command, OutputOptions};
use config::File;
use error::Failure;
use output::Output;
use settings::{ShadowSettings, UmsSettings};
use shadow::Ending;
use stop::Stop;

/// More files than a command opens before its first session, with any runtime.
const FILES: usize = 16;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let file = File::find(cli.output.config.as_deref());
    let below = file.as_ref().map_or_else(|failure| Err(failure.clone()), File::group);
    let output = Output::new(&cli.output.or(below.unwrap_or_default()));
    let ending = file.and_then(|file| {
        file.group::<OutputOptions>()?;
        run(cli.command, &file, &output)
    });
    let exit = ending.unwrap_or_else(|failure| {
        if !failure.exit.is_asked_for() {
            output.failure(&failure);
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}

/// What clap has to say: help and versions as it says them, and errors as all others are told.
fn refuse(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let tips: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage:")).collect();
    let help = format!("{} See `procy --help`.", tips.join(" "));
    let failure = Failure::usage("usage", message, help.trim().to_owned());
    // The options could not be read, but a script that asked for JSON waits for it.
    let json = std::env::args_os().any(|argument| argument == "--json").then_some(true);
    Output::new(&OutputOptions { json, ..OutputOptions::default() }).failure(&failure);
    ExitCode::from(failure.exit.code())
}

fn run(command: Command, file: &File, output: &Output) -> Ending {
    match command {
        Command::Shadow(args) => {
            let settings = ShadowSettings::new(*args, file, output)?;
            block_on(async |stop| shadow::run(settings, output, stop).await)
        }
        Command::Devices(args) => {
            let settings = UmsSettings::new(args.ums, file, output)?;
            let filter = args.filter.as_deref();
            block_on(async |stop| devices::run(&settings, filter, args.online, output, stop).await)
        }
        #[cfg(feature = "demo")]
        Command::Demo(args) => {
            let runtime = settings::runtime(args.run, file)?;
            let settings = settings::ViewerSettings::new(args.viewer.or(file.group()?))?;
            block_on(async |stop| demo::run(settings, runtime, output, stop).await)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "procy", &mut script);
            print(output, &script)
        }
        Command::Man { command } => {
            let mut page = Vec::new();
            manual(command.as_deref())?.render(&mut page).map_err(stdout_failed)?;
            print(output, &page)
        }
    }
}

/// The page of the program, or `procy-COMMAND` of one of its commands.
fn manual(command: Option<&str>) -> Result<clap_mangen::Man, Failure> {
    let mut cli = Cli::command();
    let Some(name) = command else { return Ok(clap_mangen::Man::new(cli)) };
    cli.build();
    let command = cli.find_subcommand(name).ok_or_else(|| {
        Failure::usage(
            "command-unknown",
            format!("there is no command `{name}`"),
            "Look at `procy --help` for the commands.",
        )
    })?;
    let mut page = command.clone().name(format!("procy-{name}"));
    if page.get_after_long_help().is_none() {
        page = page.after_long_help(exit::DOCUMENTED);
    }
    Ok(clap_mangen::Man::new(page))
}

/// Whether there is room for the files that every command keeps open. Without it the event loops' libraries would panic.
fn has_files() -> io::Result<()> {
    let pipes: io::Result<Vec<_>> = (0..FILES / 2).map(|_| io::pipe()).collect();
    pipes.map(drop)
}

fn print(output: &Output, text: &[u8]) -> Ending {
    output.result(&String::from_utf8_lossy(text)).map_err(stdout_failed)?;
    Ok(exit::Exit::Ok)
}

fn stdout_failed(error: io::Error) -> Failure {
    Failure::local("output-failed", format!("stdout cannot be written: {error}"), "")
}

/// One thread is enough: a helpdesk's few sessions wait for the network most of the time.
fn block_on<F: Future<Output = Ending>>(command: impl FnOnce(Stop) -> F) -> Ending {
    let failed = |error| Failure::exhausted("runtime-failed", "the program cannot start", &error);
    has_files().map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let ending = runtime.block_on(async { command(Stop::on_signals().map_err(failed)?).await });
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    ending
}
