//! Options, their layers, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::program::{End, Program, procy};
use crate::rig::Rig;

async fn run(arguments: &[&str]) -> End {
    let home = tempfile::tempdir().unwrap();
    Program::start(&mut procy(arguments, home.path())).end().await
}

#[tokio::test]
async fn a_flag_stands_over_a_variable_over_the_file_over_the_default() {
    let rig = Rig::start().await;
    let config = rig.home.path().join(".config/procy");
    fs::create_dir_all(&config).unwrap();
    let password = rig.home.path().join("ums-password");
    let ums = format!(
        "json = true\nums = \"{}\"\nums-user = \"imi\"\nums-fingerprint = \"{}\"\nums-password-file = {password:?}\n",
        rig.ums.url(),
        rig.ums.fingerprint()
    );
    // The file, in its usual place, with everything in it.
    fs::write(config.join("config.toml"), format!("{ums}listen = \"127.0.0.2:0\"\n")).unwrap();
    let mut command = rig.procy(&["shadow", "id:7"]);
    let host = async |program: Program| {
        let mut program = program;
        let address = program.listening().await;
        program.interrupt();
        program.end().await;
        address.split_once(':').unwrap().0.to_owned()
    };
    assert_eq!(host(Program::start(&mut command)).await, "127.0.0.2");
    command.env("PROCY_LISTEN", "127.0.0.3:0");
    assert_eq!(host(Program::start(&mut command)).await, "127.0.0.3");
    command.args(["--listen", "127.0.0.4:0"]);
    assert_eq!(host(Program::start(&mut command)).await, "127.0.0.4");

    // Another file, with nothing about the port in it.
    let other = rig.home.path().join("other.toml");
    fs::write(&other, &ums).unwrap();
    let mut command = rig.procy(&["shadow", "id:7", "--config", other.to_str().unwrap()]);
    assert_eq!(host(Program::start(&mut command)).await, "127.0.0.1");
    // XDG_CONFIG_HOME stands over ~/.config.
    let mut command = rig.procy(&["shadow", "id:7"]);
    command.env("XDG_CONFIG_HOME", rig.home.path().join("empty"));
    let end = Program::start(&mut command).end().await;
    assert!(end.stderr.contains("[ums-missing]"), "{end:?}");
}

#[tokio::test]
async fn the_ums_password_comes_from_the_environment_too_but_a_named_file_counts_more() {
    let rig = Rig::start().await;
    let (url, fingerprint) = (rig.ums.url(), rig.ums.fingerprint());
    let options = [
        "devices",
        "--json",
        "--ums",
        &url,
        "--ums-user",
        "imi",
        "--ums-fingerprint",
        &fingerprint,
    ];
    let mut command = rig.procy(&options);
    command.env("PROCY_UMS_PASSWORD", crate::rig::UMS_PASSWORD);
    assert_eq!(Program::start(&mut command).end().await.code, 0);
    let wrong = rig.secret("wrong", "wrong");
    command.args(["--ums-password-file", wrong.to_str().unwrap()]);
    Program::start(&mut command).end().await.failed_with("ums-login-refused", 3);

    // A variable counts more than a file that the configuration names.
    let text = format!("ums-password-file = {wrong:?}\n");
    let config = rig.secret("procy.toml", &text);
    let mut command = rig.procy(&options);
    command.env("PROCY_CONFIG", config);
    Program::start(&mut command).end().await.failed_with("ums-login-refused", 3);
    command.env("PROCY_UMS_PASSWORD", crate::rig::UMS_PASSWORD);
    assert_eq!(Program::start(&mut command).end().await.code, 0);

    // Without a terminal, nobody is asked.
    let end = Program::start(&mut rig.procy(&options)).end().await;
    end.failed_with("secret-missing", 2);
    assert!(end.error()["help"].as_str().unwrap().contains("PROCY_UMS_PASSWORD"));
}

#[tokio::test]
async fn a_secrets_file_that_others_can_read_is_warned_of() {
    let rig = Rig::start().await;
    let path = rig.home.path().join("ums-password");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut procy = rig.shadow(&[]);
    procy.listening().await;
    procy.interrupt();
    let end = procy.end().await;
    assert!(end.stderr.contains("warning: ") && end.stderr.contains("chmod 600"), "{end:?}");
}

