//! The list of a folder as a page, written entry by entry: a folder may have millions.
//!
//! Made by `folder`; the box reads the entries and asks for their rows.

use bytes::Bytes;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::utf8_percent_encode;
use unixfs::{Cid, Entry};
use xxhash_rust::xxh64::xxh64;

use crate::headers::{IN_SEGMENT, base_32};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}table{width:100%;border-collapse:collapse}td{padding:.25rem .5rem;border-top:1px solid #ddd;\
overflow-wrap:anywhere}td.n{text-align:right;white-space:nowrap}code{font-size:.8rem;color:#555}a{color:#0b5cad}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}td{border-color:#333}code{color:#aaa}a{color:#7db8f0}}";

/// The tag of the list of a folder. It changes with the page that this file writes.
pub(super) fn tag(folder: &Cid) -> String {
    let page = base_32(xxh64(include_bytes!("listing.rs"), 0));
    format!("\"DirIndex-{page}_CID-{folder}\"")
}

/// A list that is being written.
#[derive(Debug)]
pub struct Listing {
    head: Bytes,
    /// Where the entries are: the address that was asked, with a slash.
    base: String,
    /// Where other roots are, `//<gateway>` where this host has one root only; none on a domain of its own.
    roots: Option<String>,
}

impl Listing {
    pub(super) fn new(path: &[u8], uri_path: &str, gateway: Option<String>, folder: &Cid, dag_bytes: u64) -> Self {
        let path = String::from_utf8_lossy(path);
        let base = format!("/{}/", uri_path.trim_matches('/')).replace("//", "/");
        let is_root = path.trim_matches('/').split('/').count() <= 2;
        let page = html! {
            h1 { "Index of " (path) }
            p { code { (folder) } " " (size(dag_bytes)) }
            (PreEscaped("<table>"))
            @if !is_root { tr { td { a href=".." { ".." } } td {} td {} } }
        };
        let head = Bytes::from(begun(&path, &page).into_string());
        Self { head, base, roots: gateway }
    }

    /// What comes before the entries.
    #[must_use]
    pub fn head(&self) -> Bytes {
        self.head.clone()
    }

    /// The row of an entry.
    #[must_use]
    pub fn row(&self, entry: &Entry) -> Bytes {
        let name = String::from_utf8_lossy(&entry.name);
        let address = format!("{}{}", self.base, percent_encoding::percent_encode(&entry.name, IN_SEGMENT));
        let row = html! {
            tr {
                td { a href=(address) { (name) } }
                td { (link(self.roots.as_deref(), &entry.link.cid, &name)) }
                td.n { (size(entry.link.tsize)) }
            }
        };
        row.into_string().into()
    }

    /// What comes after the entries.
    #[must_use]
    pub fn end(&self) -> Bytes {
        Bytes::from_static(b"</table></body></html>\n")
    }
}

/// A CID that leads to its own address, where other roots have one.
fn link(roots: Option<&str>, cid: &Cid, name: &str) -> Markup {
    let name = utf8_percent_encode(name, IN_SEGMENT);
    html! {
        @match roots {
            Some(roots) => a href=(format!("{roots}/ipfs/{cid}?filename={name}")) { code { (cid) } },
            None => code { (cid) },
        }
    }
}

/// The beginning of a page.
pub(super) fn begun(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width";
            title { (title) }
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
        (body)
    }
}

/// A number of bytes as people read it.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn size(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if size < 999.5 {
            break;
        }
        (size, unit) = (size / 1000.0, next);
    }
    if unit == "B" || size >= 9.95 { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use unixfs::{Link, cid_raw};

    use super::*;

    #[test]
    fn names_cannot_write_the_page() {
        let folder = cid_raw(b"folder");
        let list = Listing::new(b"/ipfs/x/<b>", "/ipfs/x/%3Cb%3E/", Some(String::new()), &folder, 1);
        let head = String::from_utf8(list.head().to_vec()).unwrap();
        assert!(head.contains("&lt;b&gt;") && !head.contains("<b>") && head.contains("href=\"..\""), "{head}");
        let entry = Entry::new("\"><script>a b", Link { cid: cid_raw(b"a"), tsize: 1_234 });
        let row = String::from_utf8(list.row(&entry).to_vec()).unwrap();
        assert!(!row.contains("<script>") && row.contains("href=\"/ipfs/x/%3Cb%3E/%22%3E%3Cscript%3Ea%20b\""), "{row}");
        assert!(row.contains("1.2 kB"), "{row}");
    }

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (82_854, "83 kB"), (999_999, "1.0 MB")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "18 EB");
    }
}
