//! Blocks that are structured values: DAG-CBOR, DAG-JSON, and DAG-PB seen as a value.
//!
//! Asked by `links`, by the resolver of paths, by `dag/*` of the RPC and by the path gateway. Keeps nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
pub use ipld_core::ipld::Ipld;
use thiserror::Error;

use crate::{
    CODEC_DAG_CBOR, CODEC_DAG_PB, CODEC_RAW, Cid, Link,
    dag_pb::{self, DagPbError, PbNode},
};

/// Codec of a block that is a DAG-JSON node.
pub const CODEC_DAG_JSON: u64 = 0x0129;
/// Codec of a block that is CBOR without links.
pub const CODEC_CBOR: u64 = 0x51;
/// Codec of a block that is JSON without links.
pub const CODEC_JSON: u64 = 0x0200;

/// Why a block is no value, or a value no block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IpldError {
    /// A codec that is none of values.
    #[error("codec {0:#x} cannot be read as a value: fetch the block as it is")]
    Codec(u64),
    /// Not the codec it says.
    #[error("block is not {codec} ({cause}): check what made it")]
    Read {
        /// The codec.
        codec: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// Not the DAG-PB it says.
    #[error("block cannot be read as a value")]
    DagPb(#[from] DagPbError),
    /// A value that the codec has no form for.
    #[error("value cannot be written as {codec} ({cause}): choose another codec")]
    Write {
        /// The codec.
        codec: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

/// Whether paths lead through the values of a block of this codec.
#[must_use]
pub const fn is_value(codec: u64) -> bool {
    matches!(codec, CODEC_DAG_CBOR | CODEC_DAG_JSON | CODEC_CBOR | CODEC_JSON)
}

/// Reads a block as a value.
///
/// # Errors
///
/// `Codec` when its codec is none of values; the others when it is not what its codec says.
pub fn read(codec: u64, block: &Bytes) -> Result<Ipld, IpldError> {
    match codec {
        CODEC_RAW => Ok(Ipld::Bytes(block.to_vec())),
        CODEC_DAG_PB => Ok(of_node(PbNode::decode(block)?)),
        CODEC_DAG_CBOR | CODEC_CBOR => serde_ipld_dagcbor::from_slice(block).map_err(|error| unread("CBOR", &error)),
        CODEC_DAG_JSON => serde_ipld_dagjson::from_slice(block).map_err(|error| unread("DAG-JSON", &error)),
        CODEC_JSON => serde_json::from_slice(block).map_err(|error| unread("JSON", &error)),
        other => Err(IpldError::Codec(other)),
    }
}

/// Writes a value as a block.
///
/// # Errors
///
/// `Codec` when the codec is none of values; `Write` when it has no form for this value.
pub fn write(codec: u64, value: &Ipld) -> Result<Vec<u8>, IpldError> {
    match (codec, value) {
        (CODEC_RAW, Ipld::Bytes(bytes)) => Ok(bytes.clone()),
        (CODEC_RAW, _) => Err(unwritten("raw", &"only bytes are")),
        (CODEC_DAG_PB, value) => node_of(value).map(|node| node.encode()),
        (CODEC_CBOR | CODEC_JSON, value) if has_links(value) => Err(unwritten("plain CBOR or JSON", &"it has links")),
        (CODEC_DAG_CBOR | CODEC_CBOR, value) => {
            serde_ipld_dagcbor::to_vec(value).map_err(|error| unwritten("CBOR", &error))
        }
        (CODEC_DAG_JSON, value) => serde_ipld_dagjson::to_vec(value).map_err(|error| unwritten("DAG-JSON", &error)),
        (CODEC_JSON, value) => serde_json::to_vec(value).map_err(|error| unwritten("JSON", &error)),
        (other, _) => Err(IpldError::Codec(other)),
    }
}

/// The CIDs that a value links, in its order.
#[must_use]
pub fn references(value: &Ipld) -> Vec<Cid> {
    let cid = |value: &Ipld| if let Ipld::Link(cid) = value { Some(*cid) } else { None };
    value.iter().filter_map(cid).collect()
}

/// The member of a list or map under a segment of a path.
#[must_use]
pub fn member<'v>(value: &'v Ipld, segment: &[u8]) -> Option<&'v Ipld> {
    let segment = std::str::from_utf8(segment).ok()?;
    match value {
        Ipld::Map(members) => members.get(segment),
        Ipld::List(members) => segment.parse::<usize>().ok().and_then(|at| members.get(at)),
        _ => None,
    }
}

fn has_links(value: &Ipld) -> bool {
    value.iter().any(|value| matches!(value, Ipld::Link(_)))
}

fn unread(codec: &'static str, cause: &dyn ToString) -> IpldError {
    IpldError::Read { codec, cause: cause.to_string() }
}

fn unwritten(codec: &'static str, cause: &dyn ToString) -> IpldError {
    IpldError::Write { codec, cause: cause.to_string() }
}

/// A DAG-PB node as the value that IPLD's schema has for it.
fn of_node(node: PbNode) -> Ipld {
    let link = |link: dag_pb::PbLink| {
        Ipld::Map(BTreeMap::from([
            ("Hash".to_owned(), Ipld::Link(link.cid)),
            ("Name".to_owned(), Ipld::String(String::from_utf8_lossy(&link.name).into_owned())),
            ("Tsize".to_owned(), Ipld::Integer(link.tsize.into())),
        ]))
    };
    let links = Ipld::List(node.links.into_iter().map(link).collect());
    let content = node.content.map(|content| ("Data".to_owned(), Ipld::Bytes(content.to_vec())));
    Ipld::Map(content.into_iter().chain([("Links".to_owned(), links)]).collect())
}

fn node_of(value: &Ipld) -> Result<PbNode, IpldError> {
    let wrong = |what: &str| unwritten("DAG-PB", &what);
    let Ipld::Map(members) = value else { return Err(wrong("it is no map")) };
    if members.keys().any(|key| key != "Data" && key != "Links") {
        return Err(wrong("it has members beside Data and Links"));
    }
    let content = match members.get("Data") {
        None => None,
        Some(Ipld::Bytes(bytes)) => Some(Bytes::copy_from_slice(bytes)),
        Some(_) => return Err(wrong("Data is not bytes")),
    };
    let Some(Ipld::List(links)) = members.get("Links") else { return Err(wrong("Links is no list")) };
    let mut links = links
        .iter()
        .map(|link| link_of(link).ok_or_else(|| wrong("a link has no Hash")))
        .collect::<Result<Vec<_>, _>>()?;
    // As the specification has it: sorted by name, those of one name in their order.
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(PbNode { links, content })
}

fn link_of(value: &Ipld) -> Option<dag_pb::PbLink> {
    let Ipld::Map(members) = value else { return None };
    let Some(Ipld::Link(cid)) = members.get("Hash") else { return None };
    let name = match members.get("Name") {
        Some(Ipld::String(name)) => Bytes::copy_from_slice(name.as_bytes()),
        Some(_) => return None,
        None => Bytes::new(),
    };
    let tsize = match members.get("Tsize") {
        Some(Ipld::Integer(tsize)) => u64::try_from(*tsize).ok()?,
        Some(_) => return None,
        None => 0,
    };
    Some(dag_pb::PbLink { name, ..dag_pb::PbLink::nameless(Link { cid: *cid, tsize }) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid_raw;

    fn json(text: &str) -> Ipld {
        read(CODEC_DAG_JSON, &Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn one_value_has_its_golden_bytes_in_both_codecs() {
        let cid = cid_raw(b"hello world");
        let text = format!(
            "{{\"b\":[1,-2,1.5,null,true],\"link\":{{\"/\":\"{cid}\"}},\"raw\":{{\"/\":{{\"bytes\":\"AQI\"}}}}}}"
        );
        let value = json(&text);
        assert_eq!(write(CODEC_DAG_JSON, &value).unwrap(), text.as_bytes());
        let cbor = write(CODEC_DAG_CBOR, &value).unwrap();
        let hex: String = cbor.iter().map(|byte| format!("{byte:02x}")).collect();
        let golden = [
            "a3",                               // a map of three
            "6162850121fb3ff8000000000000f6f5", // b
            "63726177420102",                   // raw, for shorter keys come first
            "646c696e6bd82a5825000155",         // link
            "1220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        ];
        assert_eq!(hex, golden.concat());
        assert_eq!(read(CODEC_DAG_CBOR, &cbor.into()), Ok(value.clone()));
        assert_eq!(references(&value), [cid]);
    }

    #[test]
    fn paths_lead_through_maps_and_lists() {
        let value = json("{\"a\":[{\"b\":7}]}");
        let inner = member(&value, b"a").and_then(|list| member(list, b"0")).and_then(|map| member(map, b"b"));
        assert_eq!(inner, Some(&Ipld::Integer(7)));
        for (path, of) in [("1", member(&value, b"a").unwrap()), ("b", &value), ("b", &Ipld::Null)] {
            assert_eq!(member(of, path.as_bytes()), None);
        }
    }

    #[test]
    fn a_dag_pb_node_is_a_value_and_back() {
        let link = dag_pb::PbLink { name: Bytes::from_static(b"a"), cid: cid_raw(b"a"), tsize: 9 };
        let node = PbNode { links: vec![link], content: Some(Bytes::from_static(&[8, 1])) };
        let block = Bytes::from(node.encode());
        let value = read(CODEC_DAG_PB, &block).unwrap();
        assert_eq!(write(CODEC_DAG_PB, &value).unwrap(), block);
        assert!(write(CODEC_DAG_PB, &json("{\"Links\":[],\"More\":1}")).is_err());
    }

    #[test]
    fn what_has_no_form_in_a_codec_is_refused() {
        let linked = json(&format!("{{\"/\":\"{}\"}}", cid_raw(b"")));
        assert!(write(CODEC_JSON, &linked).is_err());
        assert!(write(CODEC_RAW, &linked).is_err());
        assert_eq!(read(0x78, &Bytes::new()), Err(IpldError::Codec(0x78)));
        assert!(read(CODEC_DAG_CBOR, &Bytes::from_static(&[0xff])).is_err());
    }

    #[test]
    fn deep_values_are_refused_and_not_followed_to_the_end_of_the_stack() {
        let lists = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(read(CODEC_DAG_JSON, &lists.into()).is_err());
        assert!(read(CODEC_DAG_CBOR, &[vec![0x81; 100_000], vec![0]].concat().into()).is_err());
    }
}
