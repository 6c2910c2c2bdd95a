//! A viewer for people, with nobody before it: TigerVNC's, under Xvfb.

use std::net::SocketAddr;
use std::time::Duration;

use super::process::{Process, run, wait_for};
use super::xvnc::{display_number, screenshot};
use super::{Picture, Result};

/// A running xtigervncviewer on a screen of its own. It ends, with that screen, when dropped.
#[derive(Debug)]
pub struct Viewer {
    window: String,
    // In this order they end: the viewer, the window manager, the screen.
    program: Process,
    _manager: Process,
    screen: Process,
    display: String,
}

impl Viewer {
    /// Starts the viewer; when this returns, its window is on the screen, which it opens for a desktop only: the
    /// RFB handshake is done. A refused session is an error with the viewer's words.
    pub fn tigervnc(server: SocketAddr) -> Result<Self> {
        let mut screen = Process::start("Xvfb", "xvfb", |command, _| {
            // An X server starts afresh when its last client leaves, and with it whoever comes just then.
            command.args(["-displayfd", "1", "-noreset", "-nolisten", "tcp"]);
            command.args(["-screen", "0", "1024x768x24"]);
            Ok(())
        })?;
        let display = display_number(&mut screen)?;
        // Without a window manager a viewer gets no keys, and one that comes later than the viewer loses it.
        let mut manager = Process::start("openbox", "openbox", |command, folder| {
            command.current_dir(folder).args(["--startup", "touch ready"]);
            command.env("DISPLAY", &display).env("HOME", folder);
            Ok(())
        })?;
        manager.until("managing windows", |manager| {
            manager.folder().join("ready").exists().then_some(())
        })?;
        let mut program =
            Process::start("xtigervncviewer", "tigervnc-viewer", |command, folder| {
                command.env("DISPLAY", &display).env("HOME", folder);
                // It would else resize the desktop that the tests compare, and take JPEG, which is like it but
                // not equal.
                command.args(["-RemoteResize=0", "-NoJPEG=1", "-AutoSelect=0"]);
                command.args(["-PreferredEncoding=ZRLE", "-SecurityTypes=None"]);
                command.arg(format!("{}::{}", server.ip(), server.port()));
                Ok(())
            })?;
        let window = program.until("showing a desktop", |_| desktop_window(&display))?;
        Ok(Self { window, program, _manager: manager, screen, display })
    }

    /// The viewer's window as it is on the screen: the desktop, when it fits. In its first five seconds a banner
    /// about F8 covers a part: see [`Viewer::screenshot_when`].
    pub fn screenshot(&self) -> Result<Picture> {
        screenshot(&self.display, &self.window)
    }

    /// Waits until the window looks right.
    pub fn screenshot_when(
        &self,
        bound: Duration,
        right: impl Fn(&Picture) -> bool,
    ) -> Result<Picture> {
        wait_for("such a picture in the viewer", bound, || self.screenshot().ok().filter(&right))
    }

    /// Types text as on a keyboard, with the pointer in the desktop's middle; a line feed is the Return key.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.xdotool(&["windowfocus", "--sync", &self.window])?;
        self.xdotool(&["mousemove", "--window", &self.window, "320", "240"])?;
        self.xdotool(&["type", "--delay", "20", text])
    }

    /// The viewer's process, for its words or its end.
    pub fn process(&mut self) -> &mut Process {
        &mut self.program
    }

    /// The screen's process.
    pub fn screen(&mut self) -> &mut Process {
        &mut self.screen
    }

    fn xdotool(&self, arguments: &[&str]) -> Result<()> {
        let set_up = |command: &mut std::process::Command| {
            command.env("DISPLAY", &self.display).args(arguments);
        };
        run("xdotool", "xdotool", set_up).map(drop)
    }
}

/// The viewer's window for a desktop, named `DESKTOP - TigerVNC`; its dialogs have other names.
fn desktop_window(display: &str) -> Option<String> {
    let found = run("xdotool", "xdotool", |command| {
        command.env("DISPLAY", display);
        command.args(["search", "--onlyvisible", "--name", " - TigerVNC$"]);
    });
    let ids = found.ok()?.stdout();
    ids.lines().next().map(str::to_owned)
}
