//! Reading blocks: from the store, and where the asker reaches out, from peers. What is missing is told in the words of
//! Kubo.
//!
//! Asked by every command that reads.

use std::collections::VecDeque;

use bytes::Bytes;
use unixfs::{Cid, DirReader, Entry, Item, Reader, Step};

use super::Node;
use crate::{
    refusal::Refusal,
    store::{RootChange, StoreError},
};

/// Entries of a folder that are known before they are told.
const ENTRIES: usize = 256;

/// The refusal for a block that is not here.
pub(crate) fn not_found(cid: &Cid) -> Refusal {
    Refusal::failed(format!("block was not found locally (offline): ipld: could not find {cid}"))
}

impl Node {
    /// The bytes of a block.
    pub(crate) fn block(&self, cid: &Cid) -> Result<Bytes, Refusal> {
        self.block_before(cid, |_| Vec::new())
    }

    /// The bytes of a block; `next` says, if it is asked, which blocks are read after this one, as many as it is told.
    pub(crate) fn block_before(&self, cid: &Cid, next: impl FnOnce(usize) -> Vec<Cid>) -> Result<Bytes, Refusal> {
        match self.block_here(cid)? {
            Some(bytes) => Ok(bytes),
            None => self.fetch(cid, next),
        }
    }

    /// The size of a block in bytes; it is here afterwards.
    pub(crate) fn block_bytes(&self, cid: &Cid, next: impl FnOnce(usize) -> Vec<Cid>) -> Result<u64, Refusal> {
        if let Some(bytes) = self.store.size_of(cid)?
            && self.hold(cid)?
        {
            return Ok(bytes.into());
        }
        Ok(self.fetch(cid, next)?.len() as u64)
    }

    /// Says which blocks will be read soon.
    pub(crate) fn look_ahead(&self, cids: impl FnOnce(usize) -> Vec<Cid>) -> Result<(), Refusal> {
        match self.reach.fetching() {
            Some(fetching) => fetching.look_ahead(&self.store, None, cids),
            None => Ok(()),
        }
    }

    /// Makes durable what was fetched, together with these changes of roots.
    pub(crate) fn commit(&self, roots: impl IntoIterator<Item = RootChange>) -> Result<(), StoreError> {
        match self.reach.kept() {
            Some(session) => session.commit(roots),
            None => self.store.session().commit(roots),
        }
    }

    fn block_here(&self, cid: &Cid) -> Result<Option<Bytes>, Refusal> {
        if !self.hold(cid)? {
            return Ok(None);
        }
        Ok(self.store.get(cid)?)
    }

    /// Keeps a block from collections that this asker outlives, once it fetches: nothing else may hold what hangs below
    /// a block that was not here when the collection began. False when it is not here; true also if nobody looked.
    fn hold(&self, cid: &Cid) -> Result<bool, Refusal> {
        Ok(self.reach.kept().map_or(Ok(true), |session| session.keep(cid))?)
    }

    fn fetch(&self, cid: &Cid, next: impl FnOnce(usize) -> Vec<Cid>) -> Result<Bytes, Refusal> {
        match self.reach.fetching() {
            Some(fetching) => fetching.fetch(&self.store, &self.patience, cid, next),
            None => Err(not_found(cid)),
        }
    }

    /// What a block is.
    pub(crate) fn item(&self, cid: &Cid) -> Result<Item, Refusal> {
        let bytes = self.block(cid)?;
        Item::read(cid, &bytes).map_err(|error| Refusal::from_error(&error))
    }

    /// The entries of a folder. Of those that are `read` by whoever is told, the blocks are wanted before that.
    pub(crate) fn each_entry(
        &self,
        folder: Cid,
        read: impl Fn(&Entry) -> bool,
        mut tell: impl FnMut(Entry) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut reader = DirReader::new(folder);
        let mut batch = VecDeque::new();
        loop {
            while batch.len() < ENTRIES
                && let Some(entry) = self.next_of(&mut reader)?
            {
                batch.push_back(entry);
            }
            let read_soon =
                |most| batch.iter().filter(|entry| read(entry)).take(most).map(|entry| entry.link.cid).collect();
            self.look_ahead(read_soon)?;
            match batch.pop_front() {
                Some(entry) => tell(entry)?,
                None => return Ok(()),
            }
        }
    }

    /// The next thing that a reader reads; `None` at the end.
    pub(crate) fn next_of<R: Reader>(&self, reader: &mut R) -> Result<Option<R::Out>, Refusal> {
        loop {
            match reader.step()? {
                Step::Need(cid) => {
                    let bytes = self.block_before(&cid, |most| reader.wanted(most))?;
                    reader.supply(&cid, bytes)?;
                }
                Step::Give(out) => return Ok(Some(out)),
                Step::Done => return Ok(None),
            }
        }
    }
}
