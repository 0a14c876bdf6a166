//! Makes coded bytes. What takes long is done where no other visitor waits for it.

use std::{io::Write as _, sync::LazyLock};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::Coding;

/// More than this is coded on a thread of its own: it would take a millisecond, in which nobody else is served.
const LONG_BYTES: usize = 64 * 1024;
/// Windows of brotli. One that fits the page takes two thirds of the time of the largest.
const WINDOW_BITS: std::ops::RangeInclusive<u32> = 16..=22;

/// How long something will be kept decides how much time its coding may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// A visitor waits, and the next comment makes it old: a few hundred microseconds for a usual page.
    Quick,
    /// It is made once and sent as long as the front lives.
    Thorough,
}

/// The bytes coded; none when that would not make them fewer.
pub(crate) async fn press(plain: Bytes, coding: Coding, effort: Effort) -> Option<Bytes> {
    // Pressing keeps a processor busy: more at a time would only take the front's own threads away.
    static AT_ONCE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(cores()));
    if coding == Coding::Identity {
        return None;
    }
    if plain.len() <= LONG_BYTES && effort == Effort::Quick {
        return pressed(&plain, coding, effort);
    }
    let _turn = AT_ONCE.acquire().await.ok()?;
    tokio::task::spawn_blocking(move || pressed(&plain, coding, effort)).await.ok()?
}

/// The same at once, for what is made before anybody waits.
pub(crate) fn pressed(plain: &[u8], coding: Coding, effort: Effort) -> Option<Bytes> {
    let coded = coded(plain, coding, effort)?;
    (coded.len() < plain.len()).then(|| exact(&coded))
}

/// The bytes coded, even if they become more by it; none when there is no memory for it.
pub(crate) fn coded(plain: &[u8], coding: Coding, effort: Effort) -> Option<Vec<u8>> {
    match coding {
        Coding::Identity => Some(plain.to_vec()),
        Coding::Gzip => gzip(plain, effort),
        Coding::Brotli => brotli(plain, effort),
        Coding::Zstd => zstd(plain, effort),
    }
}

/// In a piece of memory of its own size: what is kept must not hold more than it counts.
pub(crate) fn exact(bytes: &[u8]) -> Bytes {
    Bytes::from(Box::<[u8]>::from(bytes))
}

fn zstd(plain: &[u8], effort: Effort) -> Option<Vec<u8>> {
    let level = match effort {
        Effort::Quick => 3,
        Effort::Thorough => 19,
    };
    zstd::bulk::compress(plain, level).ok()
}

fn gzip(plain: &[u8], effort: Effort) -> Option<Vec<u8>> {
    let level = match effort {
        Effort::Quick => 4,
        Effort::Thorough => 9,
    };
    let out = Vec::with_capacity(plain.len() / 2);
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

fn brotli(plain: &[u8], effort: Effort) -> Option<Vec<u8>> {
    let quality = match effort {
        // From 5 on a page took up to 13 ms here, for one per cent fewer bytes.
        Effort::Quick => 3,
        Effort::Thorough => 11,
    };
    let window = plain.len().next_power_of_two().ilog2().clamp(*WINDOW_BITS.start(), *WINDOW_BITS.end());
    let params = brotli::enc::BrotliEncoderParams {
        quality,
        lgwin: i32::try_from(window).ok()?,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut out = Vec::with_capacity(plain.len() / 2);
    brotli::BrotliCompress(&mut &*plain, &mut out, &params).ok()?;
    Some(out)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    const EFFORTS: [Effort; 2] = [Effort::Quick, Effort::Thorough];

    fn plain_again(coded: &[u8], coding: Coding) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Identity => plain.extend_from_slice(coded),
            Coding::Gzip => drop(flate2::read::GzDecoder::new(coded).read_to_end(&mut plain).unwrap()),
            Coding::Brotli => brotli::BrotliDecompress(&mut &*coded, &mut plain).unwrap(),
            Coding::Zstd => plain = zstd::stream::decode_all(coded).unwrap(),
        }
        plain
    }

    #[tokio::test]
    async fn pages_small_and_large_become_fewer_bytes_and_come_back() {
        for bytes in [600, LONG_BYTES, LONG_BYTES + 1, 600_000] {
            let plain = Bytes::from("a comment, and ".repeat(bytes / 15 + 1).into_bytes());
            for coding in Coding::MADE {
                let coded = press(plain.clone(), coding, Effort::Quick).await.unwrap();
                assert!(coded.len() < plain.len() / 2, "{coding:?} {bytes}");
                assert_eq!(plain_again(&coded, coding), plain, "{coding:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_become_fewer_bytes_is_left() {
        let noise: Vec<u8> = (0..2_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let noise = exact(&noise.iter().map(|byte| byte ^ noise[usize::from(*byte)]).collect::<Vec<_>>());
        for coding in Coding::MADE {
            let coded = press(noise.clone(), coding, Effort::Quick).await;
            assert!(coded.is_none_or(|coded| coded.len() < noise.len()), "{coding:?}");
        }
        assert_eq!(press(noise, Coding::Identity, Effort::Quick).await, None);
        assert_eq!(pressed(b"x", Coding::Zstd, Effort::Quick), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_come_back(plain: Vec<u8>) {
            for (coding, effort) in Coding::MADE.into_iter().flat_map(|coding| EFFORTS.map(|effort| (coding, effort))) {
                prop_assert_eq!(&plain_again(&coded(&plain, coding, effort).unwrap(), coding), &plain);
            }
        }
    }
}
