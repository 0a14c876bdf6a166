//! Readers that miss nothing: while some post, others look at the same pages in every form, through every front, and hold each
//! answer against what was acknowledged before they asked.

use std::{
    io::Read as _,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use proto::Topic;

use crate::{
    comments::{self, Receipt},
    http::{Answer, Client},
    wait,
};

/// All of a test's posts take seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// How somebody looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// At its JSON.
    Plain,
    /// At its JSON, compressed.
    Gzip,
    /// At its JSON, with the tag of what was seen last.
    Again,
    /// At the number of its comments.
    Count,
}

/// All ways to look.
const LOOKS: [Look; 4] = [Look::Plain, Look::Gzip, Look::Again, Look::Count];

/// A page that is posted to and looked at.
#[derive(Debug)]
struct Page {
    topic: Topic,
    /// The newest arrival that somebody was told of.
    acknowledged_seq: AtomicU64,
    /// How many somebody was told of.
    acknowledged: AtomicU64,
}

/// Pages, those who post to them, and those who look at them.
#[derive(Debug)]
pub struct Watched {
    pages: Vec<Page>,
    over: AtomicBool,
    looks: AtomicU64,
    unchanged: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Watched {
    /// So many pages that nobody has commented on.
    #[must_use]
    pub fn pages(count: u8) -> Arc<Self> {
        let page = |number| Page {
            topic: comments::topic(&format!("watched {number}")),
            acknowledged_seq: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        };
        let (over, looks, unchanged) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { pages: (0..count).map(page).collect(), over, looks, unchanged, failures: Mutex::default() })
    }

    /// Lets one reader for each page and front look until all posts of all writers are acknowledged, one writer for each
    /// page and front; meanwhile does `meddle`, again and again.
    ///
    /// # Panics
    ///
    /// When a reader missed a comment that was acknowledged before he asked.
    pub fn hammer(self: &Arc<Self>, fronts: &[SocketAddr], posts: u64, mut meddle: impl FnMut()) {
        let each = || (0..self.pages.len()).flat_map(|page| (0..fronts.len()).map(move |front| (page, front)));
        let readers: Vec<_> = each()
            .map(|(page, front)| {
                let (watched, fronts) = (Arc::clone(self), rotated(fronts, front));
                thread::spawn(move || watched.watch(page, &fronts))
            })
            .collect();
        let writers: Vec<_> = each()
            .map(|(page, front)| {
                let (watched, front) = (Arc::clone(self), fronts[front]);
                thread::spawn(move || watched.post(page, front, posts))
            })
            .collect();
        wait::until("all is posted", DEADLINE, || {
            meddle();
            writers.iter().all(thread::JoinHandle::is_finished).then_some(())
        });
        self.over.store(true, SeqCst);
        for thread in writers.into_iter().chain(readers) {
            assert!(thread.join().is_ok(), "somebody failed: {:?}", self.failures());
        }
        assert_eq!(self.failures(), Vec::<String>::new());
    }

    /// How often somebody looked, and how often he was told that nothing had changed.
    #[must_use]
    pub fn looks(&self) -> (u64, u64) {
        (self.looks.load(SeqCst), self.unchanged.load(SeqCst))
    }

    fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Posts, each time asking again until it is acknowledged.
    fn post(&self, page: usize, front: SocketAddr, posts: u64) {
        let (page, mut web) = (&self.pages[page], Client::new(front));
        for number in 0..posts {
            let blob = comments::unsigned(&page.topic, (number % 60) as u8, &format!("{number} through {front}"));
            let acknowledged = wait::until("it is kept", DEADLINE, || {
                let answer = web.try_ask("POST", &format!("/{}", page.topic), &[], &blob).ok()?;
                matches!(answer.status, 200 | 201).then(|| Receipt::of(&answer))
            });
            page.acknowledged_seq.fetch_max(acknowledged.seq, SeqCst);
            page.acknowledged.fetch_add(1, SeqCst);
        }
    }

    /// Looks in turn in every way and through every front; ends with one more round after the last post.
    fn watch(&self, page: usize, fronts: &[SocketAddr]) {
        let mut readers: Vec<_> = fronts.iter().map(|front| Reader::new(*front)).collect();
        loop {
            let last = self.over.load(SeqCst);
            for reader in &mut readers {
                for look in LOOKS {
                    if let Err(failure) = reader.look(self, &self.pages[page], look) {
                        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                        return;
                    }
                }
            }
            if last {
                return;
            }
        }
    }
}

/// Somebody who looks through one front.
struct Reader {
    web: Client,
    /// The tag of what was seen last, and the newest arrival in it.
    seen: Option<(String, u64)>,
}

impl Reader {
    fn new(front: SocketAddr) -> Self {
        Self { web: Client::new(front), seen: None }
    }

    fn look(&mut self, watched: &Watched, page: &Page, look: Look) -> Result<(), String> {
        // Before the request is sent: whatever was acknowledged by now must be in the answer.
        let acknowledged = match look {
            Look::Count => page.acknowledged.load(SeqCst),
            _ => page.acknowledged_seq.load(SeqCst),
        };
        let answer = self.ask(page, look);
        let seen = self.seen_in(&answer, look)?;
        watched.looks.fetch_add(1, SeqCst);
        watched.unchanged.fetch_add(u64::from(answer.status == 304), SeqCst);
        match seen >= acknowledged {
            true => Ok(()),
            false => Err(format!("{look:?} through {}: {seen}, not {acknowledged}", self.web.address())),
        }
    }

    fn ask(&mut self, page: &Page, look: Look) -> Answer {
        let (path, json) = (format!("/{}?limit=3", page.topic), ("Accept", "application/json"));
        let tag = self.seen.as_ref().map_or("\"\"", |(tag, _)| tag).to_owned();
        match look {
            Look::Plain => self.web.ask("GET", &path, &[json], b""),
            Look::Gzip => self.web.ask("GET", &path, &[json, ("Accept-Encoding", "gzip")], b""),
            Look::Again => self.web.ask("GET", &path, &[json, ("If-None-Match", &tag)], b""),
            Look::Count => self.web.get(&format!("/counts?topics={}", page.topic)),
        }
    }

    /// The newest arrival, or the number of comments, that an answer shows.
    fn seen_in(&mut self, answer: &Answer, look: Look) -> Result<u64, String> {
        let told = || format!("{look:?}: {} {}", answer.status, answer.text());
        match (answer.status, look) {
            (304, Look::Again) => self.seen.as_ref().map(|(_, seq)| *seq).ok_or_else(told),
            (200, Look::Count) => answer.json()[0].as_u64().ok_or_else(told),
            (200, _) => {
                let json: serde_json::Value = serde_json::from_slice(&plain(answer)).map_err(|_| told())?;
                let seq = json["last_seq"].as_u64().ok_or_else(told)?;
                if look != Look::Gzip {
                    self.seen = Some((answer.header("etag").to_owned(), seq));
                }
                Ok(seq)
            }
            _ => Err(told()),
        }
    }
}

fn plain(answer: &Answer) -> Vec<u8> {
    if answer.header("content-encoding") != "gzip" {
        return answer.body.to_vec();
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).expect("it says that it is gzip");
    plain
}

fn rotated(fronts: &[SocketAddr], by: usize) -> Vec<SocketAddr> {
    let mut fronts = fronts.to_vec();
    fronts.rotate_left(by);
    fronts
}
