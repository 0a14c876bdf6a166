//! The whole tree of folders, computed from the comments alone: what the store's folders must be equal to.

use comment_store::{File, Snapshot, StoreError};
use proto::{Cid, Topic};
use unixfs::{Entry, HashOnly, Node, dir};

use crate::folders::{PROFILE, file_link, hex};

/// So many bytes of comments are looked at in one go.
const ROOM_BYTES: usize = 4 << 20;
/// So many topics are listed in one go.
const TOPICS: usize = 1_024;

/// Compares every folder with its comments; returns what is wrong.
pub(crate) fn check(snapshot: &Snapshot<'_>) -> Result<Vec<String>, StoreError> {
    let (mut faults, mut after) = (Vec::new(), None);
    let mut tree = Tree::default();
    loop {
        let topics = snapshot.topics(after, TOPICS)?;
        for topic in &topics {
            let folder = topic_folder(snapshot, topic)?;
            let (found, right) =
                (snapshot.topic(topic)?.and_then(|topic| topic.folder), folder.map(|node| Cid(node.cid)));
            if found != right {
                faults.push(format!("topic {topic}: its folder is {found:?}, expected {right:?}"));
            }
            if let Some(folder) = folder {
                tree.add(topic, folder);
            }
        }
        match topics.last() {
            Some(last) => after = Some(*last),
            None => break,
        }
    }
    let (found, right) = (snapshot.root(), tree.root());
    if found != right {
        faults.push(format!("the root folder is {found:?}, expected {right:?}"));
    }
    Ok(faults)
}

fn topic_folder(snapshot: &Snapshot<'_>, topic: &Topic) -> Result<Option<Node>, StoreError> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let page = snapshot.files(topic, after, ROOM_BYTES)?;
        entries.extend(page.files.iter().map(|file| {
            let link = file_link(&File { id: file.id, blob_bytes: file.blob.len() as u64 });
            Entry::new(file.legacy_id.to_string(), link)
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(build(entries))
}

fn build(entries: Vec<Entry>) -> Option<Node> {
    if entries.is_empty() {
        return None;
    }
    Some(dir::build(entries, &PROFILE, &mut HashOnly).expect("names in hex are names, and each came once"))
}

/// The folders above the topics, in the order of topics.
#[derive(Debug, Default)]
struct Tree {
    /// The folders on the way to the last topic: their bytes, and what is in them so far.
    open: [u8; 2],
    root: Vec<Entry>,
    first: Vec<Entry>,
    second: Vec<Entry>,
}

impl Tree {
    fn add(&mut self, topic: &Topic, folder: Node) {
        let [first, second, rest @ ..] = topic.0;
        if self.open[0] != first {
            self.close_first();
        } else if self.open[1] != second {
            self.close_second();
        }
        self.open = [first, second];
        self.second.push(Entry::new(hex(&rest), folder));
    }

    fn close_second(&mut self) {
        let folder = build(std::mem::take(&mut self.second));
        self.first.extend(folder.map(|folder| Entry::new(hex(&self.open[1..]), folder)));
    }

    fn close_first(&mut self) {
        self.close_second();
        let folder = build(std::mem::take(&mut self.first));
        self.root.extend(folder.map(|folder| Entry::new(hex(&self.open[..1]), folder)));
    }

    fn root(mut self) -> Option<Cid> {
        self.close_first();
        build(self.root).map(|folder| Cid(folder.cid))
    }
}
