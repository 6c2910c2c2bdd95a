//! What UMS writes is read as it was meant, in every notation that versions of it differ in; and what is cut short is
//! refused. (The codecs of the wire have such tests beside their code.)
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use procy_core::credential::{Certificate, Credential, CredentialError, Password};
use procy_core::ums::{Device, DeviceQuery, Response, UmsError, answer};
use proptest::prelude::*;
use serde_json::{Value, json};

const UUID: &str = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

fn response(status: u16, body: &str) -> Response<'_> {
    Response { status, set_cookies: Vec::new(), body: body.as_bytes() }
}

/// A DER SEQUENCE around `body`.
fn sequence(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let head = match length {
        0..0x80 => vec![0x30, length as u8],
        0x80..0x100 => vec![0x30, 0x81, length as u8],
        _ => [&[0x30, 0x82][..], &length.to_be_bytes()].concat(),
    };
    [head, body.to_vec()].concat()
}

fn pem(der: &[u8], width: usize, line_break: &str) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> =
        base64.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN CERTIFICATE-----{line_break}{}{line_break}-----END CERTIFICATE-----{line_break}",
        lines.join(line_break)
    )
}

fn line_break() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["\n", "\r\n", "\r", "", " "][..])
}

/// A number or a truth value, bare or as text.
fn loose(text: &str, quoted: bool) -> Value {
    if quoted { json!(text) } else { serde_json::from_str(text).unwrap() }
}

/// The fields of a device that [`written`] writes.
#[derive(Clone, Debug)]
struct Fields {
    id: u32,
    name: String,
    mac: [u8; 6],
    ip: [u8; 4],
    in_bin: bool,
    online: Option<bool>,
}

fn fields() -> impl Strategy<Value = Fields> {
    (
        any::<u32>(),
        "[a-zA-Z][ -~]{0,20}[a-z]",
        any::<[u8; 6]>(),
        any::<[u8; 4]>(),
        any::<bool>(),
        any::<Option<bool>>(),
    )
        .prop_map(|(id, name, mac, ip, in_bin, online)| Fields {
            id,
            name,
            mac,
            ip,
            in_bin,
            online,
        })
}

fn written(fields: &Fields, quoted: bool, between: &str) -> Value {
    let mac: Vec<_> = fields.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d] = fields.ip;
    let mut device = json!({
        "id": loose(&fields.id.to_string(), quoted),
        "name": format!(" {} ", fields.name),
        "mac": mac.join(between),
        "lastIP": format!("{a}.{b}.{c}.{d}"),
        "movedToBin": loose(&fields.in_bin.to_string(), quoted),
        "links": [{"rel": "self", "href": "x"}],
    });
    if let Some(online) = fields.online {
        device["online"] = loose(&online.to_string(), quoted);
    }
    device
}

fn is(device: &Device, fields: &Fields) -> bool {
    let mac: String = fields.mac.iter().map(|byte| format!("{byte:02X}")).collect();
    let [a, b, c, d] = fields.ip;
    device.id.as_str() == fields.id.to_string()
        && device.name.as_ref() == Some(&fields.name)
        && device.mac == Some(mac)
        && device.last_ip == Some(format!("{a}.{b}.{c}.{d}"))
        && device.in_bin == fields.in_bin
        && device.online == fields.online
}

fn secret(certificate: &str, password: &str) -> String {
    json!({"id": "95", "shadowSecret": {"certificate": certificate, "password": password}})
        .to_string()
}

