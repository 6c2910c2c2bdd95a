//! The UMS client, with this program's settings and failures.

use std::time::Duration;

use procy_core::credential::Credential;
use procy_core::ums::{Device, DeviceId, DeviceQuery, UmsError};
use procy_ums::{Client, Config, Distrust, Error};
use tokio::time::timeout;

use crate::error::{Failure, with_option};
use crate::exit::Exit;
use crate::fact::Level;
use crate::output::Output;
use crate::settings::UmsSettings;

/// How long signing out may take: the person waits for the program to end.
const SIGN_OUT_WITHIN: Duration = Duration::from_secs(3);

/// A UMS to ask. It keeps its session, and renews it when UMS has ended it.
#[derive(Debug)]
pub(crate) struct Ums {
    client: Client,
}

impl Ums {
    /// Prepares everything; nothing is sent yet.
    pub(crate) fn new(settings: &UmsSettings) -> Result<Self, Failure> {
        let UmsSettings { url, user, password, trust } = settings;
        let mut config = Config::new(url, user.as_str(), password.clone())?;
        config.trust = trust.clone();
        Ok(Self { client: Client::new(config, procy_ums::provider())? })
    }

    pub(crate) async fn sign_in(&self) -> Result<(), Failure> {
        Ok(self.client.login().await?)
    }

    /// Ends the session, in a bounded time. That it fails is worth no more than a word.
    pub(crate) async fn sign_out(&self, output: &Output) {
        let words = match timeout(SIGN_OUT_WITHIN, self.client.logout()).await {
            Ok(Ok(())) => "signed out of UMS".to_owned(),
            Ok(Err(error)) => format!("signing out of UMS failed: {error} [{}]", error.code()),
            Err(_) => "signing out of UMS took too long".to_owned(),
        };
        output.say(Level::Inner, &words);
    }

    /// The one device that is meant.
    pub(crate) async fn find(&self, query: &DeviceQuery) -> Result<Device, Failure> {
        Ok(self.client.find(query).await?)
    }

    /// All devices that are not in the bin, with their details.
    pub(crate) async fn devices(&self) -> Result<Vec<Device>, Failure> {
        Ok(self.client.devices().await?)
    }

    /// Whether a device is on, as far as UMS can tell.
    pub(crate) async fn online(&self, id: &DeviceId) -> Result<Option<bool>, Failure> {
        Ok(self.client.online(id).await?)
    }

    /// A device's certificate and a fresh one-time password (steps 2 and 3).
    pub(crate) async fn shadow(&self, id: &DeviceId) -> Result<Credential, Failure> {
        Ok(self.client.shadow(id).await?)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Url { .. } | Error::Ca { .. } | Error::Query(_) => Exit::Usage,
            Error::Setup { .. } | Error::Exhausted { .. } => Exit::Local,
            Error::Ums(UmsError::UserMalformed) => Exit::Usage,
            _ => Exit::Ums,
        };
        let option = match &error {
            Error::Untrusted { shown, why: Distrust::Pin { .. }, .. } => {
                format!("The option is --ums-fingerprint {shown}.")
            }
            Error::Untrusted { shown, .. } => {
                format!("The options are --ums-fingerprint {shown} and --ums-ca PEM.")
            }
            Error::Ca { .. } => "The options are --ums-ca and --ums-fingerprint.".to_owned(),
            _ => String::new(),
        };
        Self {
            exit,
            fault: error.fault(),
            code: error.code().into(),
            message: error.to_string(),
            help: with_option(error.help(), &option),
        }
    }
}
