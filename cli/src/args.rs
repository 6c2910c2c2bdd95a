//! What can be said on the command line.
//!
//! Every option can also be set by an environment variable, which clap reads, and by a key of the same name in the
//! configuration file, which [`crate::config`] reads into the same structs. So all are optional here; defaults come
//! last, in `config.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use procy_core::procycmd;
use serde::Deserialize;

use crate::allow::Net;
use crate::exit;

/// See and steer a device's desktop over its own secure channel
#[derive(Debug, Parser)]
#[command(name = "procy", version, max_term_width = 100, after_help = exit::DOCUMENTED)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a port at which a VNC viewer sees a device's desktop
    Shadow(Box<Shadow>),
    /// List the devices that UMS knows, without those in the recycle bin
    Devices(Devices),
    /// Show it all on this machine: a stand-in UMS, a stand-in device and the port for a viewer
    #[cfg(feature = "demo")]
    Demo(Box<Demo>),
    /// Print a completion script for a shell
    Completions {
        /// The shell to print it for
        shell: Shell,
    },
    /// Print the manual page, or the one of a command
    Man {
        /// The command whose page is meant
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_long_help = format!("{SHADOW_HELP}\n\n{}", exit::DOCUMENTED))]
pub(crate) struct Shadow {
    /// The device: its id, name, MAC or IP in UMS; `id:`, `name:`, `mac:` or `ip:` before it forces one
    pub(crate) device: Option<String>,
    #[command(flatten)]
    pub(crate) ums: UmsOptions,
    #[command(flatten)]
    pub(crate) given: GivenOptions,
    #[command(flatten)]
    pub(crate) device_options: DeviceOptions,
    #[command(flatten)]
    pub(crate) viewer: ViewerOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

const SHADOW_HELP: &str = "\
The order of a session: a viewer connects; UMS is asked for the device's certificate and a one-time password; the \
device is connected to, must show exactly that certificate and prove its key; then the password is sent, and when the \
device answers with its VNC hello, bytes flow. A listening port so outlives a password's five minutes.

The UMS password comes from --ums-password-file, the variable PROCY_UMS_PASSWORD or a prompt; a given one-time \
password from --password-file, PROCY_PASSWORD or a prompt; never from an option's value, which other users could see.

With --json, every line on stdout is an object with `schema` (1), `time`, `session` and `event`: listening (address), \
viewer (from), credentials (fingerprint), connected (address), verified (fingerprint), hello (version), relaying, ended \
(to_viewer and to_device in bytes, duration_ms, reason, truncated), error (code, message, help, fault).

Examples:
  procy shadow reception --ums https://ums.example.com:8443 --ums-user helpdesk
  procy shadow ip:192.0.2.17 --viewer 'xtigervncviewer {host}::{port}'
  procy shadow --certificate device.pem --password-file password --device-address 192.0.2.17";

#[derive(Debug, Args)]
pub(crate) struct Devices {
    /// Only those whose id, name, MAC or IP contains this
    pub(crate) filter: Option<String>,
    /// Ask whether the device is on; the filter must leave one only, for UMS asks the device itself
    #[arg(long)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) ums: UmsOptions,
}

#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) viewer: ViewerOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

/// How much is said, and where the configuration file lies.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "General options")]
pub(crate) struct OutputOptions {
    /// The configuration file (TOML; its keys are the options' long names)
    /// [default: procy/config.toml in $XDG_CONFIG_HOME or ~/.config, on Windows %APPDATA%]
    #[arg(long, global = true, value_name = "FILE", env = "PROCY_CONFIG", hide_env_values = true)]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object a line on stdout for every event
    #[arg(long, global = true, value_name = "BOOL", env = "PROCY_JSON", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) json: Option<bool>,
    /// Say more: -v each step of the Secure VNC procedure, -vv what the program itself does
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    #[arg(env = "PROCY_VERBOSE", hide_env_values = true)]
    pub(crate) verbose: u8,
}

/// How to reach UMS, and as whom.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "UMS")]
pub(crate) struct UmsOptions {
    /// The address of UMS.
    #[arg(help = "The address of UMS, such as https://ums.example.com:8443")]
    #[arg(long, value_name = "URL", env = "PROCY_UMS_URL", hide_env_values = true)]
    pub(crate) ums: Option<String>,
    /// The user to sign in as
    #[arg(long, value_name = "USER", env = "PROCY_UMS_USER", hide_env_values = true)]
    pub(crate) ums_user: Option<String>,
    /// The file with that user's password; else the variable PROCY_UMS_PASSWORD, else a prompt
    #[arg(long, value_name = "FILE", env = "PROCY_UMS_PASSWORD_FILE", hide_env_values = true)]
    pub(crate) ums_password_file: Option<PathBuf>,
    /// Trust what these certificates (PEM) have signed, and nothing else
    #[arg(long, value_name = "PEM", env = "PROCY_UMS_CA", hide_env_values = true)]
    #[arg(conflicts_with = "ums_fingerprint")]
    pub(crate) ums_ca: Option<PathBuf>,
    /// Trust exactly the certificate with this SHA-256 fingerprint
    #[arg(long, value_name = "SHA256", env = "PROCY_UMS_FINGERPRINT", hide_env_values = true)]
    pub(crate) ums_fingerprint: Option<String>,
}

/// The credentials, when no UMS is asked for them.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "Without UMS")]
pub(crate) struct GivenOptions {
    /// The certificate that the device must show (PEM, or Base64 of its DER); implies --once
    #[arg(long, value_name = "PEM", env = "PROCY_CERTIFICATE", hide_env_values = true)]
    pub(crate) certificate: Option<PathBuf>,
    /// The file with the one-time password; else the variable PROCY_PASSWORD, else a prompt
    #[arg(long, value_name = "FILE", env = "PROCY_PASSWORD_FILE", hide_env_values = true)]
    pub(crate) password_file: Option<PathBuf>,
}

/// How to reach the device, and how to speak to it.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "Device")]
pub(crate) struct DeviceOptions {
    /// Where the device is [default: the IP at which UMS saw it last]
    #[arg(long, value_name = "HOST", env = "PROCY_DEVICE_ADDRESS", hide_env_values = true)]
    pub(crate) device_address: Option<String>,
    /// Its port [default: 5900]
    #[arg(long, value_name = "PORT", env = "PROCY_DEVICE_PORT", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) device_port: Option<u16>,
    /// How the command is spelled; auto tries the other one too, once [default: procycmd]
    #[arg(long, value_enum, env = "PROCY_VERB", hide_env_values = true)]
    pub(crate) verb: Option<Verb>,
    /// What follows the command [default: none]
    #[arg(long, value_enum, env = "PROCY_TERMINATOR", hide_env_values = true)]
    pub(crate) terminator: Option<Terminator>,
    /// Let devices with RSA keys of 1,024 to 2,047 bits pass
    #[arg(long, value_name = "BOOL", env = "PROCY_ALLOW_LEGACY_KEYS", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) allow_legacy_keys: Option<bool>,
}

/// The port for viewers, and who may come.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "Viewer")]
pub(crate) struct ViewerOptions {
    /// Where viewers connect; port 0 takes a free one, which is printed [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR:PORT", env = "PROCY_LISTEN", hide_env_values = true)]
    pub(crate) listen: Option<SocketAddr>,
    /// Who may connect, as CIDR, several with commas [default: this machine only]
    #[arg(long, value_name = "CIDR", env = "PROCY_ALLOW", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) allow: Option<Vec<Net>>,
    /// Start this viewer, with {host} (IPv6 in brackets), {port} and {address} (HOST:PORT) filled in;
    /// no shell. Implies --once
    #[arg(long, value_name = "COMMAND", env = "PROCY_VIEWER", hide_env_values = true)]
    pub(crate) viewer: Option<String>,
    /// End with the first viewer's session, and with its exit code
    #[arg(long, value_name = "BOOL", env = "PROCY_ONCE", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) once: Option<bool>,
    /// How many viewers may be connected at once [default: 16]
    #[arg(long, value_name = "N", env = "PROCY_MAX_VIEWERS", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_viewers: Option<u16>,
    /// Verify the device before the port opens, and keep the next connection ready
    #[arg(long, value_name = "BOOL", env = "PROCY_EAGER", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) eager: Option<bool>,
    /// With --eager: how often a connection that no viewer came for is made anew [default: 20]
    #[arg(long, value_name = "N", env = "PROCY_EAGER_RENEWALS", hide_env_values = true)]
    pub(crate) eager_renewals: Option<u16>,
    /// With --eager: seconds that a verified device is kept waiting for a viewer; devices give up
    /// at 180 [default: 170]
    #[arg(long, value_name = "SECONDS", env = "PROCY_EAGER_HOLD", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) eager_hold: Option<u16>,
}

/// What the program itself is made of.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "Inside")]
pub(crate) struct RunOptions {
    /// Which of procy's runtimes moves the bytes; all behave alike, so leave it, unless to see
    /// just that [default: tokio]
    #[arg(long, value_enum, env = "PROCY_RUNTIME", hide_env_values = true)]
    pub(crate) runtime: Option<Runtime>,
}

/// One of procy's runtimes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runtime {
    /// A task for each session
    #[default]
    Tokio,
    /// A thread for each session, waiting in poll(2)
    #[cfg(unix)]
    Blocking,
    /// One event loop for all sessions, on a thread of its own
    #[cfg(unix)]
    Mio,
    /// A task for each session, on async-io's sockets and timers (smol's)
    Futures,
}

