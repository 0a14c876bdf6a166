//! The bus across real processes: whichever ZeroMQ library stands behind it, this is what the boxes rely on.
//!
//! Written against `bus::serve` and `bus::Asker` only. `ROOKERY_SOAK=1` makes the long versions of it (`make soak`).

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixListener,
    path::Path,
    time::{Duration, Instant},
};

use daemon::{
    bus::{AskError, Asker},
    context::Context,
    pulse::Pulse,
    stop::{self, StopSender},
};
use nix::sys::signal::Signal;
use proto::{RequestId, interface::Interface, supervision::exit};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use rookery_tests::{
    bus_peer::{BusPeer, Counts},
    echo::{Echo, EchoNext, Said, Say, SayNext, SayOnce},
    wait,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};

const LONG: Duration = Duration::from_secs(30);
const PEER: &str = env!("CARGO_BIN_EXE_bus-peer");
const REQUEST: RequestId = RequestId([7; 8]);
const TOGETHER: u16 = 32;

fn soak() -> bool {
    std::env::var_os("ROOKERY_SOAK").is_some()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn answers(folder: &TempDir, instance: u16) -> BusPeer {
    BusPeer::answers(PEER, folder.path(), instance)
}

/// An asker in this process.
struct Desk<I: Interface> {
    asker: Asker<I>,
    runtime: Runtime,
    _stop: StopSender,
}

impl<I: Interface> Desk<I> {
    fn at(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let guard = runtime.enter();
        let (sender, stop) = stop::channel();
        let context = Context::new("desk", 0, folder.to_owned(), stop, Pulse::new(None));
        let asker = Asker::open(context).expect("an asker");
        drop(guard);
        Self { asker, runtime, _stop: sender }
    }

    fn await_live(&self, instances: usize) {
        wait::until(&format!("{instances} instances are live"), LONG, || {
            (self.asker.live() == instances).then_some(())
        });
    }
}

impl Desk<Echo> {
    fn ask(&self, question: Say) -> Result<Said, AskError> {
        self.runtime.block_on(self.asker.ask(question, REQUEST))
    }

    fn begin(&self, question: Say) -> JoinHandle<Result<Said, AskError>> {
        let asker = self.asker.clone();
        self.runtime.spawn(async move { asker.ask(question, REQUEST).await })
    }

    fn end(&self, asking: JoinHandle<Result<Said, AskError>>) -> Result<Said, AskError> {
        self.runtime.block_on(asking).expect("asking does not panic")
    }
}

fn thinks(nonce: u64, wait_ms: u32) -> Say {
    Say { wait_ms, ..Say::new(nonce, 0, 0) }
}

fn assert_all_right(counts: Counts) {
    assert_eq!((counts.wrong, counts.failed, counts.busy), (0, 0, 0), "{counts:?}");
    assert!(counts.answered > 0);
}

#[test]
fn no_answer_is_lost_or_wrong_while_either_end_is_killed_under_load() {
    let folder = folder();
    let kills = if soak() { 1_000 } else { 40 };
    let mut random = SmallRng::seed_from_u64(7);
    let mut workers: BTreeMap<u16, BusPeer> = (0..2).map(|at| (at, answers(&folder, at))).collect();
    let mut victim = BusPeer::asks(PEER, folder.path(), 11, 4);
    let mut asker = BusPeer::asks(PEER, folder.path(), 10, TOGETHER);
    asker.await_answers(1_000);
    let mut sizes = Sizes::of(&asker);
    for kill in 0..kills {
        match random.random_range(0..3) {
            2 => {
                let next = BusPeer::asks(PEER, folder.path(), 11, 4);
                std::mem::replace(&mut victim, next).kill();
            }
            instance => {
                let next = |_| answers(&folder, instance);
                workers.remove(&instance).into_iter().for_each(BusPeer::kill);
                workers.extend([instance].map(|at| (at, next(at))));
            }
        }
        asker.await_answers(random.random_range(1..200));
        if kill == kills / 4 {
            sizes = Sizes::of(&asker);
        }
    }
    wait::until("both workers are live again", LONG, || asker.counts().filter(|counts| counts.live == 2));
    sizes.assert_still(&asker);
    assert_all_right(asker.finish());
    assert_all_right(victim.finish());
}

#[test]
fn a_worker_alone_can_be_killed_under_load_and_nobody_notices() {
    let folder = folder();
    let mut worker = answers(&folder, 0);
    let mut asker = BusPeer::asks(PEER, folder.path(), 10, TOGETHER);
    for _ in 0..if soak() { 300 } else { 15 } {
        asker.await_answers(100);
        worker.kill();
        worker = answers(&folder, 0);
    }
    asker.await_answers(100);
    assert_all_right(asker.finish());
}

#[test]
fn a_worker_survives_the_deaths_of_its_askers_without_a_leak() {
    let folder = folder();
    let worker = answers(&folder, 0);
    let mut sizes = None;
    let kills = if soak() { 1_000 } else { 40 };
    for kill in 0..kills {
        let mut asker = BusPeer::asks(PEER, folder.path(), 10, 8);
        asker.await_answers(10);
        asker.kill();
        if kill == kills / 4 {
            sizes = Some(Sizes::of(&worker));
        }
    }
    let mut asker = BusPeer::asks(PEER, folder.path(), 10, 8);
    asker.await_answers(10);
    assert_all_right(asker.finish());
    sizes.unwrap().assert_still(&worker);
}

#[test]
fn restarting_workers_in_turn_under_load_costs_no_question() {
    let folder = folder();
    let mut workers = [answers(&folder, 0), answers(&folder, 1)];
    let mut asker = BusPeer::asks(PEER, folder.path(), 10, TOGETHER);
    for round in 0..if soak() { 300 } else { 10 } {
        let instance = round % 2;
        asker.await_answers(200);
        workers[instance].signal(Signal::SIGTERM);
        assert!(workers[instance].ended().success(), "{}", workers[instance].log());
        workers[instance] = answers(&folder, instance as u16);
    }
    assert_all_right(asker.finish());
}

#[test]
fn a_question_that_must_not_be_asked_twice_dies_with_its_worker() {
    let folder = folder();
    let worker = answers(&folder, 0);
    let desk = Desk::<Echo>::at(folder.path());
    desk.await_live(1);
    let asker = desk.asker.clone();
    let open = desk.runtime.spawn(async move { asker.ask(SayOnce { nonce: 1, wait_ms: 20_000 }, REQUEST).await });
    // An answer that was asked for later says that the question is there.
    desk.ask(Say::new(2, 0, 0)).unwrap();
    worker.kill();
    let began = Instant::now();
    assert_eq!(desk.runtime.block_on(open).unwrap(), Err(AskError::Died));
    assert!(began.elapsed() < Duration::from_secs(2), "a death is told at once");
}

#[test]
fn questions_of_a_stopped_worker_go_to_its_sibling_and_it_is_used_again_afterwards() {
    let folder = folder();
    let (stopped, _sibling) = (answers(&folder, 0), answers(&folder, 1));
    let desk = Desk::<Echo>::at(folder.path());
    desk.await_live(2);
    stopped.signal(Signal::SIGSTOP);
    let open: Vec<_> = (0..20).map(|nonce| desk.begin(Say::new(nonce, 10, 10))).collect();
    for asking in open {
        assert_ne!(desk.end(asking).unwrap().pid, stopped.pid());
    }
    desk.await_live(1);
    stopped.signal(Signal::SIGCONT);
    desk.await_live(2);
    wait::until("the worker is used again", LONG, || {
        (desk.ask(Say::new(1, 0, 0)).unwrap().pid == stopped.pid()).then_some(())
    });
}

#[test]
fn a_stopped_asker_harms_no_other_and_goes_on_afterwards() {
    let folder = folder();
    let worker = answers(&folder, 0);
    let mut stopped = BusPeer::asks(PEER, folder.path(), 10, TOGETHER);
    let mut other = BusPeer::asks(PEER, folder.path(), 11, TOGETHER);
    stopped.await_answers(100);
    stopped.signal(Signal::SIGSTOP);
    wait::until("the worker cuts the silent asker", LONG, || {
        other.await_answers(100);
        worker.log().contains("asker silent").then_some(())
    });
    stopped.signal(Signal::SIGCONT);
    stopped.await_answers(100);
    assert_all_right(stopped.finish());
    assert_all_right(other.finish());
}

#[test]
fn a_full_window_is_told_at_once_and_what_is_open_survives_the_worker() {
    let folder = folder();
    let worker = answers(&folder, 0);
    let desk = Desk::<Echo>::at(folder.path());
    desk.await_live(1);
    let open: Vec<_> = (0..64).map(|nonce| desk.begin(thinks(nonce, 3_000))).collect();
    // Right after a worker came, questions wait for a moment; then a full house is told at once.
    wait::until("a full window is told at once", Duration::from_millis(2_900), || {
        let began = Instant::now();
        let asking = desk.asker.ask_within(Say::new(99, 0, 0), REQUEST, Duration::from_millis(100));
        let answer = desk.runtime.block_on(asking);
        (answer == Err(AskError::Busy) && began.elapsed() < Duration::from_millis(50)).then_some(())
    });
    worker.kill();
    let _successor = answers(&folder, 0);
    for asking in open {
        desk.end(asking).expect("it was asked again of the successor");
    }
}

#[test]
fn an_instance_that_is_started_by_hand_is_used_and_forgotten_when_it_ends() {
    let folder = folder();
    let _first = answers(&folder, 0);
    let desk = Desk::<Echo>::at(folder.path());
    desk.await_live(1);
    let mut second = answers(&folder, 7);
    desk.await_live(2);
    wait::until("the second is asked", LONG, || {
        (desk.ask(Say::new(1, 0, 0)).unwrap().pid == second.pid()).then_some(())
    });
    second.signal(Signal::SIGTERM);
    desk.await_live(1);
    assert!(second.ended().success());
    assert!(!folder.path().join("echo.7.sock").exists());
    let third = answers(&folder, 8);
    desk.await_live(2);
    third.kill();
    desk.await_live(1);
}

#[test]
fn another_version_is_refused_with_a_line_that_says_so() {
    let folder = folder();
    let worker = answers(&folder, 0);
    let (old, new) = (folder.path().join("echo.0.sock"), folder.path().join("echo@2.0.sock"));
    wait::until("it listens", LONG, || old.exists().then_some(()));
    // Nobody who keeps to the names of sockets gets so far.
    fs::hard_link(old, new).unwrap();
    let desk = Desk::<EchoNext>::at(folder.path());
    let refused = desk.runtime.block_on(desk.asker.ask(SayNext { nonce: 1 }, REQUEST));
    let said = "echo is spoken in version 1 here, the question has 2";
    assert!(matches!(&refused, Err(AskError::Refused(reason)) if reason.contains(said)), "{refused:?}");
    wait::until("the worker logs it", LONG, || worker.log().contains(said).then_some(()));
}

#[test]
fn a_second_process_on_the_same_instance_ends_and_names_the_first() {
    let folder = folder();
    let first = answers(&folder, 0);
    let desk = Desk::<Echo>::at(folder.path());
    desk.await_live(1);
    let mut second = answers(&folder, 0);
    assert_eq!(second.ended().code(), Some(i32::from(exit::LOCKED)));
    wait::until("it names the holder", LONG, || {
        second.log().contains(&format!("held by process {}", first.pid())).then_some(())
    });
    assert_eq!(desk.ask(Say::new(1, 0, 0)).unwrap().pid, first.pid());
}

#[test]
fn a_second_process_on_the_same_instance_takes_over_when_the_first_ends() {
    let folder = folder();
    let first = answers(&folder, 0);
    let desk = Desk::<Echo>::at(folder.path());
    desk.await_live(1);
    let second = answers(&folder, 0);
    first.kill();
    assert_eq!(desk.ask(Say::new(1, 0, 0)).unwrap().pid, second.pid());
}

#[test]
fn a_stale_socket_is_replaced() {
    let folder = folder();
    drop(UnixListener::bind(folder.path().join("echo.0.sock")).unwrap());
    drop(UnixListener::bind(folder.path().join("echo.0.fresh")).unwrap());
    let desk = Desk::<Echo>::at(folder.path());
    let asking = desk.begin(Say::new(1, 0, 0));
    let worker = answers(&folder, 0);
    assert_eq!(desk.end(asking).unwrap().pid, worker.pid());
}

#[test]
fn many_messages_do_not_make_either_end_grow() {
    let folder = folder();
    let worker = answers(&folder, 0);
    let mut asker = BusPeer::asks(PEER, folder.path(), 10, TOGETHER);
    let messages = if soak() { 1_000_000 } else { 20_000 };
    asker.await_answers(messages / 4);
    let sizes = [Sizes::of(&asker), Sizes::of(&worker)];
    asker.await_answers(messages * 3 / 4);
    sizes[0].assert_still(&asker);
    sizes[1].assert_still(&worker);
    assert_all_right(asker.finish());
}

/// What a leak would make grow.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    descriptors: usize,
    rss_bytes: u64,
}

impl Sizes {
    fn of(peer: &BusPeer) -> Self {
        Self { descriptors: peer.descriptors(), rss_bytes: peer.rss_bytes() }
    }

    /// A few descriptors come and go with connections, and an allocator keeps what a dozen of the largest messages took.
    /// Over a million messages or a thousand connections, what leaks would be more.
    fn assert_still(self, peer: &BusPeer) {
        let now = Self::of(peer);
        assert!(now.descriptors <= self.descriptors + 8, "{self:?} then {now:?}");
        assert!(now.rss_bytes <= self.rss_bytes + 24 * 1024 * 1024, "{self:?} then {now:?}");
    }
}
