//! What sslscan finds.

use std::net::SocketAddr;

use roxmltree::{Document, Node};

use crate::{Facts, report, scan};

/// What is compared. Its question for signatures is not asked: it takes a HelloRetryRequest for "all".
const TOLD: [&str; 5] = ["protocol", "renegotiation", "heartbleed", "cipher", "group"];

/// Attributes that are its own opinion, or its own preference.
const OPINIONS: [&str; 2] = ["strength", "status"];

fn facts(address: SocketAddr) -> Facts {
    let xml = report("sslscan", "sslscan", |file| {
        vec!["--no-colour".into(), format!("--xml={file}"), address.to_string()]
    });
    let document = Document::parse(&xml).unwrap();
    let mut facts = Facts::new();
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if TOLD.contains(&name) {
            let told = node.attributes().filter(|told| !OPINIONS.contains(&told.name()));
            let told: Vec<_> =
                told.map(|told| format!(" {}={}", told.name(), told.value())).collect();
            facts.insert(format!("{name}:{}", told.concat()));
        } else if node.parent().is_some_and(|parent| parent.has_tag_name("certificate")) {
            let told = node.attributes().map(|told| format!(" {}={}", told.name(), told.value()));
            let text = node.text().map(|text| format!(" {}", text.trim()));
            facts.insert(format!("certificate {name}:{}", told.chain(text).collect::<String>()));
        }
    }
    facts
}

#[tokio::test]
async fn sslscan_finds_what_is_modern_and_nothing_else() {
    scan("sslscan", facts).await;
}
