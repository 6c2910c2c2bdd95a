//! `procy devices`: what UMS knows.

use procy_core::ums::{Device, normalize_mac};
use serde_json::{Value, json};

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::{Output, printable};
use crate::settings::UmsSettings;
use crate::shadow::{Ending, sign_in};
use crate::stop::Stop;
use crate::ums::Ums;

const HEADER: [&str; 5] = ["ID", "NAME", "LAST IP", "MAC", "SYSTEM"];

/// Lists devices; with `online`, says of the one that is left whether it is on.
pub(crate) async fn run(
    settings: &UmsSettings,
    filter: Option<&str>,
    online: bool,
    output: &Output,
    mut stop: Stop,
) -> Ending {
    let ums = sign_in(settings, output, &mut stop).await?;
    let listed = tokio::select! {
        listed = list(&ums, filter, online) => Some(listed),
        _ = stop.asked() => None,
    };
    ums.sign_out(output).await;
    let Some(listed) = listed else { return Ok(stop.exit().unwrap_or(Exit::Interrupted)) };
    let devices = listed?;
    let text = if output.is_json() {
        devices.iter().map(|device| format!("{}\n", object(device))).collect()
    } else {
        table(&devices)
    };
    // Whoever has closed stdout (`| head`) has seen enough.
    let _ = output.result(&text);
    Ok(Exit::Ok)
}

async fn list(ums: &Ums, filter: Option<&str>, online: bool) -> Result<Vec<Device>, Failure> {
    let mut devices = ums.devices().await?;
    devices.retain(|device| !device.in_bin && filter.is_none_or(|filter| matches(device, filter)));
    if online {
        let [device] = devices.as_mut_slice() else {
            return Err(Failure::usage(
                "online-needs-one",
                format!("--online is asked of one device, and {} match", devices.len()),
                "Give a filter that leaves one: UMS connects to the device to find out.",
            ));
        };
        device.online = ums.online(&device.id).await?;
    }
    Ok(devices)
}

fn matches(device: &Device, filter: &str) -> bool {
    let wanted = filter.to_lowercase();
    let is = |text: Option<&str>| text.is_some_and(|text| text.to_lowercase().contains(&wanted));
    device.id.as_str() == filter
        || is(device.name.as_deref())
        || is(device.last_ip.as_deref())
        || is(device.mac.as_deref())
        || normalize_mac(filter).is_some_and(|mac| device.mac.as_ref() == Some(&mac))
}

fn object(device: &Device) -> Value {
    json!({
        "schema": 1,
        "event": "device",
        "id": device.id.as_str(),
        "name": device.name,
        "last_ip": device.last_ip,
        "mac": device.mac,
        "os_type": device.os_type,
        "firmware_id": device.firmware_id,
        "online": device.online,
    })
}

fn table(devices: &[Device]) -> String {
    let show = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), printable);
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(devices.iter().map(|device| {
        let firmware = device.firmware_id.as_ref().map(|id| format!("firmware {id}"));
        let mut system = show(device.os_type.as_deref().or(firmware.as_deref()));
        if let Some(online) = device.online {
            system.push_str(if online { ", online" } else { ", offline" });
        }
        [
            device.id.to_string(),
            show(device.name.as_deref()),
            show(device.last_ip.as_deref()),
            show(device.mac.as_deref()),
            system,
        ]
    }));
    let mut widths = [0; HEADER.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use procy_core::ums::DeviceId;

    use super::*;

    fn device(id: &str, name: &str) -> Device {
        let mut device = Device::new(DeviceId::parse(id).unwrap());
        device.name = Some(name.to_owned());
        device.mac = Some("00E0C5000001".to_owned());
        device.last_ip = Some("192.0.2.7".to_owned());
        device
    }

    #[test]
    fn the_table_is_aligned_and_shows_what_is_missing() {
        let mut second = device("4711", "Büro");
        second.os_type = Some("IGEL Linux 11".to_owned());
        second.online = Some(true);
        assert_eq!(
            table(&[device("7", "reception"), second]),
            "ID    NAME       LAST IP    MAC           SYSTEM\n\
             7     reception  192.0.2.7  00E0C5000001  -\n\
             4711  Büro       192.0.2.7  00E0C5000001  IGEL Linux 11, online\n"
        );
    }

    #[test]
    fn a_filter_looks_at_id_name_mac_and_ip() {
        let device = device("7", "Reception");
        for (filter, expected) in [
            ("7", true),
            ("recep", true),
            ("00:e0:c5:00:00:01", true),
            ("e0c5", true),
            ("192.0.2.", true),
            ("4", false),
            ("kitchen", false),
        ] {
            assert_eq!(matches(&device, filter), expected, "{filter}");
        }
    }
}
