//! The requests that procy makes, and nothing else of the interface.

use alloc::format;
use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use zeroize::Zeroizing;

use super::{DeviceId, Secret, SessionCookie, UmsError};

/// The longest answer, in bytes, to everything but a list of devices.
pub const MAX_ANSWER: usize = 1024 * 1024;

/// The longest list of devices, in bytes: about 150,000 devices, more than one UMS is made for.
pub const MAX_LIST: usize = 64 * 1024 * 1024;

/// The version of the interface. v3 needs UMS 5.07.100; v2 is there since 5.02.100 as far as procy needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `/v2/`.
    V2,
    /// `/v3/`.
    V3,
}

impl Api {
    /// Signs in. Its answer: [`answer::login`](super::answer::login).
    ///
    /// # Errors
    ///
    /// [`UmsError::UserMalformed`]: Basic authentication cannot carry this user or password (RFC 7617 section 2).
    pub fn login(self, user: &str, password: &Secret) -> Result<Request, UmsError> {
        let control = |text: &str| text.chars().any(char::is_control);
        if user.is_empty() || user.contains(':') || control(user) || control(password.expose()) {
            return Err(UmsError::UserMalformed);
        }
        let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
        let mut header = Zeroizing::new(String::from("Basic "));
        // Reserved at once: a string that grows leaves copies behind.
        header.reserve_exact(pair.len().div_ceil(3) * 4);
        STANDARD.encode_string(pair.as_bytes(), &mut header);
        Ok(Request {
            call: Call::Login,
            path: format!("/{self}/login"),
            access: Access::Authorization(header.into()),
        })
    }

    /// Signs out. Its answer: [`answer::logout`](super::answer::logout).
    #[must_use]
    pub fn logout(self, cookie: &SessionCookie) -> Request {
        self.with_cookie(Call::Logout, "logout", cookie)
    }

    /// Asks how the server is; the one call without a session. Its answer: [`answer::server_status`](super::answer::server_status).
    #[must_use]
    pub fn server_status(self) -> Request {
        Request {
            call: Call::ServerStatus,
            path: format!("/{self}/serverstatus"),
            access: Access::Open,
        }
    }

    /// Lists all devices, those in the bin too. Its answer: [`answer::devices`](super::answer::devices).
    #[must_use]
    pub fn devices(self, cookie: &SessionCookie) -> Request {
        self.with_cookie(Call::Devices, "thinclients", cookie)
    }

    /// Lists all devices with what [`Device::os_type`](super::Device::os_type) and other details need. UMS works longer for it.
    /// Its answer: [`answer::devices`](super::answer::devices).
    #[must_use]
    pub fn devices_with_details(self, cookie: &SessionCookie) -> Request {
        self.with_cookie(Call::Devices, "thinclients?facets=details", cookie)
    }

    /// Describes one device, with its details. Its answer: [`answer::device`](super::answer::device).
    #[must_use]
    pub fn device(self, cookie: &SessionCookie, id: &DeviceId) -> Request {
        self.with_cookie(Call::Device, &format!("thinclients/{id}?facets=details"), cookie)
    }

    /// Asks whether one device is online. UMS connects to the device for it, which may take long, so there is no such
    /// call for all devices. Its answer: [`answer::online`](super::answer::online).
    #[must_use]
    pub fn online(self, cookie: &SessionCookie, id: &DeviceId) -> Request {
        self.with_cookie(Call::Online, &format!("thinclients/{id}?facets=online"), cookie)
    }

    /// Asks for one device's certificate and a one-time password (step 2): the password's five minutes begin when this is
    /// sent. There is no such call for all devices: it would issue passwords for the whole fleet. Its answer:
    /// [`answer::shadow`](super::answer::shadow).
    #[must_use]
    pub fn shadow(self, cookie: &SessionCookie, id: &DeviceId) -> Request {
        self.with_cookie(Call::Shadow, &format!("thinclients/{id}?facets=shadow"), cookie)
    }

    fn with_cookie(self, call: Call, resource: &str, cookie: &SessionCookie) -> Request {
        Request {
            call,
            path: format!("/{self}/{resource}"),
            access: Access::Cookie(cookie.clone()),
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        })
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// A session.
    Login,
    /// The session's end.
    Logout,
    /// The server's versions.
    ServerStatus,
    /// All devices.
    Devices,
    /// One device.
    Device,
    /// Whether one device is online.
    Online,
    /// One device's certificate and a password for it.
    Shadow,
}

