//! Live events: what readers are told, in which order, and what happens to those who come late, are slow or leave.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use daemon::bus::{AskError, Heard};
use proto::{Arrived, Epoch, Seq};
use serde_json::Value;

use super::{
    boxes::{Reads, TOPIC},
    client::{Body, Client, Reply},
    rig::{Rig, request, until},
};

/// One who reads the events of a topic.
struct Reader {
    client: Client,
    chunked: Vec<u8>,
    text: String,
    ended: bool,
}

/// An event as a browser has it.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Reader {
    async fn opens(rig: &Rig, path: &str, headers: &[&str]) -> (Self, Reply) {
        let mut client = rig.connect().await;
        let lines: Vec<&str> = [&[path][..], headers].concat();
        client.send(request(&lines, "")).await;
        let reply = client.reply(Body::None).await;
        let chunked = client.take_left_over();
        (Self { client, chunked, text: String::new(), ended: false }, reply)
    }

    async fn after(rig: &Rig, place: &str) -> Self {
        let (reader, reply) = Self::opens(rig, &path(), &[&format!("Last-Event-ID: {place}")]).await;
        assert_eq!(reply.status, 200);
        reader
    }

    async fn new(rig: &Rig) -> Self {
        let (reader, reply) = Self::opens(rig, &path(), &[]).await;
        assert_eq!(reply.status, 200);
        reader
    }

    /// The next event; none when the stream has ended, as it should or not.
    async fn next(&mut self) -> Option<Event> {
        loop {
            self.unchunk();
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parsed(block);
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            if self.ended || self.client.more().await == 0 {
                return None;
            }
            self.chunked.extend(self.client.take_left_over());
        }
    }

    async fn event(&mut self) -> Event {
        self.next().await.expect("the stream should go on")
    }

    /// Reads comments up to this one, and says which there were.
    async fn until(&mut self, last: u64) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.last() != Some(&last) {
            let event = self.event().await;
            if event.name == "comment" {
                assert_eq!(event.id.split_once('-').unwrap().1, event.data["seq"].to_string());
                seqs.push(event.data["seq"].as_u64().unwrap());
            }
        }
        seqs
    }

    fn unchunk(&mut self) {
        while let Some(line_end) = self.chunked.windows(2).position(|pair| pair == b"\r\n") {
            let length = std::str::from_utf8(&self.chunked[..line_end]).unwrap();
            let length = usize::from_str_radix(length, 16).unwrap();
            let chunk = line_end + 2..line_end + 2 + length;
            if self.chunked.len() < chunk.end + 2 {
                return;
            }
            self.ended |= length == 0;
            self.text.push_str(std::str::from_utf8(&self.chunked[chunk.clone()]).unwrap());
            self.chunked.drain(..chunk.end + 2);
        }
    }
}

fn parsed(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let data = serde_json::from_str(&field("data: ")?).unwrap();
    Some(Event { name: field("event: ")?, id: field("id: ")?, data })
}

fn path() -> String {
    format!("GET /{TOPIC}/events")
}

impl Rig {
    /// Somebody comments, and the front is told.
    pub(super) async fn arrives(&self, seq: u64) {
        self.arrives_in_silence(seq);
        self.hints.send(Heard::Hint(Arrived { last_seq: Seq(seq), topics: vec![TOPIC] })).await.unwrap();
    }

    /// The same, with a hint that was lost.
    fn arrives_in_silence(&self, seq: u64) {
        self.reads.handler.arrivals.lock().unwrap().push(Seq(seq));
        self.board.bump(&TOPIC);
    }

    fn asked(&self) -> usize {
        self.reads.handler.news_asked.load(SeqCst)
    }
}

#[tokio::test]
async fn a_stream_begins_with_what_is_and_tells_what_comes() {
    let rig = Rig::start().await;
    rig.arrives_in_silence(3);
    let (mut reader, reply) = Reader::opens(&rig, &path(), &[]).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    let state = reader.event().await;
    assert_eq!((state.name.as_str(), state.id.as_str()), ("state", "0-3"));
    assert_eq!((&state.data["count"], &state.data["last_seq"]), (&1.into(), &3.into()));
    rig.arrives(8).await;
    rig.arrives(9).await;
    let event = reader.event().await;
    assert_eq!((event.name.as_str(), event.id.as_str(), &event.data["comment"]["seq"]), ("comment", "0-8", &8.into()));
    assert_eq!(reader.event().await.id, "0-9");
}

