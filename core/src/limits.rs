//! Every bound on what a peer can make a session hold, with its source.

/// A TLS record on the wire at its largest: 16,384 bytes of content, 2,048 that TLS 1.2 lets protection add, a
/// header of 5 (RFC 5246 section 6.2.3; TLS 1.3 allows less).
pub const MAX_TLS_RECORD: usize = 16_384 + 2_048 + 5;

/// Records that hold one TLS handshake message, altogether: rustls takes messages of 65,535 bytes and their header of 4,
/// and needs all of one at once. What protection adds is allowed for 64 records; more only if they are smaller.
pub const MAX_TLS_MESSAGE: usize = 4 + 65_535 + 64 * 29;

/// A TLS record's content at its largest (RFC 8446 section 5.1).
pub const MAX_TLS_CONTENT: usize = 16_384;

/// The most that [`Limits::early`] can be: it must fit into any scratch memory.
pub const MAX_EARLY: usize = 16_384;

/// What a session may hold on its peers' behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that a viewer (or a console, towards a device) may send before relaying begins; they are kept and
    /// delivered then. An RFB client has nothing to say before the hello (RFC 6143 section 7.1.1). Default 4,096, and
    /// no more than [`MAX_EARLY`] whatever is asked for.
    pub early: usize,
    /// The first read of a new session, and of one that has just been stalled by its other side; what a stall right then
    /// costs. Reads grow while both sides keep up, so that a later stall costs more, at most the window of the scratch
    /// memory. Default 65,536.
    pub first_read: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { early: 4_096, first_read: 65_536 }
    }
}
