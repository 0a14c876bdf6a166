//! Which Kubo this is, and whether it is one that can be kept.

use std::{fmt, str::FromStr};

/// The first version that tells its health and knows every key that is written into its configuration.
pub const OLDEST: Version = Version { major: 0, minor: 42, patch: 0 };
/// The newest one that all of this was tried with.
pub const TRIED: Version = Version { major: 0, minor: 43, patch: 0 };

/// A version of Kubo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Whether it belongs to a line of versions that nobody has tried here.
    #[must_use]
    pub fn is_newer_than_tried(self) -> bool {
        (self.major, self.minor) > (TRIED.major, TRIED.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version of Kubo")]
pub struct NoVersion(String);

impl FromStr for Version {
    type Err = NoVersion;

    /// `0.43.0`, also `0.44.0-rc1` and `0.43.0-dev+abc`.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let none = || NoVersion(text.trim().chars().take(40).collect());
        let numbers = text.trim().split(['-', '+']).next().unwrap_or_default();
        let numbers: Vec<u32> = numbers.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| none())?;
        match numbers[..] {
            [major, minor, patch] => Ok(Self { major, minor, patch }),
            _ => Err(none()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubo_says_of_itself_is_read() {
        for (text, version) in [("0.43.0\n", "0.43.0"), ("0.44.0-rc1", "0.44.0"), ("1.2.3-dev+0a1b", "1.2.3")] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), version);
        }
        for text in ["", "kubo", "0.43", "0.x.1", "1.2.3.4"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.9.1") < OLDEST && version("0.42.0") >= OLDEST && version("0.100.0") > TRIED);
        assert!(version("0.44.0").is_newer_than_tried() && !version("0.43.9").is_newer_than_tried());
    }
}