/// An HTTP method (RFC 9110 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl Method {
    /// As it stands in a request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One HTTP request; it has no body. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Request {
    call: Call,
    path: String,
    access: Access,
}

impl Request {
    /// What it asks for.
    #[must_use]
    pub fn call(&self) -> Call {
        self.call
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.call {
            Call::Login | Call::Logout => Method::Post,
            _ => Method::Get,
        }
    }

    /// Its path and query, to be put after the interface's base (`/umsapi`): it begins with `/`, is ASCII, and needs no
    /// escaping.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The header fields that belong to the interface, in ASCII. The values of `authorization` and `cookie` are secret.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let access = match &self.access {
            Access::Open => None,
            Access::Authorization(value) => Some(("authorization", value.expose())),
            Access::Cookie(cookie) => Some(("cookie", cookie.expose())),
        };
        [("accept", "application/json")].into_iter().chain(access)
    }

    /// The longest body, in bytes, that its answer may have.
    #[must_use]
    pub fn answer_limit(&self) -> usize {
        match self.call {
            Call::Devices => MAX_LIST,
            _ => MAX_ANSWER,
        }
    }
}

#[derive(Clone, Debug)]
enum Access {
    Open,
    Authorization(Secret),
    Cookie(SessionCookie),
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn cookie() -> SessionCookie {
        SessionCookie::parse("JSESSIONID=3FB2").unwrap()
    }

    #[test]
    fn login_is_a_post_with_basic_authentication() {
        // The example of RFC 7617 section 2.
        let request = Api::V3.login("Aladdin", &Secret::new("open sesame".into())).unwrap();
        assert_eq!(request.call(), Call::Login);
        assert_eq!((request.method().as_str(), request.path()), ("POST", "/v3/login"));
        assert_eq!(
            request.headers().collect::<Vec<_>>(),
            [
                ("accept", "application/json"),
                ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
            ]
        );
    }

    #[test]
    fn a_user_that_basic_authentication_cannot_carry_is_refused() {
        for (user, password) in [("", "x"), ("a:b", "x"), ("a\nb", "x"), ("a", "x\r\ny")] {
            let error = Api::V3.login(user, &Secret::new(password.into())).unwrap_err();
            assert_eq!(error, UmsError::UserMalformed);
        }
        assert!(Api::V3.login("DOMAIN\\müller@x", &Secret::new("pä:ss".into())).is_ok());
    }

    #[test]
    fn every_other_call_shows_the_cookie_and_only_the_status_shows_nothing() {
        let (cookie, id) = (cookie(), DeviceId::parse("95").unwrap());
        let shown = |request: Request| {
            let cookies =
                request.headers().filter(|header| *header == ("cookie", "JSESSIONID=3FB2"));
            (request.method().as_str(), String::from(request.path()), cookies.count())
        };
        let expected = |method, path: &str, cookies| (method, String::from(path), cookies);
        for (request, method, path, cookies) in [
            (Api::V3.logout(&cookie), "POST", "/v3/logout", 1),
            (Api::V2.server_status(), "GET", "/v2/serverstatus", 0),
            (Api::V3.devices(&cookie), "GET", "/v3/thinclients", 1),
            (Api::V3.devices_with_details(&cookie), "GET", "/v3/thinclients?facets=details", 1),
            (Api::V3.device(&cookie, &id), "GET", "/v3/thinclients/95?facets=details", 1),
            (Api::V3.online(&cookie, &id), "GET", "/v3/thinclients/95?facets=online", 1),
            (Api::V2.shadow(&cookie, &id), "GET", "/v2/thinclients/95?facets=shadow", 1),
        ] {
            assert_eq!(shown(request), expected(method, path, cookies));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let login = Api::V3.login("Aladdin", &Secret::new("open sesame".into())).unwrap();
        let text = format!("{login:?} {:?}", Api::V3.devices(&cookie()));
        for secret in ["QWxhZGRpbjpvcGVuIHNlc2FtZQ", "sesame", "3FB2"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn only_the_list_may_be_long() {
        assert_eq!(Api::V3.devices(&cookie()).answer_limit(), MAX_LIST);
        assert_eq!(Api::V3.logout(&cookie()).answer_limit(), MAX_ANSWER);
    }
}
