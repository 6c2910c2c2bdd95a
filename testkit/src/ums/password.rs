//! One-time passwords: issued with the shadow facet, checked once by the device that they were issued for.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Passwords remembered for one device; beyond it the oldest are forgotten.
const REMEMBERED: usize = 64;

/// What came of a device's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right, and used up now.
    Accepted,
    /// Not one that was issued for this device, or one that a newer one has voided.
    Wrong,
    /// Right, but too old.
    Expired,
    /// Right, but someone has been let in with it.
    AlreadyUsed,
    /// Refused whatever it was: [`CheckBehaviour::RefuseAll`].
    RefusedByDefect,
    /// UMS is shut down.
    OutOfReach,
}

/// A question that a device asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCheck {
    /// The device that asked.
    pub device: u32,
    /// The answer; `None` when there was none ([`CheckBehaviour::Hang`]).
    pub verdict: Option<Verdict>,
}

/// How UMS treats the questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckBehaviour {
    /// By the rules.
    #[default]
    Normal,
    /// Every password is refused, as UMS 12.07.100 did in some time zones.
    RefuseAll,
    /// No answer ever.
    Hang,
}

/// The passwords of one device. Kept as digests: nothing here can be sent in a password's place.
#[derive(Debug, Default)]
pub(super) struct Passwords(Vec<Issued>);

#[derive(Debug)]
struct Issued {
    digest: [u8; 32],
    at: Instant,
    used: bool,
}

impl Passwords {
    /// A new password: a random UUID of version 4, as Java makes them.
    pub(super) fn issue(&mut self, now: Instant, newest_only: bool) -> String {
        if newest_only {
            self.0.clear();
        } else if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        let password = Uuid::new_v4().to_string();
        self.0.push(Issued { digest: digest(&password), at: now, used: false });
        password
    }

    pub(super) fn check(&mut self, password: &str, now: Instant, lifetime: Duration) -> Verdict {
        let digest = digest(password);
        match self.0.iter_mut().find(|issued| issued.digest == digest) {
            None => Verdict::Wrong,
            Some(issued) if issued.used => Verdict::AlreadyUsed,
            Some(issued) if now.saturating_duration_since(issued.at) >= lifetime => {
                Verdict::Expired
            }
            Some(issued) => {
                issued.used = true;
                Verdict::Accepted
            }
        }
    }
}

fn digest(password: &str) -> [u8; 32] {
    Sha256::digest(password.as_bytes()).into()
}
