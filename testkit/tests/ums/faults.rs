use procy_testkit::certificates::{Kind, identity};
use procy_testkit::ums::{Call, Fault, UmsConfig, UmsStandIn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::client::{LONG, connect, get, login, request, ums};

#[tokio::test]
async fn a_fault_meets_the_next_request_of_its_kind_and_no_other() {
    let ums = ums(UmsConfig::default()).await;
    ums.fail_next(Call::Shadow, Fault::InternalError);
    let cookie = login(&ums).await;
    assert_eq!(get(&ums, "v3/thinclients", &cookie).await.status, 200);
    let failed = get(&ums, "v3/thinclients/7?facets=shadow", &cookie).await;
    assert_eq!((failed.status, failed.code().as_str()), (500, "ITG-FF001"));
    assert_eq!(get(&ums, "v3/thinclients/7?facets=shadow", &cookie).await.status, 200);
}

#[tokio::test]
async fn garbage_is_no_json_and_a_wrong_shape_is_no_device() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    ums.fail_next(Call::Any, Fault::Garbage);
    ums.fail_next(Call::Any, Fault::WrongShape);
    let reply = get(&ums, "v3/thinclients/7", &cookie).await;
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&reply.text).is_err());
    assert!(get(&ums, "v3/thinclients/7", &cookie).await.json().is_array());
}

#[tokio::test]
async fn a_closed_connection_has_no_answer() {
    let ums = ums(UmsConfig::default()).await;
    ums.fail_next(Call::Login, Fault::Close);
    assert!(request(&ums, "POST", "v3/login", "").await.is_none());
    assert_eq!(ums.requests()[0].status, None);
}

#[tokio::test]
async fn a_hanging_request_is_seen_in_the_log_and_ends_with_the_handle() {
    let ums = ums(UmsConfig::default()).await;
    ums.fail_next(Call::Status, Fault::Hang);
    let mut stream = connect(&ums).await;
    stream.write_all(b"GET /umsapi/v3/serverstatus HTTP/1.1\r\nHost: ums\r\n\r\n").await.unwrap();
    timeout(LONG, ums.arrived(Call::Status, 1)).await.unwrap();
    drop(ums);
    let mut bytes = Vec::new();
    // Ended without close_notify, which TLS reports; that it ends is what counts.
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the connection to end");
    assert_eq!(bytes, b"");
}

#[tokio::test]
async fn shutdown_frees_the_port_and_ends_open_connections() {
    let ums = ums(UmsConfig::default()).await;
    let address = ums.address();
    let mut idle = connect(&ums).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    ums.shutdown().await;
    let mut byte = [0; 1];
    for end in [
        timeout(LONG, idle.read(&mut byte)).await.unwrap(),
        timeout(LONG, silent.read(&mut byte)).await.unwrap(),
    ] {
        assert!(!matches!(end, Ok(1..)), "{end:?}");
    }
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn it_shows_the_certificate_that_it_was_given() {
    let given = identity(Kind::P384);
    let config = UmsConfig { identity: Some(given.clone()), ..UmsConfig::default() };
    let ums = UmsStandIn::start(config).await.unwrap();
    assert_eq!(ums.fingerprint(), given.fingerprint());
    assert_eq!(ums.url(), format!("https://{}/", ums.address()));
}
