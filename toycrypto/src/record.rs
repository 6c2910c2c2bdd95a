//! Record protection in the shapes of AES-128-GCM: RFC 8446, 5.2 for TLS 1.3, RFC 5288, 3 for 1.2.

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage,
    PrefixedPayload, Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
    make_tls12_aad, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

use crate::aead::{KEY_LEN, Kind, TAG_LEN, ToyAead};

/// The part of a TLS 1.2 nonce that both sides derive.
const SALT_LEN: usize = 4;
/// The part of a TLS 1.2 nonce that is sent in front of the record.
const EXPLICIT_LEN: usize = NONCE_LEN - SALT_LEN;
/// Most bytes of plaintext in a record (RFC 8446, 5.1).
const MAX_PLAIN_LEN: usize = 1 << 14;

pub(crate) struct Tls13Records(pub(crate) Kind);

impl Tls13AeadAlgorithm for Tls13Records {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Tls13Cipher { aead: ToyAead::new(self.0, key.as_ref()), iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Tls13Cipher { aead: ToyAead::new(self.0, key.as_ref()), iv })
    }

    fn key_len(&self) -> usize {
        KEY_LEN
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(ConnectionTrafficSecrets::Aes128Gcm { key, iv })
    }
}

struct Tls13Cipher {
    aead: ToyAead,
    iv: Iv,
}

impl MessageEncrypter for Tls13Cipher {
    fn encrypt(
        &mut self,
        msg: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let len = self.encrypted_payload_len(msg.payload.len());
        let mut payload = PrefixedPayload::with_capacity(len);
        payload.extend_from_chunks(&msg.payload);
        payload.extend_from_slice(&[msg.typ.into()]);
        let nonce = Nonce::new(&self.iv, seq).0;
        let tag = self.aead.seal(&nonce, &make_tls13_aad(len), payload.as_mut());
        payload.extend_from_slice(&tag);
        // Every protected record says TLS 1.2 and application data (RFC 8446, 5.2).
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + 1 + TAG_LEN
    }
}

impl MessageDecrypter for Tls13Cipher {
    fn decrypt<'a>(
        &mut self,
        mut msg: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let nonce = Nonce::new(&self.iv, seq).0;
        let aad = make_tls13_aad(msg.payload.len());
        let len = self
            .aead
            .open(&nonce, &aad, &mut msg.payload)
            .map_err(|_mismatch| Error::DecryptError)?;
        msg.payload.truncate(len);
        msg.into_tls13_unpadded_message()
    }
}

pub(crate) struct Tls12Records(pub(crate) Kind);

impl Tls12AeadAlgorithm for Tls12Records {
    fn encrypter(&self, key: AeadKey, salt: &[u8], explicit: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Tls12Encrypter {
            aead: ToyAead::new(self.0, key.as_ref()),
            iv: Iv::new(join(salt, explicit)),
        })
    }

    fn decrypter(&self, key: AeadKey, salt: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Tls12Decrypter { aead: ToyAead::new(self.0, key.as_ref()), salt: join(salt, &[]) })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: KEY_LEN,
            fixed_iv_len: SALT_LEN,
            explicit_nonce_len: EXPLICIT_LEN,
        }
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        salt: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(ConnectionTrafficSecrets::Aes128Gcm { key, iv: Iv::new(join(salt, explicit)) })
    }
}

struct Tls12Encrypter {
    aead: ToyAead,
    iv: Iv,
}

impl MessageEncrypter for Tls12Encrypter {
    fn encrypt(
        &mut self,
        msg: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let mut payload =
            PrefixedPayload::with_capacity(self.encrypted_payload_len(msg.payload.len()));
        let nonce = Nonce::new(&self.iv, seq).0;
        let aad = make_tls12_aad(seq, msg.typ, msg.version, msg.payload.len());
        payload.extend_from_slice(&nonce[SALT_LEN..]);
        payload.extend_from_chunks(&msg.payload);
        let tag = self.aead.seal(&nonce, &aad, &mut payload.as_mut()[EXPLICIT_LEN..]);
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(msg.typ, msg.version, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        EXPLICIT_LEN + payload_len + TAG_LEN
    }
}

struct Tls12Decrypter {
    aead: ToyAead,
    /// The salt, and zeroes where the explicit part goes.
    salt: [u8; NONCE_LEN],
}

impl MessageDecrypter for Tls12Decrypter {
    fn decrypt<'a>(
        &mut self,
        mut msg: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let (typ, version) = (msg.typ, msg.version);
        let Some((explicit, sealed)) = msg.payload.split_at_mut_checked(EXPLICIT_LEN) else {
            return Err(Error::DecryptError);
        };
        let Some(plain_len) = sealed.len().checked_sub(TAG_LEN) else {
            return Err(Error::DecryptError);
        };
        let nonce = join(&self.salt[..SALT_LEN], explicit);
        let aad = make_tls12_aad(seq, typ, version, plain_len);
        let len = self.aead.open(&nonce, &aad, sealed).map_err(|_mismatch| Error::DecryptError)?;
        if len > MAX_PLAIN_LEN {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(msg.into_plain_message_range(EXPLICIT_LEN..EXPLICIT_LEN + len))
    }
}

/// A nonce of its two parts; what is missing stays zero, what is too much is left off.
fn join(salt: &[u8], explicit: &[u8]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    for (to, from) in nonce.iter_mut().zip(salt.iter().chain(explicit)) {
        *to = *from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS13: Tls13Records = Tls13Records(Kind::Detecting);
    const TLS12: Tls12Records = Tls12Records(Kind::Detecting);

    fn passes(
        mut encrypter: Box<dyn MessageEncrypter>,
        mut decrypter: Box<dyn MessageDecrypter>,
        len: usize,
    ) -> Result<usize, Error> {
        let (typ, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
        let plain = vec![1; len];
        let message = OutboundPlainMessage { typ, version, payload: plain.as_slice().into() };
        let mut record = encrypter.encrypt(message, 0)?.encode();
        let message = InboundOpaqueMessage::new(typ, version, &mut record[5..]);
        Ok(decrypter.decrypt(message, 0)?.payload.len())
    }

    #[test]
    fn a_record_of_more_than_16_kib_is_refused() {
        let key = || AeadKey::from([7; 32]);
        for (len, expected) in [
            (0, Ok(0)),
            (MAX_PLAIN_LEN, Ok(MAX_PLAIN_LEN)),
            (MAX_PLAIN_LEN + 1, Err(Error::PeerSentOversizedRecord)),
        ] {
            let iv = || Iv::new([3; NONCE_LEN]);
            let (to, from) = (TLS13.encrypter(key(), iv()), TLS13.decrypter(key(), iv()));
            assert_eq!(passes(to, from, len), expected);
            let to = TLS12.encrypter(key(), &[3; SALT_LEN], &[4; EXPLICIT_LEN]);
            let from = TLS12.decrypter(key(), &[3; SALT_LEN]);
            assert_eq!(passes(to, from, len), expected);
        }
    }

    #[test]
    fn a_record_too_short_for_its_frame_is_a_decrypt_error() {
        for len in 0..EXPLICIT_LEN + TAG_LEN {
            let mut bytes = vec![0; len];
            let (typ, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
            let key = || AeadKey::from([7; 32]);
            for mut cipher in [
                TLS13.decrypter(key(), Iv::new([0; NONCE_LEN])),
                TLS12.decrypter(key(), &[0; SALT_LEN]),
            ] {
                let message = InboundOpaqueMessage::new(typ, version, &mut bytes);
                assert_eq!(cipher.decrypt(message, 0).err(), Some(Error::DecryptError));
            }
        }
    }
}
