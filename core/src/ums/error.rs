//! What UMS refuses, and what it answers that cannot be understood.

use alloc::string::String;
use core::fmt;

use super::Call;
use crate::credential::CredentialError;
use crate::error::Fault;

/// The longest text of a peer, in characters, that an error repeats.
pub const MAX_PEER_TEXT: usize = 200;

/// Why a call to UMS failed. [`UmsError::code`] is stable; the words are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UmsError {
    /// UMS refused the call.
    #[error("{why}{}", Reported(.itg, .message))]
    Refused {
        /// What it refused.
        why: Refusal,
        /// UMS's own code (`ITG-...`), if it gave one.
        itg: Option<String>,
        /// UMS's own words, at most [`MAX_PEER_TEXT`] characters; may be empty.
        message: String,
    },
    /// The server or a proxy before it answered with a status of 500 or more, and without one of UMS's codes.
    #[error("UMS is not available: the answer is HTTP status {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// What answered is not the interface of a UMS.
    #[error("what answers there is not the UMS interface (HTTP status {status})")]
    NotUms {
        /// The HTTP status.
        status: u16,
    },
    /// UMS answered in JSON, but not as the interface's manual says.
    #[error("UMS gave an answer that cannot be understood: {what}")]
    AnswerMalformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The answer is longer than [`Request::answer_limit`](super::Request::answer_limit).
    #[error("UMS gave an answer of more than {limit} bytes")]
    AnswerTooLong {
        /// The bound that it passed.
        limit: usize,
    },
    /// UMS described the device, but gave no secret for it (step 3).
    #[error("UMS gave neither certificate nor password for this device")]
    ShadowSecretMissing,
    /// What UMS gave for the device cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The user's name or password cannot be sent.
    #[error(
        "the UMS user name is empty, or it contains a colon, or it or the password contains control characters"
    )]
    UserMalformed,
    /// Not an id of a device.
    #[error("this is not the id of a device in UMS")]
    DeviceIdMalformed,
}

/// What UMS refused, told by its `errorCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// `ITG-0B001` and `ITG-0B002`: the user or the password.
    Login,
    /// `ITG-0B003`, `ITG-0B004`, `ITG-0B007`: there is no session, or no longer. The client signs in again.
    SessionEnded,
    /// `ITG-0B005`: the user has not the right to it.
    AccessDenied,
    /// `ITG-0B006`, `ITG-0C002`: this version of the interface.
    ApiVersion,
    /// `ITG-0C001`: a licence is missing.
    Licence,
    /// `ITG-0A001`: there is no such device.
    DeviceUnknown,
    /// `ITG-0A018`: the device lies in the recycle bin.
    DeviceInBin,
    /// Any other of UMS's codes: the call itself.
    Request,
    /// `ITG-FF...`: UMS failed inside.
    Internal,
}

impl UmsError {
    /// The stable name of this error, for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { why, .. } => why.code(),
            Self::Unavailable { .. } => "ums-unavailable",
            Self::NotUms { .. } => "ums-not-ums",
            Self::AnswerMalformed { .. } => "ums-answer-malformed",
            Self::AnswerTooLong { .. } => "ums-answer-too-long",
            Self::ShadowSecretMissing => "ums-no-secret",
            Self::Credential(error) => error.code(),
            Self::UserMalformed => "ums-user-malformed",
            Self::DeviceIdMalformed => "device-id-malformed",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { why, .. } => why.fault(),
            Self::NotUms { .. }
            | Self::ShadowSecretMissing
            | Self::Credential(_)
            | Self::UserMalformed
            | Self::DeviceIdMalformed => Fault::Configuration,
            Self::Unavailable { .. }
            | Self::AnswerMalformed { .. }
            | Self::AnswerTooLong { .. } => Fault::Peer,
        }
    }

    /// What an operator can do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Refused { why, .. } => why.help(),
            Self::Unavailable { .. } => {
                "UMS may be starting or stopped, or a proxy before it cannot reach it. Look at the UMS server, then try \
                 again."
            }
            Self::NotUms { .. } => {
                "Check the address: the interface is at https://SERVER:8443/umsapi unless the port was changed in UMS \
                 Administrator; a proxy before UMS must pass that path on."
            }
            Self::AnswerMalformed { .. } => {
                "Check that the address is that of a UMS and not of a gateway. If it is, report this with the version of \
                 UMS."
            }
            Self::AnswerTooLong { .. } => {
                "Check that the address is that of a UMS. If it is, use a UMS user who sees fewer devices, or name the \
                 device by id:."
            }
            Self::ShadowSecretMissing => {
                "UMS gives it only for devices with Secure VNC: UMS 5.02.100 or later, IGEL Linux 5.03.190, 10.01.100 or \
                 later, or OS 11; and the UMS user needs the right \"Remote access\" on the device. OS 12 devices are not \
                 shadowed this way."
            }
            Self::Credential(error) => error.help(),
            Self::UserMalformed => {
                "Correct the UMS user and the password; mind a line break at the end of a password file."
            }
            Self::DeviceIdMalformed => {
                "Give the id as UMS shows it: letters, digits, '-' and '_', at most 64. Other names are found by name:, \
                 mac: or ip:."
            }
        }
    }

    /// Whether the session is over, so that signing in again may help.
    #[must_use]
    pub fn is_session_ended(&self) -> bool {
        matches!(self, Self::Refused { why: Refusal::SessionEnded, .. })
    }

    /// An error as UMS reports it in JSON.
    pub(super) fn reported(call: Call, itg: &str, message: &str) -> Self {
        Self::Refused {
            why: Refusal::of(call, itg),
            itg: Some(bounded(itg)),
            message: bounded(message),
        }
    }

    /// An error of which only the HTTP status is known.
    pub(super) fn status(call: Call, status: u16) -> Self {
        match status {
            401 => {
                let why = if call == Call::Login { Refusal::Login } else { Refusal::SessionEnded };
                Self::Refused { why, itg: None, message: String::from("HTTP status 401") }
            }
            500.. => Self::Unavailable { status },
            _ => Self::NotUms { status },
        }
    }
}

