//! The two examples, `shadow` and `device`, with each other, UMS's stand-in and a desktop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;
#[allow(dead_code, reason = "its `main` is for a person")]
#[path = "../examples/device.rs"]
mod device;
#[allow(dead_code, reason = "its `main` is for a person")]
#[path = "../examples/shadow.rs"]
mod shadow;

use common::{bounded, code, tcp_pair};
use procy_testkit::certificates::{Identity, Kind, identity};
use procy_testkit::desktop::{DesktopConfig, DesktopStandIn};
use procy_testkit::ums::{CheckBehaviour, Device, UmsConfig, UmsStandIn};
use procy_tokio::Report;
use procy_tokio::core::credential::{Certificate, Password};
use procy_tokio::core::prologue::device::{Config, PrivateKeyDer};
use procy_tokio::core::tls::Crypto;
use procy_ums::{Client, Secret, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const NUMBER: u32 = 7;
const NAME: &str = "front-desk-3";

/// Both examples' sessions: the console's and the device's reports, and what the viewer made of its stream.
async fn session<T>(
    behaviour: CheckBehaviour,
    view: impl AsyncFnOnce(TcpStream) -> T,
) -> (Report, Report, T) {
    let identity = identity(Kind::Rsa2048);
    let ums = UmsStandIn::start(UmsConfig::default()).await.unwrap();
    ums.add_device(Device::new(NUMBER, NAME, "127.0.0.1"));
    ums.device_boots(NUMBER, &identity.certificate_der);
    ums.set_password_checks(behaviour);
    let client = client(&ums);
    let id = client.find(&NAME.parse().unwrap()).await.unwrap().id;

    let desktop =
        DesktopStandIn::start(DesktopConfig { name: NAME.into(), ..DesktopConfig::default() });
    let desktop = desktop.await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let door = ums.door();
    let serving = async {
        let (console, _) = procy_tokio::accept(&listener).await.unwrap();
        let check = async |password: Password| door.check_password(NUMBER, password.expose()).await;
        let service = ("127.0.0.1", desktop.address().port());
        device::serve(&config(&identity), console, check, service).await.unwrap()
    };
    let (viewer, near) = tcp_pair().await;
    let shadowing = shadow::shadow(&client, &id, ("127.0.0.1", port), near);
    let all = bounded(async { tokio::join!(shadowing, serving, view(viewer)) }).await;
    client.close().await.unwrap();
    all
}

fn client(ums: &UmsStandIn) -> Client {
    let UmsConfig { user, password, .. } = UmsConfig::default();
    let mut config = procy_ums::Config::new(&ums.url(), user, Secret::new(password)).unwrap();
    config.trust = Trust::Fingerprint(ums.fingerprint().parse().unwrap());
    Client::new(config, procy_ums::provider()).unwrap()
}

fn config(identity: &Identity) -> Config {
    let certificate = Certificate::from_der(&identity.certificate_der).unwrap();
    let key = PrivateKeyDer::try_from(identity.key_pkcs8_der.clone()).unwrap();
    Config::new(&certificate, &key, &Crypto::aws_lc_rs()).unwrap()
}

/// The desktop's name, as a viewer learns it (RFC 6143 section 7.3).
async fn name(mut viewer: TcpStream) -> String {
    let mut said = [0; 12];
    viewer.read_exact(&mut said).await.unwrap();
    // The version; security type None; the desktop may be shared.
    viewer.write_all(b"RFB 003.008\n\x01\x01").await.unwrap();
    let mut before_name = [0; 2 + 4 + 20];
    viewer.read_exact(&mut before_name).await.unwrap();
    let length = viewer.read_u32().await.unwrap();
    let mut name = vec![0; length.try_into().unwrap()];
    viewer.read_exact(&mut name).await.unwrap();
    String::from_utf8(name).unwrap()
}

#[tokio::test]
async fn the_viewer_sees_the_desktop_behind_the_device() {
    let (console, device, name) = session(CheckBehaviour::Normal, name).await;
    assert_eq!(name, NAME);
    assert_eq!((code(&console), code(&device)), ("ended", "ended"));
    assert_eq!(console.traffic.to_near, device.traffic.to_far);
}

#[tokio::test]
async fn a_refused_password_is_told_to_the_viewer() {
    let (console, device, heard) = session(CheckBehaviour::RefuseAll, async |mut viewer| {
        let mut heard = String::new();
        viewer.read_to_string(&mut heard).await.map(|_| heard).unwrap()
    })
    .await;
    assert!(heard.contains("[closed-before-hello]"), "{heard}");
    assert_eq!((code(&console), code(&device)), ("closed-before-hello", "password-refused"));
}
