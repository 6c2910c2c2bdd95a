//! Reading UMS's answers.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::loose::Loose;
use super::{Call, Device, ServerStatus, SessionCookie, UmsError};
use crate::credential::{Certificate, Credential, Password};

/// An HTTP answer, as far as the interface goes. `Debug` shows neither cookies nor body.
#[derive(Clone)]
pub struct Response<'a> {
    /// The status (RFC 9110 section 15). Redirects are not followed: they are an answer like another.
    pub status: u16,
    /// The values of its `Set-Cookie` fields; only [`login`] looks at them.
    pub set_cookies: Vec<&'a str>,
    /// The body, at most [`Request::answer_limit`](super::Request::answer_limit) bytes; decoded, if it was encoded. That of a
    /// shadow call holds the password: the caller zeroizes it.
    pub body: &'a [u8],
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The session, from the `message` of the body or from a cookie.
///
/// # Errors
///
/// As UMS reports; [`UmsError::AnswerMalformed`] if there is no session in it.
pub fn login(response: &Response<'_>) -> Result<SessionCookie, UmsError> {
    let Login { message } = read(Call::Login, response)?;
    let message = message.as_deref();
    let cookies = message.into_iter().chain(response.set_cookies.iter().copied());
    cookies
        .filter(|cookie| cookie.trim_start().starts_with("JSESSIONID="))
        // A servlet container may be set up to call it otherwise: then the message alone tells.
        .chain(message)
        .find_map(SessionCookie::parse)
        .ok_or(UmsError::AnswerMalformed { what: "the login gave no session" })
}

/// Nothing, if the session is over, by this call or already before.
///
/// # Errors
///
/// As UMS reports.
pub fn logout(response: &Response<'_>) -> Result<(), UmsError> {
    match check(Call::Logout, response) {
        Err(error) if error.is_session_ended() => Ok(()),
        other => other,
    }
}

/// What the server says of itself.
///
/// # Errors
///
/// As UMS reports; [`UmsError::AnswerMalformed`].
pub fn server_status(response: &Response<'_>) -> Result<ServerStatus, UmsError> {
    read(Call::ServerStatus, response)
}

/// All devices, those in the bin too ([`Device::in_bin`]); from an array, or an object with the array as `results`.
///
/// # Errors
///
/// As UMS reports; [`UmsError::AnswerMalformed`], also if one of them has no id.
pub fn devices(response: &Response<'_>) -> Result<Vec<Device>, UmsError> {
    read(Call::Devices, response).map(|Devices(devices)| devices)
}

/// One device.
///
/// # Errors
///
/// As UMS reports; [`UmsError::AnswerMalformed`].
pub fn device(response: &Response<'_>) -> Result<Device, UmsError> {
    read(Call::Device, response)
}

/// Whether the device answered UMS; `None` if UMS does not say.
///
/// # Errors
///
/// As UMS reports; [`UmsError::AnswerMalformed`].
pub fn online(response: &Response<'_>) -> Result<Option<bool>, UmsError> {
    read(Call::Online, response).map(|device: Device| device.online)
}

/// The device's certificate and a one-time password (step 3).
///
/// # Errors
///
/// As UMS reports; [`UmsError::ShadowSecretMissing`]; [`UmsError::Credential`], above all with the certificate empty;
/// [`UmsError::AnswerMalformed`].
pub fn shadow(response: &Response<'_>) -> Result<Credential, UmsError> {
    let Shadow { secret: ShadowSecret(secret) } = read(Call::Shadow, response)?;
    let SecretFields { certificate, password } = secret.ok_or(UmsError::ShadowSecretMissing)?;
    let certificate = Certificate::parse(certificate.text().as_deref().unwrap_or_default())?;
    let password = password.0.ok_or(UmsError::ShadowSecretMissing)?;
    Ok(Credential { certificate, password: Password::parse(&password)? })
}

