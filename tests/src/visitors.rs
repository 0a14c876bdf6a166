//! Many clients that post and read at once, and remember what was acknowledged: the load under which boxes are killed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use proto::{CommentId, Topic};

use crate::{
    comments::{self, Author, Receipt},
    http::{Answer, Client},
    tree::Tree,
    wait,
};

/// A round takes milliseconds, and a restart of the whole tree seconds.
const PROGRESS_DEADLINE: Duration = Duration::from_secs(60);

/// What a visitor does about a request that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    /// Remembers it as a failure of the server.
    Strict,
    /// Asks the same again until it is answered, as a client does that wants its comment kept.
    Patient,
}

/// A comment that the server said it keeps.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// Its page.
    pub topic: Topic,
    /// Its bytes.
    pub blob: Vec<u8>,
    /// What the server said.
    pub receipt: Receipt,
}

/// Clients at work, each in a thread of its own, until they are told to stop.
#[derive(Debug)]
pub struct Visitors {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    temper: Temper,
    web: RwLock<SocketAddr>,
    over: AtomicBool,
    rounds: AtomicU64,
    acknowledged: Mutex<Vec<Acknowledged>>,
    failures: Mutex<Vec<String>>,
}

impl Visitors {
    /// Lets `count` visitors begin.
    #[must_use]
    pub fn begin(tree: &Tree, temper: Temper, count: u8) -> Self {
        let shared = Arc::new(Shared {
            temper,
            web: RwLock::new(tree.web().address()),
            over: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
            acknowledged: Mutex::default(),
            failures: Mutex::default(),
        });
        let begin = |number| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.visit(number))
        };
        Self { threads: (0..count).map(begin).collect(), shared }
    }

    /// Waits until the visitors have made this many more rounds.
    ///
    /// # Panics
    ///
    /// When they do not, or when a strict one has met a failure.
    pub fn await_rounds(&self, more: u64) {
        let goal = self.shared.rounds.load(Ordering::Relaxed) + more;
        let reached = || {
            self.assert_content();
            (self.shared.rounds.load(Ordering::Relaxed) >= goal).then_some(())
        };
        wait::until(&format!("{more} more rounds"), PROGRESS_DEADLINE, reached);
    }

    /// Tells the visitors that the web is elsewhere now.
    pub fn move_to(&self, web: SocketAddr) {
        *self.shared.web.write().unwrap_or_else(PoisonError::into_inner) = web;
    }

    /// Ends the visits, and returns everything that was acknowledged.
    ///
    /// # Panics
    ///
    /// When a strict visitor has met a failure, or a visitor has failed itself.
    #[must_use]
    pub fn end(mut self) -> Vec<Acknowledged> {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            assert!(thread.join().is_ok(), "a visitor failed");
        }
        self.assert_content();
        let mut acknowledged = self.shared.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *acknowledged)
    }

    fn assert_content(&self) {
        let failures = self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(failures.is_empty(), "{} requests failed, first: {}", failures.len(), failures[0]);
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn visit(&self, number: u8) {
        let (topic, author) = (comments::topic(&format!("visited by {number}")), Author::number(number + 1));
        let mut web = Client::new(self.address());
        for round in 0_u64.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let text = format!("round {round} of visitor {number}");
            let blob = match round % 2 {
                0 => author.says(&topic, (round % 60) as u8, &text),
                _ => comments::unsigned(&topic, (round % 60) as u8, &text),
            };
            let Some(receipt) = self.post(&mut web, &topic, &blob) else { continue };
            self.read_back(&mut web, &topic, &blob, &receipt);
            let kept = Acknowledged { topic, blob, receipt };
            self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn post(&self, web: &mut Client, topic: &Topic, blob: &[u8]) -> Option<Receipt> {
        let answer = self.ask(web, "POST", &format!("/{topic}"), &[], blob)?;
        // 200: the writer died after the commit and before its answer, and its successor was asked again.
        if !matches!(answer.status, 200 | 201) {
            self.fail(format!("POST: {} {}", answer.status, answer.text()));
            return None;
        }
        let receipt = Receipt::of(&answer);
        if receipt.id != CommentId::of(blob) {
            self.fail(format!("the receipt is for {}", receipt.id));
        }
        Some(receipt)
    }

    /// Whoever was told that a comment is kept sees it at once, in the thread and by its id.
    fn read_back(&self, web: &mut Client, topic: &Topic, blob: &[u8], receipt: &Receipt) {
        let page = format!("/{topic}?limit=1&after={}", receipt.seq - 1);
        if let Some(answer) = self.ask(web, "GET", &page, &[("Accept", "application/json")], b"") {
            let seen = answer.status == 200 && answer.json()["comments"][0]["id"] == receipt.id.to_string();
            if !seen {
                self.fail(format!("GET {page}: {} {}", answer.status, answer.text()));
            }
        }
        let path = format!("/{topic}/{}", receipt.legacy_id);
        if let Some(answer) = self.ask(web, "GET", &path, &[], b"")
            && (answer.status != 200 || answer.body != blob)
        {
            self.fail(format!("GET {path}: {} {}", answer.status, answer.text()));
        }
    }

    /// Asks; a patient visitor asks again, wherever the web is then, until an answer comes that is one.
    fn ask(&self, web: &mut Client, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        loop {
            match web.try_ask(method, path, headers, body) {
                Ok(answer) if answer.status < 500 || self.temper == Temper::Strict => return Some(answer),
                Err(failure) if self.temper == Temper::Strict => {
                    self.fail(format!("{method} {path}: {failure}"));
                    return None;
                }
                _ if self.over.load(Ordering::Relaxed) => return None,
                _ => {
                    // A server that is being restarted refuses at once; asking in a circle would only slow it down.
                    thread::sleep(Duration::from_millis(2));
                    *web = Client::new(self.address());
                }
            }
        }
    }

    fn address(&self) -> SocketAddr {
        *self.web.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, failure: String) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    }
}

/// Asserts that the tree holds each of these comments, byte by byte and once, and nothing twice.
///
/// # Panics
///
/// When it does not.
pub fn assert_all_kept(tree: &Tree, acknowledged: &[Acknowledged]) {
    assert!(!acknowledged.is_empty(), "nothing was acknowledged");
    let mut web = tree.web();
    let mut threads: BTreeMap<Topic, BTreeMap<String, u64>> = BTreeMap::new();
    let mut seqs = BTreeMap::new();
    for Acknowledged { topic, blob, receipt } in acknowledged {
        let thread = threads.entry(*topic).or_insert_with(|| once_each(&mut web, topic));
        assert_eq!(thread.get(&receipt.id.to_string()), Some(&receipt.seq), "{topic}/{}", receipt.id);
        assert_eq!(web.get(&format!("/{topic}/{}", receipt.id)).expect(200).body, *blob);
        let other = seqs.insert(receipt.seq, receipt.id);
        assert!(other.is_none(), "{other:?} and {} are both number {}", receipt.id, receipt.seq);
    }
}

/// The ids of a thread with their numbers, each once.
fn once_each(web: &mut Client, topic: &Topic) -> BTreeMap<String, u64> {
    let all = comments::thread(web, topic);
    let pairs = all.iter().map(|comment| (comment["id"].as_str().map(str::to_owned), comment["seq"].as_u64()));
    let ids: BTreeMap<_, _> = pairs.map(|(id, seq)| (id.expect("an id"), seq.expect("a number"))).collect();
    assert_eq!(ids.len(), all.len(), "a comment of {topic} is there twice");
    ids
}
