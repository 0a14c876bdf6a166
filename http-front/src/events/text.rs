//! What readers are sent, byte by byte: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use bytes::Bytes;
use proto::{
    Cid, Seq, Topic,
    threads::{Event, News, ThreadChange},
};
use serde::Serialize;

use super::place::Place;

/// How long a browser waits before it connects again.
const RETRY: &str = "retry: 1000\n\n";
/// A comment, so that everybody on the way sees that the stream lives.
pub(super) const STILL_HERE: Bytes = Bytes::from_static(b":\n\n");

/// What is known of a topic at a place of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) topic: Topic,
    /// Up to where everything has been told.
    pub(super) place: Place,
    pub(super) count: u64,
    pub(super) folder: Option<Cid>,
}

/// The same for readers. Every number fits into the 53 bits that JavaScript has.
#[derive(Serialize)]
struct StateJson {
    topic: Topic,
    epoch: u64,
    last_seq: u64,
    count: u64,
    folder: Option<Cid>,
}

/// A change's place and number; its comment is put behind it as it is.
#[derive(Serialize)]
struct ChangeJson {
    seq: u64,
    count: u64,
    folder: Option<Cid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<proto::CommentId>,
}

impl State {
    /// What a topic's news says of it. Everything up to `place` has been told with it.
    pub(super) fn of(topic: Topic, news: &News) -> Self {
        let seq = news.next.unwrap_or(news.last_seq);
        Self { topic, place: Place { epoch: news.epoch, seq }, count: news.count, folder: news.folder }
    }

    /// How a stream begins that goes on behind `from`.
    pub(super) fn first(&self, from: Place) -> Vec<u8> {
        [RETRY, &self.event("state", from)].concat().into_bytes()
    }

    /// The numbers that a reader had mean nothing any more: what it has must be loaded again.
    pub(super) fn reset(&self) -> Vec<u8> {
        self.event("reset", self.place).into_bytes()
    }

    fn event(&self, name: &str, id: Place) -> String {
        let Self { topic, place, count, folder } = *self;
        let json = StateJson { topic, epoch: place.epoch.0, last_seq: place.seq.0, count, folder };
        let json = serde_json::to_string(&json).expect("a state has only ids and numbers");
        format!("event: {name}\nid: {id}\ndata: {json}\n\n")
    }
}

/// Some events in one piece, to be shared by all readers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Batch {
    /// Their bytes.
    pub(super) bytes: Bytes,
    /// Where the events of each arrival end.
    ends: Vec<(Seq, usize)>,
}

impl Batch {
    /// Writes what is new.
    pub(super) fn of(news: &News) -> Self {
        let mut bytes = Vec::with_capacity(news.comments.len() + 256 * news.changes.len());
        let mut ends: Vec<(Seq, usize)> = Vec::with_capacity(news.changes.len());
        let mut changes = news.iter().peekable();
        while let Some((change, comment)) = changes.next() {
            let is_last = changes.peek().is_none_or(|(next, _)| next.seq != change.seq);
            push_change(&mut bytes, news, change, &comment, is_last);
            if is_last {
                ends.push((change.seq, bytes.len()));
            }
        }
        Self { bytes: bytes.into(), ends }
    }

    /// Those that arrived after `seq`.
    pub(super) fn after(&self, seq: Seq) -> Bytes {
        let known = self.ends.partition_point(|(told, _)| *told <= seq);
        let from = known.checked_sub(1).map_or(0, |last| self.ends[last].1);
        self.bytes.slice(from..)
    }

    /// The last arrival that it tells of.
    pub(super) fn last(&self) -> Option<Seq> {
        self.ends.last().map(|(seq, _)| *seq)
    }
}

/// Of several changes that one arrival made only the last moves the reader's place on: else the others could be missed.
fn push_change(out: &mut Vec<u8>, news: &News, change: &ThreadChange, comment: &[u8], is_last: bool) {
    let name = match change.event {
        Event::Comment => "comment",
        Event::Edit => "edit",
        Event::Deletion => "delete",
    };
    out.extend_from_slice(format!("event: {name}\n").as_bytes());
    if is_last {
        let place = Place { epoch: news.epoch, seq: change.seq };
        out.extend_from_slice(format!("id: {place}\n").as_bytes());
    }
    let ThreadChange { seq, replaces, .. } = *change;
    let json = ChangeJson { seq: seq.0, count: news.count, folder: news.folder, replaces };
    out.extend_from_slice(b"data: ");
    serde_json::to_writer(&mut *out, &json).expect("a change has only ids and numbers");
    // The object goes on with the comment, as `get-worker` wrote it for pages.
    out.pop();
    out.extend_from_slice(b",\"comment\":");
    out.extend_from_slice(comment);
    out.extend_from_slice(b"}\n\n");
}

