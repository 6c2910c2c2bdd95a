//! What both faces have in common, so that a case is written once.

use procy_core::credential::Credential;
use procy_ums::{Config, Device, DeviceId, DeviceQuery, Error, ServerStatus, blocking, provider};

pub(crate) trait Face: Sized + std::fmt::Debug {
    fn new(config: Config) -> Result<Self, Error>;
    fn login(&self) -> Result<(), Error>;
    fn logout(&self) -> Result<(), Error>;
    fn close(self) -> Result<(), Error>;
    fn server_status(&self) -> Result<ServerStatus, Error>;
    fn devices(&self) -> Result<Vec<Device>, Error>;
    fn device(&self, id: &DeviceId) -> Result<Device, Error>;
    fn find(&self, query: &DeviceQuery) -> Result<Device, Error>;
    fn online(&self, id: &DeviceId) -> Result<Option<bool>, Error>;
    fn shadow(&self, id: &DeviceId) -> Result<Credential, Error>;
}

impl Face for blocking::Client {
    fn new(config: Config) -> Result<Self, Error> {
        Self::new(config, provider())
    }
    fn login(&self) -> Result<(), Error> {
        self.login()
    }
    fn logout(&self) -> Result<(), Error> {
        self.logout()
    }
    fn close(self) -> Result<(), Error> {
        self.close()
    }
    fn server_status(&self) -> Result<ServerStatus, Error> {
        self.server_status()
    }
    fn devices(&self) -> Result<Vec<Device>, Error> {
        self.devices()
    }
    fn device(&self, id: &DeviceId) -> Result<Device, Error> {
        self.device(id)
    }
    fn find(&self, query: &DeviceQuery) -> Result<Device, Error> {
        self.find(query)
    }
    fn online(&self, id: &DeviceId) -> Result<Option<bool>, Error> {
        self.online(id)
    }
    fn shadow(&self, id: &DeviceId) -> Result<Credential, Error> {
        self.shadow(id)
    }
}

/// The async client with a runtime of its own.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct Async(procy_ums::Client, tokio::runtime::Runtime);

#[cfg(feature = "async")]
impl Async {
    /// Runs a call, which must be one that any executor may run.
    fn run<T>(&self, call: impl Future<Output = T> + Send) -> T {
        self.1.block_on(call)
    }
}

#[cfg(feature = "async")]
impl Face for Async {
    fn new(config: Config) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Ok(Self(procy_ums::Client::new(config, provider())?, runtime))
    }
    fn login(&self) -> Result<(), Error> {
        self.run(self.0.login())
    }
    fn logout(&self) -> Result<(), Error> {
        self.run(self.0.logout())
    }
    fn close(self) -> Result<(), Error> {
        self.1.block_on(self.0.close())
    }
    fn server_status(&self) -> Result<ServerStatus, Error> {
        self.run(self.0.server_status())
    }
    fn devices(&self) -> Result<Vec<Device>, Error> {
        self.run(self.0.devices())
    }
    fn device(&self, id: &DeviceId) -> Result<Device, Error> {
        self.run(self.0.device(id))
    }
    fn find(&self, query: &DeviceQuery) -> Result<Device, Error> {
        self.run(self.0.find(query))
    }
    fn online(&self, id: &DeviceId) -> Result<Option<bool>, Error> {
        self.run(self.0.online(id))
    }
    fn shadow(&self, id: &DeviceId) -> Result<Credential, Error> {
        self.run(self.0.shadow(id))
    }
}
