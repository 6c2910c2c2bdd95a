//! Both faces of the client against a small HTTPS server: the same cases for each.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod cases;
mod face;
mod server;
mod trust;

/// Runs each case with each face that is built.
macro_rules! both {
    ($($theme:ident :: $case:ident => $name:ident;)*) => {
        #[cfg(feature = "async")]
        mod asynchronous {
            $(#[test] fn $name() { crate::$theme::$case::<crate::face::Async>(); })*
        }
        mod blocking {
            $(#[test] fn $name() { crate::$theme::$case::<procy_ums::blocking::Client>(); })*
        }
    };
}

both! {
    cases::the_whole_way => the_whole_way_from_login_to_logout;
    cases::wrong_login => a_wrong_login_is_refused_and_not_repeated;
    cases::renewal => a_session_that_ended_is_renewed_once_and_the_call_repeated;
    cases::second_end => a_session_that_ends_twice_is_an_error;
    cases::refusals => refusals_go_by_their_code;
    cases::shapes => devices_come_in_both_shapes_and_without_the_bin;
    cases::finding => a_device_is_found_or_the_reason_told;
    cases::secrets => a_secret_becomes_a_credential_or_a_reason;
    cases::versions => v2_is_used_where_v3_is_unknown;
    cases::only_version => a_chosen_version_is_the_only_one_tried;
    cases::garbage => what_is_no_ums_is_told_so;
    cases::redirect => a_redirect_is_not_followed;
    cases::oversized => an_answer_over_the_bound_is_refused;
    cases::framings => chunked_and_unframed_answers_are_read;
    cases::hang => a_server_that_hangs_ends_in_bounded_time;
    cases::drip => a_server_that_drips_ends_in_bounded_time;
    cases::cut => an_answer_that_is_cut_is_lost;
    cases::unreachable => nobody_there_is_unreachable;
    cases::no_leaks => secrets_reach_no_debug_and_no_error;
    trust::unknown_issuer => an_unknown_issuer_is_shown_with_the_ways_to_accept_it;
    trust::system => a_stranger_is_not_trusted_by_the_systems_roots;
    trust::right_fingerprint => the_right_fingerprint_is_enough_on_both_versions_of_tls;
    trust::wrong_fingerprint => a_wrong_fingerprint_shows_both;
    trust::stolen_certificate => a_pinned_certificate_without_its_key_is_refused;
    trust::ca => a_ca_is_enough_from_file_or_memory;
    trust::wrong_name => a_wrong_name_is_named;
    trust::expired => an_expired_certificate_is_named;
    trust::plain => a_plain_server_is_told_so;
    trust::no_such_file => certificates_that_cannot_be_read_are_told_so;
}
