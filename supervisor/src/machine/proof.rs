//! What the machine promises, proved without starting a process: random histories first, then one test a sentence.

use proptest::prelude::*;

use super::{verdict::back_off, *};

fn rules() -> Rules {
    Rules {
        start_wait: Duration::from_secs(60),
        heartbeat_wait: Duration::from_secs(10),
        stop_wait: Duration::from_secs(10),
        restart_base: Duration::from_millis(50),
        restart_cap: Duration::from_secs(10),
        stable: Duration::from_secs(10),
        deaths_limit: 5,
        deaths_period: Duration::from_secs(60),
        hold_pause: Duration::from_secs(30),
        store: Store::Opened,
    }
}

/// A world with one process in it, that fails the test when it is told to do the impossible.
struct World {
    child: Child,
    rules: Rules,
    now: Instant,
    chance: f64,
    alive: bool,
    done: Vec<Action>,
}

impl World {
    fn new() -> Self {
        let (child, now) = (Child::new(), Instant::now());
        Self { child, rules: rules(), now, chance: 1.0, alive: false, done: Vec::new() }
    }

    fn running() -> Self {
        let mut world = Self::new();
        world.tell(Event::Start);
        world.tell(Event::Beat(BoxState::Ready));
        assert_eq!(world.child.state(), InstanceState::Running);
        world.done.clear();
        world
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Died(_) | Event::NotSpawned { .. } if !self.alive => return,
            Event::Died(_) | Event::NotSpawned { .. } => self.alive = false,
            _ => {}
        }
        let moment = Moment { now: self.now, chance: self.chance };
        let (child, action) = next(self.child.clone(), event, moment, &self.rules);
        self.child = child;
        match action {
            Some(Action::Spawn) => {
                assert!(!self.alive, "a second copy");
                self.alive = true;
            }
            Some(signal) => assert!(self.alive, "{signal:?} to nobody"),
            None => {}
        }
        self.done.extend(action);
        assert_eq!(self.child.alive_since().is_some(), self.alive);
        assert!(self.child.deaths.len() <= self.rules.deaths_limit, "memory grows with deaths");
    }

    fn die(&mut self, exit: Exit) {
        self.tell(Event::Died(exit));
    }

    /// Lets time pass as the loop does: it wakes at every deadline.
    fn pass(&mut self, wait: Duration) {
        let end = self.now + wait;
        for _ in 0..1_000 {
            let Some(due) = self.child.deadline(&self.rules).filter(|&due| due <= end) else { break };
            self.now = self.now.max(due);
            self.tell(Event::Tick);
        }
        self.now = end;
    }

    fn use_for(&mut self, wait: Duration) {
        let end = self.now + wait;
        while self.now < end {
            self.tell(Event::Beat(BoxState::Ready));
            self.now += Duration::from_secs(1);
        }
        self.tell(Event::Beat(BoxState::Ready));
    }

    fn reason(&self) -> &str {
        self.child.reason().unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Tell(Event),
    Pass(Duration),
}

fn any_exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        prop_oneof![Just(0), Just(1), Just(65), Just(75), Just(78), any::<u8>()].prop_map(Exit::Code),
        prop_oneof![Just(6), Just(7), Just(9), Just(15), 1..65].prop_map(Exit::Signal),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let state = prop_oneof![Just(BoxState::Starting), Just(BoxState::Ready), Just(BoxState::Draining)];
    let retry = prop_oneof![Just(Retry::MayHelp), Just(Retry::Useless)];
    prop_oneof![
        2 => Just(Event::Start),
        1 => Just(Event::Stop),
        1 => Just(Event::Restart),
        1 => Just(Event::Kill),
        1 => Just(Event::Recycle("much memory".to_owned())),
        1 => Just(Event::Exceeded("too much memory".to_owned())),
        1 => retry.prop_map(|retry| Event::NotSpawned { why: "no such program".to_owned(), retry }),
        4 => state.prop_map(Event::Beat),
        1 => Just(Event::LastWords("disk on fire".to_owned())),
        6 => any_exit().prop_map(Event::Died),
        2 => Just(Event::Tick),
    ]
}

fn any_history() -> impl Strategy<Value = Vec<(Step, f64)>> {
    let step = prop_oneof![
        4 => any_event().prop_map(Step::Tell),
        1 => (0_u64..100_000).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
    ];
    proptest::collection::vec((step, 0.0..1.0), 0..120)
}

