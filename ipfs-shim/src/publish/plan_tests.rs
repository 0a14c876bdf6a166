//! The plan as a state machine, against a model of store and daemon to which everything happens that can happen.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use proto::CommentId;

use super::*;

const EVERY: Duration = Duration::from_millis(1_000);
const CHECK_EVERY: Duration = Duration::from_millis(5_000);

/// The root after a commit of a store's life.
fn root(epoch: Epoch, commit: u64) -> Cid {
    CommentId::of(format!("{epoch} {commit}").as_bytes()).cid()
}

#[derive(Debug, Clone)]
enum Event {
    Commit,
    Prune,
    Rebuild,
    Die,
    Rise,
    EmptyRepo,
    LosePins,
    LoseCursor,
    Pass(u16),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Commit),
        1 => Just(Event::Prune),
        1 => Just(Event::Rebuild),
        2 => Just(Event::Die),
        4 => Just(Event::Rise),
        1 => Just(Event::EmptyRepo),
        1 => Just(Event::LosePins),
        1 => Just(Event::LoseCursor),
        12 => (1..3_000u16).prop_map(Event::Pass),
    ]
}

/// The daemon, as it really is.
#[derive(Debug, Default)]
struct Real {
    up: bool,
    /// The commits whose blocks it has.
    holds: BTreeSet<(u64, u64)>,
    pins: BTreeSet<Cid>,
}

impl Real {
    fn holds_all(&self, stored: &Stored) -> bool {
        (1..=stored.commit).all(|commit| self.holds.contains(&(stored.epoch.0, commit)))
    }
}

struct World {
    stored: Stored,
    /// What changed is known from this commit on.
    oldest_commit: u64,
    real: Real,
    cursor: Option<Cursor>,
    believed: Daemon,
    walk: Option<(Extent, Stored)>,
    next_walk: Instant,
    now: Instant,
    walks_begun: Vec<Instant>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let stored = Stored { epoch: Epoch(1), commit: 0, seq: Seq(0), root: root(Epoch(1), 0) };
        let believed = Daemon::Failing { retry_at: now };
        Self {
            stored,
            oldest_commit: 1,
            real: Real::default(),
            cursor: None,
            believed,
            walk: None,
            next_walk: now,
            now,
            walks_begun: vec![],
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Commit => self.commit(),
            Event::Prune => self.oldest_commit = self.stored.commit + 1,
            Event::Rebuild => {
                let epoch = Epoch(self.stored.epoch.0 + 1);
                self.stored = Stored { epoch, commit: 0, seq: Seq(0), root: root(epoch, 0) };
                self.oldest_commit = 1;
            }
            Event::Die => self.real.up = false,
            Event::Rise => self.real.up = true,
            Event::EmptyRepo => self.real = Real { up: self.real.up, ..Real::default() },
            Event::LosePins => self.real.pins.clear(),
            Event::LoseCursor => self.cursor = None,
            Event::Pass(ms) => self.live_for(Duration::from_millis(u64::from(*ms))),
        }
    }

    fn commit(&mut self) {
        self.stored.commit += 1;
        self.stored.seq.0 += 1;
        self.stored.root = root(self.stored.epoch, self.stored.commit);
    }

    fn next(&self) -> Action {
        plan(&Situation {
            cursor: self.cursor.as_ref(),
            stored: &self.stored,
            daemon: self.believed,
            walking: self.walk.map(|(extent, until)| (extent, until.epoch)),
            next_walk: self.next_walk,
            expired: None,
            now: self.now,
        })
    }

    /// Acts as planned. Each action takes 3 ms.
    fn live_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let action = self.next();
            match action {
                Action::Rest { until } => {
                    assert!(until > self.now, "a rest that does not end in the future is a busy loop");
                    self.now = until.min(end);
                }
                action => self.act(action),
            }
        }
    }

    fn act(&mut self, action: Action) {
        self.now += Duration::from_millis(3);
        if !self.real.up {
            self.believed = Daemon::Failing { retry_at: self.now + Duration::from_millis(500) };
            return;
        }
        match action {
            Action::Check => self.believed = self.check(),
            Action::Begin(extent) => self.begin(extent),
            Action::Continue => self.finish(),
            Action::Repin => self.pin_published(),
            Action::Rest { .. } | Action::Forget(_) => unreachable!("{action:?}"),
        }
    }

    fn sound(&self) -> Daemon {
        Daemon::Sound { check_at: self.now + CHECK_EVERY }
    }

    fn check(&self) -> Daemon {
        match self.cursor {
            Some(Cursor { epoch, commit, root, .. }) => match self.real.pins.contains(&root) {
                true => self.sound(),
                false if commit == 0 || self.real.holds.contains(&(epoch.0, commit)) => Daemon::Unpinned,
                false => Daemon::Lacking,
            },
            None => self.sound(),
        }
    }

    fn begin(&mut self, extent: Extent) {
        self.walks_begun.push(self.now);
        self.next_walk = self.now + EVERY;
        self.walk = Some((extent, self.stored));
    }

    fn finish(&mut self) {
        let (extent, until) = self.walk.take().expect("only a walk that has begun goes on");
        let from = match extent {
            Extent::Whole => 0,
            Extent::Changes => self.cursor.expect("changes are since a cursor").commit,
        };
        if extent == Extent::Changes && from + 1 < self.oldest_commit && from < self.stored.commit {
            self.believed = Daemon::Lacking;
            return;
        }
        self.real.holds.extend((from + 1..=until.commit).map(|commit| (until.epoch.0, commit)));
        if !self.real.holds_all(&until) {
            self.believed = Daemon::Lacking;
            return;
        }
        self.real.pins.insert(until.root);
        self.cursor = Some(Cursor { epoch: until.epoch, commit: until.commit, seq: until.seq, root: until.root });
        self.believed = self.sound();
    }

    fn pin_published(&mut self) {
        let Cursor { epoch, commit, root, .. } = self.cursor.expect("only what was published is pinned again");
        let whole = (1..=commit).all(|commit| self.real.holds.contains(&(epoch.0, commit)));
        self.believed = if whole { self.sound() } else { Daemon::Lacking };
        if whole {
            self.real.pins.insert(root);
        }
    }
}

