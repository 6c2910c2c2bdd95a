//! The desktop: TigerVNC's Xvnc, an X server that is shown by VNC only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::process::{Process, free_port, loopback, run, wait_for};
use super::{BOUND, Picture, Result, RigError};

/// The desktop's width and height in pixels.
const SIZE: (u32, u32) = (640, 480);

/// How often a free port is looked for before giving up.
const PORT_TRIES: usize = 5;

/// A running Xvnc: security type None, TCP on loopback, RFB 003.008, 640 x 480 in true colour.
#[derive(Debug)]
pub struct Xvnc {
    display: String,
    address: SocketAddr,
    // After what it names, so that it ends last of what belongs to it.
    process: Process,
}

impl Xvnc {
    /// Starts it; when this returns, it accepts viewers.
    pub fn start() -> Result<Self> {
        let mut last = Err(RigError::new("no free port"));
        for _ in 0..PORT_TRIES {
            last = Self::start_on(free_port()?);
            // Xvnc takes no port 0, and somebody else may have been quicker.
            if !matches!(&last, Err(error) if error.to_string().contains("Address already in use"))
            {
                break;
            }
        }
        last
    }

    fn start_on(port: u16) -> Result<Self> {
        let (width, height) = SIZE;
        let mut process =
            Process::start("Xtigervnc", "tigervnc-standalone-server", |command, _| {
                // The server itself chooses a free display and prints its number once it is ready.
                command.args(["-displayfd", "1", "-depth", "24", "-ac", "-desktop", "procy-rig"]);
                // Else it starts afresh, without its picture, when its last X program leaves.
                command.arg("-noreset");
                command.args(["-geometry", &format!("{width}x{height}")]);
                command.args(["-rfbport", &port.to_string(), "-localhost=1"]);
                command.args(["-interface", "127.0.0.1", "-AlwaysShared=1"]);
                // Xvnc shuts an address out after five connections that end before authentication, and a
                // refused session is such a one.
                command.args(["-SecurityTypes", "None", "-BlacklistThreshold=1000000"]);
                Ok(())
            })?;
        let display = display_number(&mut process)?;
        Ok(Self { display, address: loopback(port), process })
    }

    /// Where it accepts viewers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its display as X programs want it, like `:3`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The server's process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Fills the desktop with words and colours drawn from `seed`, and gives the words. No other seed's picture
    /// is like it, so that neither an empty nor a left-over screen can pass for it. The picture stays as it is.
    pub fn show_random_text(&self, seed: u64) -> Result<String> {
        let mut dice = Dice(seed);
        let lines: Vec<String> = (0..9).map(|_| dice.line()).collect();
        let text = lines.join("\n");
        let (width, height) = SIZE;
        let (ground, ink) = (dice.next() & 0x3f_3f3f, dice.next() & 0x7f_7f7f | 0x80_8080);

        let drawn = run("convert", "imagemagick", |command| {
            command.args(["-size", &format!("{width}x{height}"), &format!("xc:#{ground:06x}")]);
            command.args(["-fill", &format!("#{ink:06x}"), "-font", "DejaVu-Sans-Mono"]);
            command.args(["-pointsize", "28", "-annotate", "+20+60", &text, "png24:-"]);
        })?;
        let file = drawn.folder().join("stdout");
        let wanted = Picture::open(&file)?;
        // It exits with 1 even when it did what it was asked to, so what counts is the screen.
        let mut shower = Process::start("display", "imagemagick", |command, _| {
            command.args(["-display", &self.display, "-window", "root"]).arg(&file);
            Ok(())
        })?;
        shower.wait(BOUND)?;
        wait_for("random text on the desktop", BOUND, || {
            let shown = self.screenshot_direct().ok()?;
            (shown.differing_pixels(&wanted) == 0).then(|| text.clone())
        })
    }

    /// What the X server shows, asked by X and not by VNC.
    pub fn screenshot_direct(&self) -> Result<Picture> {
        screenshot(&self.display, "root")
    }

    /// Opens a terminal over the whole desktop that keeps what is typed into it.
    pub fn take_typing(&self) -> Result<Typed> {
        let mut terminal = Process::start("xterm", "xterm", |command, folder| {
            command.args(["-display", &self.display, "-geometry", "200x80+0+0"]);
            command.args(["-e", "/bin/sh", "-c", "exec cat > \"$0\""]).arg(folder.join("typed"));
            Ok(())
        })?;
        // The shell opens the file when the terminal is there; keys go to the window under the pointer, so it
        // must also be on the screen.
        let file = terminal.folder().join("typed");
        terminal.until("taking keys", |_| file.exists().then_some(()))?;
        run("xdotool", "xdotool", |command| {
            command.args(["search", "--sync", "--onlyvisible", "--class", "xterm"]);
            command.env("DISPLAY", &self.display);
        })?;
        Ok(Typed { file, _terminal: terminal })
    }
}

/// A terminal on the desktop that keeps what is typed into it.
#[derive(Debug)]
pub struct Typed {
    file: PathBuf,
    _terminal: Process,
}

impl Typed {
    /// The lines that were typed and ended with Return so far.
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap_or_default()
    }

    /// Waits until that `text` has arrived.
    pub fn wait_for(&self, text: &str, bound: Duration) -> Result<()> {
        wait_for(&format!("`{text}` typed"), bound, || self.text().contains(text).then_some(()))
            .map_err(|error| RigError::new(format!("{error}; typed so far: {:?}", self.text())))
    }
}

/// A picture of a window (`root` is the whole screen) on an X display.
pub(crate) fn screenshot(display: &str, window: &str) -> Result<Picture> {
    let taken = run("import", "imagemagick", |command| {
        command.args(["-display", display, "-window", window, "png24:-"]);
    })?;
    Picture::open(&taken.folder().join("stdout"))
}

/// Waits for the number that an X server started with `-displayfd 1` prints when it is ready.
pub(crate) fn display_number(server: &mut Process) -> Result<String> {
    let line = server.until("a display", |server| {
        server.stdout().strip_suffix('\n').map(|number| number.trim().to_owned())
    })?;
    Ok(format!(":{line}"))
}

/// SplitMix64: the same words from the same seed everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Some words that can be said aloud, 30 characters in all.
    fn line(&mut self) -> String {
        let mut line = String::new();
        while line.len() < 30 {
            let roll = self.next() as usize;
            line.push(char::from(b"bdfgklmnprstvz"[roll % 14]));
            line.push(char::from(b"aeiou"[roll / 14 % 5]));
            if (roll / 70).is_multiple_of(3) {
                line.push(' ');
            }
        }
        line.truncate(30);
        line
    }
}
