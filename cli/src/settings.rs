//! What is to be done, checked and complete: the defaults stand here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use procy_core::credential::{
    Certificate, Credential, CredentialError, MAX_CERTIFICATE_TEXT, Password,
};
use procy_core::procycmd::{Terminator, Verb};
use procy_core::ums::DeviceQuery;
use procy_ums::{Config, Secret, Trust};

use crate::allow::Net;
use crate::args::{self, DeviceOptions, GivenOptions, RunOptions, UmsOptions, ViewerOptions};
use crate::config::{File, read_bounded};
use crate::error::Failure;
use crate::output::Output;
use crate::secrets::{self, SecretSource};
use crate::shadow::viewer::ViewerCommand;

/// A device's port for VNC, plain or secure.
const DEVICE_PORT: u16 = 5900;
/// How many viewers may be connected at once.
const MAX_VIEWERS: u16 = 16;
/// How often an eager connection is renewed: with the hold below, about an hour.
const EAGER_RENEWALS: u16 = 20;
/// How long an eager connection waits for a viewer: devices give up at 180 s (`IGEL_TLS_TUNNEL_TIMEOUT`).
const EAGER_HOLD_SECONDS: u16 = 170;

/// How to reach UMS.
#[derive(Clone, Debug)]
pub(crate) struct UmsSettings {
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) password: Secret,
    /// Whose certificate UMS may show.
    pub(crate) trust: Trust,
}

/// The device, and where its credentials come from.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// UMS knows it, and gives them.
    Ums(UmsSettings, DeviceQuery),
    /// They are at hand, and serve one session; with the device's address.
    Given(Credential, String),
}

/// How to speak to the device.
#[derive(Clone, Debug)]
pub(crate) struct DeviceSettings {
    /// Instead of the address that UMS knows.
    pub(crate) address: Option<String>,
    pub(crate) port: u16,
    /// The spelling to begin with, and whether the other one is tried too.
    pub(crate) verb: (Verb, bool),
    pub(crate) terminator: Terminator,
    pub(crate) allow_legacy_keys: bool,
}

/// The port for viewers.
#[derive(Clone, Debug)]
pub(crate) struct ViewerSettings {
    pub(crate) listen: SocketAddr,
    /// `None`: this machine only.
    pub(crate) allow: Option<Vec<Net>>,
    pub(crate) command: Option<ViewerCommand>,
    pub(crate) once: bool,
    pub(crate) max_viewers: usize,
    /// How often an eager connection is renewed; `None` if devices are connected to when a viewer comes.
    pub(crate) eager_renewals: Option<u16>,
    /// How long a verified device waits for its viewer.
    pub(crate) hold: Duration,
}

/// What `procy shadow` is to do.
#[derive(Clone, Debug)]
pub(crate) struct ShadowSettings {
    pub(crate) wanted: Wanted,
    pub(crate) runtime: args::Runtime,
    pub(crate) device: DeviceSettings,
    pub(crate) viewer: ViewerSettings,
}

impl ShadowSettings {
    pub(crate) fn new(args: args::Shadow, file: &File, output: &Output) -> Result<Self, Failure> {
        let device = DeviceSettings::new(args.device_options.or(file.group::<DeviceOptions>()?));
        let mut viewer = ViewerSettings::new(args.viewer.or(file.group::<ViewerOptions>()?))?;
        let wanted = match (args.device, args.given.certificate.is_some()) {
            (Some(_), true) => {
                return Err(Failure::usage(
                    "device-and-certificate",
                    "both a DEVICE in UMS and a --certificate are given",
                    "Give one of them.",
                ));
            }
            (Some(query), false) => {
                let query = query.parse().map_err(|error: procy_core::ums::QueryError| {
                    Failure::usage(error.code(), error.to_string(), error.help())
                })?;
                Wanted::Ums(UmsSettings::new(args.ums, file, output)?, query)
            }
            (None, _) => Self::given(args.given, &device, &mut viewer, file, output)?,
        };
        Ok(Self { wanted, runtime: runtime(args.run, file)?, device, viewer })
    }

