//! What sslyze finds.

use std::net::SocketAddr;

use procy_testkit::real::{VENV, from_venv};
use serde_json::Value;

use crate::{Facts, report, scan};

/// What it tries. Early data it would try with HTTPS servers only; the certificate is looked at by others.
const TRIED: [&str; 15] = [
    "--compression",
    "--elliptic_curves",
    "--ems",
    "--fallback",
    "--heartbleed",
    "--openssl_ccs",
    "--reneg",
    "--resum",
    "--robot",
    "--sslv2",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
];

fn facts(address: SocketAddr) -> Facts {
    let json = report(&from_venv("sslyze").unwrap(), VENV, |file| {
        let how =
            ["--quiet".into(), "--mozilla_config=disable".into(), format!("--json_out={file}")];
        TRIED.map(str::to_owned).into_iter().chain(how).chain([address.to_string()]).collect()
    });
    let report: Value = serde_json::from_str(&json).unwrap();
    let tried = report["server_scan_results"][0]["scan_result"].as_object().unwrap();
    let tried = tried.iter().filter(|(_, what)| what["status"] != "NOT_SCHEDULED");
    tried.flat_map(|(name, what)| found(name, &what["result"])).collect()
}

/// What it found of one thing. Without a result there is a line that nobody expects.
fn found(name: &str, result: &Value) -> Vec<String> {
    if let Some(accepted) = result["accepted_cipher_suites"].as_array() {
        let rejected = result["rejected_cipher_suites"].as_array().unwrap();
        let tried = accepted.len() + rejected.len();
        vec![format!("{name}, of {tried}:{}", names(accepted, "/cipher_suite/name"))]
    } else if let Some(groups) = result["supported_curves"].as_array() {
        vec![format!("{name}:{}", names(groups, "/name"))]
    } else if let Some(facts) = result.as_object() {
        facts.iter().map(|(fact, value)| format!("{name}, {fact}: {value}")).collect()
    } else {
        vec![format!("{name}: no result")]
    }
}

/// What each of them has there, in a line and in order.
fn names(all: &[Value], at: &str) -> String {
    let mut names: Vec<_> =
        all.iter().map(|one| format!(" {}", one.pointer(at).unwrap())).collect();
    names.sort_unstable();
    names.concat().replace('"', "")
}

#[tokio::test]
async fn sslyze_finds_what_is_modern_and_nothing_to_attack() {
    scan("sslyze", facts).await;
}
