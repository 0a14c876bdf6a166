//! Unsigned LEB128 varints, as protobuf, CIDs and CAR files write their numbers.
//!
//! Asked by every codec here. Protobuf takes up to ten bytes and any padding ([`read`]); the multiformats
//! (CAR sections) take nine bytes and no padding ([`read_minimal`]).

use thiserror::Error;

/// The most bytes a varint of 64 bits can take.
pub const MAX_BYTES: usize = 10;

/// Why no number could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VarintError {
    /// More bytes may make it whole.
    #[error("varint is cut short: supply more bytes, or treat the input as truncated")]
    Cut,
    /// It can never become a number, whatever follows.
    #[error("varint does not fit in 64 bits or is padded: refuse the input")]
    Invalid,
}

/// Appends `number` in its shortest form.
pub fn write(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// How many bytes [`write()`] uses for `number`.
#[must_use]
pub const fn encoded_bytes(number: u64) -> usize {
    // 9/64 is just above 1/7: it divides the bit length by seven, rounded up, and gives 1 for zero.
    ((64 - number.leading_zeros()) as usize * 9 + 64) / 64
}

/// Reads one number from the front; also says how many bytes it took. Padding is accepted.
///
/// # Errors
///
/// `Cut` when the bytes end within the number; `Invalid` when it exceeds 64 bits.
pub fn read(from: &[u8]) -> Result<(u64, usize), VarintError> {
    let mut number = 0u64;
    for (at, byte) in from.iter().take(MAX_BYTES).enumerate() {
        let seven = u64::from(byte & 0x7f);
        if at == MAX_BYTES - 1 && seven > 1 {
            return Err(VarintError::Invalid);
        }
        number |= seven << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((number, at + 1));
        }
    }
    Err(if from.len() < MAX_BYTES { VarintError::Cut } else { VarintError::Invalid })
}

/// Reads one number as the multiformats write it: at most nine bytes, never padded.
///
/// # Errors
///
/// As [`read`]; `Invalid` also for a padded number.
pub fn read_minimal(from: &[u8]) -> Result<(u64, usize), VarintError> {
    let (number, used) = read(&from[..from.len().min(MAX_BYTES - 1)]).map_err(|error| match error {
        VarintError::Cut if from.len() >= MAX_BYTES - 1 => VarintError::Invalid,
        other => other,
    })?;
    if used == encoded_bytes(number) { Ok((number, used)) } else { Err(VarintError::Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: u64) {
            let mut out = Vec::new();
            write(&mut out, number);
            prop_assert_eq!(out.len(), encoded_bytes(number));
            prop_assert_eq!(read(&out), Ok((number, out.len())));
            prop_assert_eq!(read(&out[..out.len() - 1]), Err(VarintError::Cut));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (read(&bytes), read_minimal(&bytes));
        }
    }

    #[test]
    fn a_padded_number_is_refused_only_where_multiformats_forbid_it() {
        assert_eq!(read(&[0x81, 0x00]), Ok((1, 2)));
        assert_eq!(read_minimal(&[0x81, 0x00]), Err(VarintError::Invalid));
        assert_eq!(read_minimal(&[0xac, 0x02]), Ok((300, 2)));
    }

    #[test]
    fn a_number_over_64_bits_is_refused() {
        assert_eq!(read(&[0xff; 11]), Err(VarintError::Invalid));
        assert_eq!(read_minimal(&[0xff; 9]), Err(VarintError::Invalid));
    }
}
