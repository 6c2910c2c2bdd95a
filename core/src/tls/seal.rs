//! Who protects the records of TLS 1.3 that we send.
//!
//! rustls' interface to its providers hands out every protected record in memory of its own: an allocation and a copy a
//! record. AWS-LC can seal from one place into another (RFC 8446 section 5.2), so with it neither is needed.

use alloc::boxed::Box;

use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, OutboundPlainMessage,
};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion, Tls13CipherSuite};

/// Whose work it is, by a [`Crypto`](super::Crypto)'s choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealing {
    /// Records are rustls' altogether.
    Plain,
    /// Ours, with the provider's own interface.
    Provider,
    /// Ours, with AWS-LC.
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
}

impl Sealing {
    /// Whether records are ours.
    pub(super) fn is_ours(self) -> bool {
        self != Self::Plain
    }
}

/// One direction's keys, for protecting.
pub(super) enum Sealer {
    Provider(Box<dyn MessageEncrypter>),
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(Box<aws_lc::Key>),
}

impl Sealer {
    /// `None` if the secrets are of a kind that nobody knows here.
    pub(super) fn new(
        sealing: Sealing,
        suite: &Tls13CipherSuite,
        secrets: ConnectionTrafficSecrets,
    ) -> Option<Self> {
        #[cfg(feature = "aws-lc-rs")]
        if sealing == Sealing::AwsLcRs {
            return aws_lc::Key::new(secrets).map(|key| Self::AwsLcRs(Box::new(key)));
        }
        let _ = sealing;
        let (key, iv) = parts(secrets)?;
        Some(Self::Provider(suite.aead_alg.encrypter(key, iv)))
    }

    /// Writes one record with `content` into `out`, from its header on. Returns its length, or `None` if `out` is too small
    /// or the provider refuses.
    pub(super) fn seal(
        &mut self,
        seq: u64,
        typ: ContentType,
        content: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        match self {
            Self::Provider(encrypter) => {
                let message = OutboundPlainMessage {
                    typ,
                    version: ProtocolVersion::TLSv1_2,
                    payload: content.into(),
                };
                let record = encrypter.encrypt(message, seq).ok()?.encode();
                out.get_mut(..record.len())?.copy_from_slice(&record);
                Some(record.len())
            }
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs(key) => key.seal(seq, typ, content, out),
        }
    }
}

/// One direction's keys, for opening; `None` as for [`Sealer::new`].
pub(super) fn opener(
    suite: &Tls13CipherSuite,
    secrets: ConnectionTrafficSecrets,
) -> Option<Box<dyn MessageDecrypter>> {
    let (key, iv) = parts(secrets)?;
    Some(suite.aead_alg.decrypter(key, iv))
}

/// Whether the suite hands out keys of a kind that is known here.
pub(super) fn hands_out_keys(suite: &Tls13CipherSuite) -> bool {
    suite
        .aead_alg
        .extract_keys([0; 32].into(), [0; 12].into())
        .is_ok_and(|keys| parts(keys).is_some())
}

fn parts(secrets: ConnectionTrafficSecrets) -> Option<(AeadKey, Iv)> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Some((key, iv)),
        _ => None,
    }
}

#[cfg(feature = "aws-lc-rs")]
mod aws_lc {
    use aws_lc_rs::aead::{
        AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey,
    };
    use rustls::crypto::cipher::{Iv, Nonce, make_tls13_aad};
    use rustls::{ConnectionTrafficSecrets, ContentType};

    use crate::tls::record::HEADER;

    /// What all three algorithms add: the content's type and a tag.
    const ADDED: usize = 1 + 16;

    pub(crate) struct Key {
        key: LessSafeKey,
        iv: Iv,
    }

    impl Key {
        pub(super) fn new(secrets: ConnectionTrafficSecrets) -> Option<Self> {
            let algorithm = match secrets {
                ConnectionTrafficSecrets::Aes128Gcm { .. } => &AES_128_GCM,
                ConnectionTrafficSecrets::Aes256Gcm { .. } => &AES_256_GCM,
                ConnectionTrafficSecrets::Chacha20Poly1305 { .. } => &CHACHA20_POLY1305,
                _ => return None,
            };
            let (key, iv) = super::parts(secrets)?;
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).ok()?);
            Some(Self { key, iv })
        }

        /// Every `seq` is used once: the caller counts them up, and has new keys long before they run out.
        pub(super) fn seal(
            &self,
            seq: u64,
            typ: ContentType,
            content: &[u8],
            out: &mut [u8],
        ) -> Option<usize> {
            let len = HEADER + content.len() + ADDED;
            let header = make_tls13_aad(content.len() + ADDED);
            let (front, rest) = out.get_mut(..len)?.split_at_mut(HEADER);
            let (sealed, tail) = rest.split_at_mut(content.len());
            front.copy_from_slice(&header);
            let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(Nonce::new(&self.iv, seq).0);
            self.key
                .seal_out_of_place_scatter(
                    nonce,
                    Aad::from(header),
                    content,
                    sealed,
                    &typ.to_array(),
                    tail,
                )
                .ok()?;
            Some(len)
        }
    }
}