proptest! {
    #[test]
    fn whatever_happened_the_daemon_holds_and_pins_all_soon_after_it_is_up(
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.real.up = true;
        // The longest way: retry, the check that finds the loss, a walk that finds more of it, another walk.
        world.live_for(CHECK_EVERY + 5 * EVERY);
        prop_assert!(world.real.holds_all(&world.stored));
        prop_assert!(world.real.pins.contains(&world.stored.root));
        prop_assert_eq!(world.cursor.map(|cursor| cursor.root), Some(world.stored.root));
        let quiet = matches!(world.next(), Action::Rest { .. } | Action::Check);
        prop_assert!(quiet, "{:?}", world.next());
    }

    #[test]
    fn walks_begin_no_more_often_than_configured(events in prop::collection::vec(event(), 0..60)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        for pair in world.walks_begun.windows(2) {
            prop_assert!(pair[1] - pair[0] >= EVERY);
        }
    }

    #[test]
    fn a_comment_is_published_within_two_seconds_while_the_daemon_is_up(
        commits in prop::collection::vec(1..3_000u16, 1..40),
    ) {
        let mut world = World::new();
        world.real.up = true;
        world.live_for(Duration::from_secs(3));
        for between_ms in commits {
            world.commit();
            let committed = world.stored;
            world.happen(&Event::Pass(between_ms));
            world.live_for(Duration::from_millis(2_000u64.saturating_sub(u64::from(between_ms))));
            prop_assert!(world.real.holds_all(&committed));
        }
    }
}

fn at(world: &mut World, stored: Stored, daemon: Daemon) -> Action {
    world.stored = stored;
    world.believed = daemon;
    world.next()
}

/// A world in which commit 5 is published and nothing else happened.
fn published() -> World {
    let mut world = World::new();
    world.real.up = true;
    (0..5).for_each(|_| world.commit());
    world.live_for(Duration::from_millis(1));
    world.live_for(2 * EVERY);
    assert_eq!(world.cursor.unwrap().commit, 5);
    world
}

#[test]
fn what_changed_is_published_alone_unless_more_is_lacking() {
    let mut world = published();
    let (sound, five) = (world.sound(), world.stored);
    let seven = Stored { commit: 7, root: root(five.epoch, 7), ..five };
    assert_eq!(at(&mut world, seven, sound), Action::Begin(Extent::Changes));
    assert_eq!(at(&mut world, seven, Daemon::Lacking), Action::Begin(Extent::Whole));
    assert!(matches!(at(&mut world, five, sound), Action::Rest { .. }));
}

#[test]
fn a_store_that_went_back_or_has_another_epoch_is_published_as_a_whole() {
    let mut world = published();
    let (sound, five) = (world.sound(), world.stored);
    assert_eq!(at(&mut world, Stored { commit: 4, ..five }, sound), Action::Begin(Extent::Whole));
    assert_eq!(at(&mut world, Stored { epoch: Epoch(9), ..five }, sound), Action::Begin(Extent::Whole));
}

#[test]
fn a_lost_pin_is_made_again_without_a_walk() {
    let mut world = published();
    let five = world.stored;
    assert_eq!(at(&mut world, five, Daemon::Unpinned), Action::Repin);
}

#[test]
fn a_root_of_the_past_is_given_up_when_there_is_nothing_else_to_do() {
    let world = published();
    let old = root(Epoch(1), 1);
    let mut situation = Situation {
        cursor: world.cursor.as_ref(),
        stored: &world.stored,
        daemon: world.sound(),
        walking: None,
        next_walk: world.next_walk,
        expired: Some(old),
        now: world.now,
    };
    assert_eq!(plan(&situation), Action::Forget(old));
    situation.daemon = Daemon::Failing { retry_at: world.now + EVERY };
    assert_eq!(plan(&situation), Action::Rest { until: world.now + EVERY });
}

#[test]
fn a_whole_walk_that_has_begun_is_finished() {
    let mut world = published();
    world.walk = Some((Extent::Whole, world.stored));
    let (sound, five) = (world.sound(), world.stored);
    assert_eq!(at(&mut world, five, sound), Action::Continue);
    let rebuilt = Stored { epoch: Epoch(9), ..five };
    assert_ne!(at(&mut world, rebuilt, sound), Action::Continue, "a walk through another store is of no use");
}
