//! Devices, and how the interface shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::pem::LineEnding;
use serde_json::{Value, json};

use super::password::Passwords;
use crate::certificates::to_pem;

/// A device that is registered with UMS.
#[derive(Clone, Debug)]
pub struct Device {
    /// UMS's number for it; the interface shows it as a string.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Twelve hexadecimal digits without separators.
    pub mac: String,
    /// Often the MAC, but not always.
    pub unit_id: String,
    /// The address at which UMS last saw it.
    pub last_ip: String,
    /// Whether it is switched on.
    pub online: bool,
    /// Whether it lies in the recycle bin: still listed, but every call on it fails with `ITG-0A018`.
    pub moved_to_bin: bool,
    /// `osType` of the details: what tells OS 11 from OS 12.
    pub os_type: String,
    /// `firmwareID`.
    pub firmware_id: String,
    /// Whether the user may shadow it; otherwise the shadow facet fails with `ITG-0B005`.
    pub may_shadow: bool,
}

impl Device {
    /// A device with OS 11 that is on and may be shadowed. Its MAC follows from the identifier.
    #[must_use]
    pub fn new(id: u32, name: &str, last_ip: &str) -> Self {
        let mac = format!("00E0C5{:06X}", id & 0x00FF_FFFF);
        Self {
            id,
            name: name.to_owned(),
            unit_id: mac.clone(),
            mac,
            last_ip: last_ip.to_owned(),
            online: true,
            moved_to_bin: false,
            os_type: "IGEL Linux 11 (Kernel Version 5.13.4)".to_owned(),
            firmware_id: "11".to_owned(),
            may_shadow: true,
        }
    }

    /// Runs OS 12, which IMI cannot shadow. The unit's identifier is not the MAC then.
    #[must_use]
    pub fn with_os_12(mut self) -> Self {
        "IGEL OS 12 (Kernel Version 6.1.45)".clone_into(&mut self.os_type);
        "12".clone_into(&mut self.firmware_id);
        self.unit_id = format!("85641000{:010X}", self.id);
        self
    }

    /// Lies in the recycle bin.
    #[must_use]
    pub fn in_the_bin(mut self) -> Self {
        self.moved_to_bin = true;
        self
    }

    /// Is switched off.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.online = false;
        self
    }

    /// May not be shadowed by the user.
    #[must_use]
    pub fn without_remote_access(mut self) -> Self {
        self.may_shadow = false;
        self
    }

    /// The fields that every answer has.
    pub(super) fn resource(&self, version: u8) -> Value {
        let mut resource = json!({
            "id": self.id.to_string(),
            "unitID": self.unit_id,
            "mac": self.mac,
            "name": self.name,
            "parentID": "-1",
            "movedToBin": self.moved_to_bin,
            "objectType": "tc",
            "links": [],
            "firmwareID": self.firmware_id,
            "lastIP": self.last_ip,
        });
        if version > 2 {
            resource["batteryLevel"] = json!(0);
            resource["lastUser"] = json!("");
        }
        resource
    }

    /// Adds `facets=details`. Two of its booleans are strings, as in IGEL's examples.
    pub(super) fn add_details(&self, resource: &mut Value) {
        for (key, value) in [
            ("networkName", self.name.as_str()),
            ("site", "Bremen"),
            ("department", ""),
            ("costCenter", ""),
            ("comment", ""),
            ("assetID", ""),
            ("inserviceDate", ""),
            ("serialNumber", "14D3D3C01B16150347"),
            ("productId", "UD3-LX 51"),
            ("osType", self.os_type.as_str()),
            ("deviceType", "IGEL UD3 M350C"),
            ("lastBoottime", "2017-07-18 14:25"),
            ("lastContact", "2017-07-18 14:26"),
            ("registrationDate", "11.12.2024 10:32:18"),
            ("isThinClientRegistered", "true"),
            ("isConnectedViaReverseProxy", "false"),
        ] {
            resource[key] = json!(value);
        }
    }
}

/// How the shadow facet shows the secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretForm {
    /// PEM with LF and a final one.
    #[default]
    Pem,
    /// PEM with LF and none at the end, as in some examples of v3.
    PemWithoutLastNewline,
    /// PEM with CR LF.
    PemCrlf,
    /// Base64 in one line without armour: what the Secure VNC procedure's words say.
    Base64,
    /// `"shadowSecret": null`.
    Null,
    /// No `shadowSecret` at all.
    Absent,
}

/// A device with what UMS holds of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) device: Device,
    pub(super) certificate_der: Option<Vec<u8>>,
    pub(super) passwords: Passwords,
}

impl Entry {
    /// Adds `facets=shadow` with a password just issued.
    pub(super) fn add_secret(&self, resource: &mut Value, form: SecretForm, password: &str) {
        let pem = |ending, der: &[u8]| to_pem("CERTIFICATE", ending, der);
        let certificate = match (self.certificate_der.as_deref(), form) {
            (_, SecretForm::Absent) => return,
            (_, SecretForm::Null) => {
                resource["shadowSecret"] = Value::Null;
                return;
            }
            (None, _) => String::new(),
            (Some(der), SecretForm::Pem) => pem(LineEnding::LF, der),
            (Some(der), SecretForm::PemWithoutLastNewline) => {
                pem(LineEnding::LF, der).trim_end().to_owned()
            }
            (Some(der), SecretForm::PemCrlf) => pem(LineEnding::CRLF, der),
            (Some(der), SecretForm::Base64) => STANDARD.encode(der),
        };
        resource["shadowSecret"] = json!({ "certificate": certificate, "password": password });
    }
}

impl From<Device> for Entry {
    fn from(device: Device) -> Self {
        Self { device, certificate_der: None, passwords: Passwords::default() }
    }
}
