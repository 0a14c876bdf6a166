//! The versions of Bitswap that we speak, best first.

/// A version of the protocol, as two peers agree on it when a stream is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Blocks without their CIDs: they are of version 0.
    V1_0,
    /// Blocks with the prefix of their CID.
    V1_1,
    /// Adds want-have, HAVE and DONT_HAVE.
    V1_2,
}

impl Protocol {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::V1_2, Self::V1_1, Self::V1_0];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_2 => "/ipfs/bitswap/1.2.0",
            Self::V1_1 => "/ipfs/bitswap/1.1.0",
            Self::V1_0 => "/ipfs/bitswap/1.0.0",
        }
    }

    /// The version of a name; none for another protocol.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    /// Whether peers of this version know want-have and DONT_HAVE.
    #[must_use]
    pub const fn knows_presence(self) -> bool {
        matches!(self, Self::V1_2)
    }
}
