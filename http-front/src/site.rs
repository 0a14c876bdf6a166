//! The site: every file of `web/site`, embedded when the front is built. Asks nobody, touches no disk.
//!
//! A file's tag is its CID. Names stay when contents change, so a browser asks each time whether it still has the right one.

use std::sync::LazyLock;

use hyper::{HeaderMap, header::HeaderValue};
use proto::CommentId;

use crate::{
    answer::Answered,
    cache::{Fixed, Made, Tag},
    html::{self, Framing},
};

/// Name, content type and content of each file, by name.
static EMBEDDED: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/site_files.rs"));

static FILES: LazyLock<Vec<Fixed>> = LazyLock::new(|| EMBEDDED.iter().map(fixed).collect());

/// The document that other people's pages put in a frame.
const FRAME: &str = "embed.html";

/// A file that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

impl Place {
    /// Finds a file by its path below `web/site`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        EMBEDDED.binary_search_by_key(&name, |(name, ..)| name).ok().map(Self)
    }

    /// What shows a thread to people.
    pub(crate) fn index() -> Self {
        Self::needed("index.html")
    }

    /// What shows a thread in a frame.
    pub(crate) fn frame() -> Self {
        Self::needed(FRAME)
    }

    /// What puts the frame under an article.
    pub(crate) fn script() -> Self {
        Self::needed("embed.js")
    }

    fn needed(name: &str) -> Self {
        Self::find(name).expect("the build fails without it")
    }

    /// The file, unless the visitor has it.
    ///
    /// # Errors
    ///
    /// 406 when the visitor takes no coding that there is.
    pub(crate) async fn answer(self, asked: &HeaderMap) -> Answered {
        FILES[self.0].answer(asked).await
    }
}

fn fixed(&(name, kind, content): &(&str, &'static str, &'static [u8])) -> Fixed {
    let mut guards = HeaderMap::new();
    if name.ends_with(".html") {
        html::guard(&mut guards, if name == FRAME { Framing::Anybody } else { Framing::Nobody });
    }
    // A file is hashed as a comment is: any IPFS software gives it the same CID.
    let tag = Tag::Exact(CommentId::of(content).to_string());
    Fixed::new(Made::text(tag, content).of_kind(HeaderValue::from_static(kind)).with(guards))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};

    use super::*;
    use crate::coding::{
        Coding,
        press::{self, Effort},
    };

    /// Every file below `web/site`, by its path there.
    fn on_disk() -> BTreeMap<String, Vec<u8>> {
        let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/site");
        let (mut folders, mut files) = (vec![site.clone()], BTreeMap::new());
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(&site).unwrap().to_str().unwrap().to_owned();
                        files.insert(name, fs::read(&path).unwrap());
                    }
                }
            }
        }
        files
    }

    #[test]
    fn every_file_of_the_site_is_embedded_as_it_is() {
        let embedded: BTreeMap<_, _> = EMBEDDED.iter().map(|(name, _, content)| (*name, *content)).collect();
        let on_disk = on_disk();
        let expected: BTreeMap<_, _> = on_disk.iter().map(|(name, file)| (name.as_str(), file.as_slice())).collect();
        assert!(embedded == expected, "{:?} and {:?}", embedded.keys(), expected.keys());
        assert!(EMBEDDED.is_sorted_by_key(|(name, ..)| name), "or none would be found");
    }

    #[test]
    fn the_whole_site_is_under_60_kb_when_it_is_compressed() {
        let bytes = |content| press::coded(content, Coding::Brotli, Effort::Thorough).unwrap().len();
        let all: usize = EMBEDDED.iter().map(|(_, _, content)| bytes(content)).sum();
        assert!((1..60_000).contains(&all), "{all} bytes");
    }

    #[test]
    fn nothing_of_the_site_comes_from_elsewhere() {
        for (name, _, content) in EMBEDDED.iter().filter(|(name, ..)| name.ends_with(".html")) {
            let text = str::from_utf8(content).unwrap();
            for tag in text.split('<').filter_map(|rest| Some(rest.split_once('>')?.0)) {
                let loads = ["script", "link", "img", "iframe"].iter().any(|name| tag.starts_with(name));
                assert!(!loads || !tag.contains("//"), "{name}: {tag}");
                let acts = |word: &str| (word.starts_with("on") || word.starts_with("style")) && word.contains('=');
                assert!(!tag.split_whitespace().any(acts), "the policy forbids what stands in {name}: {tag}");
            }
        }
    }

    #[tokio::test]
    async fn only_the_frame_may_be_framed() {
        for (name, kind, _) in EMBEDDED {
            let answer = Place::find(name).unwrap().answer(&HeaderMap::new()).await.unwrap();
            assert_eq!(answer.headers()[CONTENT_TYPE], kind);
            assert!(answer.headers().contains_key(ETAG));
            let policy = answer.headers().get(CONTENT_SECURITY_POLICY).map(|policy| policy.to_str().unwrap());
            assert_eq!(policy.is_some(), name.ends_with(".html"), "{name}");
            let closed = policy.is_some_and(|policy| policy.ends_with("frame-ancestors 'none'"));
            assert_eq!(closed, name.ends_with(".html") && *name != FRAME, "{name}");
        }
    }
}
