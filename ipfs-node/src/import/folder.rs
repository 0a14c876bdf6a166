//! The folders of an upload: entries are collected by path, then built from the deepest up.
//!
//! Asked by `add`.

use std::collections::BTreeMap;

use bytes::Bytes;
use unixfs::{Entry, ImportOptions, Link, dir};

use super::Keep;
use crate::refusal::Refusal;

/// A folder that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    entries: BTreeMap<String, Child>,
}

#[derive(Debug)]
enum Child {
    Finished(Link),
    Folder(Folder),
}

/// A folder that was built: its path from the top and its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Built {
    /// Empty for the top itself.
    pub(crate) path: String,
    pub(crate) link: Link,
}

impl Folder {
    /// Puts what was built under a path, making the folders on the way.
    pub(crate) fn put(&mut self, path: &str, link: Link) -> Result<(), Refusal> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.folder(above)?.entries.insert(name.to_owned(), Child::Finished(link));
        Ok(())
    }

    /// The folder at a path, made if it is not there.
    pub(crate) fn folder(&mut self, path: &str) -> Result<&mut Self, Refusal> {
        let mut folder = self;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let child = folder.entries.entry(name.to_owned()).or_insert_with(|| Child::Folder(Self::default()));
            match child {
                Child::Folder(child) => folder = child,
                Child::Finished(_) => return Err(Refusal::failed(format!("{name:?} in {path:?} is not a folder"))),
            }
        }
        Ok(folder)
    }

    /// Builds the folder and all below it; tells each, the deepest first, in the order of names.
    pub(crate) fn build(
        self,
        options: &ImportOptions,
        keep: &mut Keep,
        tell: &mut impl FnMut(Built) -> Result<(), Refusal>,
    ) -> Result<Link, Refusal> {
        self.build_at(String::new(), options, keep, tell)
    }

    fn build_at(
        self,
        path: String,
        options: &ImportOptions,
        keep: &mut Keep,
        tell: &mut impl FnMut(Built) -> Result<(), Refusal>,
    ) -> Result<Link, Refusal> {
        let mut entries = Vec::with_capacity(self.entries.len());
        for (name, child) in self.entries {
            let link = match child {
                Child::Finished(link) => link,
                Child::Folder(folder) => folder.build_at(join(&path, &name), options, keep, tell)?,
            };
            entries.push(Entry::new(Bytes::from(name), link));
        }
        let link = dir::build(entries, options, keep).map_err(|error| Refusal::from_error(&error))?.into();
        tell(Built { path, link })?;
        Ok(link)
    }
}

/// Two paths as one.
pub(crate) fn join(above: &str, name: &str) -> String {
    match (above, name) {
        ("", _) => name.to_owned(),
        (_, "") => above.to_owned(),
        _ => format!("{above}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unixfs::{Profile, cid_raw};

    fn link(text: &str) -> Link {
        Link { cid: cid_raw(text.as_bytes()), tsize: text.len() as u64 }
    }

    #[test]
    fn folders_are_told_from_the_deepest_up() {
        let mut top = Folder::default();
        top.put("d/sub/b.txt", link("ho\n")).unwrap();
        top.put("d/a.txt", link("hi\n")).unwrap();
        let mut told = Vec::new();
        let mut tell = |built: Built| {
            told.push((built.path, built.link.cid.to_string(), built.link.tsize));
            Ok(())
        };
        top.build(&Profile::KuboCidV1.into(), &mut Keep::Nothing, &mut tell).unwrap();
        // As Kubo 0.43 answers to the same upload.
        let expected = [
            ("d/sub", "bafybeigtszryoylgwk5fyx6fw7iz2vr5bywskuu66pa7onszplxcjcxjji", 56),
            ("d", "bafybeibkjrtswztq56ps3hqti3weoymcx7i46pjwdhosxiwspjzjelku7a", 159),
            ("", "bafybeicqjaqkv5gs74ofrffv7r7jrxbkomfwxbkiqy3z3dvdk6igiivtba", 209),
        ];
        assert_eq!(told, expected.map(|(path, cid, tsize)| (path.to_owned(), cid.to_owned(), tsize)));
    }

    #[test]
    fn a_file_is_no_folder() {
        let mut top = Folder::default();
        top.put("a", link("x")).unwrap();
        assert!(top.put("a/b", link("y")).is_err());
    }
}
