//! Where UMS is, who asks, and whom to trust.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use procy_core::credential::Fingerprint;
use procy_core::ums::{Api, Call, Secret};
use rustls::pki_types::ServerName;

use crate::Error;

/// The port of UMS unless it was changed in UMS Administrator.
pub const DEFAULT_PORT: u16 = 8443;

/// The path of the interface unless a proxy has moved it.
const DEFAULT_BASE: &str = "/umsapi";

/// Everything that a client needs to know. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) user: String,
    pub(crate) password: Secret,
    /// Whom to trust as UMS; by default the system's roots.
    pub trust: Trust,
    /// The version of the interface; found out by default.
    pub api: ApiChoice,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Config {
    /// A client of the UMS at `url`: `https://HOST[:PORT][/PATH]`, the port being [`DEFAULT_PORT`] and the path `/umsapi`
    /// if they are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Url`]: it is no such URL. `http` is refused: it would give the password to the network.
    pub fn new(url: &str, user: impl Into<String>, password: Secret) -> Result<Self, Error> {
        Ok(Self {
            endpoint: Endpoint::parse(url)?,
            user: user.into(),
            password,
            trust: Trust::System,
            api: ApiChoice::Auto,
            timeouts: Timeouts::default(),
        })
    }

    /// `HOST:PORT`, as it is named in errors.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.endpoint.authority
    }
}

/// Whom to trust as UMS. There is no way to trust anyone.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The operating system's root certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded), and the right name.
    System,
    /// The root certificates in a PEM file and no others, and the right name.
    CaFile(PathBuf),
    /// The same from memory.
    CaPem(Vec<u8>),
    /// Exactly the certificate with this SHA-256, whatever its name, age and issuer. The server must still prove that it
    /// has the certificate's key.
    Fingerprint(Fingerprint),
}

/// Which version of the interface to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiChoice {
    /// v3, or v2 where UMS does not know v3.
    #[default]
    Auto,
    /// This one only.
    Only(Api),
}

impl ApiChoice {
    pub(crate) fn first(self) -> Api {
        match self {
            Self::Auto => Api::V3,
            Self::Only(api) => api,
        }
    }
}

/// How long a client waits. Each is for the whole call of a verb, from the first byte to the last, signing in and renewing
/// included; no peer can prolong it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve the name and connect, over all of its addresses together: 10 s.
    pub connect: Duration,
    /// For a call: 30 s.
    pub call: Duration,
    /// For the list of all devices, which UMS may take long to write: 120 s.
    pub list: Duration,
    /// For the online facet, for which UMS connects to the device: 90 s.
    pub online: Duration,
}

impl Timeouts {
    #[cfg(any(feature = "async", feature = "blocking"))]
    pub(crate) fn of(&self, call: Call) -> Duration {
        match call {
            Call::Devices => self.list,
            Call::Online => self.online,
            _ => self.call,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            call: Duration::from_secs(30),
            list: Duration::from_secs(120),
            online: Duration::from_secs(90),
        }
    }
}

/// A checked URL, in the parts that are needed.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// The host, an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, an IPv6 address with brackets.
    pub(crate) authority: String,
    /// The path of the interface, without a slash at its end.
    pub(crate) base: String,
    pub(crate) name: ServerName<'static>,
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |what| Error::Url { what };
        let uri: Uri = url.trim().parse().map_err(|_| refuse("it is not a URL in ASCII"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") => return Err(refuse("http would show the password to the network")),
            _ => return Err(refuse("it does not begin with https://")),
        }
        let authority = uri.authority().ok_or_else(|| refuse("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("user and password do not belong into it"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(refuse("it ends with a query or fragment"));
        }
        let written = authority.host();
        let host = written.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name =
            ServerName::try_from(host.clone()).map_err(|_| refuse("the host is no valid name"))?;
        let port = match authority.as_str().strip_prefix(written) {
            Some("") => DEFAULT_PORT,
            _ => match authority.port_u16() {
                Some(port @ 1..) => port,
                _ => return Err(refuse("the port is not a number from 1 to 65535")),
            },
        };
        let base = match uri.path().trim_end_matches('/') {
            "" => DEFAULT_BASE,
            path => path,
        };
        let authority = format!("{written}:{port}");
        Ok(Self { host, port, authority, base: base.to_owned(), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<(String, u16, String, String), String> {
        match Endpoint::parse(url) {
            Ok(Endpoint { host, port, authority, base, .. }) => Ok((host, port, authority, base)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_is_left_out_of_a_url_is_filled_in() {
        for (url, host, port, authority, base) in [
            ("https://ums", "ums", 8443, "ums:8443", "/umsapi"),
            ("https://ums/", "ums", 8443, "ums:8443", "/umsapi"),
            ("HTTPS://ums:443/umsapi/", "ums", 443, "ums:443", "/umsapi"),
            ("https://ums.example:1/a/b", "ums.example", 1, "ums.example:1", "/a/b"),
            ("https://192.0.2.1", "192.0.2.1", 8443, "192.0.2.1:8443", "/umsapi"),
            ("https://[2001:db8::1]:9", "2001:db8::1", 9, "[2001:db8::1]:9", "/umsapi"),
            ("https://[2001:db8::1]", "2001:db8::1", 8443, "[2001:db8::1]:8443", "/umsapi"),
        ] {
            let expected = (host.into(), port, authority.into(), base.into());
            assert_eq!(parse(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_the_reason() {
        for (url, part) in [
            ("http://ums:8443", "password to the network"),
            ("ums:8443", "https://"),
            ("ums", "https://"),
            ("ftp://ums", "https://"),
            ("/umsapi", "https://"),
            ("https://user:pw@ums", "user and password"),
            ("https://ums?x", "query"),
            ("https://ums/#x", "fragment"),
            ("https://ums:0", "port"),
            ("https://ums:", "port"),
            ("https://ums:65536", ""),
            ("https://ums/a b", ""),
            ("https://ümlaut", "ASCII"),
            ("https://ums\r\nx: y", ""),
            ("", ""),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.contains(part), "{url}: {error}");
            assert!(!error.contains("user:pw"));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = Config::new("https://ums", "user", Secret::new("hush".into())).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
