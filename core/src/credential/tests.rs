use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const UUID: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689C";

/// A SEQUENCE of `length` bytes: all that this module asks of a certificate.
fn sequence(length: usize) -> Vec<u8> {
    let mut der = match length {
        0..=127 => Vec::from([0x30, length as u8]),
        128..=255 => Vec::from([0x30, 0x81, length as u8]),
        _ => Vec::from([0x30, 0x82, (length >> 8) as u8, length as u8]),
    };
    der.extend((0..length).map(|index| index as u8));
    der
}

fn pem(der: &[u8], line_break: &str) -> String {
    let base64 = BASE64.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| core::str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN CERTIFICATE-----{line_break}{}{line_break}-----END CERTIFICATE-----",
        lines.join(line_break)
    )
}

fn refusal(text: &str) -> &'static str {
    match Certificate::parse(text) {
        Err(CredentialError::CertificateMalformed { what }) => what,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn every_notation_of_one_certificate_gives_the_same_certificate() {
    let der = sequence(700);
    let expected = Certificate::from_der(&der).unwrap();
    for line_break in ["\n", "\r\n", "\r", "", " ", "  \t"] {
        for around in ["", "\n", "\r\n", "  "] {
            let text = format!("{around}{}{around}", pem(&der, line_break));
            assert_eq!(Certificate::parse(&text), Ok(expected.clone()), "{text:?}");
        }
    }
    let bare = BASE64.encode(&der);
    assert_eq!(Certificate::parse(&bare), Ok(expected.clone()));
    assert_eq!(Certificate::parse(&format!("\n{bare}\r\n")), Ok(expected.clone()));
    assert_eq!(Certificate::parse(bare.trim_end_matches('=')), Ok(expected.clone()));
    let old = pem(&der, "\n").replace("CERTIFICATE", "X509 CERTIFICATE");
    assert_eq!(Certificate::parse(&old), Ok(expected));
}

#[test]
fn of_a_chain_the_first_certificate_is_taken_and_text_around_is_ignored() {
    let (first, second) = (sequence(40), sequence(50));
    let text = format!("subject=one\n{}\nissuer\n{}\n", pem(&first, "\n"), pem(&second, "\n"));
    assert_eq!(Certificate::parse(&text).unwrap().der(), first);
    let mixed = format!("{}{}", pem(&first, "\n"), pem(&second, "\n").replace("CERT", "X509 CERT"));
    assert_eq!(Certificate::parse(&mixed).unwrap().der(), first);
}

#[test]
fn an_empty_certificate_is_an_error_of_its_own_with_its_cure() {
    for text in [
        "",
        " ",
        "\r\n",
        "\t \n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
    ] {
        let error = Certificate::parse(text).unwrap_err();
        assert_eq!(error, CredentialError::CertificateEmpty, "{text:?}");
        assert_eq!(error.code(), "certificate-empty");
        assert!(error.help().contains("Reboot") && error.help().contains("Settings UMS > TC"));
    }
    assert_eq!(Certificate::from_der(&[]), Err(CredentialError::CertificateEmpty));
}

#[test]
fn what_is_no_certificate_is_refused_with_what_is_wrong() {
    let whole = sequence(300);
    assert_eq!(refusal("certificate, please!"), "it is not Base64");
    assert_eq!(refusal(&BASE64.encode([0x30])), "it is not DER");
    // An indefinite and a needlessly long length: BER, not DER.
    assert_eq!(refusal(&BASE64.encode([0x30, 0x80, 0, 0])), "it is not DER");
    assert_eq!(refusal(&BASE64.encode([0x30, 0x81, 1, 0])), "it is not DER");
    assert_eq!(refusal(&BASE64.encode([0x31, 0])), "it is not a DER SEQUENCE");
    assert_eq!(refusal(&BASE64.encode(&whole[..303])), "its end is missing");
    assert_eq!(refusal(&BASE64.encode([&whole[..], &[0]].concat())), "something follows it");
    assert_eq!(
        refusal(&pem(&whole, "\n").replace("CERTIFICATE", "PRIVATE KEY")),
        "it is PEM, but of something else than a certificate"
    );
    assert_eq!(refusal(&pem(&whole, "\n").replace("-----END", "")), "its PEM has no END line");
    assert_eq!(refusal(&"A".repeat(MAX_CERTIFICATE_TEXT + 1)), "it is longer than 64 KiB");
}

#[test]
fn the_bounds_are_exact() {
    let largest = sequence(MAX_CERTIFICATE_DER - 4);
    let text = BASE64.encode(&largest);
    assert_eq!(text.len(), MAX_CERTIFICATE_TEXT);
    assert_eq!(Certificate::parse(&text).unwrap().der(), largest);
    assert_eq!(
        Certificate::from_der(&sequence(MAX_CERTIFICATE_DER - 3)),
        Err(malformed("it is longer than 48 KiB"))
    );
}

#[test]
fn a_fingerprint_is_the_sha_256_of_the_der() {
    // FIPS 180-2 appendix B.1: SHA-256 of "abc".
    let shown = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
    assert_eq!(Fingerprint::of(b"abc").to_string(), shown);
    assert_eq!(format!("{:?}", Fingerprint::of(b"abc")), shown);
    let der = sequence(20);
    assert_eq!(Certificate::from_der(&der).unwrap().fingerprint(), Fingerprint::of(&der));
}

#[test]
fn a_fingerprint_is_read_in_every_notation_that_tools_print() {
    let expected = Fingerprint::of(b"abc");
    let shown = expected.to_string();
    for text in [
        shown.clone(),
        shown.to_lowercase(),
        shown.replace(':', ""),
        shown.replace(':', " "),
        format!("sha256:{shown}"),
        format!("SHA256:{}", shown.replace(':', "")),
        format!("SHA256 Fingerprint={shown}"),
        format!("sha256 Fingerprint={shown}\n"),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn a_fingerprint_of_another_length_or_alphabet_is_refused() {
    let digits = Fingerprint::of(b"abc").to_string().replace(':', "");
    for text in [
        "".to_string(),
        "sha256:".to_string(),
        digits[1..].to_string(),
        format!("{digits}0"),
        digits.replace('B', "g"),
        format!("sha1:{digits}"),
        format!("sha256{digits}"),
        digits.replace('A', "é"),
    ] {
        assert_eq!(
            text.parse::<Fingerprint>(),
            Err(CredentialError::FingerprintMalformed),
            "{text}"
        );
    }
}

#[test]
fn fingerprints_and_certificates_differ_if_any_bit_differs() {
    let bytes = [0xA5; 32];
    for bit in 0..256 {
        let mut other = bytes;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(Fingerprint::from_bytes(bytes), Fingerprint::from_bytes(other));
    }
    assert_eq!(Fingerprint::from_bytes(bytes).as_bytes(), &bytes);
    let (one, mut other) = (sequence(20), sequence(20));
    other[21] ^= 1;
    assert_ne!(Certificate::from_der(&one), Certificate::from_der(&other));
    assert_ne!(Certificate::from_der(&one), Certificate::from_der(&sequence(21)));
}

#[test]
fn a_password_is_kept_as_it_came() {
    assert_eq!(Password::parse(UUID).unwrap().expose(), UUID);
}

#[test]
fn what_is_not_exactly_a_uuid_is_no_password_and_is_not_shown() {
    for text in [
        "",
        &UUID[1..],
        &format!("{UUID}0"),
        &format!(" {UUID}"),
        &format!("{UUID}\n"),
        &UUID.replace('-', ""),
        &format!("{{{UUID}}}"),
        &format!("urn:uuid:{UUID}"),
        &UUID.replace('6', "g"),
        &UUID.replace("6ce7", "$(a)"),
        "6ce714ad66-29-4296-a676-1c0ca5f4689c",
    ] {
        let error = Password::parse(text).unwrap_err();
        assert_eq!(error, CredentialError::PasswordMalformed, "{text:?}");
        assert!(text.is_empty() || !format!("{error} {error:?}").contains(text));
    }
}

#[test]
fn a_credential_shows_its_certificate_and_nothing_of_its_password() {
    let certificate = Certificate::from_der(&sequence(20)).unwrap();
    let fingerprint = certificate.fingerprint();
    let credential = Credential { certificate, password: Password::parse(UUID).unwrap() };
    assert_eq!(
        format!("{credential:?}"),
        format!(
            "Credential {{ certificate: Certificate({fingerprint}), password: Password(***) }}"
        )
    );
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,300}") {
        let _ = Certificate::parse(&text);
        let _ = text.parse::<Fingerprint>();
        if let Ok(password) = Password::parse(&text) {
            prop_assert_eq!(password.expose(), text);
        }
    }

    #[test]
    fn no_bytes_are_a_panic_and_what_is_taken_is_unchanged(der in any::<Vec<u8>>()) {
        if let Ok(certificate) = Certificate::from_der(&der) {
            prop_assert_eq!(certificate.der(), der);
        }
    }

    #[test]
    fn a_certificate_survives_base64_with_white_space_anywhere(
        length in 0_usize..2000, at in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        space in prop::sample::select(&[' ', '\n', '\r', '\t'][..]),
    ) {
        let der = sequence(length);
        let mut text = BASE64.encode(&der);
        for index in at {
            text.insert(index.index(text.len() + 1), space);
        }
        let certificate = Certificate::parse(&text).unwrap();
        prop_assert_eq!(certificate.der(), der);
    }

    #[test]
    fn a_fingerprint_survives_being_shown(bytes in any::<[u8; 32]>()) {
        let fingerprint = Fingerprint::from_bytes(bytes);
        prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }

    #[test]
    fn exactly_the_uuid_form_is_a_password(
        well_formed in "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        index in 0..PASSWORD_LENGTH, other in any::<char>(),
    ) {
        prop_assert!(Password::parse(&well_formed).is_ok());
        let mut characters: Vec<char> = well_formed.chars().collect();
        characters[index] = other;
        let changed: String = characters.into_iter().collect();
        let dash = matches!(index, 8 | 13 | 18 | 23);
        let expected = if dash { other == '-' } else { other.is_ascii_hexdigit() };
        prop_assert_eq!(Password::parse(&changed).is_ok(), expected);
    }
}
