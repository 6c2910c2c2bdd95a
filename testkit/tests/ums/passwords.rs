use std::time::Duration;

use procy_testkit::certificates::{Kind, identity};
use procy_testkit::ums::{CheckBehaviour, Device, PasswordCheck, UmsConfig, Verdict};
use tokio::time::timeout;
use uuid::{Uuid, Version};

use crate::client::{LONG, login, secret, ums};

fn verdicts(checks: &[PasswordCheck]) -> Vec<Option<Verdict>> {
    checks.iter().map(|check| check.verdict).collect()
}

#[tokio::test]
async fn the_certificate_is_empty_until_the_device_has_started() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    assert_eq!(secret(&ums, &cookie, 7).await.0, "");
    let identity = identity(Kind::Rsa4096);
    assert!(ums.device_boots(7, &identity.certificate_der));
    assert_eq!(secret(&ums, &cookie, 7).await.0, identity.certificate_pem());
    assert!(!ums.device_boots(99, &identity.certificate_der), "a device that UMS does not know");
}

#[tokio::test]
async fn each_asking_gives_another_random_uuid_of_java_s_kind() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    let (_, one) = secret(&ums, &cookie, 7).await;
    let (_, two) = secret(&ums, &cookie, 7).await;
    assert_ne!(one, two);
    let uuid = Uuid::parse_str(&one).unwrap();
    assert_eq!(uuid.get_version(), Some(Version::Random));
    assert_eq!(uuid.hyphenated().to_string(), one);
}

#[tokio::test]
async fn a_password_lets_in_once_and_at_its_own_device_only() {
    let ums = ums(UmsConfig::default()).await;
    ums.add_device(Device::new(8, "lobby", "10.0.0.8"));
    let (_, password) = secret(&ums, &login(&ums).await, 7).await;
    let door = ums.door();
    assert!(!door.check_password(8, &password).await);
    assert!(!door.check_password(7, &Uuid::new_v4().to_string()).await);
    assert!(door.check_password(7, &password).await);
    assert!(!door.check_password(7, &password).await);
    let asked: Vec<u32> = ums.password_checks().iter().map(|check| check.device).collect();
    assert_eq!(asked, [8, 7, 7, 7]);
    assert_eq!(
        verdicts(&ums.password_checks()),
        [Verdict::Wrong, Verdict::Wrong, Verdict::Accepted, Verdict::AlreadyUsed].map(Some)
    );
}

#[tokio::test]
async fn a_password_is_good_for_five_minutes() {
    let ums = ums(UmsConfig::default()).await;
    let cookie = login(&ums).await;
    let (_, early) = secret(&ums, &cookie, 7).await;
    let (_, late) = secret(&ums, &cookie, 7).await;
    ums.advance(Duration::from_secs(4 * 60));
    assert!(ums.door().check_password(7, &early).await);
    ums.advance(Duration::from_secs(60));
    assert!(!ums.door().check_password(7, &late).await);
    assert_eq!(ums.password_checks()[1].verdict, Some(Verdict::Expired));
}

#[tokio::test]
async fn older_passwords_stay_good_unless_told_otherwise() {
    for newest_password_only in [false, true] {
        let ums = ums(UmsConfig { newest_password_only, ..UmsConfig::default() }).await;
        let cookie = login(&ums).await;
        let (_, older) = secret(&ums, &cookie, 7).await;
        let (_, newer) = secret(&ums, &cookie, 7).await;
        assert_eq!(ums.door().check_password(7, &older).await, !newest_password_only);
        assert!(ums.door().check_password(7, &newer).await);
    }
}

#[tokio::test]
async fn the_time_zone_defect_refuses_a_right_password_and_a_stuck_ums_never_answers() {
    let ums = ums(UmsConfig::default()).await;
    let (_, password) = secret(&ums, &login(&ums).await, 7).await;
    ums.set_password_checks(CheckBehaviour::RefuseAll);
    assert!(!ums.door().check_password(7, &password).await);
    ums.set_password_checks(CheckBehaviour::Hang);
    let door = ums.door();
    let mut changes = door.changes();
    tokio::select! {
        _ = door.check_password(7, &password) => panic!("an answer"),
        // The question has arrived, and the answer has not.
        changed = timeout(LONG, changes.changed()) => changed.unwrap().unwrap(),
    }
    ums.set_password_checks(CheckBehaviour::Normal);
    assert!(door.check_password(7, &password).await, "a refusal by defect used it up");
    assert_eq!(
        verdicts(&ums.password_checks()),
        [Some(Verdict::RefusedByDefect), None, Some(Verdict::Accepted)]
    );
}

#[tokio::test]
async fn a_ums_that_is_gone_lets_nobody_in() {
    let ums = ums(UmsConfig::default()).await;
    let (_, password) = secret(&ums, &login(&ums).await, 7).await;
    let door = ums.door();
    ums.shutdown().await;
    assert!(!door.check_password(7, &password).await);
    assert!(!door.device_boots(7, b"anything"));
}
