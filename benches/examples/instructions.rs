//! One operation of the machine, for callgrind: `cargo xtask bench instructions` runs it.
//!
//! Without an argument it lists the operations as lines of `NAME<tab>TIMES<tab>BYTES`. With a name it runs that one
//! twice, and only the second run, which has nothing left to set up for the first time, is inside [`measured`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to xtask")]

use std::process::ExitCode;

use procy_benches::machine::operations;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut all = operations()?;
    let Some(name) = std::env::args().nth(1) else {
        for operation in all {
            println!("{}\t{}\t{}", operation.name, operation.times, operation.bytes);
        }
        return Ok(());
    };
    let operation =
        all.iter_mut().find(|operation| operation.name == name).ok_or("no such operation")?;
    operation.run(&mut |deed| deed())?;
    operation.run(&mut measured)
}

/// What callgrind counts: this, and all that it calls.
#[inline(never)]
fn measured(deed: &mut dyn FnMut()) {
    deed();
}
