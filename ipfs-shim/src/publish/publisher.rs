//! The publisher: looks, plans, acts, for ever.

use std::{convert::Infallible, io, path::PathBuf, time::Duration};

use comment_store::{Reader, StoreError};
use daemon::Failure;
use proto::{Cid, Seq, config};
use tokio::{
    sync::watch,
    task::{JoinError, spawn_blocking},
    time::{Instant, sleep_until},
};
use tracing::{debug, info, warn};

use super::{
    goal::Goal,
    plan::{Action, Cursor, Daemon, Extent, Situation, Stored, plan},
    records::Records,
    retry::Retry,
    walk::{self, Next, Walk, WalkError},
};
use crate::{
    blocks::{Published, chain},
    kubo::RpcError,
    metrics::Metrics,
};

/// A daemon that answers is asked so often whether it still holds what was published.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// When a daemon lacks blocks right after it was given all of them, something is wrong that haste makes worse.
const WALK_AGAIN: Duration = Duration::from_secs(30);
/// When somebody waits, a walk begins at most so often.
const HURRIED_EVERY: Duration = Duration::from_millis(100);

/// How the publisher is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its folder.
    pub folder: PathBuf,
    /// A walk begins at most so often.
    pub every: Duration,
    /// Roots of the past are kept pinned so long.
    pub keep_roots: Duration,
}

impl Settings {
    /// As configured.
    #[must_use]
    pub fn new(folder: PathBuf, config: &config::IpfsShim) -> Self {
        let every = Duration::from_millis(config.publish_every_ms);
        Self { folder, every, keep_roots: Duration::from_secs(config.keep_roots_s) }
    }
}

/// Why publishing cannot go on at all.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The box's own folder cannot be used.
    #[error("cannot use {}; check that the folder may be written and the disk is not full", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The comment store cannot be read.
    #[error("cannot read the comment store")]
    Store(#[from] StoreError),
}

impl PublishError {
    /// Whether a restart cannot help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_damage())
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let failure = if error.is_damage() { Self::damaged } else { Self::failed };
        failure("cannot publish comments").because(error)
    }
}

/// Why a step failed, so that it has to be tried again.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Rpc(#[from] RpcError),
    #[error("cannot write down what was published; check that the disk is not full")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a thread that read the store died")]
    Thread(#[from] JoinError),
}

/// Brings the store to its goal.
#[derive(Debug)]
pub struct Publisher<G> {
    goal: G,
    store: Reader,
    every: Duration,
    records: Records,
    cursor: Option<Cursor>,
    daemon: Daemon,
    retry: Retry,
    walk: Option<Walk>,
    next_walk: Instant,
    /// When it begins if somebody waits.
    hurried_walk: Instant,
    hurried: Option<watch::Receiver<u64>>,
    /// The last request to hurry that was obeyed.
    obeyed: u64,
    published: watch::Sender<Published>,
    /// By its name on the network: the one that answered last.
    greeted: Option<String>,
    metrics: Metrics,
}

