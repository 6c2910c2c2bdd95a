//! The interface's error codes, and the HTTP status that each comes with here.

use serde_json::{Value, json};

/// Part of every error's `stackTrace`: text that no client may show to anybody.
pub const STACK_TRACE: &str = "de.igel.rm.imi.StandInException: do not show this";

/// An error as IMI reports it. Documented statuses are 400, 401, 404, 415 and 500; which of them a code has is known
/// for few, so those marked "chosen" are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Itg {
    /// 400 chosen.
    DeviceNotFound,
    NumberFormat,
    MethodNotSupported,
    /// 400 chosen.
    InRecycleBin,
    NoAuthorization,
    InvalidCredentials,
    NoSessionId,
    NoSession,
    /// 401 chosen: it makes a client that goes by the status log in for ever.
    AccessDenied,
    InvalidVersion,
    Internal,
}

impl Itg {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::DeviceNotFound
            | Self::NumberFormat
            | Self::MethodNotSupported
            | Self::InRecycleBin
            | Self::InvalidVersion => 400,
            Self::NoAuthorization
            | Self::InvalidCredentials
            | Self::NoSessionId
            | Self::NoSession
            | Self::AccessDenied => 401,
            Self::Internal => 500,
        }
    }

    pub(super) const fn code(self) -> &'static str {
        self.texts().0
    }

    pub(super) fn body(self) -> Value {
        let (code, message) = self.texts();
        let mut body = json!({
            "message": message,
            "errorCode": code,
            "stackTrace": format!("{STACK_TRACE}\n\tat de.igel.rm.imi.Servlet.service(Servlet.java:1)"),
        });
        // One of IGEL's examples has a time, the others do not.
        if self.status() == 401 {
            body["time"] = json!("2016-04-06T13:29:59.362");
        }
        body
    }

    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::DeviceNotFound => ("ITG-0A001", "Thin client not found."),
            Self::NumberFormat => ("ITG-0A010", "Number format is invalid."),
            Self::MethodNotSupported => ("ITG-0A011", "Method is not supported."),
            Self::InRecycleBin => ("ITG-0A018", "Object is in the recycle bin."),
            Self::NoAuthorization => ("ITG-0B001", "No authorization header."),
            Self::InvalidCredentials => ("ITG-0B002", "Invalid user credentials."),
            Self::NoSessionId => ("ITG-0B003", "No session ID."),
            Self::NoSession => ("ITG-0B004", "No session for this ID."),
            Self::AccessDenied => ("ITG-0B005", "Access denied."),
            Self::InvalidVersion => ("ITG-0C002", "Invalid IMI version."),
            Self::Internal => ("ITG-FF001", "Internal error."),
        }
    }
}
