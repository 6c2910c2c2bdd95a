//! The proof that `procy-core` needs no operating system (invariant I1).
//!
//! The straight proof is a build for a target that has no `std`; it is made for each such target that the
//! toolchain has. A stable toolchain usually has only the host's, so an equal one is always made: the crate in
//! `xtask/no-std-proof` brings a panic handler of its own, which `std` also does, and a program can have only
//! one. If anything in the core's tree links `std`, rustc refuses the build ("found duplicate lang item
//! `panic_impl`"). It is a workspace of its own, as Cargo would else unify features with crates that want `std`.

use std::path::PathBuf;
use std::process::Command;

use crate::step;

/// Targets without `std`, or without anything behind it.
const BARE: &[&str] = &["thumbv7em-none-eabi", "wasm32-unknown-unknown", "x86_64-unknown-none"];

/// Crates that build without `std` and yet do what is the host's to pass in: cryptography, randomness, the
/// operating system itself.
const HOSTS_PART: &[&str] = &["ring", "aws-lc-rs", "aws-lc-sys", "getrandom", "libc"];

/// The proof's manifest.
pub(crate) fn manifest() -> PathBuf {
    step::root().join("xtask/no-std-proof/Cargo.toml")
}

/// Makes the proof.
pub(crate) fn prove() -> Result<(), String> {
    // The same versions as everywhere else: Cargo takes what it needs out of the workspace's lock file.
    let lock = manifest().with_file_name("Cargo.lock");
    std::fs::copy(step::root().join("Cargo.lock"), &lock)
        .map_err(|error| format!("{}: {error}", lock.display()))?;

    step::run(&mut build())?;
    let sysroot =
        step::output(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    let installed = PathBuf::from(sysroot.trim()).join("lib/rustlib");
    for target in BARE.iter().filter(|target| installed.join(target).is_dir()) {
        step::run(build().args(["--target", target]))?;
    }

    let mut tree = step::cargo();
    tree.args(["tree", "--edges", "normal", "--prefix", "none", "--manifest-path"]).arg(manifest());
    let tree = step::output(&mut tree).ok_or("cargo tree cannot be run")?;
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let found: Vec<_> = names.filter(|name| HOSTS_PART.contains(name)).collect();
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("procy-core links what its host should pass in: {}", found.join(", ")))
    }
}

fn build() -> Command {
    let mut command = step::cargo();
    command.args(["build", "--quiet", "--manifest-path"]).arg(manifest());
    command.arg("--target-dir").arg(step::target().join("no-std-proof"));
    // Clippy sees the core with all its features; only here is it compiled with none.
    command.env("RUSTFLAGS", "-D warnings");
    command
}
