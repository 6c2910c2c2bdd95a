//! The harness itself, with next to no load: every part of it runs, and every figure comes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::process::Command;

use serde_json::Value;

#[test]
fn every_runtime_is_measured() {
    let report = bench("drivers", &["--only", "up-1,setup-mlkem"]);
    for workload in report["workloads"].as_array().unwrap() {
        let rows = workload["rows"].as_array().unwrap();
        let names: Vec<_> = rows.iter().map(|row| row["contender"].as_str().unwrap()).collect();
        let all = ["mio", "tokio", "blocking", "futures", "copy", "copy64", "mio-plain", "floor"];
        // What relays without TLS has no session to set up.
        let takes_part = if workload["id"] == "up-1" { all.len() } else { all.len() - 1 };
        assert_eq!(names, all[..takes_part]);
    }
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
}

#[test]
fn every_workload_is_measured() {
    let report = bench("drivers", &["--contenders", "mio", "--reference", "mio"]);
    let workloads = report["workloads"].as_array().unwrap();
    assert!(workloads.len() > 10, "{}", workloads.len());
    for workload in workloads {
        let metrics = workload["metrics"].as_array().unwrap();
        let figures = workload["rows"][0]["figures"].as_array().unwrap();
        assert_eq!(figures.len(), metrics.len(), "{workload}");
        for (metric, figure) in std::iter::zip(metrics, figures) {
            // So few sessions may hold nothing that was not there before.
            let held = metric["id"] == "memory";
            assert!(held || figure["median"].as_f64().unwrap() > 0.0, "{workload}");
            assert!(held || figure["reference"]["ratio"] == 1.0, "{workload}");
        }
    }
}

#[test]
fn programs_of_others_are_measured_beside() {
    let three = ["--contenders", "mio,stunnel,socat"];
    let report = bench("peers", &[&three[..], &["--only", "down-1,setup-rsa"]].concat());
    assert!(report["programs"].to_string().contains("stunnel"), "{}", report["programs"]);
    for workload in report["workloads"].as_array().unwrap() {
        let to = &workload["rows"][0]["figures"][0]["reference"]["contender"];
        assert!(to == "stunnel" || to == "socat", "{workload}");
    }
}

/// Runs it with `--quick`, which must succeed, and gives its JSON back.
fn bench(verb: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_procy-bench"));
    command.args([verb, "--quick", "--out"]).arg(&out).args(arguments);
    let output = command.output().unwrap();
    let (said, printed) = (output.stderr, output.stdout);
    let words = [said, printed].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", words.join("\n"));
    serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap()
}
