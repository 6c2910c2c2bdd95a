//! A client as plain as can be: one TLS connection a request, no HTTP library that the stand-in uses too.

use std::sync::Arc;
use std::time::Duration;

use procy_testkit::ums::{Device, UmsConfig, UmsStandIn};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// `imi:imi-password`, the default user.
pub(crate) const BASIC: &str = "Authorization: Basic aW1pOmltaS1wYXNzd29yZA==\r\n";

/// More than anything here takes, so that a defect ends the test instead of hanging it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["errorCode"].as_str().unwrap().to_owned()
    }
}

/// A stand-in with device 7, which has not started yet.
pub(crate) async fn ums(config: UmsConfig) -> UmsStandIn {
    let ums = UmsStandIn::start(config).await.unwrap();
    ums.add_device(Device::new(7, "reception", "10.0.0.7"));
    ums
}

/// A connection that trusts this UMS's certificate and no other.
pub(crate) async fn connect(ums: &UmsStandIn) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ums.certificate_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(ums.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

/// Sends one request; `None` when the connection ends without an answer.
pub(crate) async fn request(
    ums: &UmsStandIn,
    method: &str,
    path: &str,
    header: &str,
) -> Option<Reply> {
    let mut stream = connect(ums).await;
    let head = format!("{method} /umsapi/{path} HTTP/1.1\r\nHost: ums\r\nConnection: close\r\n");
    let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
    stream.write_all(format!("{head}{length}{header}\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A close without close_notify is an error of TLS; what came is what matters.
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("an answer in time");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Reply { status, head: head.to_owned(), text: body.to_owned() })
}

pub(crate) async fn get(ums: &UmsStandIn, path: &str, header: &str) -> Reply {
    request(ums, "GET", path, header).await.unwrap()
}

/// Logs in and gives the header for further calls.
pub(crate) async fn login(ums: &UmsStandIn) -> String {
    let reply = request(ums, "POST", "v3/login", BASIC).await.unwrap();
    assert_eq!(reply.status, 200);
    format!("Cookie: {}\r\n", reply.json()["message"].as_str().unwrap())
}

/// The certificate and the password that the shadow facet gives for a device.
pub(crate) async fn secret(ums: &UmsStandIn, cookie: &str, device: u32) -> (String, String) {
    let reply = get(ums, &format!("v3/thinclients/{device}?facets=shadow"), cookie).await.json();
    let part = |name: &str| reply["shadowSecret"][name].as_str().unwrap().to_owned();
    (part("certificate"), part("password"))
}
