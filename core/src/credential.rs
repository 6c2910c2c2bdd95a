//! What UMS gives for one session with one device: its certificate and a one-time password (steps 2 and 3).
//!
//! Everything here is parsed into a type that can hold nothing else, so that what is pinned is one certificate and what
//! is sent is one UUID.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use der::{Decode as _, Header, Reader as _, SliceReader, Tag};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The longest text, in bytes, that is looked at as a certificate. Devices' own are under 2 KiB; the bound is what a
/// chain of several large ones would need.
pub const MAX_CERTIFICATE_TEXT: usize = 64 * 1024;

/// The longest certificate in DER, in bytes: what fits into [`MAX_CERTIFICATE_TEXT`] as Base64.
pub const MAX_CERTIFICATE_DER: usize = MAX_CERTIFICATE_TEXT / 4 * 3;

/// The length of a one-time password, in bytes: a UUID as `java.util.UUID` prints it.
pub const PASSWORD_LENGTH: usize = 36;

/// Everything that a console needs to enter a session with one device.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The certificate that the device must show.
    pub certificate: Certificate,
    /// The password that lets one session in, for five minutes from the moment UMS was asked for it.
    pub password: Password,
}

/// One X.509 certificate as DER. It is checked to be one whole DER SEQUENCE; what is in it is looked at where it is used.
///
/// Clones share the bytes.
#[derive(Clone)]
pub struct Certificate(Arc<[u8]>);

impl Certificate {
    /// Reads what UMS gives: PEM with LF, CRLF, spaces or no line breaks at all, or bare Base64 (step 3).
    ///
    /// Of a PEM with several certificates the first is taken, and the rest is not looked at: in a chain the first is the
    /// end-entity's, and that one is the identity to pin (RFC 8446 section 4.4.2).
    ///
    /// # Errors
    ///
    /// [`CredentialError::CertificateEmpty`] if there is nothing but white space, or nothing between the PEM lines;
    /// [`CredentialError::CertificateMalformed`] if it is something else than a certificate or longer than
    /// [`MAX_CERTIFICATE_TEXT`].
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        if text.len() > MAX_CERTIFICATE_TEXT {
            return Err(malformed("it is longer than 64 KiB"));
        }
        let base64: Vec<u8> =
            pem_body(text.trim())?.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        if base64.is_empty() {
            return Err(CredentialError::CertificateEmpty);
        }
        let der = BASE64.decode(base64).map_err(|_| malformed("it is not Base64"))?;
        Self::from_der(&der)
    }

    /// Takes a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CredentialError::CertificateEmpty`] for no bytes; [`CredentialError::CertificateMalformed`] if they are not
    /// exactly one DER SEQUENCE (X.690 section 8.9), or more than [`MAX_CERTIFICATE_DER`].
    pub fn from_der(der: &[u8]) -> Result<Self, CredentialError> {
        if der.is_empty() {
            return Err(CredentialError::CertificateEmpty);
        }
        if der.len() > MAX_CERTIFICATE_DER {
            return Err(malformed("it is longer than 48 KiB"));
        }
        let mut reader = SliceReader::new(der).map_err(|_| malformed("it is not DER"))?;
        let header = Header::decode(&mut reader).map_err(|_| malformed("it is not DER"))?;
        if header.tag() != Tag::Sequence {
            return Err(malformed("it is not a DER SEQUENCE"));
        }
        if header.length() > reader.remaining_len() {
            return Err(malformed("its end is missing"));
        }
        if header.length() < reader.remaining_len() {
            return Err(malformed("something follows it"));
        }
        Ok(Self(der.into()))
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the DER: what people compare, and what every tool prints.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.fingerprint()).finish()
    }
}

/// SHA-256 of a certificate's DER. It is shown as upper-case hexadecimal pairs with colons, and read with or without
/// them.
///
/// ```
/// # use procy_core::credential::Fingerprint;
/// let shown = Fingerprint::of(b"certificate").to_string();
/// assert_eq!(shown.parse::<Fingerprint>()?, Fingerprint::of(b"certificate"));
/// # Ok::<(), procy_core::credential::CredentialError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate's DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// A fingerprint that is known already.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = CredentialError;

    /// Reads 64 hexadecimal digits in either case, with colons or spaces or none, and with the `sha256:` or
    /// `sha256 Fingerprint=` that tools put before them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        let mut digits = 0;
        for character in without_algorithm(text.trim()).chars() {
            if character == ':' || character.is_ascii_whitespace() {
                continue;
            }
            let value = character.to_digit(16).and_then(|value| u8::try_from(value).ok());
            let (Some(value), Some(byte)) = (value, bytes.get_mut(digits / 2)) else {
                return Err(CredentialError::FingerprintMalformed);
            };
            *byte = *byte << 4 | value;
            digits += 1;
        }
        if digits == 2 * bytes.len() {
            Ok(Self(bytes))
        } else {
            Err(CredentialError::FingerprintMalformed)
        }
    }
}

