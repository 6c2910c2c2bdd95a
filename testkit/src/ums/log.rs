//! What was asked of the stand-in UMS, and what should go wrong.

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `serverstatus`.
    Status,
    /// `login`.
    Login,
    /// `logout`.
    Logout,
    /// The list of devices, with any facet.
    List,
    /// One device, with no facet or `facets=details`.
    Device,
    /// One device with `facets=online`.
    Online,
    /// One device with `facets=shadow`: this makes a one-time password.
    Shadow,
    /// Something that this stand-in does not know.
    Other,
    /// To choose with: all of the above.
    Any,
}

impl Call {
    /// Whether a choice of this kind takes in that one.
    pub(super) fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer, and the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// Status 200, and a page of HTML, as a proxy in the way would answer.
    Garbage,
    /// Status 200, and JSON of another shape.
    WrongShape,
    /// Status 500 with `ITG-FF001`.
    InternalError,
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its kind.
    pub call: Call,
    /// The HTTP method.
    pub method: String,
    /// Path and query as they came. Headers are not kept: they hold the secrets.
    pub target: String,
    /// The status of the answer; `None` if a fault left it without.
    pub status: Option<u16>,
    /// The `ITG-` code of the answer, if it was an error that has one.
    pub error_code: Option<&'static str>,
}
