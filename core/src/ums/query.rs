//! Finding one device among all, by what a person calls it.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use super::{Device, DeviceId};
use crate::error::Fault;

/// The longest query, in bytes.
pub const MAX_QUERY: usize = 256;

/// What a person calls a device. Read from `id:95`, `name:pc-7`, `mac:00:e0:c5:00:00:01`, `ip:192.0.2.7`, or plain text,
/// which is any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceQuery {
    /// UMS's id.
    Id(DeviceId),
    /// The name in UMS; exactly if a device has it exactly, else in any case.
    Name(String),
    /// The MAC, as [`normalize_mac`] gives it.
    Mac(String),
    /// The address where UMS saw it last.
    Ip(IpAddr),
    /// Any of these.
    Any(String),
}

impl DeviceQuery {
    /// The one device that is meant. Those in the bin are not taken, but told from unknown ones.
    ///
    /// # Errors
    ///
    /// [`FindError`]: none, several, or one in the bin. Several are never decided by guessing: it would open somebody
    /// else's desktop.
    pub fn select<'a>(&self, devices: &'a [Device]) -> Result<&'a Device, FindError> {
        let (in_bin, in_use): (Vec<_>, Vec<_>) = devices.iter().partition(|device| device.in_bin);
        let found = self.matches(&in_use);
        match (found.as_slice(), self.matches(&in_bin).first()) {
            ([device], _) => Ok(device),
            ([], None) => Err(FindError::NotFound { query: self.to_string() }),
            ([], Some(device)) => Err(FindError::InBin((*device).clone().into())),
            (several, _) => Err(FindError::Several {
                query: self.to_string(),
                devices: several.iter().map(|device| (*device).clone()).collect(),
            }),
        }
    }

    fn matches<'a>(&self, devices: &[&'a Device]) -> Vec<&'a Device> {
        let exactly: Vec<_> =
            devices.iter().copied().filter(|device| self.is_exactly(device)).collect();
        let (Self::Name(name) | Self::Any(name)) = self else { return exactly };
        if !exactly.is_empty() {
            return exactly;
        }
        let name = name.to_lowercase();
        let same = |device: &&Device| {
            device.name.as_ref().is_some_and(|other| other.to_lowercase() == name)
        };
        devices.iter().copied().filter(same).collect()
    }

    fn is_exactly(&self, device: &Device) -> bool {
        match self {
            Self::Id(id) => device.id == *id,
            Self::Name(name) => device.name.as_ref() == Some(name),
            Self::Mac(mac) => device.mac.as_ref() == Some(mac),
            Self::Ip(ip) => {
                let last = device.last_ip.as_ref().and_then(|last| last.parse::<IpAddr>().ok());
                last.is_some_and(|last| last.to_canonical() == ip.to_canonical())
            }
            Self::Any(text) => {
                device.id.as_str() == text
                    || device.name.as_ref() == Some(text)
                    || normalize_mac(text).is_some_and(|mac| Self::Mac(mac).is_exactly(device))
                    || text.parse().is_ok_and(|ip| Self::Ip(ip).is_exactly(device))
            }
        }
    }
}

impl FromStr for DeviceQuery {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let text = text.trim();
        if text.len() > MAX_QUERY {
            return Err(QueryError { what: "it is longer than 256 bytes" });
        }
        let (kind, rest) = match text.split_once(':') {
            Some((kind @ ("id" | "name" | "mac" | "ip"), rest)) => (kind, rest.trim()),
            _ => ("", text),
        };
        if rest.is_empty() {
            return Err(QueryError { what: "it is empty" });
        }
        match kind {
            "id" => DeviceId::parse(rest)
                .map(Self::Id)
                .map_err(|_| QueryError { what: "an id has only letters, digits, '-' and '_'" }),
            "mac" => normalize_mac(rest)
                .map(Self::Mac)
                .ok_or(QueryError { what: "a MAC has twelve hexadecimal digits" }),
            "ip" => {
                rest.parse().map(Self::Ip).map_err(|_| QueryError { what: "it is no IP address" })
            }
            "name" => Ok(Self::Name(rest.into())),
            _ => Ok(Self::Any(rest.into())),
        }
    }
}