fn lived_through(history: Vec<(Step, f64)>) -> World {
    let mut world = World::new();
    for (step, chance) in history {
        world.chance = chance;
        match step {
            Step::Tell(event) => world.tell(event),
            Step::Pass(wait) => world.pass(wait),
        }
    }
    world.done.clear();
    world
}

proptest! {
    #[test]
    fn there_are_never_two_copies_and_no_signal_goes_to_nobody(history in any_history()) {
        lived_through(history);
    }

    #[test]
    fn a_stop_always_ends_stopped_and_stays_so(history in any_history()) {
        let mut world = lived_through(history);
        world.tell(Event::Stop);
        world.pass(world.rules.stop_wait + ABORT_WAIT);
        if world.alive {
            prop_assert!(world.done.contains(&Action::Kill) || world.child.deadline(&world.rules).is_none());
            world.die(Exit::Signal(9));
        }
        prop_assert_eq!(world.child.state(), InstanceState::Stopped);
        world.pass(Duration::from_secs(1_000));
        prop_assert_eq!(world.child.state(), InstanceState::Stopped);
        prop_assert!(!world.done.contains(&Action::Spawn));
    }

    #[test]
    fn a_box_that_shall_run_is_never_given_up(history in any_history()) {
        let mut world = lived_through(history);
        world.tell(Event::Start);
        world.die(Exit::Code(1));
        world.done.clear();
        let longest = world.rules.hold_pause.max(world.rules.restart_cap);
        world.pass(longest);
        prop_assert!(world.alive);
    }

    #[test]
    fn a_silent_process_is_dead_or_killed_in_bounded_time(history in any_history()) {
        let mut world = lived_through(history);
        let bound = world.rules.start_wait + world.rules.stop_wait + ABORT_WAIT;
        let silent = world.alive && !matches!(world.child.phase,
            Phase::Alive(Alive { ending: Some(Ending { step: super::Step::Killed { .. }, .. }), .. }));
        world.pass(bound);
        prop_assert!(!silent || world.done.contains(&Action::Kill));
    }

    #[test]
    fn every_wait_has_an_end(history in any_history()) {
        let world = lived_through(history);
        let due = world.child.deadline(&world.rules);
        let waits = matches!(world.child.state(), InstanceState::Waiting | InstanceState::Held);
        prop_assert!(!waits || due.is_some());
        let longest = world.rules.start_wait.max(world.rules.hold_pause);
        prop_assert!(due.is_none_or(|due| due <= world.now + longest));
    }

    #[test]
    fn back_off_stays_below_its_doubling_bound_and_the_cap(streak in any::<u32>(), chance in 0.0..=1.0) {
        let rules = rules();
        let wait = back_off(streak, chance, &rules);
        prop_assert!(wait <= rules.restart_cap);
        let bound = match streak {
            0 => Duration::ZERO,
            1..=16 => rules.restart_base * (1 << (streak - 1)),
            _ => rules.restart_cap,
        };
        prop_assert!(wait <= bound);
        // Full jitter: the dice alone choose within the bound.
        prop_assert_eq!(back_off(streak, 0.0, &rules), Duration::ZERO);
        prop_assert_eq!(back_off(streak, 1.0, &rules), bound.min(rules.restart_cap));
    }
}

#[test]
fn the_first_restart_is_at_once_and_the_next_waits() {
    let mut world = World::running();
    world.die(Exit::Signal(9));
    assert_eq!(world.done, [Action::Spawn]);
    assert_eq!(world.child.restarts(), 1);
    world.die(Exit::Signal(9));
    assert_eq!(world.child.state(), InstanceState::Waiting);
    assert_eq!(world.child.deadline(&world.rules), Some(world.now + world.rules.restart_base));
    world.pass(world.rules.restart_base);
    assert_eq!(world.child.state(), InstanceState::Starting);
}

#[test]
fn after_stable_use_the_restart_is_at_once_again() {
    let mut world = World::running();
    world.die(Exit::Code(1));
    world.die(Exit::Code(1));
    world.pass(world.rules.restart_base);
    world.use_for(world.rules.stable);
    world.done.clear();
    world.die(Exit::Code(1));
    assert_eq!(world.done, [Action::Spawn]);
}

#[test]
fn a_box_that_was_slow_to_start_has_not_been_in_stable_use() {
    let mut world = World::running();
    world.die(Exit::Code(1));
    world.pass(Duration::from_secs(50));
    world.tell(Event::Beat(BoxState::Ready));
    world.die(Exit::Code(1));
    assert_eq!(world.child.state(), InstanceState::Waiting);
}