impl<G: Goal> Publisher<G> {
    /// Begins where the last one stopped.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(
        goal: G,
        store: Reader,
        settings: Settings,
        published: watch::Sender<Published>,
        metrics: Metrics,
    ) -> Result<Self, PublishError> {
        let Settings { folder, every, keep_roots } = settings;
        let records = Records::open(&folder, keep_roots).map_err(|cause| PublishError::Folder { folder, cause })?;
        let (cursor, now) = (records.load_cursor(), Instant::now());
        Ok(Self {
            goal,
            store,
            every,
            records,
            cursor,
            daemon: Daemon::Failing { retry_at: now },
            retry: Retry::default(),
            walk: None,
            next_walk: now,
            hurried_walk: now,
            hurried: None,
            obeyed: 0,
            published,
            greeted: None,
            metrics,
        })
    }

    /// A publisher that hurries when it is asked to.
    #[must_use]
    pub fn hurried_by(self, hurried: watch::Receiver<u64>) -> Self {
        Self { hurried: Some(hurried), ..self }
    }

    /// Publishes until it is dropped, which it may be at any moment.
    ///
    /// # Errors
    ///
    /// When the store is damaged or cannot be read; a daemon that is down is no error.
    pub async fn run(&mut self) -> Result<Infallible, PublishError> {
        loop {
            let asked = self.asked_to_hurry();
            let stored = walk::stored(&self.store)?;
            self.tell(&stored, asked);
            match self.next(&stored) {
                Action::Rest { until } => self.rest(until).await,
                action => self.step(action).await?,
            }
        }
    }

    /// Nothing is left to do, or a daemon that failed is given time.
    async fn rest(&mut self, until: Instant) {
        if matches!(self.daemon, Daemon::Sound { .. }) {
            self.retry.succeeded();
        }
        let Some(hurried) = &mut self.hurried else { return sleep_until(until).await };
        let is_left = tokio::select! {
            () = sleep_until(until) => false,
            asked = hurried.changed() => asked.is_err(),
        };
        if is_left {
            self.hurried = None;
        }
    }

    /// The last request to hurry. It is obeyed by what is decided next.
    fn asked_to_hurry(&mut self) -> u64 {
        let Some(hurried) = &mut self.hurried else { return 0 };
        let asked = *hurried.borrow_and_update();
        if asked > self.obeyed {
            self.next_walk = self.next_walk.min(self.hurried_walk);
        }
        self.obeyed = asked;
        asked
    }

    fn next(&self, stored: &Stored) -> Action {
        plan(&Situation {
            cursor: self.cursor.as_ref(),
            stored,
            daemon: self.daemon,
            walking: self.walk.as_ref().map(|walk| (walk.extent(), walk.epoch())),
            next_walk: self.next_walk,
            expired: self.records.expired(),
            now: Instant::now(),
        })
    }

    async fn step(&mut self, action: Action) -> Result<(), PublishError> {
        match self.act(action).await {
            Err(StepError::Store(error)) => return Err(error.into()),
            Err(error) => self.put_off(&error),
            // That the daemon answers again does not mean yet that it takes what failed.
            Ok(()) if action != Action::Check => self.retry.succeeded(),
            Ok(()) => {}
        }
        Ok(())
    }

    /// The daemon is tried again in a while. Only the first failure of a row is worth a line in the log.
    fn put_off(&mut self, error: &StepError) {
        if self.retry.is_failing() {
            debug!(error = chain(error), "still not publishing");
        } else {
            warn!(error = chain(error), "publishing to the {} interrupted, comments wait in the store", G::NAME);
        }
        self.daemon = Daemon::Failing { retry_at: self.retry.next(Instant::now()) };
    }

    async fn act(&mut self, action: Action) -> Result<(), StepError> {
        match action {
            Action::Rest { .. } => Ok(()),
            Action::Check => self.check().await,
            Action::Begin(extent) => self.begin(extent),
            Action::Continue => self.go_on().await,
            Action::Repin => self.repin().await,
            Action::Forget(root) => self.forget(root).await,
        }
    }

    async fn check(&mut self) -> Result<(), StepError> {
        self.goal.check().await?;
        if matches!(self.daemon, Daemon::Failing { .. }) {
            self.greet().await?;
        }
        // Not every daemon can tell, and nothing depends on it.
        let (repo_bytes, peers) = self.goal.extent().await;
        if let Some(bytes) = repo_bytes {
            self.metrics.stores(bytes);
        }
        self.published.send_modify(|published| (published.repo_bytes, published.peers) = (repo_bytes, peers));
        self.daemon = self.look_for_published().await?;
        Ok(())
    }

    async fn greet(&mut self) -> Result<(), StepError> {
        let (agent, peer) = self.goal.greet().await?;
        if self.greeted.as_ref() == Some(&peer) {
            debug!(agent, peer, "{} answers again", G::NAME);
        } else {
            info!(agent, peer, "{} answers", G::NAME);
        }
        self.greeted = Some(peer);
        self.published.send_modify(|published| published.agent = Some(agent));
        Ok(())
    }

    /// The daemon may be another one than last time, or have lost its disk.
    async fn look_for_published(&self) -> Result<Daemon, StepError> {
        let Some(Cursor { root, .. }) = self.cursor else { return Ok(sound()) };
        if !self.goal.holds(&root.0).await? {
            warn!(%root, "{} lost what was published", G::NAME);
            return Ok(Daemon::Lacking);
        }
        Ok(if self.goal.keeps(&root.0).await? { sound() } else { Daemon::Unpinned })
    }

    fn begin(&mut self, extent: Extent) -> Result<(), StepError> {
        let stored = walk::stored(&self.store)?;
        self.walk = Some(match (extent, &self.cursor) {
            (Extent::Changes, Some(cursor)) => Walk::changes(cursor, stored),
            (Extent::Changes, None) | (Extent::Whole, _) => {
                info!(comments = stored.seq.0, "publishing the whole store to the {}", G::NAME);
                self.metrics.walked();
                Walk::whole(stored)
            }
        });
        self.next_walk = Instant::now() + self.every;
        self.hurried_walk = Instant::now() + self.every.min(HURRIED_EVERY);
        Ok(())
    }

    /// Gives the daemon the next piece. The walk moves on only when the daemon has it.
    async fn go_on(&mut self) -> Result<(), StepError> {
        let Some(walk) = self.walk.clone() else { return Ok(()) };
        let store = self.store.clone();
        let read = match spawn_blocking(move || walk.read(&store)).await? {
            Ok(read) => read,
            Err(WalkError::Forgotten) => return self.lacks_more(),
            Err(WalkError::Store(error)) => return Err(error.into()),
        };
        if let Some((car, blocks)) = read.piece.into_car() {
            self.goal.import(car, blocks).await?;
        }
        match read.next {
            Next::Walk(walk) => self.walk = Some(walk),
            Next::Done(until) => self.arrive(until).await?,
        }
        Ok(())
    }

    /// The store no longer knows what changed, or the daemon lacks more than what changed.
    fn lacks_more(&mut self) -> Result<(), StepError> {
        self.walk = None;
        self.daemon = Daemon::Lacking;
        Ok(())
    }

    /// All blocks are there: moves the pin, and remembers how far this was.
    async fn arrive(&mut self, until: Stored) -> Result<(), StepError> {
        self.records.enter(until.root).await?;
        if !self.pin(&until.root).await? {
            let was_whole = self.walk.as_ref().is_some_and(|walk| walk.extent() == Extent::Whole);
            if was_whole {
                warn!(root = %until.root, "{} lacks blocks that it was just given", G::NAME);
                self.next_walk = Instant::now() + WALK_AGAIN;
                self.hurried_walk = self.next_walk;
            }
            return self.lacks_more();
        }
        let Stored { epoch, commit, seq, root, .. } = until;
        let cursor = Cursor { epoch, commit, seq, root };
        self.records.save_cursor(cursor).await?;
        debug!(%root, %seq, commit, "published");
        (self.cursor, self.walk, self.daemon) = (Some(cursor), None, sound());
        Ok(())
    }

    /// Pins a root by the shortest way. False when something below it is missing.
    async fn pin(&self, root: &Cid) -> Result<bool, RpcError> {
        if let Some(Cursor { root: old, .. }) = &self.cursor {
            match self.goal.pin_beside(&old.0, &root.0).await {
                Ok(()) => return Ok(true),
                Err(error) if error.is_down() => return Err(error),
                // The old root is gone, or the daemon has another reason: then the long way.
                Err(error) => debug!(error = chain(&error), "pin not moved"),
            }
        }
        match self.goal.pin(&root.0).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_missing_block() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn repin(&mut self) -> Result<(), StepError> {
        let Some(Cursor { root, .. }) = self.cursor else { return Ok(()) };
        match self.goal.pin(&root.0).await {
            Ok(()) => self.daemon = sound(),
            Err(error) if error.is_missing_block() => self.daemon = Daemon::Lacking,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn forget(&mut self, root: Cid) -> Result<(), StepError> {
        let is_wanted = self.records.came_back(&root) || self.cursor.is_some_and(|cursor| cursor.root == root);
        if !is_wanted {
            self.goal.unpin(&root.0).await?;
        }
        self.records.strike_oldest();
        Ok(())
    }

    /// Tells the other boxes, and whoever looks at the metrics, how far publishing is.
    fn tell(&self, stored: &Stored, looked: u64) {
        let cursor = self.cursor.filter(|cursor| cursor.epoch == stored.epoch);
        let (seq, commit) = cursor.map_or((Seq(0), 0), |cursor| (cursor.seq, cursor.commit));
        self.metrics.published(seq, stored.seq);
        let root = self.cursor.map(|cursor| cursor.root);
        self.published.send_if_modified(|told| {
            let (agent, repo_bytes, peers) = (told.agent.clone(), told.repo_bytes, told.peers);
            let (stored_seq, stored_commit) = (stored.seq, stored.commit);
            let now = Published { agent, repo_bytes, peers, root, seq, stored_seq, commit, stored_commit, looked };
            std::mem::replace(told, now.clone()) != now
        });
    }
}

fn sound() -> Daemon {
    Daemon::Sound { check_at: Instant::now() + CHECK_EVERY }
}
