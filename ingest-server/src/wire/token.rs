//! The word that ends a file. Whoever could guess it could end somebody else's file, so it comes from the system's
//! random source, in the digits that the original servers send: those of Python's `str(random.random())`.

use std::fmt;

/// A longer word is none that a server sent.
const TOKEN_BYTES: usize = 256;

/// The word that ends a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(String);

/// Bytes that are no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The server has said why instead.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Something else.
    #[error("`{0}` is no token; is this an ingest server?")]
    Nonsense(String),
}

impl Token {
    /// A token of 53 of these bits: a number from 1/32 up to 1/2, each with the shortest digits that name it alone.
    ///
    /// So it reads the same for a client that takes it for text and for one that takes it for a number, and it never
    /// needs an exponent.
    #[must_use]
    pub fn from_random(bits: u64) -> Self {
        const MANTISSA_BITS: u32 = 52;
        /// The biased exponent of numbers from 1/4 up to 1/2.
        const QUARTER: u64 = 1021;
        // The last bit says who speaks: see `resumes`.
        let mantissa = bits & ((1 << MANTISSA_BITS) - 1) | 1;
        let binade = (bits >> MANTISSA_BITS) & 0b11;
        Self(f64::from_bits((QUARTER - binade) << MANTISSA_BITS | mantissa).to_string())
    }

    /// Whether the server that made this token lets uploads be resumed.
    ///
    /// Python's `random.random()`, which makes the original's, gives multiples of 2^-53 and nothing else. Ours are none.
    #[must_use]
    pub fn resumes(&self) -> bool {
        const STEPS: f64 = (1u64 << 53) as f64;
        let number = self.0.parse::<f64>().ok().filter(|number| (1.0 / 32.0..0.5).contains(number));
        number.is_some_and(|number| number.to_string() == self.0 && (number * STEPS).fract() != 0.0)
    }

    /// What a client reads first.
    ///
    /// # Errors
    ///
    /// When the server refused instead, with its words; when it is no word.
    pub fn read(greeting: &[u8]) -> Result<Self, BadToken> {
        let shown = || String::from_utf8_lossy(&greeting[..greeting.len().min(TOKEN_BYTES)]).trim().to_owned();
        if greeting.starts_with(super::answer::REFUSED.as_bytes()) {
            return Err(BadToken::Refused(shown()));
        }
        let is_word =
            !greeting.is_empty() && greeting.len() <= TOKEN_BYTES && greeting.iter().all(u8::is_ascii_graphic);
        if is_word { Ok(Self(shown())) } else { Err(BadToken::Nonsense(shown())) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_four_ranges_of_tokens_have_the_digits_that_python_prints() {
        let tokens = [0, 1 << 52, 2 << 52, 3 << 52, u64::MAX];
        let expected = [
            "0.25000000000000006",
            "0.12500000000000003",
            "0.06250000000000001",
            "0.03125000000000001",
            "0.06249999999999999",
        ];
        assert_eq!(tokens.map(|bits| Token::from_random(bits).to_string()), expected);
    }

    #[test]
    fn no_token_of_an_original_server_says_that_it_resumes() {
        // The first ones of Python's `random.seed(1)`, the smallest steps, and what is no such number at all.
        let printed = ["0.13436424411240122", "0.8474337369372327", "0.763774618976614", "0.2550690257394217"];
        let steps = (0..1000u64).map(|step| (((1 << 48) + step) as f64 / (1u64 << 53) as f64).to_string());
        for text in printed.map(str::to_owned).into_iter().chain(steps) {
            assert!(!Token::read(text.as_bytes()).unwrap().resumes(), "{text}");
        }
        for text in ["6.86e-05", "hello", "0.2500000000000000600", "NaN"] {
            assert!(!Token::read(text.as_bytes()).unwrap().resumes(), "{text}");
        }
    }

    #[test]
    fn different_bits_are_different_tokens() {
        let bits = (0..4u64).flat_map(|high| (0..1000u64).map(move |low| high << 52 | low << 1));
        assert_eq!(bits.map(|bits| Token::from_random(bits).0).collect::<HashSet<_>>().len(), 4000);
    }

    #[test]
    fn a_refusal_in_the_place_of_the_token_is_told() {
        let refused = Token::read(b"ERROR too many connections\n").unwrap_err();
        assert_eq!(refused.to_string(), "the server refused: ERROR too many connections");
        for nonsense in [&b""[..], b"a b", b"0.5\n", &[b'1'; 300]] {
            assert!(matches!(Token::read(nonsense), Err(BadToken::Nonsense(_))));
        }
    }

    proptest! {
        #[test]
        fn a_number_as_python_makes_it_never_says_that_it_resumes(step in 0..1u64 << 53) {
            let number = step as f64 / (1u64 << 53) as f64;
            prop_assert!(!Token(number.to_string()).resumes());
        }

        #[test]
        fn every_token_is_digits_that_clients_know_and_reads_back_as_number_and_as_text(bits: u64) {
            let token = Token::from_random(bits);
            let digits = token.as_str().strip_prefix("0.").unwrap();
            prop_assert!(digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(token.as_str().parse::<f64>().unwrap().to_string(), token.as_str());
            prop_assert!(token.resumes());
            prop_assert_eq!(Token::read(token.as_str().as_bytes()).unwrap(), token);
        }
    }
}