/// A one-time password: a UUID in its canonical form of 8-4-4-4-12 hexadecimal digits, kept exactly as it came.
///
/// Old firmware gave what stands after `PW_` to a shell (CVE-2025-34082), so nothing else than a UUID may ever be sent. It
/// is zeroized when dropped and shown nowhere.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password of exactly that form; white space around it is not part of it and not accepted.
    ///
    /// # Errors
    ///
    /// [`CredentialError::PasswordMalformed`], which does not show the text.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let well_formed = text.len() == PASSWORD_LENGTH
            && text.bytes().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if !well_formed {
            return Err(CredentialError::PasswordMalformed);
        }
        Ok(Self(Zeroizing::new(text.into())))
    }

    /// The password itself: for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// What is wrong with a certificate, a password or a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// UMS holds no certificate for the device (step 3).
    #[error("UMS has no certificate for this device")]
    CertificateEmpty,
    /// What should be a certificate is none.
    #[error("the certificate cannot be read: {what}")]
    CertificateMalformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// What should be a one-time password is none. The text is not shown: it may be a secret all the same.
    #[error("the one-time password is not a UUID of 8-4-4-4-12 hexadecimal digits")]
    PasswordMalformed,
    /// What should be a SHA-256 fingerprint is none.
    #[error("the fingerprint is not one of SHA-256: 64 hexadecimal digits")]
    FingerprintMalformed,
}

impl CredentialError {
    /// The stable name of this error, for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CertificateEmpty => "certificate-empty",
            Self::CertificateMalformed { .. } => "certificate-malformed",
            Self::PasswordMalformed => "password-malformed",
            Self::FingerprintMalformed => "fingerprint-malformed",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::CertificateEmpty => {
                "The device has not sent its certificate to UMS yet. Reboot the device once, or in UMS Console send \
                 Settings UMS > TC and then Settings TC > UMS once; then try again."
            }
            Self::CertificateMalformed { .. } => {
                "Give the device's certificate as PEM or as Base64 of its DER. If it came from UMS, reboot the device so \
                 that it sends the certificate again."
            }
            Self::PasswordMalformed => {
                "Give the one-time password exactly as UMS gave it, for example \
                 00000000-0000-0000-0000-000000000000, without anything around it."
            }
            Self::FingerprintMalformed => {
                "Give the SHA-256 of the certificate, as `openssl x509 -noout -fingerprint -sha256` prints it."
            }
        }
    }
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The Base64 between the lines of the first certificate, or all of the text if it has no PEM lines (RFC 7468; the older
/// label stands in its section 5.1).
fn pem_body(text: &str) -> Result<&str, CredentialError> {
    if !text.contains("-----") {
        return Ok(text);
    }
    [
        ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"),
        ("-----BEGIN X509 CERTIFICATE-----", "-----END X509 CERTIFICATE-----"),
    ]
    .iter()
    .filter_map(|(begin, end)| Some((text.find(begin)? + begin.len(), end)))
    .min()
    .and_then(|(start, end)| Some((text.get(start..)?, end)))
    .ok_or(malformed("it is PEM, but of something else than a certificate"))
    .and_then(|(rest, end)| {
        rest.split_once(end).map(|(body, _)| body).ok_or(malformed("its PEM has no END line"))
    })
}

fn without_algorithm(text: &str) -> &str {
    let Some((name, rest)) = text.split_at_checked("sha256".len()) else { return text };
    if !name.eq_ignore_ascii_case("sha256") {
        return text;
    }
    let after = match rest.split_at_checked(" fingerprint".len()) {
        Some((word, after)) if word.eq_ignore_ascii_case(" fingerprint") => after,
        _ => rest,
    };
    after.strip_prefix([':', '=']).unwrap_or(text)
}

const fn malformed(what: &'static str) -> CredentialError {
    CredentialError::CertificateMalformed { what }
}

#[cfg(test)]
mod tests;
