//! Endless bytes from a seed: SHA-256 of the seed, what it is for, and a counter. Who does not know the seed cannot tell
//! them from chance.
//!
//! Asked by the kinds of keys: making one takes more bytes than a seed has, and signing with RSA is blinded.

use rsa::rand_core::{CryptoRng, Error, RngCore, impls};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(super) struct Stream {
    seed: Zeroizing<[u8; 32]>,
    count: u64,
    block: Zeroizing<[u8; 32]>,
    used: usize,
}

impl Stream {
    pub(super) fn new(seed: &[u8; 32], purpose: &[u8]) -> Self {
        let seed = Sha256::new_with_prefix(seed).chain_update(purpose).finalize();
        Self { seed: Zeroizing::new(seed.into()), count: 0, block: Zeroizing::default(), used: 32 }
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == self.block.len() {
                *self.block =
                    Sha256::new_with_prefix(*self.seed).chain_update(self.count.to_be_bytes()).finalize().into();
                self.count += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_bytes_in_any_pieces_and_others_for_another_purpose() {
        let (mut whole, mut pieces) = ([0; 100], [0; 100]);
        Stream::new(&[7; 32], b"a").fill(&mut whole);
        let mut stream = Stream::new(&[7; 32], b"a");
        pieces.chunks_mut(13).for_each(|piece| stream.fill(piece));
        assert_eq!(whole, pieces);
        let mut other = [0; 100];
        Stream::new(&[7; 32], b"b").fill(&mut other);
        assert_ne!(whole, other);
        assert_ne!(whole[..32], whole[32..64]);
    }
}