impl Refusal {
    /// The list stands in the manual under "API error messages". An unknown code is a refusal all the same.
    fn of(call: Call, itg: &str) -> Self {
        let code = itg.trim().to_ascii_uppercase();
        match code.strip_prefix("ITG-").unwrap_or(&code) {
            "0A001" => Self::DeviceUnknown,
            "0A018" => Self::DeviceInBin,
            "0B001" if call != Call::Login => Self::SessionEnded,
            "0B001" | "0B002" => Self::Login,
            "0B003" | "0B004" | "0B007" => Self::SessionEnded,
            "0B005" => Self::AccessDenied,
            "0B006" | "0C002" => Self::ApiVersion,
            "0C001" => Self::Licence,
            code if code.starts_with("FF") => Self::Internal,
            _ => Self::Request,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Login => "ums-login-refused",
            Self::SessionEnded => "ums-session-ended",
            Self::AccessDenied => "ums-access-denied",
            Self::ApiVersion => "ums-api-version",
            Self::Licence => "ums-licence",
            Self::DeviceUnknown => "ums-device-unknown",
            Self::DeviceInBin => "ums-device-in-bin",
            Self::Request => "ums-request-refused",
            Self::Internal => "ums-internal",
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::SessionEnded | Self::Internal => Fault::Peer,
            Self::Request => Fault::Caller,
            _ => Fault::Configuration,
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Login => {
                "Check the UMS user and the password. A user of a directory is written user@domain, as in UMS Console."
            }
            Self::SessionEnded => {
                "The session ended again right after signing in. Several UMS servers behind one address need a load \
                 balancer that keeps a session on one server."
            }
            Self::AccessDenied => {
                "Give the UMS user the rights Browse, Read and \"Remote access\" on the device's directory, in UMS \
                 Console under access control."
            }
            Self::ApiVersion => "Use the other version of the interface: v3 needs UMS 5.07.100.",
            Self::Licence => {
                "This UMS needs a licence for the management interface (IMI): before UMS 6.01 a licence of its own, \
                 since then the Workspace Edition."
            }
            Self::DeviceUnknown => {
                "List the devices to see what this UMS user can see: a device is hidden without the right Browse."
            }
            Self::DeviceInBin => "Restore the device from the recycle bin in UMS Console.",
            Self::Request => "Report this with UMS's code and the version of UMS.",
            Self::Internal => {
                "Look at the log of the UMS server (its database or cache may be down) and try again."
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "UMS refused the user or the password",
            Self::SessionEnded => "the UMS session has ended",
            Self::AccessDenied => "the UMS user lacks a right",
            Self::ApiVersion => "this UMS does not offer this version of the interface",
            Self::Licence => "this UMS has no licence for the interface",
            Self::DeviceUnknown => "UMS knows no such device",
            Self::DeviceInBin => "the device lies in UMS's recycle bin",
            Self::Request => "UMS refused the request",
            Self::Internal => "UMS failed inside",
        })
    }
}

/// What UMS itself said, in brackets. Its `stackTrace` is never read.
struct Reported<'a>(&'a Option<String>, &'a str);

impl fmt::Display for Reported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Some(itg), "") => write!(f, " ({itg})"),
            (Some(itg), message) => write!(f, " ({itg}: {message})"),
            (None, "") => Ok(()),
            (None, message) => write!(f, " ({message})"),
        }
    }
}