impl fmt::Display for DeviceQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Name(name) => write!(f, "name:{name}"),
            Self::Mac(mac) => write!(f, "mac:{mac}"),
            Self::Ip(ip) => write!(f, "ip:{ip}"),
            Self::Any(text) => f.write_str(text),
        }
    }
}

/// A MAC as UMS writes it, twelve upper-case hexadecimal digits, from any notation with `:`, `-`, `.`, spaces or none
/// between them; `None` if it is not a MAC.
#[must_use]
pub fn normalize_mac(text: &str) -> Option<String> {
    let mut digits = String::with_capacity(12);
    for character in text.trim().chars() {
        match character {
            ':' | '-' | '.' | ' ' => {}
            _ if character.is_ascii_hexdigit() && digits.len() < 12 => {
                digits.push(character.to_ascii_uppercase());
            }
            _ => return None,
        }
    }
    (digits.len() == 12).then_some(digits)
}

/// What was given cannot be a device. Its code is `device-query-malformed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cannot be a device: {what}")]
pub struct QueryError {
    what: &'static str,
}

impl QueryError {
    /// The stable name of this error, for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "device-query-malformed"
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        "Name the device by its id, name, MAC or address in UMS, as it is or with id:, name:, mac: or ip: before it."
    }
}

/// Why no single device was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No device is called so.
    #[error("UMS shows no device \"{query}\"")]
    NotFound {
        /// What was looked for.
        query: String,
    },
    /// Several devices are called so.
    #[error("{} devices are called \"{query}\": {}", .devices.len(), first_few(.devices))]
    Several {
        /// What was looked for.
        query: String,
        /// All that match, in UMS's order.
        devices: Vec<Device>,
    },
    /// The only device of that name lies in the bin.
    #[error("the device ({0}) lies in UMS's recycle bin")]
    InBin(alloc::boxed::Box<Device>),
}

impl FindError {
    /// The stable name of this error. It is the same as if UMS itself had noticed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ums-device-unknown",
            Self::Several { .. } => "ums-device-ambiguous",
            Self::InBin(_) => "ums-device-in-bin",
        }
    }

    /// Whose fault it is: what the operator has named, or what UMS holds.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Configuration
    }

    /// What an operator can do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "List the devices to see what this UMS user can see: a device is hidden without the right Browse, and \
                 the address is the one that UMS saw last."
            }
            Self::Several { .. } => "Name one of them by its id: id:95 for example.",
            Self::InBin(_) => "Restore the device from the recycle bin in UMS Console.",
        }
    }
}

/// How many of several devices an error names.
const SHOWN: usize = 5;

