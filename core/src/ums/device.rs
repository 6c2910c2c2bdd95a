//! What UMS says of its devices and of itself.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, de};

use super::loose::Loose;
use super::{UmsError, normalize_mac};

/// The longest device id, in bytes. UMS numbers its devices; the bound leaves room for a UUID.
pub const MAX_DEVICE_ID: usize = 64;

/// The id by which UMS knows a device: letters, digits, `-` and `_`, so that it can stand in a path as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(String);

impl DeviceId {
    /// Takes an id.
    ///
    /// # Errors
    ///
    /// [`UmsError::DeviceIdMalformed`] for other characters, none, or more than [`MAX_DEVICE_ID`].
    pub fn parse(text: &str) -> Result<Self, UmsError> {
        let well_formed = (1..=MAX_DEVICE_ID).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if well_formed { Ok(Self(text.into())) } else { Err(UmsError::DeviceIdMalformed) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One device. Texts are as UMS gives them, without white space around them and with control characters replaced; an
/// empty one is `None`. Which fields are there depends on the version of UMS and on the call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// UMS's own id.
    pub id: DeviceId,
    /// The device's unit id: its MAC on most hardware, something longer on some.
    pub unit_id: Option<String>,
    /// Its MAC as twelve upper-case digits, or as it came if it is none.
    pub mac: Option<String>,
    /// Its name in UMS.
    pub name: Option<String>,
    /// Where UMS saw it last: it may have another address by now.
    pub last_ip: Option<String>,
    /// Whether it lies in UMS's recycle bin. Calls on such a device fail.
    pub in_bin: bool,
    /// The id of its firmware in UMS. This is no version.
    pub firmware_id: Option<String>,
    /// Whether it answered UMS just now; only where that was asked.
    pub online: Option<bool>,
    /// Details: its operating system in words, for example `IGEL Linux 10 (Kernel 4.9.58)`.
    pub os_type: Option<String>,
    /// Details: the product, for example `UD3-LX 51`.
    pub product_id: Option<String>,
    /// Details: the kind of hardware.
    pub device_type: Option<String>,
    /// Details: its name in the network.
    pub network_name: Option<String>,
    /// Details: its site.
    pub site: Option<String>,
    /// Details: its department.
    pub department: Option<String>,
    /// Details: a comment.
    pub comment: Option<String>,
    /// Details: its serial number.
    pub serial_number: Option<String>,
    /// Details: when UMS heard of it last, in the server's own notation.
    pub last_contact: Option<String>,
    /// Details: whether it reaches UMS through a gateway (ICG) or reverse proxy.
    pub via_reverse_proxy: Option<bool>,
}

impl Device {
    /// A device of which only the id is known.
    #[must_use]
    pub fn new(id: DeviceId) -> Self {
        Self {
            id,
            unit_id: None,
            mac: None,
            name: None,
            last_ip: None,
            in_bin: false,
            firmware_id: None,
            online: None,
            os_type: None,
            product_id: None,
            device_type: None,
            network_name: None,
            site: None,
            department: None,
            comment: None,
            serial_number: None,
            last_contact: None,
            via_reverse_proxy: None,
        }
    }

    /// The major version of IGEL OS, if [`os_type`](Self::os_type) tells it: 12 means that the device has no Secure VNC
    /// port.
    ///
    /// The limits of this: the details facet must have been asked for, and the words are not specified. It is read from
    /// `IGEL Linux N` and `IGEL OS N` alone; no guess is made from firmware, product or unit id, because none of them
    /// tells OS 11 from OS 12 for certain. `None` therefore means "not known", not "not 12".
    #[must_use]
    pub fn os_major(&self) -> Option<u32> {
        let words = self.os_type.as_deref()?.to_ascii_lowercase();
        ["igel linux", "igel os"].iter().find_map(|system| {
            let (_, after) = words.split_once(system)?;
            let version = after.trim_start_matches([' ', '-', '_', 'v']);
            let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
            version.get(..end)?.parse().ok()
        })
    }
}

impl fmt::Display for Device {
    /// The device in a few words: its id, and the name, MAC and address as far as they are known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id {}", self.id)?;
        for (label, value) in [("name", &self.name), ("mac", &self.mac), ("ip", &self.last_ip)] {
            if let Some(value) = value {
                write!(f, ", {label} {value}")?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Device {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawDevice::deserialize(deserializer)?;
        let id = raw.id.text().and_then(|text| DeviceId::parse(&text).ok());
        Ok(Self {
            id: id.ok_or_else(|| de::Error::custom("a device without an id"))?,
            unit_id: clean(raw.unit_id),
            mac: clean(raw.mac).map(|text| normalize_mac(&text).unwrap_or(text)),
            name: clean(raw.name),
            last_ip: clean(raw.last_ip),
            in_bin: raw.moved_to_bin.truth().unwrap_or(false),
            firmware_id: clean(raw.firmware_id),
            online: raw.online.truth(),
            os_type: clean(raw.os_type),
            product_id: clean(raw.product_id),
            device_type: clean(raw.device_type),
            network_name: clean(raw.network_name),
            site: clean(raw.site),
            department: clean(raw.department),
            comment: clean(raw.comment),
            serial_number: clean(raw.serial_number),
            last_contact: clean(raw.last_contact),
            via_reverse_proxy: raw
                .is_connected_via_reverse_proxy
                .truth()
                .or_else(|| raw.connected_via_reverse_proxy.truth()),
        })
    }
}

/// What UMS says of itself. UMS 12 gives less of it than older versions did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatus {
    /// The version, for example `5.07.100.rc15`; UMS 12 shortens it.
    pub version: Option<String>,
    /// The build number.
    pub build: Option<String>,
    /// The server's UUID.
    pub uuid: Option<String>,
    /// The server's own idea of its `host:port`.
    pub server: Option<String>,
}

impl<'de> Deserialize<'de> for ServerStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawStatus::deserialize(deserializer)?;
        Ok(Self {
            version: clean(raw.version),
            build: clean(raw.build_number),
            uuid: clean(raw.uuid),
            server: clean(raw.server),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RawDevice {
    id: Loose,
    #[serde(rename = "unitID")]
    unit_id: Loose,
    mac: Loose,
    name: Loose,
    #[serde(rename = "lastIP")]
    last_ip: Loose,
    moved_to_bin: Loose,
    #[serde(rename = "firmwareID")]
    firmware_id: Loose,
    online: Loose,
    os_type: Loose,
    product_id: Loose,
    device_type: Loose,
    network_name: Loose,
    site: Loose,
    department: Loose,
    comment: Loose,
    serial_number: Loose,
    last_contact: Loose,
    is_connected_via_reverse_proxy: Loose,
    // The release notes spell it so; the manual's examples as above.
    connected_via_reverse_proxy: Loose,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    #[serde(rename = "rmGuiServerVersion")]
    version: Loose,
    build_number: Loose,
    #[serde(rename = "serverUUID")]
    uuid: Loose,
    server: Loose,
}

/// Nothing that a device is called may steer the terminal on which it is shown.
fn clean(value: Loose) -> Option<String> {
    let text = value.text()?;
    if text.contains(char::is_control) {
        Some(text.replace(char::is_control, "\u{FFFD}"))
    } else {
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(json: &str) -> Device {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_manuals_example_is_read() {
        let device = device(
            r#"{"id":"95","unitID":"00E0C5000001","mac":"00E0C5000001","firmwareID":"12","lastIP":"192.0.2.7",
            "name":"td-LX","parentID":"-1","movedToBin":false,"objectType":"tc","batteryLevel":88,"links":[
            {"rel":"self","href":"https://x"}],"osType":"IGEL Linux 10 (Kernel 4.9.58)","site":"","comment":null,
            "isConnectedViaReverseProxy":"true","isThinClientRegistered":"true","online":true}"#,
        );
        assert_eq!(device.id.as_str(), "95");
        assert_eq!(device.mac.as_deref(), Some("00E0C5000001"));
        assert_eq!(device.last_ip.as_deref(), Some("192.0.2.7"));
        assert_eq!(device.firmware_id.as_deref(), Some("12"));
        assert_eq!((device.in_bin, device.online), (false, Some(true)));
        assert_eq!(device.via_reverse_proxy, Some(true));
        assert_eq!((device.site, device.comment), (None, None));
    }

    #[test]
    fn everything_but_the_id_may_be_missing_and_types_may_differ() {
        assert_eq!(device(r#"{"id":7}"#), Device::new(DeviceId::parse("7").unwrap()));
        let other = device(
            r#"{"id":"a-1_B","movedToBin":"true","mac":"00:e0:c5:00:00:01","name":[],"connectedViaReverseProxy":false}"#,
        );
        assert_eq!((other.in_bin, other.name, other.via_reverse_proxy), (true, None, Some(false)));
        assert_eq!(other.mac.as_deref(), Some("00E0C5000001"));
        assert!(serde_json::from_str::<Device>(r#"{"name":"x"}"#).is_err());
        assert!(serde_json::from_str::<Device>(r#"{"id":"../logout"}"#).is_err());
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_a_path() {
        for text in ["", "a/b", "..", "1?x", "1#", "1 ", "%2e", "é", "1\r\n", &"1".repeat(65)] {
            assert_eq!(DeviceId::parse(text), Err(UmsError::DeviceIdMalformed), "{text:?}");
        }
        assert!(DeviceId::parse(&"1".repeat(64)).is_ok());
    }

    #[test]
    fn the_major_version_is_read_where_the_words_tell_it() {
        for (words, expected) in [
            ("IGEL Linux 10 (Kernel 4.9.58)", Some(10)),
            ("IGEL OS 12.3.2", Some(12)),
            ("IGEL OS 11 (Kernel 5.4)", Some(11)),
            ("igel os-12", Some(12)),
            ("IGEL OS", None),
            ("IGEL Linux Universal Desktop 5", None),
            ("Windows Embedded Standard 7", None),
            ("IGEL OS 99999999999", None),
        ] {
            let mut device = device(r#"{"id":1}"#);
            device.os_type = Some(words.into());
            assert_eq!(device.os_major(), expected, "{words}");
        }
        assert_eq!(device(r#"{"id":1,"firmwareID":"12"}"#).os_major(), None);
    }

    #[test]
    fn a_name_cannot_steer_a_terminal() {
        let device = device("{\"id\":1,\"name\":\"a\\u001b[2Jb\\n\"}");
        assert_eq!(device.name.as_deref(), Some("a\u{FFFD}[2Jb"));
    }
}
