//! The scripted viewer: vncdotool's `vncdo`, which needs no screen.

use std::net::SocketAddr;

use super::process::{Process, VENV, from_venv};
use super::{BOUND, Picture, Result};

/// Runs `vncdo ARGUMENTS` against a VNC server, bounded, to its end; failing is an error with its words.
pub fn vncdo(server: SocketAddr, arguments: &[&str]) -> Result<()> {
    start(server, arguments, None).map(drop)
}

/// A picture of the desktop as this viewer gets it, without the pointer.
pub fn capture(server: SocketAddr) -> Result<Picture> {
    let done = start(server, &["--nocursor", "capture"], Some("picture.png"))?;
    Picture::open(&done.folder().join("picture.png"))
}

/// Types letters, digits and spaces; a line feed is the Return key.
pub fn type_text(server: SocketAddr, text: &str) -> Result<()> {
    let mut words = vec!["--force-caps"];
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            words.extend(["key", "enter"]);
        }
        if !line.is_empty() {
            words.extend(["type", line]);
        }
    }
    vncdo(server, &words)
}

fn start(server: SocketAddr, arguments: &[&str], file: Option<&str>) -> Result<Process> {
    let program = from_venv("vncdo")?;
    let mut viewer = Process::start(&program, VENV, |command, folder| {
        let server = format!("{}::{}", server.ip(), server.port());
        command.args(["--timeout", &BOUND.as_secs().to_string(), "--server", &server]);
        command.args(arguments).args(file.map(|name| folder.join(name)));
        Ok(())
    })?;
    // A little longer than its own limit, which says more.
    let status = viewer.wait(BOUND * 2)?;
    if status.success() { Ok(viewer) } else { Err(viewer.complaint(&format!("failed ({status})"))) }
}
