//! What UMS says, and what becomes of it.

use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use procy_core::error::Fault;
use procy_ums::{Api, ApiChoice, Config, DeviceId, Error, Secret, Stage, Trust, Unreachable};

use crate::face::Face;
use crate::server::{PASSWORD, Reply, Server, USER, itg, json, session};

const UUID: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";
const LIST: &str = r#"[{"id":"1","name":"pc-1","mac":"00E0C5000001","lastIP":"192.0.2.1"},
    {"id":2,"name":"old","movedToBin":true},{"id":"3","name":"twin"},{"id":"4","name":"twin"}]"#;

fn id() -> DeviceId {
    DeviceId::parse("1").unwrap()
}

fn secret() -> Reply {
    json(
        200,
        &format!(r#"{{"id":"1","shadowSecret":{{"certificate":"MAIFAA==","password":"{UUID}"}}}}"#),
    )
}

pub(crate) fn the_whole_way<F: Face>() {
    let (server, config) = Server::replies([
        json(200, r#"{"rmGuiServerVersion":"12.08"}"#),
        session(1),
        json(200, LIST),
        json(200, LIST),
        json(200, r#"{"id":"1","osType":"IGEL OS 11"}"#),
        json(200, r#"{"id":"1","online":true}"#),
        secret(),
        json(200, r#"{"message":"Logout successful"}"#),
    ]);
    let client = F::new(config).unwrap();
    assert_eq!(client.server_status().unwrap().version.as_deref(), Some("12.08"));
    client.login().unwrap();
    assert_eq!(client.devices().unwrap().len(), 3);
    let device = client.find(&"00:e0:c5:00:00:01".parse().unwrap()).unwrap();
    assert_eq!(device.os_major(), Some(11));
    assert_eq!(client.online(&device.id).unwrap(), Some(true));
    assert_eq!(client.shadow(&device.id).unwrap().password.expose(), UUID);
    client.close().unwrap();
    assert_eq!(
        server.requests(),
        [
            "GET /umsapi/v3/serverstatus -",
            "POST /umsapi/v3/login -",
            "GET /umsapi/v3/thinclients?facets=details SESSION1",
            "GET /umsapi/v3/thinclients SESSION1",
            "GET /umsapi/v3/thinclients/1?facets=details SESSION1",
            "GET /umsapi/v3/thinclients/1?facets=online SESSION1",
            "GET /umsapi/v3/thinclients/1?facets=shadow SESSION1",
            "POST /umsapi/v3/logout SESSION1",
        ]
    );
    let heads = server.heads();
    assert!(heads[1].contains("\r\nauthorization: Basic aGVscGRlc2s6b3BlbiBzZXNhbWU=\r\n"));
    assert!(heads.iter().skip(2).all(|head| !head.contains("authorization")));
}

pub(crate) fn wrong_login<F: Face>() {
    for reply in [itg(401, "ITG-0B002"), json(401, ""), itg(400, "ITG-0B002")] {
        let (server, config) = Server::replies([reply]);
        let error = F::new(config).unwrap().devices().unwrap_err();
        assert_eq!((error.code(), error.fault()), ("ums-login-refused", Fault::Configuration));
        assert_eq!(server.requests(), ["POST /umsapi/v3/login -"]);
    }
}

pub(crate) fn renewal<F: Face>() {
    for ended in [itg(400, "ITG-0B004"), itg(401, "ITG-0B003"), json(401, "<html>")] {
        let (server, config) = Server::replies([
            session(1),
            json(200, "[]"),
            ended,
            session(2),
            json(200, LIST),
            json(200, "null"),
        ]);
        let client = F::new(config).unwrap();
        assert_eq!(client.devices().unwrap(), []);
        assert_eq!(client.devices().unwrap().len(), 3);
        client.close().unwrap();
        assert_eq!(
            server.requests(),
            [
                "POST /umsapi/v3/login -",
                "GET /umsapi/v3/thinclients?facets=details SESSION1",
                "GET /umsapi/v3/thinclients?facets=details SESSION1",
                "POST /umsapi/v3/login -",
                "GET /umsapi/v3/thinclients?facets=details SESSION2",
                "POST /umsapi/v3/logout SESSION2",
            ]
        );
    }
}

pub(crate) fn second_end<F: Face>() {
    let ended = || itg(400, "ITG-0B004");
    let (server, config) = Server::replies([session(1), ended(), session(2), ended()]);
    let error = F::new(config).unwrap().shadow(&id()).unwrap_err();
    assert_eq!(error.code(), "ums-session-ended");
    assert_eq!(server.requests().len(), 4);
}

pub(crate) fn refusals<F: Face>() {
    for (itg_code, code) in [
        ("ITG-0A001", "ums-device-unknown"),
        ("ITG-0A018", "ums-device-in-bin"),
        ("ITG-0B005", "ums-access-denied"),
        ("ITG-0C001", "ums-licence"),
        ("ITG-FF004", "ums-internal"),
        ("ITG-0A020", "ums-request-refused"),
    ] {
        let (server, config) = Server::replies([session(1), itg(404, itg_code)]);
        let error = F::new(config).unwrap().device(&id()).unwrap_err();
        assert_eq!(error.code(), code);
        let text = format!("{error} {error:?}");
        assert!(text.contains(itg_code) && !text.contains("at x"), "{text}");
        assert!(!error.help().is_empty());
        assert_eq!(server.requests().len(), 2, "{itg_code}");
    }
}

pub(crate) fn shapes<F: Face>() {
    let wrapped = format!(r#"{{"results":{LIST},"total":4}}"#);
    let (_server, config) = Server::replies([session(1), json(200, LIST), json(200, &wrapped)]);
    let client = F::new(config).unwrap();
    let devices = client.devices().unwrap();
    let ids: Vec<_> = devices.iter().map(|device| device.id.as_str()).collect();
    assert_eq!(ids, ["1", "3", "4"]);
    assert_eq!(client.devices().unwrap(), devices);
}

pub(crate) fn finding<F: Face>() {
    for (query, code) in [
        ("nobody", "ums-device-unknown"),
        ("twin", "ums-device-ambiguous"),
        ("old", "ums-device-in-bin"),
    ] {
        let (_server, config) = Server::replies([session(1), json(200, LIST)]);
        let error = F::new(config).unwrap().find(&query.parse().unwrap()).unwrap_err();
        assert_eq!(error.code(), code);
    }
    // An id needs no list.
    let in_bin = r#"{"id":"2","movedToBin":"true"}"#;
    let (server, config) = Server::replies([session(1), json(200, in_bin)]);
    let error = F::new(config).unwrap().find(&"id:2".parse().unwrap()).unwrap_err();
    assert_eq!(error.code(), "ums-device-in-bin");
    assert_eq!(server.requests()[1], "GET /umsapi/v3/thinclients/2?facets=details SESSION1");
}

pub(crate) fn secrets<F: Face>() {
    let answer = |secret: &str| json(200, &format!(r#"{{"id":"1","shadowSecret":{secret}}}"#));
    let empty = format!(r#"{{"certificate":"","password":"{UUID}"}}"#);
    let (_server, config) = Server::replies([
        session(1),
        secret(),
        answer(&empty),
        answer("null"),
        answer(r#"{"certificate":"MAIFAA==","password":"hush-hush"}"#),
    ]);
    let client = F::new(config).unwrap();
    assert_eq!(client.shadow(&id()).unwrap().certificate.der(), [0x30, 2, 5, 0]);
    assert_eq!(client.shadow(&id()).unwrap_err().code(), "certificate-empty");
    assert_eq!(client.shadow(&id()).unwrap_err().code(), "ums-no-secret");
    let error = client.shadow(&id()).unwrap_err();
    assert_eq!(error.code(), "password-malformed");
    assert!(!format!("{error} {error:?}").contains("hush"));
}

pub(crate) fn versions<F: Face>() {
    for unknown in [json(404, "<html>"), itg(400, "ITG-0C002"), itg(400, "ITG-0A020")] {
        let (server, config) =
            Server::replies([unknown, session(1), json(200, "[]"), json(200, "{}")]);
        let client = F::new(config).unwrap();
        client.devices().unwrap();
        client.server_status().unwrap();
        assert_eq!(
            server.requests(),
            [
                "POST /umsapi/v3/login -",
                "POST /umsapi/v2/login -",
                "GET /umsapi/v2/thinclients?facets=details SESSION1",
                "GET /umsapi/v2/serverstatus -",
            ]
        );
    }
    let (_server, config) = Server::replies([json(404, ""), json(200, r#"{"server":"x"}"#)]);
    assert_eq!(F::new(config).unwrap().server_status().unwrap().server.as_deref(), Some("x"));
}

pub(crate) fn only_version<F: Face>() {
    for (api, path) in [(Api::V2, "/umsapi/v2/login"), (Api::V3, "/umsapi/v3/login")] {
        let (server, mut config) = Server::replies([json(404, ""), session(1)]);
        config.api = ApiChoice::Only(api);
        assert_eq!(F::new(config).unwrap().login().unwrap_err().code(), "ums-not-ums");
        assert_eq!(server.requests(), [format!("POST {path} -")]);
    }
}

pub(crate) fn garbage<F: Face>() {
    for (reply, code) in [
        (json(200, "<html>welcome</html>"), "ums-not-ums"),
        (json(200, ""), "ums-not-ums"),
        (json(403, "<html>"), "ums-not-ums"),
        (json(503, "<html>"), "ums-unavailable"),
        (json(200, r#"{"message":"JSESS"#), "ums-answer-malformed"),
        (json(200, r#"{"x":1}"#), "ums-answer-malformed"),
        (Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()), "ums-not-ums"),
    ] {
        let (_server, mut config) = Server::replies([reply]);
        config.api = ApiChoice::Only(Api::V3);
        assert_eq!(F::new(config).unwrap().login().unwrap_err().code(), code);
    }
}

pub(crate) fn redirect<F: Face>() {
    let moved = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    let (server, config) = Server::replies([Reply::Raw(moved.to_vec())]);
    assert_eq!(F::new(config).unwrap().login().unwrap_err().code(), "ums-not-ums");
    assert_eq!(server.requests().len(), 1);
}

pub(crate) fn oversized<F: Face>() {
    let long = "x".repeat(procy_core::ums::MAX_ANSWER);
    let unframed = format!("HTTP/1.1 200 OK\r\n\r\n{{\"x\":\"{long}\"}}");
    for reply in [json(200, &format!(r#"{{"x":"{long}"}}"#)), Reply::Raw(unframed.into())] {
        let (_server, config) = Server::replies([session(1), reply]);
        let error = F::new(config).unwrap().shadow(&id()).unwrap_err();
        assert_eq!((error.code(), error.fault()), ("ums-answer-too-long", Fault::Peer));
    }
}

pub(crate) fn framings<F: Face>() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[{\"id\r\n8\r\n\":\"7\"}] \r\n0\r\n\r\n";
    let unframed = "HTTP/1.1 200 OK\r\n\r\n[{\"id\":\"7\"}]";
    let (_server, config) =
        Server::replies([session(1), Reply::Raw(chunked.into()), Reply::Raw(unframed.into())]);
    let client = F::new(config).unwrap();
    assert_eq!(client.devices().unwrap()[0].id.as_str(), "7");
    assert_eq!(client.devices().unwrap()[0].id.as_str(), "7");
}

pub(crate) fn hang<F: Face>() {
    let (_server, mut config) = Server::replies([Reply::Hang]);
    config.timeouts.call = Duration::from_millis(300);
    assert_times_out(F::new(config).unwrap().login(), Stage::Answer);

    // Nobody takes the connection from this listener, so TLS never begins.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut config = Config::new(&url, USER, Secret::new(PASSWORD.into())).unwrap();
    config.trust = Trust::Fingerprint(procy_core::credential::Fingerprint::of(b""));
    config.timeouts.call = Duration::from_millis(300);
    assert_times_out(F::new(config).unwrap().login(), Stage::Handshake);
}

pub(crate) fn drip<F: Face>() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let (_server, mut config) = Server::replies([session(1), Reply::Drip(head.into())]);
    config.timeouts.call = Duration::from_millis(300);
    assert_times_out(F::new(config).unwrap().shadow(&id()), Stage::Answer);
}

pub(crate) fn cut<F: Face>() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{";
    // It may be all of it, but who cut it is not known.
    let unframed = "HTTP/1.1 200 OK\r\n\r\n{\"message\":\"JSESSIONID=SESSION1\"}";
    for reply in [
        Reply::Raw(head.into()),
        Reply::Raw(Vec::new()),
        Reply::Cut(head.into()),
        Reply::Cut(unframed.into()),
    ] {
        let (_server, config) = Server::replies([reply]);
        assert_lost(F::new(config).unwrap().login(), Stage::Answer);
    }
    let server = Server::on_connection(|mut stream, _| {
        stream.shutdown(Shutdown::Write).unwrap();
        // To close with bytes unread would be a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let config = server.config(Trust::System);
    assert_lost(F::new(config).unwrap().login(), Stage::Handshake);
}

pub(crate) fn unreachable<F: Face>() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = |url: &str| {
        let mut config = Config::new(url, USER, Secret::new(PASSWORD.into())).unwrap();
        config.trust = Trust::Fingerprint(procy_core::credential::Fingerprint::of(b""));
        F::new(config).unwrap().login().unwrap_err()
    };
    let error = at(&format!("https://{address}"));
    assert_eq!((error.code(), error.fault()), ("ums-unreachable", Fault::Peer));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    // RFC 6761 section 6.4: this name never resolves. Without a name server that takes longer than the client waits.
    let error = at("https://ums.invalid:1");
    let unresolved = matches!(
        &error,
        Error::Unreachable {
            how: Unreachable::Resolve { .. } | Unreachable::Timeout { stage: Stage::Connect },
            ..
        }
    );
    assert!(unresolved && error.to_string().contains("ums.invalid:1"), "{error:?}");
}

pub(crate) fn no_leaks<F: Face>() {
    let (_server, config) =
        Server::replies([session(1), itg(400, "ITG-0A020"), json(200, "{"), itg(500, "ITG-FF001")]);
    let mut shown = format!("{config:?}");
    let client = F::new(config).unwrap();
    for _ in 0..3 {
        let error = client.shadow(&id()).unwrap_err();
        shown += &format!("{client:?} {error:?} {error} {}", error.help());
    }
    client.logout().unwrap_err();
    shown += &format!("{client:?}");
    for secret in [PASSWORD, "aGVscGRlc2s6b3BlbiBzZXNhbWU", "SESSION1"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// It is, and told in words of ours, not in those that rustls has for programmers.
fn assert_lost<T: std::fmt::Debug>(outcome: Result<T, Error>, expected: Stage) {
    let error = outcome.unwrap_err();
    let lost = matches!(
        &error,
        Error::Unreachable { how: Unreachable::Lost { stage, .. }, .. } if *stage == expected
    );
    assert!(lost, "{error:?}");
    let text = error.to_string();
    assert!(!text.contains("http") && !text.contains("eof"), "{text}");
}

fn assert_times_out<T: std::fmt::Debug>(outcome: Result<T, Error>, expected: Stage) {
    let error = outcome.unwrap_err();
    let timeout = matches!(
        &error,
        Error::Unreachable { how: Unreachable::Timeout { stage }, .. } if *stage == expected
    );
    assert!(timeout, "{error:?}");
    assert_eq!(error.code(), "ums-unreachable");
}
