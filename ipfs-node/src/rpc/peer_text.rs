//! Peers and their addresses as text, with what Kubo says of text that is none.
//!
//! Asked by the commands about peers.

use std::{net::SocketAddr, time::Duration};

use cid::multibase::Base;
use swarm::{Multiaddr, PeerId};
use unixfs::Cid;

use super::cid_text;
use crate::refusal::Refusal;

/// The codec of CIDs that name keys.
const LIBP2P_KEY: u64 = 0x72;

/// An address.
pub(crate) fn address(text: &str) -> Result<Multiaddr, Refusal> {
    if !text.starts_with('/') {
        return Err(Refusal::failed(format!("failed to parse multiaddr {text:?}: must begin with /")));
    }
    text.parse().map_err(|error| Refusal::failed(format!("failed to parse multiaddr {text:?}: {error}")))
}

/// An address and whose it is.
pub(crate) fn peer_address(text: &str) -> Result<(PeerId, Multiaddr), Refusal> {
    let address = address(text)?;
    let id = text.rsplit_once("/p2p/").or_else(|| text.rsplit_once("/ipfs/")).and_then(|(_, id)| id.parse().ok());
    let id = id.ok_or_else(|| Refusal::failed(format!("found no ipfs peers at {text}")))?;
    Ok((id, address))
}

/// The id of a peer: `12D3KooW…`, `Qm…` or a CID such as `k51…`.
pub(crate) fn peer_id(text: &str) -> Option<PeerId> {
    if let Ok(id) = text.parse() {
        return Some(id);
    }
    let cid: Cid = text.parse().ok().filter(|cid: &Cid| cid.codec() == LIBP2P_KEY)?;
    PeerId::from_bytes(&cid.hash().to_bytes()).ok()
}

/// As [`peer_id`], in Kubo's words if it is none.
pub(crate) fn required_peer_id(text: &str) -> Result<PeerId, Refusal> {
    let wrong = || Refusal::failed("failed to parse peer ID: invalid cid: selected encoding not supported");
    peer_id(text).ok_or_else(wrong)
}

/// The id of a peer in the base that was asked for: `b58mh` for the short form, else a CID.
pub(crate) fn write_peer_id(id: PeerId, base: Option<&str>) -> Result<String, Refusal> {
    let Some(base) = base.filter(|base| *base != "b58mh") else { return Ok(id.to_string()) };
    let base: Base = cid_text::base(base)?;
    let hash = cid::multihash::Multihash::from_bytes(&id.to_bytes()).map_err(|error| Refusal::from_error(&error))?;
    let written = Cid::new_v1(LIBP2P_KEY, hash).to_string_of_base(base);
    written.map_err(|error| Refusal::failed(error.to_string()))
}

/// An address of TCP: `/ip4/127.0.0.1/tcp/80`.
pub(crate) fn tcp_address(text: &str) -> Result<SocketAddr, Refusal> {
    address(text)?;
    let parts: Vec<_> = text.split('/').collect();
    let address = match parts[..] {
        ["", "ip4", host, "tcp", port] => format!("{host}:{port}").parse().ok(),
        ["", "ip6", host, "tcp", port] => format!("[{host}]:{port}").parse().ok(),
        _ => None,
    };
    address
        .ok_or_else(|| Refusal::failed(format!("{text} is no address of TCP: give one such as /ip4/127.0.0.1/tcp/80")))
}

/// A duration as Go writes it: `1.5s`, `12.25ms`, `300µs`.
pub(crate) fn go_duration(took: Duration) -> String {
    let nanos = took.as_nanos();
    let (unit, name, digits) = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => (1, "ns", 0),
        1_000..1_000_000 => (1_000, "µs", 3),
        1_000_000..1_000_000_000 => (1_000_000, "ms", 6),
        _ => (1_000_000_000, "s", 9),
    };
    let (whole, rest) = (nanos / unit, nanos % unit);
    if rest == 0 {
        return format!("{whole}{name}");
    }
    let rest = format!("{rest:0digits$}");
    format!("{whole}.{}{name}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12D3KooWHv3WWKgpFnWUU5ktVfsVxayquGAn4c7AULawsrGsWYpL";

    #[test]
    fn an_id_is_read_and_written_in_all_its_forms() {
        let id = peer_id(ID).unwrap();
        let written = write_peer_id(id, Some("base36")).unwrap();
        assert_eq!(written, "k51qzi5uqu5dj6jpsinspb4wtr7rdtcr6vnyt70wdp0u2dwy8cgifac2wrx3z1", "as Kubo writes it");
        assert_eq!(peer_id(&written), Some(id));
        assert_eq!(write_peer_id(id, None).unwrap(), ID);
        assert_eq!(peer_id("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn").map(|id| id.to_string().len()), Some(46));
        assert_eq!(peer_id("bafkqaaa"), None);
    }

    #[test]
    fn what_is_no_address_is_refused_in_kubos_words() {
        assert_eq!(address("junk").unwrap_err().message, "failed to parse multiaddr \"junk\": must begin with /");
        let nobody = peer_address("/ip4/127.0.0.1/tcp/1").unwrap_err().message;
        assert_eq!(nobody, "found no ipfs peers at /ip4/127.0.0.1/tcp/1");
        assert!(tcp_address("/ip4/127.0.0.1/udp/1").is_err());
        assert_eq!(tcp_address("/ip6/::1/tcp/80").unwrap().to_string(), "[::1]:80");
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "0s"),
            (300, "300ns"),
            (1_500, "1.5µs"),
            (1_062_867, "1.062867ms"),
            (20_000_000, "20ms"),
            (1_500_000_000, "1.5s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
        }
    }
}
