//! Cargo's own tools, in pinned versions, installed under target/ once.

use std::path::PathBuf;
use std::process::Command;

use crate::step;

/// The program `name` in exactly this version. It is built unoptimised: that takes a third of the time, and none of
/// these has much to do.
pub(crate) fn installed(name: &str, version: &str) -> Result<PathBuf, String> {
    let home = step::target().join("tools");
    let tool = home.join("bin").join(name);
    let stamp = home.join(format!("{name}-{version}"));
    if tool.is_file() && stamp.is_file() {
        return Ok(tool);
    }
    step::run(
        step::cargo()
            .args(["install", "--debug", "--locked", "--quiet", "--force", name])
            .args(["--version", version, "--root"])
            .arg(&home)
            .env("CARGO_TARGET_DIR", home.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0"),
    )?;
    // Only the program is wanted; its half a gigabyte of intermediate files is not.
    let _ = std::fs::remove_dir_all(home.join("target"));
    std::fs::write(&stamp, "").map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(tool)
}

/// A program of LLVM's that belongs to the toolchain, which must be able to read what rustc writes.
pub(crate) fn llvm(name: &str) -> Result<PathBuf, String> {
    let libraries = step::output(Command::new("rustc").args(["--print", "target-libdir"]));
    let folder = PathBuf::from(libraries.unwrap_or_default().trim()).with_file_name("bin");
    let tool = folder.join(name);
    if !tool.is_file() {
        step::run(Command::new("rustup").args(["component", "add", "llvm-tools"]))?;
    }
    if tool.is_file() { Ok(tool) } else { Err(format!("{} is not there", tool.display())) }
}
