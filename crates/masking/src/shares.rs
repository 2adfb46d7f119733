//! Secrets in shares (A. Shamir, 1979, byte by byte over GF(256)): some of them lead back to the secret, one fewer says nothing.

use chacha20::ChaCha20Rng;
use protocol::{ClientId, Hex, Secret};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::keys::Key;
use crate::task::hash;

/// A share's place: the number, from 1, of its holder in the roster.
pub(crate) type Place = u8;

/// Shares of a secret for so many holders, in their order, of which `threshold` lead back to it.
pub(crate) fn split(secret: &Key, threshold: usize, holders: usize, random: &mut ChaCha20Rng) -> Option<Vec<Key>> {
    let shares = Gf256::split_bytes(threshold, holders, secret.as_slice(), random).ok()?;
    shares.into_iter().map(Zeroizing::new).map(|share| Some(Zeroizing::new(share[1..].try_into().ok()?))).collect()
}

/// The secret that shares lead to.
pub(crate) fn combine(shares: &[(Place, Key)]) -> Option<Key> {
    let placed = |(place, share): &(Place, Key)| [&[*place][..], share.as_slice()].concat();
    let shares = Zeroizing::new(shares.iter().map(placed).collect::<Vec<_>>());
    let secret = Zeroizing::new(Gf256::combine_bytes(shares.as_slice()).ok()?);
    Some(Zeroizing::new(secret.as_slice().try_into().ok()?))
}

/// By which a share is known again when it is revealed: who was dealt what, of which secret, by whom. A share is 256 bits that
/// nobody can guess, so that its hash says nothing of it.
pub(crate) fn check(
    roster: &[u8; 32],
    dealer: ClientId,
    holder: ClientId,
    secret: Secret,
    share: &[u8; 32],
) -> Hex<16> {
    let kind = match secret {
        Secret::SelfSeed => 0_u8,
        Secret::MaskKey => 1,
    };
    let parts: &[&[u8]] = &[roster, &dealer.0.to_le_bytes(), &holder.0.to_le_bytes(), &[kind], share];
    let mut short = [0; 16];
    short.copy_from_slice(&hash("chorus masking share", parts)[..16]);
    Hex(short)
}

#[cfg(test)]
mod tests {
    use chacha20::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn as_many_as_the_threshold_lead_back_and_fewer_elsewhere() {
        let secret = Zeroizing::new([0xa7; 32]);
        let shares = split(&secret, 3, 5, &mut ChaCha20Rng::from_seed([1; 32])).unwrap();
        let placed: Vec<(Place, Key)> = (1..).zip(shares).collect();
        assert_eq!(combine(&[placed[4].clone(), placed[0].clone(), placed[2].clone()]).unwrap(), secret);
        assert_eq!(combine(&placed).unwrap(), secret);
        assert_ne!(combine(&placed[..2]).unwrap(), secret);
        assert!(combine(&[placed[1].clone(), placed[1].clone()]).is_none(), "one share twice");
    }

    // f(x) = s + a x over GF(256) with AES' polynomial: 0x53 · 0xca = 1 (FIPS 197, section 4.2), so with a = 0x53 the share of
    // holder 0xca is s + 1.
    #[test]
    fn the_field_is_that_of_aes() {
        let share = |value| Zeroizing::new([value; 32]);
        let secret = combine(&[(0xca, share(0x10 ^ 0x01)), (0x01, share(0x10 ^ 0x53))]).unwrap();
        assert_eq!(secret, share(0x10));
    }
}