#[test]
fn too_many_deaths_hold_a_box_with_its_last_words_and_it_is_tried_again() {
    let mut world = World::running();
    for _ in 0..world.rules.deaths_limit {
        world.pass(Duration::from_secs(1));
        world.tell(Event::LastWords("disk on fire".to_owned()));
        world.die(Exit::Code(1));
    }
    assert_eq!(world.child.state(), InstanceState::Held);
    assert_eq!(world.reason(), "died 5 times within 60 s, at last: disk on fire; tried again every 30 s");
    world.pass(world.rules.hold_pause);
    assert_eq!(world.child.state(), InstanceState::Starting);
    world.die(Exit::Code(1));
    assert_eq!(world.child.state(), InstanceState::Held, "one try only");
}

#[test]
fn a_held_box_that_proves_itself_is_trusted_again() {
    let mut world = World::running();
    for _ in 0..world.rules.deaths_limit {
        world.pass(Duration::from_millis(800));
        world.die(Exit::Code(1));
    }
    world.pass(world.rules.hold_pause);
    world.use_for(world.rules.deaths_period);
    world.die(Exit::Code(1));
    assert_eq!(world.child.state(), InstanceState::Starting);
}

#[test]
fn deaths_far_apart_never_hold_a_box() {
    let mut world = World::running();
    for _ in 0..100 {
        world.use_for(Duration::from_secs(20));
        world.die(Exit::Signal(9));
        assert_eq!(world.child.state(), InstanceState::Starting);
    }
}

#[test]
fn a_refused_configuration_holds_a_box_at_once() {
    let mut world = World::running();
    world.tell(Event::LastWords("[common] log = 5: expected a level".to_owned()));
    world.die(Exit::Code(78));
    assert_eq!(world.child.state(), InstanceState::Held);
    assert!(world.reason().starts_with("its configuration was refused: [common] log = 5"), "{}", world.reason());
}

#[test]
fn two_deaths_on_the_store_hold_a_box_and_name_the_salvage() {
    for signal in [6, 7] {
        let mut world = World::running();
        world.die(Exit::Signal(7));
        assert_eq!(world.child.state(), InstanceState::Starting);
        world.die(Exit::Signal(signal));
        assert_eq!(world.child.state(), InstanceState::Held);
        assert!(world.reason().contains("`supervisor store salvage --into DIR`"), "{}", world.reason());
    }
}

#[test]
fn a_damaged_store_holds_a_box_and_names_the_salvage() {
    let mut world = World::running();
    world.die(Exit::Code(65));
    assert_eq!(world.child.state(), InstanceState::Held);
    assert!(world.reason().contains("supervisor store salvage"), "{}", world.reason());
}

#[test]
fn two_bus_errors_of_a_box_without_the_store_are_deaths_like_others() {
    let mut world = World::running();
    world.rules.store = Store::NotOpened;
    world.die(Exit::Signal(7));
    world.die(Exit::Signal(7));
    assert_eq!(world.child.state(), InstanceState::Waiting);
}

#[test]
fn a_hung_box_is_aborted_for_its_stack_then_killed_and_only_then_replaced() {
    let mut world = World::running();
    world.pass(world.rules.heartbeat_wait);
    assert_eq!(world.done, [Action::Abort]);
    assert_eq!(world.child.state(), InstanceState::Draining);
    world.pass(ABORT_WAIT);
    assert_eq!(world.done, [Action::Abort, Action::Kill]);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.done, [Action::Abort, Action::Kill]);
    assert!(world.reason().contains("does not end after SIGKILL"), "{}", world.reason());
    world.die(Exit::Signal(9));
    assert_eq!(world.done.last(), Some(&Action::Spawn));
}

#[test]
fn the_abort_of_a_hung_box_does_not_blame_the_store() {
    let mut world = World::running();
    for _ in 0..2 {
        world.tell(Event::Beat(BoxState::Ready));
        world.pass(world.rules.heartbeat_wait);
        world.die(Exit::Signal(6));
        world.pass(world.rules.restart_base);
    }
    assert_ne!(world.child.state(), InstanceState::Held);
    assert_eq!(world.reason(), "hung: no heartbeat for 10 s");
}