#[tokio::test]
async fn secrets_are_refused_as_options_values_and_not_repeated() {
    for option in ["--ums-password", "--password"] {
        for arguments in [
            vec!["shadow", "id:7", option, "hush"],
            vec!["shadow", "id:7", &format!("{option}=hush")],
        ] {
            let end = run(&arguments).await;
            assert_eq!(end.code, 2);
            assert!(end.stderr.contains(&format!("{option}-file")), "{end:?}");
            assert!(!end.stderr.contains("hush"), "{end:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_help() {
    for (arguments, code) in [
        (&["shadow"][..], "device-missing"),
        (&["shadow", "id:7"], "ums-missing"),
        (&["shadow", "id:7", "--ums", "https://ums"], "ums-missing"),
        (&["shadow", "id:", "--ums", "https://ums"], "device-query-malformed"),
        (&["shadow", "id:7", "--listen", "0.0.0.0:0"], "listen-open"),
        (&["shadow", "id:7", "--listen", "[::]:5901"], "listen-open"),
        (&["shadow", "id:7", "--viewer", "x {hots}"], "viewer-command-invalid"),
        (
            &[
                "shadow",
                "id:7",
                "--ums",
                "https://ums",
                "--ums-user",
                "u",
                "--ums-fingerprint",
                "AA",
            ],
            "fingerprint-malformed",
        ),
        (&["devices", "--ums", "http://ums", "--ums-user", "u"], "ums-url"),
        (&["shadow", "id:7", "--config", "/nonexistent.toml"], "config-invalid"),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        run(&arguments).await.failed_with(code, 2);
    }
    for arguments in [
        &["shadow", "id:7", "--allow", "everyone"][..],
        &["shadow", "id:7", "--device-port", "0"],
        &["shadow", "id:7", "--verb", "both"],
        &["shadow", "id:7", "--listen", "5901"],
        &["fly"],
    ] {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        run(&arguments).await.failed_with("usage", 2);
    }
    assert_eq!(run(&[]).await.code, 2);
}

#[tokio::test]
async fn variables_set_switches_too() {
    let rig = Rig::start().await;
    let mut command = rig.shadow_command("id:7", &[]);
    command.env("PROCY_ONCE", "1").env("PROCY_EAGER", "yes");
    let mut procy = Program::start(&mut command);
    drop(crate::rig::Viewer::connect(&procy.listening().await).await.unwrap());
    let end = procy.end().await;
    assert_eq!((end.code, &end.events[0]["event"]), (0, &"credentials".into()), "{end:?}");

    // A flag can switch off what a variable has switched on.
    let mut command = rig.shadow_command("id:7", &["--json=false", "--once"]);
    command.env("PROCY_JSON", "true").env("PROCY_VERBOSE", "1");
    let mut procy = Program::start(&mut command);
    procy.says("vncviewer").await;
    procy.interrupt();
    assert!(procy.end().await.events.is_empty());
}

#[tokio::test]
async fn an_unknown_key_names_the_nearest() {
    let rig = Rig::start().await;
    let path = rig.secret("procy.toml", "lissten = \"127.0.0.1:0\"");
    let end = run(&["shadow", "id:7", "--json", "--config", path.to_str().unwrap()]).await;
    end.failed_with("config-unknown-key", 2);
    assert!(end.error()["help"].as_str().unwrap().contains("`listen`"));
}

#[tokio::test]
async fn help_completions_and_manual_show_options_and_exit_codes() {
    let help = run(&["--help"]).await;
    let text = format!("{:?}", help.events);
    assert!(help.code == 0 && text.contains("Exit codes:") && text.contains("130"), "{help:?}");
    let help = format!("{:?}", run(&["shadow", "--help"]).await.events);
    for part in
        ["PROCY_UMS_URL", "PROCY_LISTEN", "127.0.0.1:0", "--eager-renewals", "PROCY_PASSWORD"]
    {
        assert!(help.contains(part), "{part}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let end = run(&["completions", shell]).await;
        assert!(
            end.code == 0 && format!("{:?}", end.events).contains("ums-fingerprint"),
            "{shell}"
        );
    }
    for (page, parts) in [
        (&["man"][..], ["Exit codes", "procy\\\\-shadow"]),
        (&["man", "shadow"], ["Exit codes", "ums\\\\-fingerprint"]),
    ] {
        let end = run(page).await;
        let text = format!("{:?}", end.events);
        assert!(end.code == 0 && text.contains(".TH procy"), "{text}");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    run(&["man", "fly", "--json"]).await.failed_with("command-unknown", 2);
}
