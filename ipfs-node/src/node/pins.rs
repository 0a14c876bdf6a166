//! Pins: what the operator wants kept. A pin is made only of what is here as a whole, or has been fetched.
//!
//! Asked by `pin/*`, `add`, `dag/import` and `block/rm`. The store keeps them.

use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
};

use unixfs::{CODEC_RAW, Cid, dag_pb::PbNode};

use super::{Node, Walk};
use crate::{
    refusal::Refusal,
    store::{Pin, PinKind, RootChange},
};

/// How a block is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// By a pin of its own.
    Pinned(PinKind),
    /// By a recursive pin of what stands above it.
    Via(Cid),
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pinned(PinKind::Recursive) => f.write_str("pinned: recursive"),
            Self::Pinned(PinKind::Direct) => f.write_str("pinned: direct"),
            Self::Via(root) => write!(f, "pinned via {root}"),
        }
    }
}

/// How far a walk has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
}

impl Node {
    /// To look at pins and then change them, with nobody in between.
    pub(crate) fn pin_turn(&self) -> MutexGuard<'_, ()> {
        self.pin_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pins a block, or a block and all below it, which must be here or within the asker's reach.
    pub(crate) fn pin(
        &self,
        cid: Cid,
        kind: PinKind,
        name: &str,
        tell: &mut impl FnMut(Progress) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let _protection = self.store.protect(cid)?;
        match kind {
            PinKind::Direct => _ = self.block_bytes(&cid, |_| Vec::new())?,
            PinKind::Recursive => self.check_whole(cid, tell)?,
        }
        let _turn = self.pin_turn();
        let old = self.store.pin(&cid)?.map(|pin| pin.kind);
        if (kind, old) == (PinKind::Direct, Some(PinKind::Recursive)) {
            return Err(Refusal::failed(format!("{cid} already pinned recursively")));
        }
        let pin = Pin { cid, kind, name: name.to_owned() };
        Ok(self.commit([RootChange::Pin(pin)])?)
    }

    fn check_whole(&self, root: Cid, tell: &mut impl FnMut(Progress) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let (mut walk, mut progress) = (Walk::new(root), Progress::default());
        while let Some((_, bytes)) = walk.next_here(self)? {
            progress = Progress { blocks: progress.blocks + 1, bytes: progress.bytes + bytes };
            tell(progress)?;
        }
        Ok(())
    }

    /// Gives a pin up.
    pub(crate) fn unpin(&self, cid: Cid, kind: PinKind) -> Result<(), Refusal> {
        let _turn = self.pin_turn();
        match (self.store.pin(&cid)?, kind) {
            (None, _) => Err(Refusal::failed("not pinned or pinned indirectly")),
            (Some(Pin { kind: PinKind::Recursive, .. }), PinKind::Direct) => {
                Err(Refusal::failed(format!("{cid} is pinned recursively")))
            }
            (Some(_), _) => Ok(self.store.session().commit([RootChange::Unpin(cid)])?),
        }
    }

    /// Moves a recursive pin to a new root, looking only at what differs.
    pub(crate) fn move_pin(&self, from: Cid, to: Cid, unpin: bool) -> Result<(), Refusal> {
        let _protections = (self.store.protect(from)?, self.store.protect(to)?);
        self.recursive_pin(&from)?;
        if from == to {
            return Ok(());
        }
        self.check_difference(from, to)?;
        let _turn = self.pin_turn();
        let old = self.recursive_pin(&from)?;
        if matches!(self.store.pin(&to)?, Some(Pin { kind: PinKind::Recursive, .. })) {
            return Err(Refusal::failed("'to' cid was already recursively pinned"));
        }
        let new = RootChange::Pin(Pin { cid: to, ..old });
        let changes = [Some(new), unpin.then_some(RootChange::Unpin(from))];
        Ok(self.commit(changes.into_iter().flatten())?)
    }

    fn recursive_pin(&self, cid: &Cid) -> Result<Pin, Refusal> {
        let pin = self.store.pin(cid)?.filter(|pin| pin.kind == PinKind::Recursive);
        pin.ok_or_else(|| Refusal::failed("'from' cid was not recursively pinned already"))
    }

    /// Checks that all of `to` is here, given that all of `from` is: where both link the same, nothing is read.
    fn check_difference(&self, from: Cid, to: Cid) -> Result<(), Refusal> {
        let mut open = vec![(Some(from), to)];
        let mut seen = HashSet::new();
        while let Some((old, new)) = open.pop() {
            if old == Some(new) || !seen.insert(new) {
                continue;
            }
            if new.codec() == CODEC_RAW {
                self.block_bytes(&new, |most| upcoming(&open, most))?;
                continue;
            }
            let old_links = old.map_or(Ok(Vec::new()), |old| self.named_links(&old, |_| Vec::new()))?;
            let had: HashSet<Cid> = old_links.iter().map(|(_, cid)| *cid).collect();
            for (at, (name, cid)) in self.named_links(&new, |most| upcoming(&open, most))?.into_iter().enumerate() {
                if had.contains(&cid) {
                    continue;
                }
                // In a folder the same name, in a file the same place most likely holds what it was made from.
                let by_name = old_links.iter().find(|(old_name, _)| !name.is_empty() && *old_name == name);
                let twin = by_name.or_else(|| old_links.get(at).filter(|_| name.is_empty()));
                open.push((twin.map(|(_, cid)| *cid), cid));
            }
        }
        Ok(())
    }

    fn named_links(
        &self,
        cid: &Cid,
        next: impl FnOnce(usize) -> Vec<Cid>,
    ) -> Result<Vec<(bytes::Bytes, Cid)>, Refusal> {
        if cid.codec() == CODEC_RAW {
            return Ok(Vec::new());
        }
        let bytes = self.block_before(cid, next)?;
        if let Ok(node) = PbNode::decode(&bytes)
            && cid.codec() == unixfs::CODEC_DAG_PB
        {
            return Ok(node.links.into_iter().map(|link| (link.name, link.cid)).collect());
        }
        let links = unixfs::links(cid, &bytes).unwrap_or_default();
        Ok(links.into_iter().map(|cid| (bytes::Bytes::new(), cid)).collect())
    }

    /// How a block is kept, if it is: by itself, or by what stands above it.
    pub(crate) fn kept(&self, cid: &Cid) -> Result<Option<Kept>, Refusal> {
        if let Some(pin) = self.store.pin(cid)? {
            return Ok(Some(Kept::Pinned(pin.kind)));
        }
        self.kept_via(cid)
    }

    /// The recursive pin that keeps a block, if one does: all of them may have to be walked.
    pub(crate) fn kept_via(&self, cid: &Cid) -> Result<Option<Kept>, Refusal> {
        let (mut walk, here) = (Walk::default(), self.here());
        for pin in self.store.pins() {
            let pin = pin?;
            if pin.kind == PinKind::Direct {
                continue;
            }
            walk.go_on(pin.cid);
            while let Some((below, _)) = walk.next_here(&here)? {
                if below == *cid && below != pin.cid {
                    return Ok(Some(Kept::Via(pin.cid)));
                }
            }
        }
        Ok(None)
    }
}

/// What is compared next, the first one first.
fn upcoming(open: &[(Option<Cid>, Cid)], most: usize) -> Vec<Cid> {
    open.iter().rev().take(most).map(|(_, new)| *new).collect()
}
