//! Why a call failed: before UMS could answer, or because of what it answered.

use std::{fmt, io};

use procy_core::credential::Fingerprint;
use procy_core::error::{Broken, Fault};
use procy_core::ums::{FindError, QueryError, UmsError};
use procy_std::{ConnectError, is_exhausted};

/// Why a call to UMS failed. [`Error::code`] is stable; the words are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL cannot be used. It is not shown: it may hold a password.
    #[error("the address of UMS cannot be used: {what}")]
    Url {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The root certificates cannot be read.
    #[error("the certificates to trust UMS by cannot be read: {what}")]
    Ca {
        /// What is wrong with them.
        what: String,
    },
    /// The crypto provider cannot be set up.
    #[error("TLS cannot be set up: {what}")]
    Setup {
        /// What rustls says.
        what: String,
    },
    /// UMS did not answer.
    #[error("UMS at {address} cannot be reached: {how}")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// What happened.
        how: Unreachable,
    },
    /// This machine has no socket left to ask UMS with.
    #[error("this machine has no connection left to ask UMS at {address} with: {what}")]
    Exhausted {
        /// `host:port`.
        address: String,
        /// What the system says.
        what: String,
    },
    /// The server's certificate is not one to trust.
    #[error(
        "the server at {address} is not trusted as UMS: {why} (it shows the certificate {shown})"
    )]
    Untrusted {
        /// `host:port`.
        address: String,
        /// SHA-256 of the certificate that it showed.
        shown: Fingerprint,
        /// What is wrong with it.
        why: Distrust,
    },
    /// What answers does not speak TLS.
    #[error("what answers at {address} does not speak TLS")]
    NotTls {
        /// `host:port`.
        address: String,
    },
    /// TLS failed otherwise.
    #[error("TLS with {address} failed: {what}")]
    TlsFailed {
        /// `host:port`.
        address: String,
        /// What rustls says.
        what: String,
    },
    /// What answers speaks TLS, but not HTTP/1.1 as UMS does.
    #[error("what answers at {address} is not a UMS: {what}")]
    NotHttp {
        /// `host:port`.
        address: String,
        /// What is wrong with its answer.
        what: &'static str,
    },
    /// UMS refused, or gave an answer that cannot be used.
    #[error(transparent)]
    Ums(#[from] UmsError),
    /// What was given cannot be a device.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// No single device was found.
    #[error(transparent)]
    Find(#[from] FindError),
}

impl Error {
    /// The stable name of this error, for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "ums-url",
            Self::Ca { .. } => "ums-ca",
            Self::Setup { .. } => "ums-tls-setup",
            Self::Unreachable { .. } => "ums-unreachable",
            Self::Exhausted { .. } => "host-exhausted",
            Self::Untrusted { .. } => "ums-untrusted",
            Self::NotTls { .. } => "ums-not-tls",
            Self::TlsFailed { .. } => "ums-tls-failed",
            Self::NotHttp { .. } => "ums-not-ums",
            Self::Ums(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Find(error) => error.code(),
        }
    }

    /// What it means that the name does not resolve.
    pub(crate) fn unresolved(address: &str, error: &io::Error) -> Self {
        let (address, what) = (address.to_owned(), error.to_string());
        if is_exhausted(error) {
            return Self::Exhausted { address, what };
        }
        let how = match error.kind() {
            io::ErrorKind::TimedOut => Unreachable::Timeout { stage: Stage::Connect },
            _ => Unreachable::Resolve { what },
        };
        Self::Unreachable { address, how }
    }

    /// What it means that none of its addresses can be connected to.
    pub(crate) fn unconnected(address: &str, error: &ConnectError) -> Self {
        let (address, what) = (address.to_owned(), error.why().to_owned());
        let how = match error.how() {
            Broken::Exhausted => return Self::Exhausted { address, what },
            Broken::TimedOut => Unreachable::Timeout { stage: Stage::Connect },
            _ => Unreachable::Connect { what },
        };
        Self::Unreachable { address, how }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. } | Self::TlsFailed { .. } => Fault::Peer,
            Self::Ums(error) => error.fault(),
            Self::Find(error) => error.fault(),
            Self::Url { .. }
            | Self::Ca { .. }
            | Self::Setup { .. }
            | Self::Exhausted { .. }
            | Self::Untrusted { .. }
            | Self::NotTls { .. }
            | Self::NotHttp { .. }
            | Self::Query(_) => Fault::Configuration,
        }
    }

    /// What an operator can do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Untrusted { why: Distrust::Pin { .. }, .. } => {
                "If the certificate of UMS was renewed, find out its SHA-256 on the UMS server and compare; if it is this \
                 one, trust it. If not, somebody may stand between."
            }
            Self::Untrusted { why: Distrust::Name { .. }, .. } => {
                "Use a name for which the certificate was made. Or else: compare the fingerprint with the one on the UMS \
                 server; if they are the same, trust exactly this certificate by its fingerprint, or the authority that \
                 issued it."
            }
            Self::Untrusted { .. } => {
                "Compare the fingerprint with the one on the UMS server; if they are the same, trust exactly this \
                 certificate by its fingerprint, or the authority that issued it."
            }
            Self::Url { .. } => {
                "Give it as https://SERVER, https://SERVER:PORT or https://SERVER:PORT/PATH; the port is 8443 and the path \
                 /umsapi unless they were changed."
            }
            Self::Ca { .. } => {
                "Give a PEM file with the certificate of the authority that issued the certificate of UMS, or \
                 the SHA-256 of that certificate."
            }
            Self::Setup { .. } => "Choose another crypto provider, or report this.",
            Self::Unreachable { how: Unreachable::Resolve { .. }, .. } => {
                "Check the name of the UMS server, and this machine's name service."
            }
            Self::Unreachable { .. } => {
                "Check that UMS runs, that address and port are right (8443 unless changed), and that this machine may \
                 reach them."
            }
            Self::Exhausted { .. } => {
                "Allow the program more open files (ulimit -n), or let it do less at once."
            }
            Self::NotTls { .. } => {
                "Check the port: the interface of UMS is on 8443 unless it was changed; 9080 is no TLS."
            }
            Self::TlsFailed { .. } => {
                "UMS speaks TLS 1.2 since 5.08.100; update an older one. If it is not older, look at the log of UMS or of \
                 the proxy before it. A server with a very old certificate (X.509 version 1, RSA under 2048 bits) needs a \
                 new one."
            }
            Self::NotHttp { .. } => {
                "Check the address: the interface is at https://SERVER:8443/umsapi unless the port was changed in UMS \
                 Administrator."
            }
            Self::Ums(error) => error.help(),
            Self::Query(error) => error.help(),
            Self::Find(error) => error.help(),
        }
    }
}

