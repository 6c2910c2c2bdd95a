//! `procy demo`: the same as `procy shadow`, against a UMS and a device that stand in for real ones, on this machine.

use std::env;
use std::net::SocketAddr;

use procy_core::procycmd::{Terminator, Verb};
use procy_testkit::certificates::{Kind, identity};
use procy_testkit::desktop::{Desktop, DesktopConfig};
use procy_testkit::device::{DeviceConfig, DeviceStandIn, Service};
use procy_testkit::ums::{Device, UmsConfig, UmsStandIn};
use procy_ums::{Secret, Trust};
use tokio::io::{DuplexStream, duplex};
use uuid::Uuid;

use crate::args::Runtime;
use crate::error::Failure;
use crate::fact::{Level, step};
use crate::output::Output;
use crate::settings::{DeviceSettings, ShadowSettings, UmsSettings, ViewerSettings, Wanted};
use crate::shadow::{self, Ending};
use crate::stop::Stop;

/// The device's number in the stand-in UMS.
const DEVICE: u32 = 7;
/// Its name there, and on its desktop.
const NAME: &str = "demo-device";
/// What may be on its way between the device's VNC server and its tunnel, in bytes.
const PIPE: usize = 256 * 1024;

/// Viewers that are looked for, and how they are told where to connect.
const VIEWERS: [(&str, &str); 4] = [
    ("xtigervncviewer", "{host}::{port}"),
    ("vncviewer", "{host}::{port}"),
    ("gvncviewer", "{host}::{port}"),
    ("remmina", "-c vnc://{host}:{port}"),
];

pub(crate) async fn run(
    viewer: ViewerSettings,
    runtime: Runtime,
    output: &Output,
    stop: Stop,
) -> Ending {
    let user = "helpdesk".to_owned();
    let password = Uuid::new_v4().to_string();
    let config =
        UmsConfig { user: user.clone(), password: password.clone(), ..UmsConfig::default() };
    let ums = UmsStandIn::start(config).await.map_err(|error| failed(&error))?;
    let device = device(&ums, output).await?;
    output.say(
        Level::Plain,
        &format!("A stand-in UMS is at {}, a stand-in device at {}.", ums.url(), device.address()),
    );
    if viewer.command.is_none() {
        output.say(Level::Plain, &how_to_look());
    }
    let settings = settings(&ums, user, password, device.address(), viewer, runtime)?;
    let ending = shadow::run(settings, output, stop).await;
    device.shutdown().await;
    ums.shutdown().await;
    ending
}

/// Starts the device, which sends its certificate to UMS (step 1), and asks it about passwords (steps 9 to 11).
async fn device(ums: &UmsStandIn, output: &Output) -> Result<DeviceStandIn, Failure> {
    let identity = identity(Kind::Rsa2048);
    let certificate = identity.certificate_der.clone();
    let desktop =
        Desktop::new(&DesktopConfig { name: NAME.to_owned(), ..DesktopConfig::default() });
    let service = Service::new(move || {
        let desktop = desktop.clone();
        async move { Ok(plug(desktop)) }
    });
    let door = ums.door();
    let told = output.clone();
    let check = move |password: procy_core::credential::Password| {
        let (door, told) = (door.clone(), told.clone());
        async move {
            let tell = |number, words: &str| told.say(Level::Steps, &step(number, words));
            tell(9, "the device sends the password to UMS");
            let holds = door.check_password(DEVICE, password.expose()).await;
            tell(
                10,
                if holds { "UMS checks it: it is right" } else { "UMS checks it: it is wrong" },
            );
            tell(11, if holds { "UMS tells the device to proceed" } else { "the device closes" });
            holds
        }
    };
    let config = DeviceConfig::new(identity, check, service);
    let device = DeviceStandIn::start(config).await.map_err(|error| failed(&error))?;
    ums.add_device(Device::new(DEVICE, NAME, "127.0.0.1"));
    ums.device_boots(DEVICE, &certificate);
    output.say(Level::Steps, &step(1, "the device has started, and sent its certificate to UMS"));
    Ok(device)
}

/// A connection to the desktop's VNC server.
fn plug(desktop: Desktop) -> DuplexStream {
    let (ours, its) = duplex(PIPE);
    tokio::spawn(async move {
        // How a viewer leaves is not the demo's matter.
        let _ = desktop.serve(its).await;
    });
    ours
}

fn settings(
    ums: &UmsStandIn,
    user: String,
    password: String,
    device: SocketAddr,
    viewer: ViewerSettings,
    runtime: Runtime,
) -> Result<ShadowSettings, Failure> {
    let fingerprint = ums.fingerprint().parse().map_err(|error| failed(&error))?;
    let query = format!("id:{DEVICE}").parse().map_err(|error| failed(&error))?;
    let ums = UmsSettings {
        url: ums.url(),
        user,
        password: Secret::new(password),
        trust: Trust::Fingerprint(fingerprint),
    };
    let device = DeviceSettings {
        address: None,
        port: device.port(),
        verb: (Verb::Procycmd, false),
        terminator: Terminator::None,
        allow_legacy_keys: false,
    };
    Ok(ShadowSettings { wanted: Wanted::Ums(ums, query), runtime, device, viewer })
}

/// What to look with: a viewer that is installed, or how to get one.
fn how_to_look() -> String {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = |(name, _): &&(&str, &str)| {
        env::split_paths(&path).any(|directory| directory.join(name).is_file())
    };
    match VIEWERS.iter().find(installed) {
        Some((name, arguments)) => {
            format!("To have the viewer started too: procy demo --viewer '{name} {arguments}'")
        }
        None => {
            "No VNC viewer was found here; on Debian: sudo apt install tigervnc-viewer".to_owned()
        }
    }
}

fn failed(error: &impl std::fmt::Display) -> Failure {
    Failure::local("demo-failed", format!("the demo cannot start: {error}"), "Please report this.")
}