#[test]
fn a_box_that_does_not_become_ready_is_hung_too() {
    let mut world = World::new();
    world.tell(Event::Start);
    world.pass(Duration::from_secs(59));
    world.tell(Event::Beat(BoxState::Starting));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.done, [Action::Spawn, Action::Abort]);
    assert_eq!(world.reason(), "not ready within 60 s");
}

#[test]
fn a_box_that_does_not_drain_is_killed() {
    let mut world = World::running();
    world.tell(Event::Stop);
    assert_eq!(world.done, [Action::Terminate]);
    world.pass(world.rules.stop_wait);
    assert_eq!(world.done, [Action::Terminate, Action::Kill]);
}

#[test]
fn a_restart_is_no_death_and_waits_until_the_old_one_is_gone() {
    let mut world = World::running();
    for _ in 0..20 {
        world.tell(Event::Restart);
        assert_eq!(world.child.state(), InstanceState::Draining);
        world.die(Exit::Code(0));
        assert_eq!(world.child.state(), InstanceState::Starting);
        world.tell(Event::Beat(BoxState::Ready));
    }
    assert_eq!(world.child.restarts(), 20);
}

#[test]
fn the_last_word_of_the_operator_counts() {
    let mut world = World::running();
    world.tell(Event::Stop);
    world.tell(Event::Start);
    world.die(Exit::Code(0));
    assert_eq!(world.child.state(), InstanceState::Starting);
    world.tell(Event::Restart);
    world.tell(Event::Stop);
    world.die(Exit::Code(0));
    assert_eq!(world.child.state(), InstanceState::Stopped);
}

#[test]
fn too_much_memory_recycles_after_a_drain_and_is_no_death() {
    let mut world = World::running();
    world.tell(Event::Recycle("9 MiB".to_owned()));
    assert_eq!(world.done, [Action::Terminate]);
    world.die(Exit::Code(0));
    assert_eq!(world.done, [Action::Terminate, Action::Spawn]);
    assert!(world.child.deaths.is_empty());
}

#[test]
fn a_limit_below_what_a_box_needs_does_not_make_it_spin() {
    let mut world = World::running();
    world.tell(Event::Recycle("9 MiB".to_owned()));
    world.die(Exit::Code(0));
    world.tell(Event::Beat(BoxState::Ready));
    world.done.clear();
    world.tell(Event::Recycle("9 MiB".to_owned()));
    assert_eq!(world.done, []);
    world.use_for(world.rules.stable);
    world.tell(Event::Recycle("9 MiB".to_owned()));
    assert_eq!(world.done, [Action::Terminate]);
}

#[test]
fn far_too_much_memory_kills_also_a_box_that_drains() {
    let mut world = World::running();
    world.tell(Event::Exceeded("9 GiB of memory".to_owned()));
    assert_eq!(world.done, [Action::Kill]);
    world.die(Exit::Signal(9));
    assert_eq!(world.child.state(), InstanceState::Starting);
    assert_eq!(world.reason(), "9 GiB of memory");
    world.tell(Event::Beat(BoxState::Ready));
    world.tell(Event::Stop);
    world.tell(Event::Exceeded("9 GiB of memory".to_owned()));
    world.die(Exit::Signal(9));
    assert_eq!(world.child.state(), InstanceState::Stopped);
}

#[test]
fn a_program_that_is_not_there_holds_its_box() {
    let mut world = World::new();
    world.tell(Event::Start);
    world.tell(Event::NotSpawned { why: "cannot start get-worker".to_owned(), retry: Retry::Useless });
    assert_eq!(world.child.state(), InstanceState::Held);
    assert_eq!(world.reason(), "cannot start get-worker; tried again every 30 s");
}

#[test]
fn a_machine_that_is_short_of_processes_is_given_a_moment() {
    let mut world = World::new();
    world.tell(Event::Start);
    world.tell(Event::NotSpawned { why: "no more processes".to_owned(), retry: Retry::MayHelp });
    assert_eq!(world.child.state(), InstanceState::Waiting);
}

#[test]
fn a_box_that_somebody_else_ends_is_killed_if_it_does_not_drain_and_started_again() {
    let mut world = World::running();
    world.tell(Event::Beat(BoxState::Draining));
    assert_eq!(world.child.state(), InstanceState::Draining);
    for _ in 0..9 {
        world.pass(Duration::from_secs(1));
        world.tell(Event::Beat(BoxState::Draining));
    }
    assert_eq!(world.done, []);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.done, [Action::Kill]);
    world.die(Exit::Signal(9));
    assert_eq!(world.child.state(), InstanceState::Starting);
}