fn first_few(devices: &[Device]) -> String {
    let mut text = String::new();
    for (index, device) in devices.iter().take(SHOWN).enumerate() {
        text += if index == 0 { "" } else { "; " };
        text += &device.to_string();
    }
    if devices.len() > SHOWN {
        text += &format!("; and {} more", devices.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str, mac: &str, ip: &str) -> Device {
        let mut device = Device::new(DeviceId::parse(id).unwrap());
        device.name = Some(name.into());
        device.mac = normalize_mac(mac);
        device.last_ip = Some(ip.into());
        device
    }

    fn fleet() -> Vec<Device> {
        let mut binned = device("7", "old", "00E0C5000007", "192.0.2.7");
        binned.in_bin = true;
        Vec::from([
            device("1", "pc-1", "00E0C5000001", "192.0.2.1"),
            device("2", "PC-1", "00E0C5000002", "192.0.2.2"),
            device("3", "Bureau", "00E0C5000003", "2001:db8::3"),
            device("4", "1", "00E0C5000004", "192.0.2.44"),
            binned,
            device("8", "twin", "00E0C5000008", "192.0.2.8"),
            device("9", "twin", "00E0C5000009", "192.0.2.7"),
        ])
    }

    fn find(query: &str) -> Result<String, FindError> {
        let query: DeviceQuery = query.parse().unwrap();
        query.select(&fleet()).map(|device| device.id.to_string())
    }

    #[test]
    fn a_device_is_found_by_any_of_its_names() {
        for (query, id) in [
            ("id:1", "1"),
            ("name:1", "4"),
            ("pc-1", "1"),
            ("PC-1", "2"),
            ("bureau", "3"),
            ("name:BUREAU", "3"),
            ("00:e0:c5:00:00:03", "3"),
            ("mac:00e0.c500.0003", "3"),
            ("00-E0-C5-00-00-03", "3"),
            ("00e0c5000003", "3"),
            ("192.0.2.2", "2"),
            ("ip:192.0.2.44", "4"),
            ("2001:0db8::0003", "3"),
            ("::ffff:192.0.2.2", "2"),
            ("  id: 3 ", "3"),
            // The one in the bin with this address is passed over.
            ("ip:192.0.2.7", "9"),
        ] {
            assert_eq!(find(query).as_deref(), Ok(id), "{query}");
        }
    }

    #[test]
    fn several_are_listed_and_none_is_chosen() {
        for (query, ids) in [("twin", ["8", "9"]), ("1", ["1", "4"]), ("Pc-1", ["1", "2"])] {
            let error = find(query).unwrap_err();
            assert_eq!(error.code(), "ums-device-ambiguous");
            let FindError::Several { devices, .. } = error else { panic!("{error}") };
            assert_eq!(devices.iter().map(|device| device.id.as_str()).collect::<Vec<_>>(), ids);
        }
    }

    #[test]
    fn one_in_the_bin_is_told_from_an_unknown_one() {
        assert_eq!(find("old").unwrap_err().code(), "ums-device-in-bin");
        assert_eq!(find("id:7").unwrap_err().code(), "ums-device-in-bin");
        for query in ["id:99", "nobody", "192.0.2.99", "mac:00E0C50000FF", "name:id:1"] {
            assert_eq!(find(query).unwrap_err().code(), "ums-device-unknown", "{query}");
        }
    }

    #[test]
    fn an_error_repeats_what_was_looked_for_and_says_what_to_do() {
        for query in ["id:99", "name:nobody", "mac:00E0C50000FF", "ip:192.0.2.99", "nobody"] {
            let error = find(query).unwrap_err();
            assert_eq!(error.to_string(), format!("UMS shows no device \"{query}\""));
            assert!(error.help().starts_with("List the devices"));
            assert_eq!(error.fault(), Fault::Configuration);
        }
        let twins = find("twin").unwrap_err();
        assert_eq!(
            twins.to_string(),
            "2 devices are called \"twin\": id 8, name twin, mac 00E0C5000008, ip 192.0.2.8; \
             id 9, name twin, mac 00E0C5000009, ip 192.0.2.7"
        );
        assert!(twins.help().contains("by its id"));
        let binned = find("old").unwrap_err();
        assert!(binned.to_string().starts_with("the device (id 7, name old"), "{binned}");
        assert!(binned.help().contains("recycle bin"));
    }

    #[test]
    fn what_cannot_be_a_device_is_refused() {
        let longest = "x".repeat(MAX_QUERY);
        assert!(longest.parse::<DeviceQuery>().is_ok());
        for query in [
            "",
            " ",
            "id:",
            "id:a/b",
            "mac:00",
            "mac:00E0C500000123",
            "ip:pc",
            &format!("{longest}x"),
        ] {
            let error = query.parse::<DeviceQuery>().unwrap_err();
            assert_eq!(error.code(), "device-query-malformed", "{query}");
            assert!(error.to_string().starts_with("this cannot be a device: "), "{error}");
            assert!(error.help().contains("id, name, MAC or address"));
        }
    }

    #[test]
    fn an_error_names_only_the_first_few() {
        let many: Vec<_> =
            (0..100).map(|id| device(&id.to_string(), "same", "", "192.0.2.1")).collect();
        let error = DeviceQuery::Name("same".into()).select(&many).unwrap_err().to_string();
        assert!(error.starts_with("100 devices") && error.ends_with("and 95 more"), "{error}");
    }
}
