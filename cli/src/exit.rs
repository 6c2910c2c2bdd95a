//! The program's exit codes.

/// What the exit code says. The numbers are documented and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well; with `--once`, the session came to its ordinary end.
    Ok,
    /// Something on this machine: the port is taken, the viewer cannot be started.
    Local,
    /// A wrong option, variable, file or secret; clap's own too.
    Usage,
    /// UMS: out of reach, not trusted, or it refused.
    Ums,
    /// The device: out of reach, not the right one, or it refused.
    Device,
    /// The viewer: it left before the session began, or never came.
    Viewer,
    /// Ended by Ctrl-C.
    Interrupted,
    /// Ended by SIGTERM.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal"))]
    Terminated,
}

impl Exit {
    /// Whether a signal asked for it: that is no failure.
    pub(crate) const fn is_asked_for(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Local => 1,
            Self::Usage => 2,
            Self::Ums => 3,
            Self::Device => 4,
            Self::Viewer => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// For people; at the end of `--help` and in the manual page.
pub(crate) const DOCUMENTED: &str = "\
Exit codes:
    0  all went well; with --once, the session came to its ordinary end
    1  something on this machine: the port is taken, the viewer cannot be started
    2  a wrong option, variable, file or secret
    3  UMS: out of reach, not trusted, or it refused
    4  the device: out of reach, not the right one, or it refused
    5  the viewer: it left before the session began, or never came
  130  ended by Ctrl-C (143: by SIGTERM)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        use Exit::*;
        for exit in [Ok, Local, Usage, Ums, Device, Viewer, Interrupted, Terminated] {
            assert!(DOCUMENTED.contains(&format!("{}", exit.code())), "{exit:?}");
        }
    }
}
