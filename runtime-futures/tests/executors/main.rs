//! One list of cases, run under smol and under async-std.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod awkward;
mod deadlines;
mod drops;
mod duplex;
mod executor;
mod loss;
mod many;
mod parts;
mod relay;
mod stall;

/// Makes a test of every case for every executor: `smol::over_tcp`, `async_std::over_tcp`.
macro_rules! cases {
    ($($module:ident: $($case:ident),+;)+) => {
        cases! { @under smol, Smol; $($($module $case)+)+ }
        cases! { @under async_std, AsyncStd; $($($module $case)+)+ }
    };
    (@under $name:ident, $executor:ident; $($module:ident $case:ident)+) => {
        mod $name {
            use super::executor::{$executor, run};
            $(
                #[test]
                fn $case() {
                    run::<$executor>(super::$module::$case::<$executor>());
                }
            )+
        }
    };
}

cases! {
    relay:
        over_tcp_and_both_versions_of_tls,
        through_wires_that_hold_little,
        bursts_of_8_mib_both_ways_at_once,
        more_than_a_turns_budget_although_no_stream_ever_blocks,
        after_the_viewers_end_the_device_may_still_speak,
        after_the_devices_end_the_viewer_may_still_speak;
    awkward:
        interrupted_calls_are_repeated,
        what_is_written_leaves_although_streams_keep_it_until_flushed,
        an_end_without_close_notify_is_an_end,
        a_stream_that_takes_nothing_is_broken_and_not_waited_for;
    drops:
        a_future_dropped_at_every_poll_loses_nothing,
        a_future_leaked_at_every_poll_loses_nothing,
        dropping_a_session_closes_both_sockets,
        a_politely_closed_session_says_goodbye_to_both;
    stall:
        a_viewer_that_does_not_read_may_still_type;
    loss:
        a_device_reset_in_mid_session_is_lost_after_all_that_it_sent,
        a_viewer_reset_in_mid_session_is_an_ordinary_end,
        a_device_that_refuses_to_connect_is_told_to_the_viewer,
        a_refused_password_closes_before_the_hello,
        a_viewer_that_was_told_nothing_is_taken_back_for_another_try,
        a_viewer_that_leaves_too_early_is_noticed_at_once,
        given_up_for_a_reason_of_the_hosts_own_the_viewer_is_told_it,
        a_name_that_does_not_resolve_in_time_and_an_address_without_an_answer_are_given_up;
    deadlines:
        nobody_brings_the_credential,
        nobody_connects_to_the_device,
        the_device_is_silent_in_the_handshake,
        no_viewer_comes,
        the_password_expires,
        the_device_says_no_hello,
        the_console_sends_no_command,
        nobody_judges_the_password,
        nobody_connects_to_the_local_vnc_server,
        silence_both_ways_is_idleness,
        a_session_lasts_no_longer_than_it_may_however_busy,
        what_remains_after_an_end_may_stand_still_for_a_while_only,
        a_deadline_that_comes_nearer_is_kept,
        a_deadline_far_beyond_any_clock_is_none;
    many:
        five_hundred_sessions_at_once;
}