/// Reads an answer that is no error.
fn read<'a, T: Deserialize<'a>>(call: Call, response: &Response<'a>) -> Result<T, UmsError> {
    check(call, response)?;
    if !matches!(first_byte(response.body), Some(b'{' | b'[')) {
        return Err(UmsError::NotUms { status: response.status });
    }
    serde_json::from_slice(response.body).map_err(malformed)
}

/// An error, if the answer is one. A body with an `errorCode` is, whatever its status.
fn check(call: Call, response: &Response<'_>) -> Result<(), UmsError> {
    if first_byte(response.body) == Some(b'{')
        && let Ok(Code { error_code }) = serde_json::from_slice(response.body)
        && let Some(itg) = error_code.text()
    {
        // Only now: in a login that is no error, it is the session.
        let message = serde_json::from_slice(response.body).ok();
        let message = message.and_then(|Report { message }| message.text());
        return Err(UmsError::reported(call, &itg, &message.unwrap_or_default()));
    }
    match response.status {
        200..=299 => Ok(()),
        status => Err(UmsError::status(call, status)),
    }
}

fn first_byte(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// Says what is wrong without the parser's own words: they may quote the answer.
fn malformed(error: serde_json::Error) -> UmsError {
    UmsError::AnswerMalformed {
        what: match error.classify() {
            Category::Eof => "it ends too early",
            Category::Data => "it is JSON, but of something else",
            Category::Syntax | Category::Io => "it is not JSON",
        },
    }
}

/// What only an error's answer has.
#[derive(serde::Deserialize)]
struct Code {
    #[serde(default, rename = "errorCode")]
    error_code: Loose,
}

/// What an error's answer says in words. `stackTrace` is not for users.
#[derive(serde::Deserialize)]
struct Report {
    #[serde(default)]
    message: Loose,
}

#[derive(serde::Deserialize)]
struct Login {
    #[serde(default)]
    message: Hidden,
}

#[derive(serde::Deserialize)]
struct Shadow {
    #[serde(default, rename = "shadowSecret")]
    secret: ShadowSecret,
}

#[derive(serde::Deserialize)]
struct SecretFields {
    #[serde(default)]
    certificate: Loose,
    #[serde(default)]
    password: Hidden,
}

/// The secret, or none for null and for any text: the manual's table of types calls it a string, its examples show
/// an object.
#[derive(Default)]
struct ShadowSecret(Option<SecretFields>);

impl<'de> Deserialize<'de> for ShadowSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = ShadowSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a shadow secret")
            }

            fn visit_unit<E>(self) -> Result<ShadowSecret, E> {
                Ok(ShadowSecret(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<ShadowSecret, E> {
                Ok(ShadowSecret(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ShadowSecret, A::Error> {
                SecretFields::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|fields| ShadowSecret(Some(fields)))
            }
        }
        deserializer.deserialize_any(Fields)
    }
}

/// A text that is zeroized; none for null. A text without escapes, as a UUID is, goes straight from the body into it.
#[derive(Default)]
struct Hidden(Option<Zeroizing<String>>);

impl Hidden {
    fn as_deref(&self) -> Option<&str> {
        self.0.as_ref().map(|text| text.as_str())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Hidden;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_unit<E>(self) -> Result<Hidden, E> {
                Ok(Hidden(None))
            }

            fn visit_str<E>(self, text: &str) -> Result<Hidden, E> {
                Ok(Hidden(Some(Zeroizing::new(text.into()))))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

struct Devices(Vec<Device>);

impl<'de> Deserialize<'de> for Devices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Devices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("devices, or an object with them as `results`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Devices, A::Error> {
                let mut devices = Vec::new();
                while let Some(device) = seq.next_element()? {
                    devices.push(device);
                }
                Ok(Devices(devices))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Devices, A::Error> {
                let mut devices = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "results" {
                        devices = Some(map.next_value::<Vec<Device>>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                devices.map(Devices).ok_or_else(|| serde::de::Error::missing_field("results"))
            }
        }
        deserializer.deserialize_any(List)
    }
}

#[cfg(test)]
mod tests;
