//! Keys: a seat's, which signs; an attempt's, for boxes and for masks; and the secrets that two clients have together.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::Rng as _;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use protocol::{ClientId, Hex, MaskingKeys};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::task::hash;

/// A secret of 32 bytes, wiped when it is dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// A seat's signing key. It stays with the seat; `Debug` hides it.
#[derive(Clone)]
pub struct SeatKey(SigningKey);

impl SeatKey {
    /// The key whose secret is these bytes, which come from the operating system's random source.
    pub fn from_bytes(secret: &[u8; 32]) -> SeatKey {
        SeatKey(SigningKey::from_bytes(secret))
    }

    /// The key that others know it by.
    pub fn public(&self) -> Hex<32> {
        Hex(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, digest: &[u8; 32]) -> Hex<64> {
        Hex(self.0.sign(digest).to_bytes())
    }
}

impl std::fmt::Debug for SeatKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeatKey(…)")
    }
}

/// Whether a seat signed a digest. Keys of small order and signatures in more than one spelling are none.
pub(crate) fn signed(seat: &Hex<32>, digest: &[u8; 32], signature: &Hex<64>) -> bool {
    VerifyingKey::from_bytes(&seat.0)
        .is_ok_and(|key| key.verify_strict(digest, &Signature::from_bytes(&signature.0)).is_ok())
}

/// A client's secrets of one attempt.
pub(crate) struct Secrets {
    boxes: StaticSecret,
    masks: StaticSecret,
    /// The seed of the client's own mask.
    pub seed: Key,
}

impl Secrets {
    pub fn draw(random: &mut ChaCha20Rng) -> Secrets {
        let mut draw = || {
            let mut bytes = Key::default();
            random.fill_bytes(bytes.as_mut());
            bytes
        };
        Secrets { boxes: StaticSecret::from(*draw()), masks: StaticSecret::from(*draw()), seed: draw() }
    }

    /// The key of the masks, for sharing it.
    pub fn mask_key(&self) -> Key {
        Zeroizing::new(self.masks.to_bytes())
    }

    /// What the others are told.
    pub fn public(&self, context: &[u8; 32], client: ClientId, seat: &SeatKey) -> MaskingKeys {
        let mut keys = MaskingKeys {
            seat: seat.public(),
            box_key: Hex(PublicKey::from(&self.boxes).to_bytes()),
            mask_key: Hex(PublicKey::from(&self.masks).to_bytes()),
            self_check: self_check(context, client, &self.seed),
            signature: Hex([0; 64]),
        };
        keys.signature = seat.sign(&keys_digest(context, client, &keys));
        keys
    }

    /// The key of the box from one client to another, of whom this is one and `other` the other's public key.
    pub fn box_key(&self, other: &Hex<32>, roster: &[u8; 32], from: ClientId, to: ClientId) -> Option<Key> {
        let shared = agreed(&self.boxes, other)?;
        Some(derived(&shared, &[b"chorus masking box", roster, &from.0.to_le_bytes(), &to.0.to_le_bytes()]))
    }

    /// The key of the mask between this client and another.
    pub fn pair_key(&self, other: &Hex<32>, roster: &[u8; 32], one: ClientId, two: ClientId) -> Option<Key> {
        pair_key(&self.masks, other, roster, one, two)
    }
}

/// The randomness of one attempt, out of what a program drew when it started: HKDF-SHA256 with the attempt's number.
pub fn derive(random: &[u8; 32], attempt: u64) -> zeroize::Zeroizing<[u8; 32]> {
    derived(random, &[b"chorus masking attempt", &attempt.to_le_bytes()])
}

/// What a seat signs of its keys.
pub(crate) fn keys_digest(context: &[u8; 32], client: ClientId, keys: &MaskingKeys) -> [u8; 32] {
    let MaskingKeys { seat, box_key, mask_key, self_check, signature: _ } = keys;
    let number = client.0.to_le_bytes();
    hash("chorus masking keys", &[context, &number, &seat.0, &box_key.0, &mask_key.0, &self_check.0])
}

/// By which a seed is known again.
pub(crate) fn self_check(context: &[u8; 32], client: ClientId, seed: &[u8; 32]) -> Hex<32> {
    Hex(hash("chorus masking seed", &[context, &client.0.to_le_bytes(), seed]))
}

/// A secret key of masks that was put together from shares, if it is the one behind `public`.
pub(crate) fn recovered(secret: &[u8; 32], public: &Hex<32>) -> Option<StaticSecret> {
    let secret = StaticSecret::from(*secret);
    (PublicKey::from(&secret).to_bytes() == public.0).then_some(secret)
}

