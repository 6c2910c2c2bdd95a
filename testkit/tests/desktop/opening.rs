use procy_testkit::desktop::{DesktopConfig, DesktopStandIn, RfbError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::viewer::{LONG, Viewer, still, take};

#[tokio::test]
async fn versions_3_3_3_7_3_8_and_later_are_opened_as_the_rfc_says() {
    for (version, list, result) in [
        ("003.003", false, false),
        ("003.005", false, false),
        ("003.007", true, false),
        ("003.008", true, true),
        ("003.889", true, true),
        ("004.001", true, true),
    ] {
        let desktop = still();
        let mut stream = Viewer::raw(&desktop);
        take::<12>(&mut stream).await;
        stream.write_all(format!("RFB {version}\n").as_bytes()).await.unwrap();
        if list {
            assert_eq!(take(&mut stream).await, [1, 1], "{version}");
            stream.write_all(&[1]).await.unwrap();
        } else {
            assert_eq!(take(&mut stream).await, [0, 0, 0, 1], "{version}");
        }
        if result {
            assert_eq!(take(&mut stream).await, [0, 0, 0, 0], "{version}");
        }
        let viewer = Viewer::init(stream).await;
        assert_eq!((viewer.size, viewer.name.as_str()), ((1024, 640), "demo-device"), "{version}");
    }
}

#[tokio::test]
async fn each_breach_of_the_protocol_ends_the_session_with_its_error() {
    let opened = |rest: &[u8]| [b"RFB 003.008\n\x01\x01", rest].concat();
    let format = |bits| {
        [&[0, 0, 0, 0][..], &[bits, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]].concat()
    };
    type Check = fn(&RfbError) -> bool;
    let cases: [(Vec<u8>, Check); 9] = [
        (b"GET / HTTP/1".to_vec(), |e| matches!(e, RfbError::NotRfb)),
        (b"RFB 003.+08\n".to_vec(), |e| matches!(e, RfbError::NotRfb)),
        (b"RFB 002.002\n".to_vec(), |e| matches!(e, RfbError::NotRfb)),
        (b"RFB 003.008\n\x02".to_vec(), |e| matches!(e, RfbError::Security)),
        (opened(&format(24)), |e| matches!(e, RfbError::PixelFormat)),
        (opened(&[99]), |e| matches!(e, RfbError::UnknownMessage(99))),
        (opened(&[2, 0, 0xFF, 0xFF]), |e| matches!(e, RfbError::TooLong)),
        (opened(&[6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]), |e| matches!(e, RfbError::TooLong)),
        (opened(&[4, 1]), |e| matches!(e, RfbError::Stream(_))),
    ];
    for (bytes, expected) in cases {
        let desktop = still();
        let (mut near, far) = duplex(4096);
        let session = tokio::spawn(async move { desktop.serve(far).await });
        near.write_all(&bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let error = timeout(LONG, session).await.unwrap().unwrap().unwrap_err();
        assert!(expected(&error), "{}: {error:?}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn a_viewer_that_leaves_is_no_error_and_is_no_longer_counted() {
    let desktop = still();
    let viewer = Viewer::connect(&desktop).await;
    timeout(LONG, desktop.seen_until(|seen| seen.viewers == 1)).await.unwrap();
    drop(viewer);
    timeout(LONG, desktop.seen_until(|seen| seen.viewers == 0)).await.unwrap();
}

#[tokio::test]
async fn dropping_or_shutting_down_ends_the_viewers_and_frees_the_port() {
    for wait in [true, false] {
        let desktop = DesktopStandIn::start(DesktopConfig::default()).await.unwrap();
        let address = desktop.address();
        assert!(address.ip().is_loopback());
        let mut viewer = TcpStream::connect(address).await.unwrap();
        let mut hello = [0; 12];
        viewer.read_exact(&mut hello).await.unwrap();
        if wait {
            desktop.shutdown().await;
            TcpListener::bind(address).await.unwrap();
        } else {
            drop(desktop);
        }
        let end = timeout(LONG, viewer.read(&mut hello)).await.unwrap();
        assert!(!matches!(end, Ok(1..)), "{end:?}");
    }
}
