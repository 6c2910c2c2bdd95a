use std::time::Duration;

use procy_testkit::ums::{Call, Device, STACK_TRACE, UmsConfig};

use crate::client::{BASIC, get, login, request, ums};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn login_gives_the_same_session_as_cookie_and_as_message() {
    let ums = ums(UmsConfig::default()).await;
    let reply = request(&ums, "POST", "v3/login", BASIC).await.unwrap();
    let message = reply.json()["message"].as_str().unwrap().to_owned();
    let id = message.strip_prefix("JSESSIONID=").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let cookie = format!("set-cookie: {message}; Path=/umsapi/; Secure; HttpOnly");
    assert!(reply.head.contains(&cookie), "{}", reply.head);
}

#[tokio::test]
async fn logout_ends_the_session() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    assert_eq!(ums.open_sessions(), 1);
    let reply = request(&ums, "POST", "v3/logout", &cookie).await.unwrap();
    assert_eq!(reply.json()["message"], "Logout successful");
    assert_eq!(ums.open_sessions(), 0);
    assert_eq!(get(&ums, "v3/thinclients", &cookie).await.code(), "ITG-0B004");
}

#[tokio::test]
async fn a_session_lives_thirty_minutes_from_the_last_successful_request() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    for _ in 0..3 {
        ums.advance(29 * MINUTE);
        assert_eq!(get(&ums, "v3/thinclients", &cookie).await.status, 200);
    }
    ums.advance(29 * MINUTE);
    assert_eq!(get(&ums, "v3/thinclients/99", &cookie).await.code(), "ITG-0A001");
    ums.advance(MINUTE);
    assert_eq!(get(&ums, "v3/thinclients", &cookie).await.code(), "ITG-0B004");
}

#[tokio::test]
async fn expired_sessions_need_a_new_login() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    ums.expire_sessions();
    assert_eq!(get(&ums, "v3/thinclients", &cookie).await.code(), "ITG-0B004");
    let cookie = login(&ums).await;
    assert_eq!(get(&ums, "v3/thinclients", &cookie).await.status, 200);
}

#[tokio::test]
async fn every_refusal_has_its_code_and_a_stack_trace() {
    let ums = ums(UmsConfig::default()).await;
    ums.add_device(Device::new(8, "old", "10.0.0.8").in_the_bin());
    ums.add_device(Device::new(9, "director", "10.0.0.9").without_remote_access());
    let cookie = login(&ums).await;
    let wrong = "Authorization: Basic aW1pOndyb25n\r\n";
    let stale = "Cookie: JSESSIONID=00000000000000000000000000000000\r\n";
    for (method, path, header, status, code) in [
        ("POST", "v3/login", "", 401, "ITG-0B001"),
        ("POST", "v3/login", wrong, 401, "ITG-0B002"),
        ("POST", "v3/login", "Authorization: Bearer x\r\n", 401, "ITG-0B002"),
        ("GET", "v3/thinclients", "", 401, "ITG-0B003"),
        ("GET", "v3/thinclients", stale, 401, "ITG-0B004"),
        ("GET", "v3/thinclients/9?facets=shadow", &cookie, 401, "ITG-0B005"),
        ("GET", "v3/thinclients/99", &cookie, 400, "ITG-0A001"),
        ("GET", "v3/thinclients/reception", &cookie, 400, "ITG-0A010"),
        ("DELETE", "v3/thinclients/7", &cookie, 400, "ITG-0A011"),
        ("GET", "v3/thinclients/8?facets=shadow", &cookie, 400, "ITG-0A018"),
        ("GET", "v9/thinclients", &cookie, 400, "ITG-0C002"),
    ] {
        let reply = request(&ums, method, path, header).await.unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path}");
        let body = reply.json();
        assert!(body["stackTrace"].as_str().unwrap().contains(STACK_TRACE), "{method} {path}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{method} {path}");
    }
    assert_eq!(get(&ums, "v3/nothing", &cookie).await.status, 404);
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_nothing_secret() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    get(&ums, "v3/thinclients/7?facets=shadow", &cookie).await;
    get(&ums, "v3/thinclients/99", &cookie).await;
    let calls: Vec<_> =
        ums.requests().iter().map(|r| (r.call, r.status.unwrap(), r.error_code)).collect();
    assert_eq!(
        calls,
        [
            (Call::Login, 200, None),
            (Call::Shadow, 200, None),
            (Call::Device, 400, Some("ITG-0A001"))
        ]
    );
    assert_eq!(ums.requests()[1].target, "/umsapi/v3/thinclients/7?facets=shadow");
    let everything = format!("{:?} {:?} {:?}", ums.requests(), ums, UmsConfig::default());
    let id = cookie.trim_end().rsplit('=').next().unwrap();
    for secret in [id, "imi-password", "aW1pOmltaS1wYXNzd29yZA"] {
        assert!(!everything.contains(secret), "{everything}");
    }
}
