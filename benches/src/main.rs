//! `cargo xtask bench` runs this.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    procy_benches::main()
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::print_stderr)] // an answer to a person
fn main() -> std::process::ExitCode {
    eprintln!("procy-bench measures with Linux's /proc; it cannot run here.");
    std::process::ExitCode::FAILURE
}
