//! UMS's answers: no text of a peer leaves its bounds, and no secret its place.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::{Verdict, demand};
use crate::credential::{Certificate, Password};
use crate::ums::{
    Device, DeviceId, DeviceQuery, FindError, MAX_PEER_TEXT, Response, SessionCookie, UmsError,
    answer,
};

/// Every answer that there is, read from one response.
///
/// # Errors
/// A text with control characters, an error longer than its bound, a device that its own id does not find, a cookie that
/// could not stand in a header, or a secret that shows.
pub fn answers(response: &Response<'_>) -> Verdict {
    if let Some(cookie) = judged(answer::login(response))? {
        let text = cookie.expose();
        demand(text.bytes().all(|byte| byte.is_ascii_graphic()), "a cookie that splits a header")?;
        let again = SessionCookie::parse(text);
        demand(again.is_some_and(|again| again.same(&cookie)), "a cookie that changes")?;
        demand(!format!("{cookie:?}").contains(text), "a cookie is shown")?;
    }
    judged(answer::logout(response))?;
    judged(answer::online(response))?;
    if let Some(status) = judged(answer::server_status(response))? {
        for text in [status.version, status.build, status.uuid, status.server] {
            text.as_deref().map_or(Ok(()), clean)?;
        }
    }
    if let Some(device) = judged(answer::device(response))? {
        clean_device(&device)?;
    }
    if let Some(devices) = judged(answer::devices(response))? {
        for device in devices.iter().take(20) {
            clean_device(device)?;
            let found = DeviceQuery::Id(device.id.clone()).select(&devices);
            let is_it = match &found {
                Ok(other) => other.id == device.id,
                Err(FindError::InBin(other)) => other.id == device.id && device.in_bin,
                Err(FindError::Several { devices, .. }) => devices.len() > 1,
                Err(_) => false,
            };
            demand(is_it, "a device that its own id does not find")?;
        }
    }
    if let Some(credential) = judged(answer::shadow(response))? {
        let again = Certificate::from_der(credential.certificate.der());
        demand(again == Ok(credential.certificate.clone()), "a certificate that changes")?;
        let password = credential.password.expose();
        demand(Password::parse(password).is_ok(), "a password that is none")?;
        demand(!format!("{credential:?}").contains(password), "I10: a password is shown")?;
    }
    Ok(())
}

fn judged<T>(answer: Result<T, UmsError>) -> Result<Option<T>, String> {
    let error = match answer {
        Ok(answer) => return Ok(Some(answer)),
        Err(error) => error,
    };
    let text = error.to_string();
    // UMS's code, its message, and a sentence of ours.
    demand(text.chars().count() <= 2 * MAX_PEER_TEXT + 120, "an error longer than its bound")?;
    clean(&text)?;
    demand(!error.code().is_empty() && !error.help().is_empty(), "an error without a cure")?;
    Ok(None)
}

fn clean_device(device: &Device) -> Verdict {
    demand(DeviceId::parse(device.id.as_str()).as_ref() == Ok(&device.id), "an id that is none")?;
    let _ = device.os_major();
    clean(&device.to_string())?;
    clean(&format!("{:?}{:?}", device.os_type, device.comment))
}

fn clean(text: &str) -> Verdict {
    demand(!text.chars().any(char::is_control), "a control character of a peer's")
}