/// Why nothing came from UMS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// Its name does not resolve.
    Resolve {
        /// What the system says.
        what: String,
    },
    /// None of its addresses can be connected to.
    Connect {
        /// What the system says of each.
        what: String,
    },
    /// The time ran out.
    Timeout {
        /// At what.
        stage: Stage,
    },
    /// The connection ended before the answer did.
    Lost {
        /// At what.
        stage: Stage,
        /// What the system says.
        what: String,
    },
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { what } => write!(f, "its name does not resolve ({what})"),
            Self::Connect { what } => write!(f, "it cannot be connected to ({what})"),
            Self::Timeout { stage } => write!(f, "no {stage} in time"),
            Self::Lost { stage, what } => {
                write!(f, "the connection was lost while waiting for the {stage} ({what})")
            }
        }
    }
}

/// What was being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The name and the connection.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// The answer.
    Answer,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connection",
            Self::Handshake => "TLS handshake",
            Self::Answer => "answer",
        })
    }
}

/// Why a certificate is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// It is another one than the one that was pinned.
    Pin {
        /// SHA-256 of the certificate that should have come.
        expected: Fingerprint,
    },
    /// It is made for other names.
    Name {
        /// The names for which it is, as far as they are known.
        names: Vec<String>,
    },
    /// It was not issued by an authority that is trusted.
    Issuer,
    /// It has expired, or is not valid yet by this machine's clock.
    Validity,
    /// Something else.
    Other {
        /// What rustls says.
        what: String,
    },
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin { expected } => {
                write!(f, "its certificate is not the pinned one, {expected}")
            }
            Self::Name { names } if names.is_empty() => {
                f.write_str("its certificate is made for another name")
            }
            Self::Name { names } => {
                write!(f, "its certificate is made for other names: {}", names.join(", "))
            }
            Self::Issuer => f.write_str("its certificate was issued by an unknown authority"),
            Self::Validity => {
                f.write_str("its certificate is not valid today, by this machine's clock")
            }
            Self::Other { what } => write!(f, "its certificate cannot be verified ({what})"),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use procy_core::timer::Instant;
    use procy_std::Attempts;
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_laid_to_ums() {
        let both = |errno: Errno| {
            let mut attempts = Attempts::of(vec![([192, 0, 2, 1], 8443).into()], Instant::ZERO);
            attempts.next(Instant::ZERO);
            attempts.failed(&errno.into());
            [
                Error::unresolved("ums:8443", &errno.into()),
                Error::unconnected("ums:8443", &attempts.error()),
            ]
        };
        for lack in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            for error in both(lack) {
                assert_eq!((error.code(), error.fault()), ("host-exhausted", Fault::Configuration));
                assert!(error.to_string().ends_with(&io::Error::from(lack).to_string()), "{error}");
            }
        }
        for refused in both(Errno::CONNREFUSED) {
            assert_eq!((refused.code(), refused.fault()), ("ums-unreachable", Fault::Peer));
        }
    }
}