/// The spelling of the command's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    /// PROCYCMD, as documented
    Procycmd,
    /// PROXYCMD, as some firmware is known to take it
    Proxycmd,
    /// PROCYCMD; if the device closes before its hello, once more with PROXYCMD
    Auto,
}

/// What follows the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Terminator {
    None,
    Lf,
    Crlf,
    Nul,
}

impl From<Terminator> for procycmd::Terminator {
    fn from(terminator: Terminator) -> Self {
        match terminator {
            Terminator::None => Self::None,
            Terminator::Lf => Self::Lf,
            Terminator::Crlf => Self::Crlf,
            Terminator::Nul => Self::Nul,
        }
    }
}

/// `self`, and where it says nothing, `below`.
macro_rules! layered {
    ($type:ty: $($field:ident),+) => {
        impl $type {
            pub(crate) fn or(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field)),+ }
            }
        }
    };
}

layered!(RunOptions: runtime);
layered!(DeviceOptions: device_address, device_port, verb, terminator, allow_legacy_keys);
layered!(
    ViewerOptions: listen, allow, viewer, once, max_viewers, eager, eager_renewals, eager_hold
);

impl UmsOptions {
    pub(crate) fn or(self, below: Self) -> Self {
        // Whom to trust is one choice: a CA here is not to be contradicted by a fingerprint below.
        let trust = self.ums_ca.is_some() || self.ums_fingerprint.is_some();
        Self {
            ums: self.ums.or(below.ums),
            ums_user: self.ums_user.or(below.ums_user),
            ums_password_file: self.ums_password_file.or(below.ums_password_file),
            ums_ca: self.ums_ca.or_else(|| below.ums_ca.filter(|_| !trust)),
            ums_fingerprint: self
                .ums_fingerprint
                .or_else(|| below.ums_fingerprint.filter(|_| !trust)),
        }
    }
}

impl OutputOptions {
    pub(crate) fn or(self, below: Self) -> Self {
        Self {
            config: self.config,
            json: self.json.or(below.json),
            verbose: if self.verbose > 0 { self.verbose } else { below.verbose },
        }
    }
}
