//! Paths in all their spellings, as Kubo takes them: to names, and to what names may point to.
//!
//! Asked by the commands `name/*` and by [`crate::node::Node`].

use unixfs::Cid;

use crate::refusal::Refusal;

/// The part of a text after `/ipns/`, `ipns://` or `ipns:`, as a path below `/ipns/`; none when it names no name.
pub(crate) fn below_ipns(text: &str) -> Option<String> {
    let prefixes = ["/ipns/", "ipns://", "ipns:"];
    let rest = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    Some(format!("/ipns/{rest}"))
}

/// The name that a text is: a path, an address or the bare name.
pub(crate) fn name_path(text: &str) -> Result<String, Refusal> {
    if let Some(path) = below_ipns(text) {
        return Ok(path);
    }
    if text.is_empty() || text.starts_with('/') || text.starts_with("ipfs:") {
        return Err(Refusal::failed(format!("{text:?} is not an IPNS name")));
    }
    Ok(format!("/ipns/{text}"))
}

/// The path that a name may point to: a path, an address or a bare CID with what is below it.
pub(crate) fn content_path(text: &str) -> Result<String, Refusal> {
    let short = || Refusal::failed(format!("invalid path {text:?}: path does not have enough components"));
    if let Some(path) = below_ipns(text) {
        return if path.len() > "/ipns/".len() { Ok(path) } else { Err(short()) };
    }
    let rest = ["/ipfs/", "ipfs://", "ipfs:"].iter().find_map(|prefix| text.strip_prefix(prefix));
    let rest = rest.unwrap_or(text);
    let root = rest.split('/').next().unwrap_or_default();
    match root.parse::<Cid>() {
        Ok(_) => Ok(format!("/ipfs/{rest}")),
        Err(_) if root.is_empty() || rest.len() == text.len() => Err(short()),
        Err(error) => Err(Refusal::failed(format!("invalid path {text:?}: invalid cid: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_all_their_spellings() {
        for text in ["k51/a", "/ipns/k51/a", "ipns://k51/a", "ipns:k51/a"] {
            assert_eq!(name_path(text).unwrap(), "/ipns/k51/a", "{text}");
        }
        for text in ["", "/ipfs/bafkqaaa", "ipfs://bafkqaaa", "/other"] {
            assert!(name_path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_name_may_point_to_is_a_path_whatever_its_spelling() {
        for text in ["bafkqaaa/a", "/ipfs/bafkqaaa/a", "ipfs://bafkqaaa/a"] {
            assert_eq!(content_path(text).unwrap(), "/ipfs/bafkqaaa/a", "{text}");
        }
        assert_eq!(content_path("/ipns/example.org").unwrap(), "/ipns/example.org");
        for text in ["", "/ipfs/", "/ipns/", "nonsense", "/ipfs/nonsense"] {
            assert!(content_path(text).is_err(), "{text}");
        }
    }
}
