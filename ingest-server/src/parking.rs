//! Uploads whose connections broke, kept for a while so that their clients can go on: how far they came, not their bytes,
//! which are with the IPFS daemon.
//!
//! Asked by uploads that have a name. Forgotten when the box ends: the client then begins again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{blocks::Blocks, intake::Intake, quota::Share, wire::UploadId};

/// So many at a time: each is some forty kilobytes at the most. The oldest gives way.
const PLACES: usize = 64;
/// How long a client may take to come back.
const KEEP_FOR: Duration = Duration::from_secs(600);
/// How long one who comes back waits for his former connection to be found broken.
const HAND_OVER: Duration = Duration::from_secs(5);

/// A part of a file.
#[derive(Debug)]
pub(crate) struct Part<B> {
    pub(crate) intake: Intake<B>,
    pub(crate) share: Share,
}

/// Parts of files, by the names that their clients gave them. Cheap to clone.
#[derive(Debug)]
pub(crate) struct Parking<B>(Arc<Mutex<HashMap<UploadId, Place<B>>>>);

#[derive(Debug)]
enum Place<B> {
    /// A connection has it, and tells when it has not any more.
    Moving(Arc<Notify>),
    /// Nobody has.
    Resting(Box<Part<B>>, Instant),
}

/// The right to go on with an upload, which only one connection has. Dropped, the upload is over.
#[derive(Debug)]
pub(crate) struct Ticket<B> {
    parking: Parking<B>,
    id: UploadId,
    moving: Arc<Notify>,
}

/// The right, and what there is of the file; nothing when it begins.
pub(crate) type Claim<B> = (Ticket<B>, Option<Part<B>>);

impl<B> Default for Parking<B> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<B> Clone for Parking<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B> Parking<B> {
    /// The right to an upload, and what there is of it; nothing when it begins.
    pub(crate) async fn take(&self, id: UploadId) -> Claim<B> {
        let deadline = Instant::now() + HAND_OVER;
        loop {
            let former = match self.try_take(id) {
                Ok(claim) => return claim,
                Err(former) => former,
            };
            if timeout_at(deadline, former.notified()).await.is_err() {
                // That connection is not known to be dead: begun again here, and there it cannot rest any more.
                return self.issue(&mut self.lock(), id);
            }
        }
    }

    /// # Errors
    ///
    /// When a connection has it: who tells when it has not any more.
    fn try_take(&self, id: UploadId) -> Result<Claim<B>, Arc<Notify>> {
        let mut places = self.lock();
        match places.get(&id) {
            Some(Place::Moving(former)) => Err(Arc::clone(former)),
            _ => Ok(self.issue(&mut places, id)),
        }
    }

    fn issue(&self, places: &mut HashMap<UploadId, Place<B>>, id: UploadId) -> Claim<B> {
        let moving = Arc::<Notify>::default();
        let part = match places.insert(id, Place::Moving(Arc::clone(&moving))) {
            Some(Place::Resting(part, _)) => Some(*part),
            _ => None,
        };
        (Ticket { parking: self.clone(), id, moving }, part)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Place<B>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Blocks> Ticket<B> {
    /// Keeps what there is of the upload until its client comes back. What cannot be put away is let go.
    pub(crate) async fn rest(self, mut part: Part<B>) {
        if part.intake.park().await.is_err() {
            return;
        }
        let mut places = self.parking.lock();
        if self.has_it(&places) {
            make_place(&mut places);
            places.insert(self.id, Place::Resting(Box::new(part), Instant::now()));
        }
        drop(places);
        self.moving.notify_one();
    }
}

impl<B> Ticket<B> {
    fn has_it(&self, places: &HashMap<UploadId, Place<B>>) -> bool {
        matches!(places.get(&self.id), Some(Place::Moving(moving)) if Arc::ptr_eq(moving, &self.moving))
    }
}

impl<B> Drop for Ticket<B> {
    fn drop(&mut self) {
        let mut places = self.parking.lock();
        if self.has_it(&places) {
            places.remove(&self.id);
        }
        drop(places);
        self.moving.notify_one();
    }
}

/// For one more that rests: those who have rested too long go, and the oldest if there are too many.
fn make_place<B>(places: &mut HashMap<UploadId, Place<B>>) {
    let since = |place: &Place<B>| match place {
        Place::Resting(_, since) => Some(*since),
        Place::Moving(_) => None,
    };
    places.retain(|_, place| since(place).is_none_or(|since| since.elapsed() < KEEP_FOR));
    let mut resting: Vec<_> = places.iter().filter_map(|(id, place)| Some((since(place)?, *id))).collect();
    resting.sort_by_key(|(since, _)| *since);
    for (_, id) in resting.iter().take((resting.len() + 1).saturating_sub(PLACES)) {
        places.remove(id);
    }
}
