//! By what a kept answer is found again.

use std::sync::Arc;

use proto::Topic;

use crate::{coding::Coding, request::query::PageQuery};

/// What of a topic is shown, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) topic: Topic,
    view: View,
    /// The address of the front that links in it begin with, where it has such links.
    base: Option<Arc<str>>,
}

/// One form of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum View {
    /// Its folder's CID, as text.
    Folder,
    /// A page of it, as JSON.
    Page(PageQuery),
    /// A page of it, as HTML.
    Thread(PageQuery),
    /// Its newest comments, as Atom.
    Feed,
    /// Its folder, as an archive.
    Archive,
}

/// A subject in a coding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) subject: Subject,
    pub(crate) coding: Coding,
}

impl Subject {
    /// The folder's CID, as text.
    pub(crate) fn folder(topic: Topic) -> Self {
        Self { topic, view: View::Folder, base: None }
    }

    /// A page, as JSON.
    pub(crate) fn page(topic: Topic, page: PageQuery) -> Self {
        Self { topic, view: View::Page(page), base: None }
    }

    /// A page, as HTML with links that begin with `base`.
    pub(crate) fn thread(topic: Topic, page: PageQuery, base: &str) -> Self {
        Self { topic, view: View::Thread(page), base: Some(base.into()) }
    }

    /// The newest comments, as Atom with links that begin with `base`.
    pub(crate) fn feed(topic: Topic, base: &str) -> Self {
        Self { topic, view: View::Feed, base: Some(base.into()) }
    }

    /// The folder, as an archive.
    pub(crate) fn archive(topic: Topic) -> Self {
        Self { topic, view: View::Archive, base: None }
    }

    /// The same in a coding.
    pub(crate) fn coded(self, coding: Coding) -> Key {
        Key { subject: self, coding }
    }
}

impl Key {
    /// The same as it was before it was coded.
    pub(crate) fn plain(&self) -> Self {
        Self { subject: self.subject.clone(), coding: Coding::Identity }
    }

    /// The memory that it takes beside its own size.
    pub(crate) fn more_bytes(&self) -> usize {
        self.subject.base.as_ref().map_or(0, |base| base.len())
    }
}
