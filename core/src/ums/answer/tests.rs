use alloc::format;
use alloc::string::String;

use proptest::prelude::*;

use super::*;
use crate::credential::CredentialError;

const UUID: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";

fn response(status: u16, body: &str) -> Response<'_> {
    Response { status, set_cookies: Vec::new(), body: body.as_bytes() }
}

fn ok(body: &str) -> Response<'_> {
    response(200, body)
}

/// An answer to a shadow call, with what stands for `shadowSecret`.
fn shadow_answer(secret: &str) -> String {
    format!(r#"{{"id":"95","name":"x","shadowSecret":{secret}}}"#)
}

#[test]
fn the_session_is_in_the_message() {
    let cookie = login(&ok(r#"{"message":"JSESSIONID=3FB2F3F6A089FE90"}"#)).unwrap();
    assert_eq!(cookie.expose(), "JSESSIONID=3FB2F3F6A089FE90");
}

#[test]
fn the_session_is_in_the_cookie_if_it_is_not_in_the_message() {
    for body in [r#"{"message":"state=ok"}"#, "{}", r#"{"message":null}"#] {
        let mut response = ok(body);
        response.set_cookies =
            Vec::from(["lang=de; Path=/", "JSESSIONID=3FB2; Path=/umsapi/; Secure"]);
        assert_eq!(login(&response).unwrap().expose(), "JSESSIONID=3FB2");
    }
}

#[test]
fn a_session_of_another_name_is_taken_from_the_message_alone() {
    let mut response = ok(r#"{"message":"UMSSESSION=1"}"#);
    response.set_cookies = Vec::from(["lang=de; Path=/"]);
    assert_eq!(login(&response).unwrap().expose(), "UMSSESSION=1");
}

#[test]
fn a_login_without_a_session_is_malformed_and_one_in_html_is_no_ums() {
    assert_eq!(login(&ok("{}")).unwrap_err().code(), "ums-answer-malformed");
    for (status, body) in [(200, "<html>"), (404, "<html>"), (404, ""), (302, ""), (200, "null")] {
        let error = login(&response(status, body)).unwrap_err();
        assert_eq!(error, UmsError::NotUms { status });
    }
}

#[test]
fn the_error_code_decides_whatever_the_status() {
    let body =
        r#"{"message":"no way","errorCode":"ITG-0A001","stackTrace":"at de.igel.Secret(x)"}"#;
    for status in [200, 400, 401, 404, 500] {
        let error = device(&response(status, body)).unwrap_err();
        assert_eq!(error.code(), "ums-device-unknown", "{status}");
        assert_eq!(format!("{error}"), "UMS knows no such device (ITG-0A001: no way)");
        assert!(!format!("{error:?}").contains("de.igel"));
    }
}

#[test]
fn logging_out_of_a_session_that_is_over_is_no_error() {
    for body in [r#"{"message":"Logout successful"}"#, "null", ""] {
        assert_eq!(logout(&ok(body)), Ok(()));
    }
    assert_eq!(logout(&response(400, r#"{"errorCode":"ITG-0B004"}"#)), Ok(()));
    assert_eq!(logout(&response(401, "")), Ok(()));
    assert_eq!(logout(&response(500, "")).unwrap_err().code(), "ums-unavailable");
}

#[test]
fn every_field_of_the_status_may_be_missing() {
    assert_eq!(server_status(&ok("{}")), Ok(ServerStatus::default()));
    let status = server_status(&ok(
        r#"{"rmGuiServerVersion":"12.08","buildNumber":44,"serverUUID":"","server":"ums:8443","links":[]}"#,
    ))
    .unwrap();
    assert_eq!(status.version.as_deref(), Some("12.08"));
    assert_eq!(status.build.as_deref(), Some("44"));
    assert_eq!((status.uuid, status.server.as_deref()), (None, Some("ums:8443")));
    let cut = server_status(&ok(r#"{"server":"ums"#)).unwrap_err();
    assert_eq!(cut, UmsError::AnswerMalformed { what: "it ends too early" });
}

#[test]
fn devices_come_as_an_array_or_as_results() {
    let list = r#"[{"id":"1","movedToBin":true},{"id":2,"unknown":{"a":[1]}}]"#;
    let plain = devices(&ok(list)).unwrap();
    assert_eq!(plain.iter().map(|device| device.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(plain.iter().map(|device| device.in_bin).collect::<Vec<_>>(), [true, false]);
    let wrapped = format!(r#"{{"page":{{"size":2}},"results":{list},"links":[]}}"#);
    assert_eq!(devices(&ok(&wrapped)).unwrap(), plain);
    assert_eq!(devices(&ok("[]")).unwrap(), []);
    assert_eq!(devices(&ok(r#"{"results":[]}"#)).unwrap(), []);
}

#[test]
fn a_list_that_is_none_is_malformed() {
    for (body, what) in [
        (r#"{"result":[]}"#, "it is JSON, but of something else"),
        (r#"[{"name":"x"}]"#, "it is JSON, but of something else"),
        (r#"[{"id":"1"}"#, "it ends too early"),
        (r#"[{"id":"1"}] x"#, "it is not JSON"),
        ("[}", "it is not JSON"),
    ] {
        assert_eq!(devices(&ok(body)), Err(UmsError::AnswerMalformed { what }), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(devices(&ok(&deep)).unwrap_err().code(), "ums-answer-malformed");
}

#[test]
fn online_is_told_or_not() {
    assert_eq!(online(&ok(r#"{"id":"1","online":true}"#)), Ok(Some(true)));
    assert_eq!(online(&ok(r#"{"id":"1","online":"false"}"#)), Ok(Some(false)));
    assert_eq!(online(&ok(r#"{"id":"1"}"#)), Ok(None));
}

#[test]
fn a_secret_becomes_a_credential() {
    // A SEQUENCE of two bytes as PEM, with the line breaks as the examples have them.
    for certificate in [
        r"-----BEGIN CERTIFICATE-----\nMAIFAA==\n-----END CERTIFICATE-----\n",
        r"-----BEGIN CERTIFICATE-----\r\nMAIFAA==\r\n-----END CERTIFICATE-----",
        "MAIFAA==",
    ] {
        let secret = format!(r#"{{"certificate":"{certificate}","password":"{UUID}","x":1}}"#);
        let credential = shadow(&ok(&shadow_answer(&secret))).unwrap();
        assert_eq!(credential.certificate.der(), [0x30, 2, 5, 0]);
        assert_eq!(credential.password.expose(), UUID);
    }
}

#[test]
fn an_empty_certificate_is_told_from_a_missing_secret() {
    for secret in [
        format!(r#"{{"certificate":"","password":"{UUID}"}}"#),
        format!(r#"{{"certificate":"\n","password":"{UUID}"}}"#),
        format!(r#"{{"certificate":null,"password":"{UUID}"}}"#),
        format!(r#"{{"password":"{UUID}"}}"#),
    ] {
        let error = shadow(&ok(&shadow_answer(&secret))).unwrap_err();
        assert_eq!(error, UmsError::Credential(CredentialError::CertificateEmpty), "{secret}");
        assert_eq!(error.code(), "certificate-empty");
    }
    for secret in ["null", r#""""#, r#""text""#, r#"{"certificate":"MAIFAA=="}"#] {
        let error = shadow(&ok(&shadow_answer(secret))).unwrap_err();
        assert_eq!(error, UmsError::ShadowSecretMissing, "{secret}");
    }
    assert_eq!(shadow(&ok(r#"{"id":"95"}"#)).unwrap_err(), UmsError::ShadowSecretMissing);
}

#[test]
fn no_error_about_a_secret_shows_it() {
    for body in [
        shadow_answer(r#"{"certificate":"MAIFAA==","password":"hush-hush"}"#),
        shadow_answer(r#"{"certificate":"MAIFAA==","password":["hush-hush"]}"#),
        shadow_answer(r#"["hush-hush"]"#),
        r#"{"shadowSecret":{"certificate":"MAIFAA==","password":"hush-hush"#.into(),
    ] {
        let error = shadow(&ok(&body)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    let response = ok(r#"{"message":"JSESSIONID=hush"}"#);
    assert_eq!(format!("{response:?}"), "Response { status: 200, body_len: 29, .. }");
}

proptest! {
    #[test]
    fn no_answer_is_a_panic(status in any::<u16>(), body in any::<Vec<u8>>()) {
        let response = Response { status, set_cookies: Vec::new(), body: &body };
        let _ = login(&response);
        let _ = logout(&response);
        let _ = server_status(&response);
        let _ = devices(&response);
        let _ = shadow(&response);
    }

    #[test]
    fn no_json_is_a_panic(body in r#"[\[{]([\[\]{},:]|"(id|name|shadowSecret|password|results|errorCode)"|[0-9]|null| )*"#) {
        let response = ok(&body);
        let _ = login(&response);
        let _ = online(&response);
        let _ = devices(&response);
        let _ = shadow(&response);
    }
}
