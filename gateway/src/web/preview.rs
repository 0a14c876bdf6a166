//! A value as a page, its links to be followed.
//!
//! Asked by `codec`. Keeps nothing.

use bytes::Bytes;
use maud::{Markup, PreEscaped, html};
use unixfs::{
    Cid,
    ipld::{self, Ipld},
};
use xxhash_rust::xxh64::xxh64;

use super::listing::begun;
use crate::headers::base_32;

/// A larger block is not shown: its page would be twenty times as large.
const BLOCK_BYTES_MAX: usize = 256 << 10;
/// So many bytes of a byte string are shown.
const BYTES_SHOWN: usize = 64;

/// The tag of the page. It changes with the page that this file writes.
pub(super) fn tag(cid: &Cid) -> String {
    let page = base_32(xxh64(include_bytes!("preview.rs"), 0));
    format!("\"DagIndex-{page}_CID-{cid}\"")
}

/// The page.
pub(super) fn page(path: &[u8], gateway: Option<&str>, cid: &Cid, block: &Bytes) -> Markup {
    let path = String::from_utf8_lossy(path);
    let page = html! {
        h1 { "Value at " (path) }
        p { code { (cid) } }
        p { a href="?format=raw" { "the block" } ", which proves itself" }
        (shown(gateway, cid, block))
    };
    html! { (begun(&path, &page)) (PreEscaped("</body></html>\n")) }
}

fn shown(gateway: Option<&str>, cid: &Cid, block: &Bytes) -> Markup {
    if block.len() > BLOCK_BYTES_MAX {
        return html! { p { "The block has " (block.len()) " bytes, too many to be shown." } };
    }
    match ipld::read(cid.codec(), block) {
        Ok(value) => rows(gateway.unwrap_or_default(), &value),
        Err(error) => html! { p { (error) } },
    }
}

fn rows(gateway: &str, value: &Ipld) -> Markup {
    match value {
        Ipld::Null => html! { "null" },
        Ipld::Bool(value) => html! { (value) },
        Ipld::Integer(value) => html! { (value) },
        Ipld::Float(value) => html! { (value) },
        Ipld::String(text) => html! { (text) },
        Ipld::Bytes(bytes) => html! {
            (bytes.len()) " bytes "
            code { @for byte in bytes.iter().take(BYTES_SHOWN) { (format!("{byte:02x}")) } }
        },
        Ipld::List(members) => html! {
            table { @for (at, member) in members.iter().enumerate() { tr { td { (at) } td { (rows(gateway, member)) } } } }
        },
        Ipld::Map(members) => html! {
            table { @for (name, member) in members { tr { td { (name) } td { (rows(gateway, member)) } } } }
        },
        Ipld::Link(cid) => html! { a href=(format!("{gateway}/ipfs/{cid}")) { (cid) } },
    }
}

#[cfg(test)]
mod tests {
    use unixfs::{CODEC_DAG_JSON, cid_raw};

    use super::*;

    #[test]
    fn a_value_is_shown_with_its_links_and_cannot_write_the_page() {
        let link = cid_raw(b"a");
        let text = format!(
            "{{\"<b>\":[1,null,\"<script>\"],\"link\":{{\"/\":\"{link}\"}},\"raw\":{{\"/\":{{\"bytes\":\"AQI\"}}}}}}"
        );
        let cid = Cid::new_v1(CODEC_DAG_JSON, *cid_raw(text.as_bytes()).hash());
        let page = page(b"/ipfs/x", Some("//localhost"), &cid, &Bytes::from(text)).into_string();
        assert!(page.contains(&format!("<a href=\"//localhost/ipfs/{link}\">")), "{page}");
        assert!(
            page.contains("&lt;script&gt;") && !page.contains("<script>") && page.contains("<code>0102</code>"),
            "{page}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_so() {
        let cid = Cid::new_v1(CODEC_DAG_JSON, *cid_raw(b"{").hash());
        assert!(page(b"/ipfs/x", None, &cid, &Bytes::from_static(b"{")).into_string().contains("is not DAG-JSON"));
        assert!(
            page(b"/ipfs/x", None, &cid, &vec![b' '; BLOCK_BYTES_MAX + 1].into()).into_string().contains("too many")
        );
    }
}