#[cfg(test)]
mod tests {
    use proto::{CommentId, Epoch};

    use super::*;

    fn cid() -> Cid {
        CommentId([7; 32]).cid()
    }

    fn news(changes: &[(u64, Event, &str)]) -> News {
        let change = |(seq, event, comment): &(u64, Event, &str)| ThreadChange {
            seq: Seq(*seq),
            event: *event,
            replaces: (*seq == 9).then_some(CommentId([1; 32])),
            comment_bytes: comment.len().try_into().unwrap(),
        };
        News {
            epoch: Epoch(5),
            last_seq: Seq(12),
            count: 3,
            folder: Some(cid()),
            next: None,
            changes: changes.iter().map(change).collect(),
            comments: changes.iter().map(|(_, _, comment)| *comment).collect::<String>().into(),
        }
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_events_of_a_topic_are_golden() {
        let news = news(&[(4, Event::Comment, r#"{"a":1}"#), (7, Event::Edit, "{}"), (9, Event::Deletion, "{}")]);
        let (cid, one) = (cid(), CommentId([1; 32]));
        let golden = [
            format!(
                "event: comment\nid: 5-4\ndata: {{\"seq\":4,\"count\":3,\"folder\":\"{cid}\",\"comment\":{{\"a\":1}}}}\n\n"
            ),
            format!("event: edit\nid: 5-7\ndata: {{\"seq\":7,\"count\":3,\"folder\":\"{cid}\",\"comment\":{{}}}}\n\n"),
            format!(
                "event: delete\nid: 5-9\ndata: {{\"seq\":9,\"count\":3,\"folder\":\"{cid}\",\"replaces\":\"{one}\",\"comment\":{{}}}}\n\n"
            ),
        ];
        assert_eq!(text(&Batch::of(&news).bytes), golden.concat());
    }

    #[test]
    fn the_beginning_of_a_stream_is_golden() {
        let state = State::of(Topic([0xab; 20]), &News { folder: None, ..news(&[]) });
        let json = format!(r#"{{"topic":"{}","epoch":5,"last_seq":12,"count":3,"folder":null}}"#, "ab".repeat(20));
        let from = Place { epoch: Epoch(5), seq: Seq(4) };
        assert_eq!(text(&state.first(from)), format!("retry: 1000\n\nevent: state\nid: 5-4\ndata: {json}\n\n"));
        assert_eq!(text(&state.reset()), format!("event: reset\nid: 5-12\ndata: {json}\n\n"));
    }

    #[test]
    fn what_a_reader_has_already_is_left_out() {
        let batch = Batch::of(&news(&[(4, Event::Comment, "4"), (7, Event::Comment, "7")]));
        assert_eq!(batch.after(Seq(3)), batch.bytes);
        for seq in [4, 5, 6] {
            assert!(text(&batch.after(Seq(seq))).starts_with("event: comment\nid: 5-7\n"));
        }
        assert!(batch.after(Seq(7)).is_empty() && Batch::default().after(Seq(0)).is_empty());
    }

    #[test]
    fn of_two_changes_by_one_arrival_the_last_has_the_id() {
        let batch = Batch::of(&news(&[(4, Event::Edit, "1"), (4, Event::Edit, "2")]));
        assert_eq!(text(&batch.bytes).matches("id: 5-4").count(), 1);
        assert!(text(&batch.bytes).ends_with(&format!("{}{}", "\"comment\":2}", "\n\n")));
        assert_eq!((batch.after(Seq(3)), batch.after(Seq(4))), (batch.bytes.clone(), Bytes::new()));
    }

    #[test]
    fn news_that_goes_on_is_told_up_to_where_it_goes_on() {
        let state = State::of(Topic([1; 20]), &News { next: Some(Seq(8)), ..news(&[]) });
        assert_eq!(state.place.seq, Seq(8));
    }
}
