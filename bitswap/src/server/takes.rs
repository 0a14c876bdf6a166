//! What a peer's wantlist changes in ours of it.

use crate::message::{Absence, Extent, There, WantKind};
use crate::{Entry, PeerKey, Wantlist};

use super::Server;

impl Server {
    /// A wantlist of a peer.
    pub fn received(&mut self, key: PeerKey, wantlist: &Wantlist) {
        if !self.desks.contains_key(&key) {
            return;
        }
        if wantlist.extent == Extent::Full {
            self.clear(key);
        }
        for entry in &wantlist.entries {
            match entry.kind {
                WantKind::Cancel => self.cancel(key, entry),
                WantKind::Block | WantKind::Have => self.want(key, *entry),
            }
        }
        self.give_turn(key);
    }

    fn clear(&mut self, key: PeerKey) {
        let Some(desk) = self.desks.get_mut(&key) else { return };
        let names = desk.names();
        for cid in &names {
            desk.take(cid);
        }
        self.wants_in_all -= names.len();
        names.iter().for_each(|cid| self.wait_no_longer(cid, key));
    }

    fn cancel(&mut self, key: PeerKey, entry: &Entry) {
        let Some(desk) = self.desks.get_mut(&key) else { return };
        if desk.take(&entry.cid).is_some() {
            self.wants_in_all -= 1;
            self.wait_no_longer(&entry.cid, key);
        }
    }

    fn want(&mut self, key: PeerKey, entry: Entry) {
        let Some(desk) = self.desks.get_mut(&key) else { return };
        let is_new = !desk.has(&entry.cid);
        // The first few are taken whatever others want: or a few peers that want what nobody has could shut out all.
        let shared_full = self.wants_in_all >= self.limits.wants_in_all && desk.wants() >= self.limits.sure_wants;
        let full = desk.wants() >= self.limits.wants_per_peer || shared_full;
        if is_new && full {
            if entry.absence == Absence::Tell {
                desk.say(entry.cid, There::DontHave);
            }
            return;
        }
        desk.put(entry);
        self.wants_in_all += usize::from(is_new);
        let waiting = self.waiting.entry(entry.cid).or_default();
        if !waiting.contains(&key) {
            waiting.push(key);
        }
    }
}
