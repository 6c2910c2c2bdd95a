//! Who plays in a world: keys and configurations, made once.

use alloc::sync::Arc;
use core::time::Duration;

use rustls::pki_types::PrivateKeyDer;

use crate::credential::Certificate;
use crate::error::Error;
use crate::prologue::{Bounds, console, device};
use crate::tls::Crypto;

/// Who plays: made once, as keys are costly, and shared by all worlds.
#[derive(Clone, Debug)]
pub struct Cast {
    /// How the console's sessions are made.
    pub console: Arc<console::Config>,
    /// The certificate that UMS has.
    pub certificate: Certificate,
    /// The device that holds its key.
    pub device: device::Config,
    /// A device with another certificate.
    pub stranger: device::Config,
    /// A device that shows the first one's certificate and holds another key.
    pub impostor: device::Config,
}

impl Cast {
    /// The players: the device with its key, and a stranger with a key of the same kind.
    ///
    /// # Errors
    /// [`Error::Setup`] if `crypto` cannot use the keys.
    pub fn new(
        crypto: &Crypto,
        (certificate, key): (Certificate, PrivateKeyDer<'static>),
        (stranger, strangers_key): (Certificate, PrivateKeyDer<'static>),
    ) -> Result<Self, Error> {
        let make = |certificate: &Certificate, key| {
            let mut config = device::Config::new(certificate, key, crypto)?;
            config.bounds = bounds();
            Ok::<_, Error>(config)
        };
        let mut console = console::Config::new(crypto.clone());
        console.bounds = bounds();
        Ok(Self {
            console: Arc::new(console),
            device: make(&certificate, &key)?,
            stranger: make(&stranger, &strangers_key)?,
            impostor: make(&certificate, &strangers_key)?,
            certificate,
        })
    }
}

/// The bounds that simulated sessions run under: the defaults, and an end to silence, so that every world ends.
fn bounds() -> Bounds {
    let mut bounds = Bounds::default();
    bounds.deadlines.idle = Some(Duration::from_secs(600));
    bounds
}