#[tokio::test]
async fn what_arrived_without_a_hint_is_told_too() {
    let rig = Rig::start().await;
    let mut reader = Reader::new(&rig).await;
    assert_eq!(reader.event().await.name, "state");
    for seq in 1..4 {
        rig.arrives_in_silence(seq);
        assert_eq!(reader.until(seq).await, [seq]);
    }
    rig.hints.send(Heard::Lost(7)).await.unwrap();
    rig.arrives_in_silence(9);
    assert_eq!(reader.until(9).await, [9]);
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_he_missed_and_nothing_twice() {
    let rig = Rig::start().await;
    for seq in 1..=700 {
        rig.arrives_in_silence(seq);
    }
    let mut live = Reader::new(&rig).await;
    let mut early = Reader::after(&rig, "0-5").await;
    let (mut from_the_page, _) = Reader::opens(&rig, &format!("{}?after=0-699", path()), &[]).await;
    for seq in 701..=720 {
        rig.arrives(seq).await;
    }
    assert_eq!(live.until(720).await, (701..=720).collect::<Vec<_>>());
    let state = early.event().await;
    assert_eq!((state.name.as_str(), state.id.as_str()), ("state", "0-5"));
    assert_eq!(early.until(720).await, (6..=720).collect::<Vec<_>>());
    assert_eq!(from_the_page.until(720).await, (700..=720).collect::<Vec<_>>());
    // And for a moment only.
    let asked = rig.asked();
    assert_eq!(Reader::after(&rig, "0-718").await.until(720).await, [719, 720]);
    assert_eq!(rig.asked(), asked, "what was told just now is kept");
}

#[tokio::test]
async fn readers_who_come_and_go_while_much_arrives_miss_nothing() {
    let rig = Rig::start().await;
    let mut seen: Vec<u64> = Vec::new();
    let keeper = Reader::new(&rig).await;
    let mut arrived = 0;
    for _ in 0..20 {
        let last = seen.last().copied().unwrap_or(0);
        let mut reader = Reader::after(&rig, &format!("0-{last}")).await;
        for _ in 0..10 {
            arrived += 1;
            if arrived % 3 == 0 { rig.arrives(arrived).await } else { rig.arrives_in_silence(arrived) }
        }
        seen.extend(reader.until(last + 7).await);
    }
    assert_eq!(seen, (1..=140).collect::<Vec<_>>());
    drop(keeper);
}

#[tokio::test]
async fn numbers_of_another_life_are_answered_with_a_reset() {
    let rig = Rig::start().await;
    rig.arrives_in_silence(4);
    // Another life, and a place that this one has not reached.
    for place in ["77-2", "0-99"] {
        let mut reader = Reader::after(&rig, place).await;
        assert_eq!(reader.event().await.name, "state");
        let reset = reader.event().await;
        assert_eq!((reset.name.as_str(), reset.id.as_str(), &reset.data["epoch"]), ("reset", "0-4", &0.into()));
    }
    let mut reader = Reader::new(&rig).await;
    assert_eq!(reader.event().await.name, "state");
    // The store was built anew while he read.
    *rig.reads.handler.epoch.lock().unwrap() = Epoch(5);
    rig.arrives(5).await;
    assert_eq!((reader.event().await.id.as_str(), "reset"), ("5-5", "reset"));
    rig.arrives(6).await;
    assert_eq!(reader.event().await.id, "5-6");
}

#[tokio::test]
async fn news_is_asked_for_once_for_all_readers() {
    let rig = Rig::start().await;
    let mut readers = Vec::new();
    for _ in 0..50 {
        let mut reader = Reader::new(&rig).await;
        assert_eq!(reader.event().await.name, "state");
        readers.push(reader);
    }
    // The board was new to it.
    until(|| rig.asked() > 0).await;
    let before = rig.asked();
    rig.arrives(1).await;
    for reader in &mut readers {
        assert_eq!(reader.until(1).await, [1]);
    }
    // Once for the hint, once more if the board was looked at in between.
    assert!(rig.asked() - before <= 2, "asked {} times", rig.asked() - before);
}

#[tokio::test]
async fn who_is_too_slow_is_let_go_and_the_others_go_on() {
    let rig = Rig::start().await;
    rig.reads.handler.padding.store(256 * 1024, SeqCst);
    let mut slow = Reader::new(&rig).await;
    let mut quick = Reader::new(&rig).await;
    for seq in 1..=100 {
        rig.arrives(seq).await;
        assert_eq!(quick.until(seq).await, [seq]);
    }
    let mut heard = Vec::new();
    while let Some(event) = slow.next().await {
        heard.extend(event.data["comment"]["seq"].as_u64());
    }
    let last = *heard.last().unwrap();
    assert_eq!(heard, (1..=last).collect::<Vec<_>>());
    assert!(last < 100, "it took everything");
    let again = Reader::after(&rig, &format!("0-{last}")).await.until(100).await;
    assert_eq!(again, (last + 1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn there_is_a_limit_and_who_leaves_makes_room() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.event_readers = 2).await;
    let readers = [Reader::new(&rig).await, Reader::new(&rig).await];
    let refused = rig.get(&format!("/{TOPIC}/events")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    drop(readers);
    let mut seq = 0;
    let came_in = async {
        loop {
            // Who has gone is noticed when he is told something.
            seq += 1;
            rig.arrives(seq).await;
            let (reader, reply) = Reader::opens(&rig, &path(), &[]).await;
            if reply.status == 200 {
                return reader;
            }
        }
    };
    let mut reader = tokio::time::timeout(super::client::SOON, came_in).await.expect("there should be room");
    assert_eq!(reader.event().await.name, "state");
}

#[tokio::test]
async fn a_stream_that_is_quiet_is_not_taken_for_idle() {
    let rig =
        Rig::with(Reads::default(), |all| (all.http_front.idle_wait_ms, all.http_front.header_wait_ms) = (100, 100))
            .await;
    let mut reader = Reader::new(&rig).await;
    assert_eq!(reader.event().await.name, "state");
    for _ in 0..3 {
        rig.connect().await.closed().await;
    }
    rig.arrives(1).await;
    assert_eq!(reader.until(1).await, [1]);
}

#[tokio::test]
async fn all_streams_end_when_the_front_does() {
    let rig = Rig::start().await;
    let mut readers = [Reader::new(&rig).await, Reader::after(&rig, "0-0").await];
    for reader in &mut readers {
        assert_eq!(reader.event().await.name, "state");
    }
    rig.stop.ask();
    let began = std::time::Instant::now();
    for reader in &mut readers {
        assert_eq!(reader.next().await, None);
        assert!(reader.ended, "the stream should have ended as it should");
    }
    rig.ended().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_worker_that_is_away_for_a_moment_delays_events_and_loses_none() {
    let rig = Rig::start().await;
    let mut reader = Reader::new(&rig).await;
    assert_eq!(reader.event().await.name, "state");
    rig.reads.fails_with(AskError::Died);
    rig.arrives(1).await;
    let asked = rig.reads.requests.lock().unwrap().len();
    until(|| rig.reads.requests.lock().unwrap().len() > asked + 1).await;
    *rig.reads.failure.lock().unwrap() = None;
    assert_eq!(reader.until(1).await, [1]);
}

#[tokio::test]
async fn when_no_worker_answers_a_reader_is_told_to_come_again() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.answer_wait_ms = 50).await;
    rig.reads.fails_with(AskError::NobodyThere);
    assert_eq!(rig.get(&format!("/{TOPIC}/events")).await.status, 503);
}

#[tokio::test]
async fn a_head_has_the_header_alone_and_a_bad_place_is_refused() {
    let rig = Rig::start().await;
    let reply = rig.ask(&[&format!("HEAD /{TOPIC}/events")]).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/event-stream")));
    let reply = rig.get(&format!("/{TOPIC}/events?after=yesterday")).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("bad-place"), "{}", reply.body);
    let reply = rig.post(&format!("/{TOPIC}/events"), "").await;
    assert_eq!(reply.status, 405);
}
