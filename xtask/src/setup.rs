//! What the tests and benchmarks need beside Rust: Debian packages and a Python environment, installed on demand.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;

/// How to see that a need is met. Programs are looked for, not packages: a program from elsewhere does as well.
pub(crate) enum Proof {
    /// A program on PATH.
    Program(&'static str),
    /// A path that the Debian package brings; not asked for on other systems, which keep it elsewhere.
    DebianPath(&'static str),
    /// A module of the Python on PATH.
    PythonModule(&'static str),
}
use Proof::{DebianPath, Program, PythonModule};

/// A Debian package, the proof that it is there, and what for.
pub(crate) type Need = (&'static str, Proof, &'static str);

/// What the tests need.
#[rustfmt::skip]
pub(crate) const FOR_TESTS: &[Need] = &[
    ("tigervnc-standalone-server", Program("Xtigervnc"), "the desktop on the device: a real VNC server"),
    ("tigervnc-viewer", Program("xtigervncviewer"), "a real viewer"),
    ("xvfb", Program("Xvfb"), "the screen on which that viewer is shown"),
    ("openbox", Program("openbox"), "without a window manager the viewer gets no keys"),
    ("xdotool", Program("xdotool"), "presses keys in the viewer"),
    ("xterm", Program("xterm"), "shows random text on the desktop and takes typed keys"),
    ("imagemagick", Program("import"), "takes pictures of X displays"),
    ("xfonts-base", DebianPath("/usr/share/fonts/X11/misc"), "the fonts of xterm and Xvnc"),
    ("fonts-dejavu-core", DebianPath("/usr/share/fonts/truetype/dejavu"), "the viewer's and window manager's font"),
    ("stunnel4", Program("stunnel"), "a TLS front that we did not write"),
    ("openssl", Program("openssl"), "certificates, and a second TLS front"),
    ("socat", Program("socat"), "joins `openssl s_server` to a socket; a third TLS front"),
    ("iproute2", Program("ip"), "joins network namespaces, to part them again"),
    ("sslscan", Program("sslscan"), "scans the device's TLS"),
    ("testssl.sh", Program("testssl"), "scans the device's TLS too, with sockets of its own"),
    ("python3", Program("python3"), "runs vncdotool, the scripted viewer; sslyze, a scanner; tlslite-ng, a TLS stack"),
    ("python3-venv", PythonModule("ensurepip"), "installs these apart from the system's Python"),
];

/// What `cargo xtask bench peers` measures procy against.
#[rustfmt::skip]
pub(crate) const FOR_PEERS: &[Need] = &[
    ("stunnel4", Program("stunnel"), "a peer"),
    ("haproxy", DebianPath("/usr/sbin/haproxy"), "a peer; Debian starts its service once it is installed"),
    ("nginx", DebianPath("/usr/sbin/nginx"), "a peer; Debian starts its service once it is installed"),
    ("libnginx-mod-stream", DebianPath("/usr/lib/nginx/modules/ngx_stream_module.so"), "nginx as a relay"),
    ("socat", Program("socat"), "a peer"),
];

/// What `cargo xtask bench instructions` counts with.
pub(crate) const FOR_INSTRUCTIONS: &[Need] =
    &[("valgrind", Program("valgrind"), "counts instructions")];

/// What may be done about something that is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// In CI: install without asking.
    Given,
    /// A person is there: ask.
    Ask,
    /// Nobody to ask, or told not to: say what to type and stop.
    Refused,
}

impl Consent {
    /// Reads the circumstances.
    pub(crate) fn here(no_install: bool) -> Self {
        if no_install {
            Self::Refused
        } else if std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false") {
            Self::Given
        } else if std::io::stdin().is_terminal() {
            Self::Ask
        } else {
            Self::Refused
        }
    }

    /// Whether to run `commands`, shown to the person first.
    fn to(self, what: &str, commands: &str) -> Result<(), String> {
        let refusal = || Err(format!("{what}\nInstall with:\n\n  {commands}\n\nor set CI=true."));
        match self {
            Self::Given => Ok(()),
            Self::Refused => refusal(),
            Self::Ask => {
                eprint!("{what}\nInstall now with `{commands}`? [y/N] ");
                let _ = std::io::stderr().flush();
                let mut answer = String::new();
                let _ = std::io::stdin().read_line(&mut answer);
                if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { refusal() }
            }
        }
    }
}

/// Sees to the Debian packages; on another system only says which programs are missing.
pub(crate) fn packages(needs: &[Need], consent: Consent) -> Result<(), String> {
    let debian = step::on_path("apt-get");
    let missing: Vec<_> = needs.iter().filter(|(_, proof, _)| !is_met(proof, debian)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut what = String::from("Real programs are needed that are not here:\n");
    for (package, proof, reason) in &missing {
        let named = match proof {
            Program(program) => format!("{program} (package {package})"),
            DebianPath(_) => format!("package {package}"),
            PythonModule(module) => format!("Python's {module} (package {package})"),
        };
        what += &format!("\n  {named}: {reason}");
    }
    if !debian {
        return Err(format!("{what}\n\nThe packages' names are Debian's; install these programs."));
    }
    let names: Vec<&str> = missing.iter().map(|(package, ..)| *package).collect();
    let update = as_root(&["apt-get", "update"]);
    let install =
        as_root(&[&["apt-get", "install", "-y", "--no-install-recommends"], &names[..]].concat());
    let commands = format!("{} && {}", step::in_words(&update), step::in_words(&install));
    consent.to(&what, &commands)?;
    for mut command in [update, install] {
        step::run(&mut command)?;
    }
    match missing.iter().find(|(_, proof, _)| !is_met(proof, debian)) {
        None => Ok(()),
        Some((package, ..)) => {
            Err(format!("{package} was installed, and yet what it should bring is not found"))
        }
    }
}

/// Sees to a Python environment with exactly what testkit/requirements.txt pins, and returns its folder.
pub(crate) fn python(consent: Consent) -> Result<PathBuf, String> {
    let venv = step::target().join("venv");
    let pins = step::root().join("testkit/requirements.txt");
    let wanted = std::fs::read(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    // Written last: an installation that was cut short is done again.
    let stamp = venv.join("installed.txt");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(venv);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&venv);
    let mut install = Command::new(venv.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]);
    install.arg(&pins);
    let commands = format!("{} && {}", step::in_words(&create), step::in_words(&install));
    consent.to("The tests use Python packages (testkit/requirements.txt).", &commands)?;
    step::run(&mut create)?;
    step::run(&mut install)?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(venv)
}

fn is_met(proof: &Proof, debian: bool) -> bool {
    match proof {
        Program(program) => step::on_path(program),
        DebianPath(path) => !debian || Path::new(path).exists(),
        PythonModule(module) => {
            step::succeeds(Command::new("python3").args(["-c", &format!("import {module}")]))
        }
    }
}

/// The command, with sudo before it when we are not root.
fn as_root(words: &[&str]) -> Command {
    let root = step::output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    // `env` after sudo: sudo drops our environment, and a package's question would wait for ever.
    let prefix: &[&str] = if root { &[] } else { &["sudo"] };
    let all = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive"], words].concat();
    let mut command = Command::new(all[0]);
    command.args(&all[1..]);
    command
}
