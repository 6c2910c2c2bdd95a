//! The secrets audit: whatever goes wrong, and however much is asked to be told of it, no output, command line, child's
//! environment or file holds a password, or a session with UMS, in any usual form.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use procy_testkit::certificates::{Kind, identity};
use procy_testkit::device::Behaviour;
use procy_testkit::ums::{Call, CheckBehaviour, Fault};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::program::WITHIN;
use crate::rig::{DEVICE, Rig, UMS_PASSWORD};

/// Base64 of `imi:` and the password: what signing in sends (RFC 7617).
const BASIC: &str = "aW1pOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ";

/// A viewer that first shows what others can see of it and of procy, and the whole of its environment.
const VIEWER: &str = r#"#!/bin/bash
tr '\0' ' ' < /proc/$$/cmdline
tr '\0' ' ' < /proc/$PPID/cmdline
tr '\0' '\n' < /proc/$$/environ
echo looked
exec 3<>/dev/tcp/$1/$2
head -c 12 <&3
"#;

/// A way to fail, by the code that it ends with.
struct Case {
    code: &'static str,
    behaviour: Behaviour,
    prepare: fn(&Rig),
    more: &'static [&'static str],
}

impl Case {
    const fn new(code: &'static str, behaviour: Behaviour, prepare: fn(&Rig)) -> Self {
        Self { code, behaviour, prepare, more: &[] }
    }
}

/// The answer to one call of UMS is spoilt.
macro_rules! spoilt {
    ($($code:literal: $call:ident $fault:ident),* $(,)?) => {
        [$(Case::new($code, Behaviour::Normal, |rig| rig.ums.fail_next(Call::$call, Fault::$fault))),*]
    };
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("", Behaviour::Normal, |_| {}),
        Case::new("closed-before-hello", Behaviour::Normal, |rig| {
            rig.ums.set_password_checks(CheckBehaviour::RefuseAll);
        }),
        Case::new("closed-before-hello", Behaviour::CloseBeforeHello, |_| {}),
        Case::new("not-rfb", Behaviour::GarbageHello(b"login: ".to_vec()), |_| {}),
        Case::new("plain-vnc", Behaviour::PlainVnc, |_| {}),
        Case::new("handshake-timeout", Behaviour::Silent, |_| {}),
        Case::new("certificate-mismatch", Behaviour::Normal, |rig| {
            rig.ums.device_boots(DEVICE, &identity(Kind::Twin).certificate_der);
        }),
        Case {
            more: &["--device-port", "1"],
            ..Case::new("device-refused", Behaviour::Normal, |_| {})
        },
        Case {
            more: &["--ums-user", "another"],
            ..Case::new("ums-login-refused", Behaviour::Normal, |_| {})
        },
    ];
    cases.extend(spoilt! {
        "ums-not-ums": Login Garbage, "ums-not-ums": Device Garbage, "ums-not-ums": Shadow Garbage,
        "ums-answer-malformed": Login WrongShape, "device-address-unknown": Device WrongShape,
        "ums-answer-malformed": Shadow WrongShape,
        "ums-internal": Login InternalError, "ums-internal": Device InternalError,
        "ums-internal": Shadow InternalError,
        "ums-unreachable": Login Close, "ums-unreachable": Device Close,
        "ums-unreachable": Shadow Close,
    });
    cases
}

/// Runs it with as much talk as there is; whatever the two of them say is searched.
async fn audit(case: Case, json: &str) {
    let rig = Rig::behaving(case.behaviour).await;
    (case.prepare)(&rig);
    let path = rig.home.path().join("viewer");
    fs::write(&path, VIEWER).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let viewer = format!("{} {{host}} {{port}}", path.display());
    let mut more = vec!["-v", json, "--viewer", &viewer];
    more.extend(case.more);
    let said = run(&rig, &mut rig.shadow_command("id:7", &more)).await;
    let told = said.contains(&format!("[{}]", case.code)) || case.code.is_empty();
    assert!(told, "{} was expected: {said}", case.code);
    // A password was asked for, so there was one to be found, and a viewer that looked.
    let asked = rig.ums.count(Call::Shadow) > 0;
    assert_eq!(said.contains("looked"), asked, "{said}");
    assert!(!asked || !rig.ums.secrets().is_empty());
}

/// What a program has said, searched.
async fn run(rig: &Rig, command: &mut Command) -> String {
    let keys = rig.home.path().join("keys");
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").env("SSLKEYLOGFILE", &keys);
    // They count less than the files, and are no less secret.
    command.env("PROCY_UMS_PASSWORD", UMS_PASSWORD).env("PROCY_PASSWORD", UMS_PASSWORD);
    let output = timeout(WITHIN, command.output()).await.expect("it does not end").unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut secrets = rig.ums.secrets();
    secrets.extend(rig.offered.lock().unwrap().iter().cloned());
    secrets.push(UMS_PASSWORD.to_owned());
    assert_eq!(leaked(&said, &secrets), None, "{said}");
    assert!(!keys.exists(), "TLS secrets are written to a file");
    said
}

/// The first of these secrets that is in the text in any form.
fn leaked<'a>(text: &str, secrets: &'a [String]) -> Option<&'a str> {
    let text = text.to_lowercase();
    let is_in =
        |secret: &&String| forms(secret).iter().any(|form| text.contains(&form.to_lowercase()));
    secrets.iter().find(is_in).map(String::as_str)
}

/// As it is, as hexadecimal digits, as `Debug` shows its bytes, and in the header that signs in.
fn forms(secret: &str) -> Vec<String> {
    let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let bytes = format!("{:?}", secret.as_bytes());
    let mut forms = vec![secret.to_owned(), hex, bytes.trim_matches(['[', ']']).to_owned()];
    forms.extend((secret == UMS_PASSWORD).then(|| BASIC.to_owned()));
    forms
}

#[tokio::test]
async fn no_error_shows_a_secret_to_anybody() {
    let mut runs = JoinSet::new();
    for json in ["--json", "--json=false"] {
        for case in cases() {
            runs.spawn(audit(case, json));
        }
    }
    runs.join_all().await;
}

#[test]
fn the_search_finds_a_secret_in_every_form() {
    let secrets = [UMS_PASSWORD.to_owned(), "0AF3".to_owned()];
    for (text, found) in [
        ("the password is correct-horse-battery.", Some(UMS_PASSWORD)),
        ("authorization: Basic aW1pOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==", Some(UMS_PASSWORD)),
        ("Cookie(\"JSESSIONID=0af3\")", Some("0AF3")),
        ("read: 30414633", Some("0AF3")),
        ("[80, 48, 65, 70, 51, 10]", Some("0AF3")),
        ("correct horse battery 0AF 3", None),
    ] {
        assert_eq!(leaked(text, &secrets), found, "{text}");
    }
}