/// The key of the mask between two clients: of one the secret key, of the other the public one.
pub(crate) fn pair_key(
    secret: &StaticSecret,
    public: &Hex<32>,
    roster: &[u8; 32],
    one: ClientId,
    two: ClientId,
) -> Option<Key> {
    let shared = agreed(secret, public)?;
    let (low, high) = (one.min(two).0.to_le_bytes(), one.max(two).0.to_le_bytes());
    Some(derived(&shared, &[b"chorus masking mask", roster, &low, &high]))
}

/// The key of a client's own mask.
pub(crate) fn self_key(seed: &[u8; 32], roster: &[u8; 32], client: ClientId) -> Key {
    derived(seed, &[b"chorus masking self", roster, &client.0.to_le_bytes()])
}

/// Whether a public key makes secrets that not everyone knows.
pub(crate) fn is_usable(public: &Hex<32>) -> bool {
    // Multiples of the cofactor lead the points of small order, and them alone, to zero, whatever the secret key.
    agreed(&StaticSecret::from([0x42; 32]), public).is_some()
}

/// RFC 7748; `None` where the public key alone decides what comes out.
fn agreed(secret: &StaticSecret, public: &Hex<32>) -> Option<Key> {
    let shared = secret.diffie_hellman(&PublicKey::from(public.0));
    shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
}

/// HKDF-SHA256 (RFC 5869) without salt; `info` are its parts one after the other.
fn derived(secret: &[u8; 32], info: &[&[u8]]) -> Key {
    let mut key = Key::default();
    let expanded = Hkdf::<Sha256>::new(None, secret).expand_multi_info(info, key.as_mut());
    debug_assert!(expanded.is_ok(), "32 bytes are no more than HKDF-SHA256 gives");
    key
}

/// Encrypts 64 bytes. Each key seals once, so the nonce is zero.
pub(crate) fn seal(key: &Key, content: &[u8; 64], beside: &[u8]) -> Option<Hex<80>> {
    let payload = Payload { msg: content, aad: beside };
    let sealed = ChaCha20Poly1305::new((&**key).into()).encrypt(&Nonce::default(), payload).ok()?;
    Some(Hex(sealed.try_into().ok()?))
}

/// Opens a box; `None` where it was sealed with another key, for something else, or changed.
pub(crate) fn unseal(key: &Key, sealed: &Hex<80>, beside: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload { msg: &sealed.0, aad: beside };
    ChaCha20Poly1305::new((&**key).into()).decrypt(&Nonce::default(), payload).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        serde_json::from_str::<Hex<N>>(&format!("\"{text}\"")).unwrap().0
    }

    // Numbers of OpenSSL (Python's cryptography 50.0.2): X25519, HKDF-SHA256 without salt and info, ChaCha20 with a zero nonce.
    #[test]
    fn a_pairs_secret_is_what_openssl_has() {
        let a = StaticSecret::from(bytes::<32>("77076d0a7318a57d3c16c17251b26645f6c1a1c1a1c1a1c1a1c1a1c1a1c1a1c1"));
        let b = StaticSecret::from(bytes::<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
        let public_a = Hex(bytes("607baadca220067916a58885047a7377fa098191679b36d35a02dbf8f1c05016"));
        let public_b = Hex(bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        assert!(recovered(&a.to_bytes(), &public_a).is_some() && recovered(&b.to_bytes(), &public_a).is_none());
        let shared = agreed(&a, &public_b).unwrap();
        assert_eq!(*shared, bytes("b0a461de19408b6f84401b39cbc068fa0abb389f0c62e27cdc047653d34c573c"));
        assert_eq!(shared, agreed(&b, &public_a).unwrap());
        let key = derived(&shared, &[]);
        assert_eq!(*key, bytes("08e2af40f479a82e351c96843e5f447f967c78494f8f0b1d722f376d65d90132"));
    }

    #[test]
    fn points_of_small_order_are_no_keys() {
        // The list of D. J. Bernstein, https://cr.yp.to/ecdh.html#validate: 0, 1, and one point of order 8.
        for point in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        ] {
            assert!(!is_usable(&Hex(bytes(point))), "{point}");
        }
        assert!(is_usable(&Hex(PublicKey::from(&StaticSecret::from([7; 32])).to_bytes())));
    }

    #[test]
    fn a_box_opens_with_its_key_and_for_what_it_was_sealed_alone() {
        let key = Zeroizing::new([1; 32]);
        let sealed = seal(&key, &[5; 64], b"beside").unwrap();
        assert_eq!(**unseal(&key, &sealed, b"beside").unwrap(), [5; 64]);
        assert!(unseal(&key, &sealed, b"else").is_none());
        assert!(unseal(&Zeroizing::new([2; 32]), &sealed, b"beside").is_none());
        let mut changed = sealed;
        changed.0[3] ^= 1;
        assert!(unseal(&key, &changed, b"beside").is_none());
    }
}