/// A peer's text, as one line of at most [`MAX_PEER_TEXT`] characters.
fn bounded(text: &str) -> String {
    text.trim()
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAX_PEER_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn every_code_of_the_manual_has_its_meaning() {
        for (itg, code, fault) in [
            ("ITG-0A001", "ums-device-unknown", Fault::Configuration),
            ("ITG-0A006", "ums-request-refused", Fault::Caller),
            ("ITG-0A010", "ums-request-refused", Fault::Caller),
            ("ITG-0A018", "ums-device-in-bin", Fault::Configuration),
            ("ITG-0B001", "ums-session-ended", Fault::Peer),
            ("ITG-0B002", "ums-login-refused", Fault::Configuration),
            ("ITG-0B003", "ums-session-ended", Fault::Peer),
            ("ITG-0B004", "ums-session-ended", Fault::Peer),
            ("ITG-0B005", "ums-access-denied", Fault::Configuration),
            ("ITG-0B006", "ums-api-version", Fault::Configuration),
            ("ITG-0B007", "ums-session-ended", Fault::Peer),
            ("ITG-0C001", "ums-licence", Fault::Configuration),
            ("ITG-0C002", "ums-api-version", Fault::Configuration),
            ("ITG-FF004", "ums-internal", Fault::Peer),
            ("itg-ff001", "ums-internal", Fault::Peer),
            ("ITG-99999", "ums-request-refused", Fault::Caller),
        ] {
            let error = UmsError::reported(Call::Device, itg, "words");
            assert_eq!((error.code(), error.fault()), (code, fault), "{itg}");
            assert!(error.to_string().contains(itg) && error.to_string().contains("words"));
            assert!(!error.help().is_empty());
        }
        let login = UmsError::reported(Call::Login, "ITG-0B001", "");
        assert_eq!(login.code(), "ums-login-refused");
        assert_eq!(login.to_string(), "UMS refused the user or the password (ITG-0B001)");
    }

    #[test]
    fn without_a_code_only_401_has_a_meaning_of_its_own() {
        assert_eq!(UmsError::status(Call::Login, 401).code(), "ums-login-refused");
        assert!(UmsError::status(Call::Shadow, 401).is_session_ended());
        assert_eq!(UmsError::status(Call::Login, 404).code(), "ums-not-ums");
        assert_eq!(UmsError::status(Call::Login, 302).code(), "ums-not-ums");
        assert_eq!(UmsError::status(Call::Devices, 503).code(), "ums-unavailable");
    }

    #[test]
    fn a_peers_words_are_one_short_line() {
        let long = "x\r\n".repeat(1000);
        let error = UmsError::reported(Call::Device, &long, &long).to_string();
        assert!(!error.contains('\n') && error.len() < 2 * MAX_PEER_TEXT + 100);
    }

    #[test]
    fn what_ums_does_not_name_itself_comes_with_help_too() {
        use Fault::{Configuration, Peer};
        for (error, code, fault, text, help) in [
            (UmsError::Unavailable { status: 503 }, "ums-unavailable", Peer, "503", "try again"),
            (UmsError::NotUms { status: 404 }, "ums-not-ums", Configuration, "404", "/umsapi"),
            (
                UmsError::AnswerMalformed { what: "it ends too early" },
                "ums-answer-malformed",
                Peer,
                "cannot be understood: it ends too early",
                "not of a gateway",
            ),
            (
                UmsError::AnswerTooLong { limit: 1024 },
                "ums-answer-too-long",
                Peer,
                "more than 1024 bytes",
                "by id:",
            ),
            (
                UmsError::ShadowSecretMissing,
                "ums-no-secret",
                Configuration,
                "neither certificate nor password",
                "Remote access",
            ),
            (
                CredentialError::CertificateEmpty.into(),
                "certificate-empty",
                Configuration,
                "no certificate for this device",
                "Reboot the device once",
            ),
            (
                UmsError::UserMalformed,
                "ums-user-malformed",
                Configuration,
                "contains a colon",
                "a line break at the end",
            ),
            (
                UmsError::DeviceIdMalformed,
                "device-id-malformed",
                Configuration,
                "not the id of a device",
                "letters, digits",
            ),
        ] {
            assert_eq!((error.code(), error.fault()), (code, fault));
            assert!(error.to_string().contains(text), "{error}");
            assert!(error.help().contains(help), "{code}: {}", error.help());
        }
    }

    #[test]
    fn only_what_ums_said_itself_stands_in_brackets() {
        let refused = |itg: Option<&str>, message: &str| {
            let (why, itg) = (Refusal::AccessDenied, itg.map(String::from));
            UmsError::Refused { why, itg, message: message.into() }.to_string()
        };
        let lacks = "the UMS user lacks a right";
        assert_eq!(refused(None, ""), lacks);
        assert_eq!(refused(None, "no"), format!("{lacks} (no)"));
        assert_eq!(refused(Some("ITG-1"), ""), format!("{lacks} (ITG-1)"));
        assert_eq!(refused(Some("ITG-1"), "no"), format!("{lacks} (ITG-1: no)"));
    }
}
