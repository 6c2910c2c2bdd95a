use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use procy_testkit::certificates::{Kind, identity};
use procy_testkit::ums::{Device, SecretForm, UmsConfig};
use serde_json::{Value, json};

use crate::client::{BASIC, get, login, request, ums};

#[tokio::test]
async fn the_list_is_bare_or_wrapped_and_holds_what_lies_in_the_bin() {
    for wrapped_lists in [false, true] {
        let ums = ums(UmsConfig { wrapped_lists, ..UmsConfig::default() }).await;
        ums.add_device(Device::new(8, "old", "10.0.0.8").in_the_bin());
        let body = get(&ums, "v3/thinclients", &login(&ums).await).await.json();
        let list = if wrapped_lists { &body["results"] } else { &body };
        let bin: Vec<_> = list.as_array().unwrap().iter().map(|d| &d["movedToBin"]).collect();
        assert_eq!(bin, [&json!(false), &json!(true)]);
    }
}

#[tokio::test]
async fn a_device_has_strings_for_numbers_and_details_have_strings_for_booleans() {
    let ums = ums(UmsConfig::default()).await;
    ums.add_device(Device::new(12, "new", "10.0.0.12").with_os_12().offline());
    let cookie = login(&ums).await;
    let plain = get(&ums, "v3/thinclients/7", &cookie).await.json();
    assert_eq!(
        plain,
        json!({
            "id": "7", "unitID": "00E0C5000007", "mac": "00E0C5000007", "name": "reception",
            "parentID": "-1", "movedToBin": false, "objectType": "tc", "links": [],
            "firmwareID": "11", "lastIP": "10.0.0.7", "batteryLevel": 0, "lastUser": "",
        })
    );
    let details = get(&ums, "v3/thinclients/12?facets=details", &cookie).await.json();
    assert_eq!(details["isThinClientRegistered"], "true");
    assert!(details["osType"].as_str().unwrap().starts_with("IGEL OS 12"));
    assert_ne!(details["unitID"], details["mac"]);
    let online = get(&ums, "v3/thinclients/12?facets=online", &cookie).await.json();
    assert_eq!(online["online"], false);
}

#[tokio::test]
async fn version_2_has_no_battery_and_version_3_may_be_missing() {
    let ums = ums(UmsConfig { v3: false, ..UmsConfig::default() }).await;
    assert_eq!(request(&ums, "POST", "v3/login", BASIC).await.unwrap().status, 404);
    let reply = request(&ums, "POST", "v2/login", BASIC).await.unwrap().json();
    let cookie = format!("Cookie: {}\r\n", reply["message"].as_str().unwrap());
    let device = get(&ums, "v2/thinclients/7", &cookie).await.json();
    assert_eq!(device["id"], "7");
    assert_eq!(device.get("batteryLevel"), None);
}

#[tokio::test]
async fn the_status_needs_no_login_and_may_keep_its_version_to_itself() {
    for degraded_status in [false, true] {
        let ums = ums(UmsConfig { degraded_status, ..UmsConfig::default() }).await;
        let reply = get(&ums, "v3/serverstatus", "").await;
        let version = reply.json()["rmGuiServerVersion"].as_str().unwrap().to_owned();
        assert_eq!(version.is_empty(), degraded_status);
        assert!(reply.head.contains("set-cookie: JSESSIONID="));
        assert_eq!(ums.open_sessions(), 0);
    }
}

#[tokio::test]
async fn the_secret_comes_in_each_form_that_was_seen() {
    let device = identity(Kind::Rsa4096);
    let pem = device.certificate_pem();
    for (form, expected) in [
        (SecretForm::Pem, Some(pem.clone())),
        (SecretForm::PemWithoutLastNewline, Some(pem.trim_end().to_owned())),
        (SecretForm::PemCrlf, Some(pem.replace('\n', "\r\n"))),
        (SecretForm::Base64, Some(STANDARD.encode(&device.certificate_der))),
        (SecretForm::Null, None),
        (SecretForm::Absent, None),
    ] {
        let ums = ums(UmsConfig { secret_form: form, ..UmsConfig::default() }).await;
        ums.device_boots(7, &device.certificate_der);
        let cookie = login(&ums).await;
        let body = get(&ums, "v3/thinclients/7?facets=shadow", &cookie).await.json();
        let found = body.get("shadowSecret");
        match expected {
            Some(text) => assert_eq!(found.unwrap()["certificate"], text, "{form:?}"),
            None if form == SecretForm::Null => assert_eq!(found, Some(&Value::Null)),
            None => assert_eq!(found, None),
        }
    }
}