proptest! {
    #[test]
    fn a_certificate_survives_pem_of_any_width_with_anything_around_it(
        body in prop::collection::vec(any::<u8>(), 0..600),
        width in 1_usize..80,
        line_break in line_break(),
        before in "[a-zA-Z=/ \n]{0,40}",
        after in "[ -~\n]{0,40}",
    ) {
        let der = sequence(&body);
        let text = format!("{before}{}{after}", pem(&der, width, line_break));
        let certificate = Certificate::parse(&text).unwrap();
        prop_assert_eq!(certificate.der(), der);
    }

    #[test]
    fn a_certificate_that_is_cut_short_or_followed_is_refused(
        body in prop::collection::vec(any::<u8>(), 0..600),
        at in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let der = sequence(&body);
        let cut = &der[..at.index(der.len())];
        let expected = if cut.is_empty() { "certificate-empty" } else { "certificate-malformed" };
        prop_assert_eq!(Certificate::from_der(cut).unwrap_err().code(), expected);
        prop_assert_eq!(Certificate::parse(&pem(cut, 64, "\n")).unwrap_err().code(), expected);
        let error = Certificate::from_der(&[&der[..], &more].concat()).unwrap_err();
        prop_assert_eq!(error, CredentialError::CertificateMalformed { what: "something follows it" });
    }

    #[test]
    fn a_credential_comes_out_of_an_answer_as_it_went_in(
        body in prop::collection::vec(any::<u8>(), 0..400),
        uuid in UUID,
        line_break in line_break(),
    ) {
        let der = sequence(&body);
        let text = secret(&pem(&der, 64, line_break), &uuid);
        let Credential { certificate, password } = answer::shadow(&response(200, &text)).unwrap();
        prop_assert_eq!(certificate.der(), der);
        prop_assert_eq!(password.expose(), uuid);
    }

    #[test]
    fn a_password_that_is_no_uuid_is_refused_unseen(text in "[!-~]{1,50}") {
        prop_assume!(Password::parse(&text).is_err());
        let text = format!("<{text}>");
        let error = answer::shadow(&response(200, &secret("MAIFAA==", &text))).unwrap_err();
        prop_assert_eq!(error.code(), "password-malformed");
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains(&text), "{}", shown);
    }

    #[test]
    fn devices_are_read_as_they_were_written_in_every_notation(
        all in prop::collection::vec(fields(), 0..8),
        quoted in any::<bool>(),
        between in prop::sample::select(&["", ":", "-"][..]),
        wrapped in any::<bool>(),
    ) {
        let list = Value::Array(all.iter().map(|fields| written(fields, quoted, between)).collect());
        let text = if wrapped { json!({"page": {"size": 9}, "results": list}) } else { list }.to_string();
        let devices = answer::devices(&response(200, &text)).unwrap();
        prop_assert_eq!(devices.len(), all.len());
        for (device, fields) in devices.iter().zip(&all) {
            prop_assert!(is(device, fields), "{:?} {:?}", device, fields);
        }
        for (device, fields) in devices.iter().zip(&all) {
            let alone = all.iter().filter(|other| other.id == fields.id).count() == 1;
            let query: DeviceQuery = format!("id:{}", fields.id).parse().unwrap();
            let found = query.select(&devices);
            prop_assert!(!alone || fields.in_bin || found == Ok(device));
            prop_assert_eq!(alone && fields.in_bin, found.is_err_and(|error| error.code() == "ums-device-in-bin") && alone);
        }
    }

    #[test]
    fn an_answer_that_is_cut_short_is_refused(all in prop::collection::vec(fields(), 1..4), at in any::<prop::sample::Index>()) {
        let list: Vec<_> = all.iter().map(|fields| written(fields, true, ":")).collect();
        let text = Value::Array(list).to_string();
        // At character boundaries; the texts are ASCII.
        let cut = &text[..at.index(text.len())];
        let error = answer::devices(&response(200, cut)).unwrap_err();
        let expected = if cut.is_empty() {
            UmsError::NotUms { status: 200 }
        } else {
            UmsError::AnswerMalformed { what: "it ends too early" }
        };
        prop_assert_eq!(error, expected);
    }

    #[test]
    fn a_report_of_an_error_is_one_whatever_the_status_and_is_told_in_one_short_line(
        status in any::<u16>(),
        number in "[0-9A-F]{5}",
        message in any::<String>(),
        times in 1_usize..50,
    ) {
        let itg = format!("ITG-{number}");
        let text = json!({"errorCode": itg, "message": message.repeat(times)}).to_string();
        let error = answer::device(&response(status, &text)).unwrap_err();
        let is_refused = matches!(&error, UmsError::Refused { itg: Some(told), .. } if *told == itg);
        prop_assert!(is_refused, "{:?}", error);
        let shown = error.to_string();
        prop_assert!(!shown.chars().any(char::is_control) && shown.chars().count() < 400, "{}", shown);
    }
}
