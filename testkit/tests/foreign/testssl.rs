//! What testssl.sh finds.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{Facts, report, scan};

/// How it is run: without a word to anybody but the device (which is the default), and without a question.
const HOW: [&str; 6] = [
    "--quiet",
    "--color=0",
    "--warnings=off",
    "--nodns=none",
    "--connect-timeout=30",
    "--openssl-timeout=30",
];

/// Protocols, what the server says by default, vulnerabilities, bugs. Cipher suites are tried by the others.
const PARTS: [&str; 4] = ["-p", "-S", "-U", "-g"];

/// What is about this moment or machine, or is told by another fact too.
const UNTOLD: [&str; 5] =
    ["scanTime", "cert_expirationStatus", "engine_problem", "DROWN_hint", "cert"];

fn facts(address: SocketAddr) -> Facts {
    let json = report("testssl", "testssl.sh", |file| {
        let (file, target) = (format!("--jsonfile={file}"), address.to_string());
        let words = HOW.into_iter().chain(PARTS).map(str::to_owned);
        words.chain([file, target]).collect()
    });
    let findings: Vec<Value> = serde_json::from_str(&json).unwrap();
    let fact = |finding: &Value| {
        let [id, severity, words] =
            ["id", "severity", "finding"].map(|key| finding[key].as_str().unwrap());
        let words: Vec<_> = words.split_whitespace().collect();
        let blamed = ["LOW", "MEDIUM", "HIGH", "CRITICAL"].contains(&severity);
        let blame = if blamed { format!(" ({severity})") } else { String::new() };
        (!UNTOLD.contains(&id)).then(|| format!("{id}: {}{blame}", words.join(" ")))
    };
    findings.iter().filter_map(fact).collect()
}

#[tokio::test]
async fn testssl_finds_nothing_to_attack() {
    scan("testssl", facts).await;
}
