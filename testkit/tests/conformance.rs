//! The in-memory pair passes every scenario: what fails here is no runtime's fault.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

use procy_testkit::conformance::{Pair, check};

#[test]
fn the_pair_conforms() {
    if let Err(failures) = check(Pair) {
        panic!("{failures}");
    }
}
