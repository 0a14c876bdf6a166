//! Whom an address belongs to, as far as limits can tell.

use std::net::IpAddr;

/// An IPv4 /24 or an IPv6 /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Neighbourhood {
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

impl Neighbourhood {
    /// That of an address; an IPv4 address in IPv6's clothes is an IPv4 address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbourhood_is_a_24_or_a_48() {
        let of = |text: &str| Neighbourhood::of(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), Neighbourhood::V4([192, 0, 2]));
        assert_eq!(of("::ffff:192.0.2.7"), Neighbourhood::V4([192, 0, 2]));
        assert_eq!(of("2001:db8:1:2::3"), Neighbourhood::V6([0x20, 0x01, 0x0d, 0xb8, 0, 1]));
    }
}