    fn given(
        options: GivenOptions,
        device: &DeviceSettings,
        viewer: &mut ViewerSettings,
        file: &File,
        output: &Output,
    ) -> Result<Wanted, Failure> {
        let below: GivenOptions = file.group()?;
        let Some(certificate) = options.certificate.or(below.certificate) else {
            return Err(Failure::usage(
                "device-missing",
                "no device is given",
                "Give the device's id, name, MAC or IP in UMS, or --certificate, --password-file and --device-address.",
            ));
        };
        let Some(address) = device.address.clone() else {
            return Err(Failure::usage(
                "device-address-missing",
                "with --certificate, the device's address must be given too",
                "Give it with --device-address.",
            ));
        };
        if device.verb.1 {
            return Err(Failure::usage(
                "verb-auto-needs-ums",
                "--verb auto needs a UMS: a given password is good for one try",
                "Give --verb procycmd or --verb proxycmd.",
            ));
        }
        // A given password serves one session, and no renewal.
        viewer.once = true;
        viewer.eager_renewals = viewer.eager_renewals.map(|_| 0);
        let certificate = given_certificate(&certificate)?;
        let source = SecretSource {
            what: "one-time password",
            file: options.password_file,
            variable: secrets::PASSWORD,
            configured_file: below.password_file,
            option: "--password-file",
        };
        let password = Password::parse(source.read(output)?.trim()).map_err(unusable)?;
        Ok(Wanted::Given(Credential { certificate, password }, address))
    }
}

impl UmsSettings {
    pub(crate) fn new(options: UmsOptions, file: &File, output: &Output) -> Result<Self, Failure> {
        let below: UmsOptions = file.group()?;
        let source = SecretSource {
            what: "UMS password",
            file: options.ums_password_file.clone(),
            variable: secrets::UMS_PASSWORD,
            configured_file: below.ums_password_file.clone(),
            option: "--ums-password-file",
        };
        let options = options.or(below);
        let missing = |what: &str, option: &str, variable: &str| {
            Failure::usage(
                "ums-missing",
                format!("{what} is not given"),
                format!(
                    "Give it with {option}, the variable {variable} or in the configuration file."
                ),
            )
        };
        let url =
            options.ums.ok_or_else(|| missing("the address of UMS", "--ums", "PROCY_UMS_URL"))?;
        let user = options
            .ums_user
            .ok_or_else(|| missing("the UMS user", "--ums-user", "PROCY_UMS_USER"))?;
        let trust = match (options.ums_ca, options.ums_fingerprint) {
            (Some(path), _) => Trust::CaFile(path),
            (None, Some(text)) => Trust::Fingerprint(text.parse().map_err(unusable)?),
            (None, None) => Trust::System,
        };
        // Checked now, so that nobody is asked for a password for nothing.
        Config::new(&url, user.as_str(), Secret::new(String::new()))?;
        Ok(Self { url, user, password: source.read(output)?.into(), trust })
    }
}

impl DeviceSettings {
    pub(crate) fn new(options: DeviceOptions) -> Self {
        Self {
            address: options.device_address,
            port: options.device_port.unwrap_or(DEVICE_PORT),
            verb: match options.verb.unwrap_or(args::Verb::Procycmd) {
                args::Verb::Procycmd => (Verb::Procycmd, false),
                args::Verb::Proxycmd => (Verb::Proxycmd, false),
                args::Verb::Auto => (Verb::Procycmd, true),
            },
            terminator: options.terminator.unwrap_or(args::Terminator::None).into(),
            allow_legacy_keys: options.allow_legacy_keys.unwrap_or_default(),
        }
    }
}

impl ViewerSettings {
    pub(crate) fn new(options: ViewerOptions) -> Result<Self, Failure> {
        let listen = options.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
        if options.allow.is_none() && !listen.ip().is_loopback() {
            return Err(Failure::usage(
                "listen-open",
                format!(
                    "{listen} can be reached from other machines, and whoever connects steers the desktop"
                ),
                "Say with --allow who may connect, such as --allow 192.0.2.0/24, or listen on 127.0.0.1.",
            ));
        }
        let command = options.viewer.as_deref().map(ViewerCommand::parse).transpose()?;
        let eager = options.eager.unwrap_or_default();
        let hold = options.eager_hold.unwrap_or(EAGER_HOLD_SECONDS);
        Ok(Self {
            listen,
            allow: options.allow,
            once: options.once.unwrap_or_default() || command.is_some(),
            command,
            max_viewers: options.max_viewers.unwrap_or(MAX_VIEWERS).into(),
            eager_renewals: eager.then(|| options.eager_renewals.unwrap_or(EAGER_RENEWALS)),
            hold: Duration::from_secs(hold.into()),
        })
    }
}

/// The runtime that is asked for.
pub(crate) fn runtime(options: RunOptions, file: &File) -> Result<args::Runtime, Failure> {
    Ok(options.or(file.group()?).runtime.unwrap_or_default())
}

fn given_certificate(path: &Path) -> Result<Certificate, Failure> {
    let text = read_bounded(path, MAX_CERTIFICATE_TEXT).map_err(|error| {
        Failure::usage(
            "certificate-unreadable",
            format!("{} cannot be read: {error}", path.display()),
            "Name a file with the device's certificate, as UMS gave it, with --certificate.",
        )
    })?;
    Certificate::parse(&text).map_err(unusable)
}

fn unusable(error: CredentialError) -> Failure {
    Failure::usage(error.code(), error.to_string(), error.help())
}
