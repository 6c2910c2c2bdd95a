//! A key exchange in the shape of X25519.

use rustls::crypto::{ActiveKeyExchange, SecureRandom, SharedSecret, SupportedKxGroup};
use rustls::{Error, NamedGroup, PeerMisbehaved};

use crate::random::ThreadRandom;

const KEY_LEN: usize = 32;

/// The public key is the private key, and the secret is both XORed: all that TLS needs of a key
/// exchange is that both sides come to the same.
#[derive(Debug)]
pub(crate) struct ToyX25519;

impl SupportedKxGroup for ToyX25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut key = [0; KEY_LEN];
        ThreadRandom.fill(&mut key)?;
        Ok(Box::new(Active(key)))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Active([u8; KEY_LEN]);

impl ActiveKeyExchange for Active {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        if peer_pub_key.len() != KEY_LEN {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        let secret: Vec<u8> = self.0.iter().zip(peer_pub_key).map(|(a, b)| a ^ b).collect();
        Ok(secret.into())
    }

    fn pub_key(&self) -> &[u8] {
        &self.0
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same_and_others_do_not() {
        crate::seed_thread(3);
        let [a, b, c] = [(); 3].map(|()| ToyX25519.start().unwrap());
        let [pub_a, pub_b] = [&a, &b].map(|side| side.pub_key().to_vec());
        let secret = b.complete(&pub_a).unwrap();
        assert_eq!(secret.secret_bytes(), a.complete(&pub_b).unwrap().secret_bytes());
        assert_ne!(secret.secret_bytes(), c.complete(&pub_b).unwrap().secret_bytes());
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        crate::seed_thread(3);
        assert!(ToyX25519.start().unwrap().complete(&[0; 31]).is_err());
    }
}
