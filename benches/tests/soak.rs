//! The soak itself, for some seconds: sessions come and go on every runtime, and nothing is left of them.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::HashMap;
use std::process::Command;

#[test]
fn every_runtime_gives_everything_back() {
    let (worked, tables) = soak(&["--runtime", "all", "--minutes", "0.02", "--sessions", "16"]);
    assert!(worked, "{tables}");
    let rows = rows(&tables);
    for runtime in ["tokio", "blocking", "mio", "futures"] {
        let [sessions, descriptors, _, threads, tasks] = &rows[runtime][..] else {
            panic!("{tables}")
        };
        assert!(sessions.parse::<u64>().unwrap() > 0, "{tables}");
        for held in [descriptors, threads] {
            let (start, end) = held.split_once(" → ").unwrap();
            assert!(end.parse::<u64>().unwrap() <= start.parse().unwrap(), "{tables}");
        }
        assert_eq!(tasks, "0 → 0");
    }
}

#[test]
fn sessions_end_in_many_ways() {
    let (worked, tables) = soak(&["--runtime", "mio", "--minutes", "0.1", "--sessions", "50"]);
    assert!(worked, "{tables}");
    let rows = rows(&tables);
    for code in [
        "ended by device",
        "ended by viewer",
        "certificate-mismatch",
        "closed-before-hello",
        "device-refused",
        "handshake-timeout",
    ] {
        assert!(rows.contains_key(code), "no {code}\n{tables}");
    }
}

/// Runs it: whether it succeeds, and what it prints.
fn soak(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_procy-bench"));
    let output = command.arg("soak").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// Of all tables, each row's cells by its first one.
fn rows(tables: &str) -> HashMap<String, Vec<String>> {
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect();
    let rows = tables.lines().filter(|line| line.starts_with('|'));
    rows.map(cells).map(|mut row: Vec<String>| (row.remove(0), row)).collect()
}
