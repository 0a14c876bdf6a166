//! `tap`: prints the messages that pass through a box, decoded, as they pass. The box copies them only while we watch.

use std::{collections::BTreeSet, fs, io, path::Path, path::PathBuf, time::Duration};

use bytes::BytesMut;
use daemon::{OrFail as _, config::Loaded};
use proto::{
    bus::Kind,
    tap::{Side, TapEntry, Tapped},
};
use tokio::{io::AsyncReadExt as _, net::UnixStream, sync::mpsc, time::sleep};

use super::{Refusal, show};
use crate::table;

/// A box that is being restarted is watched again as soon as it is there.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// Lines that were not printed yet; a slow terminal holds up this process, and no box.
const LINES: usize = 64;
const US_PER_S: u64 = 1_000_000;

/// Prints until interrupted, or until nobody reads.
///
/// # Errors
///
/// When there is no such box.
pub fn tap(loaded: &Loaded, name: &str) -> Result<(), Refusal> {
    let instances = instances(loaded, name)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().or_fail("cannot start the runtime")?;
    runtime.block_on(async {
        let (lines, mut printed) = mpsc::channel(LINES);
        for instance in instances {
            let socket = loaded.places.runtime_dir.join(format!("{instance}.tap"));
            tokio::spawn(watch(instance, socket, lines.clone()));
        }
        let mut shown = Ok(());
        while let (Ok(()), Some(line)) = (&shown, printed.recv().await) {
            shown = show::print(&format!("{line}\n"));
        }
        show::ended(shown)
    })
}

/// The enabled instances, and those that somebody started by hand.
fn instances(loaded: &Loaded, name: &str) -> Result<BTreeSet<String>, Refusal> {
    let rows = table::rows(&loaded.all);
    let enabled = rows.iter().flat_map(|row| (0..row.instances).map(|number| format!("{}.{number}", row.name)));
    let all: BTreeSet<_> = enabled.chain(by_hand(&loaded.places.runtime_dir)).collect();
    let kind = |instance: &str| instance.rsplit_once('.').map(|(kind, _)| kind.to_owned());
    let wanted: BTreeSet<_> =
        all.iter().filter(|one| *one == name || kind(one).as_deref() == Some(name)).cloned().collect();
    if wanted.is_empty() {
        let kinds: BTreeSet<_> = all.iter().filter_map(|one| kind(one)).collect();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Refusal::failed(format!(
            "no box `{name}` runs; expected one of {kinds}, or an instance (`get-worker.1`)"
        )));
    }
    Ok(wanted)
}

fn by_hand(runtime_dir: &Path) -> impl Iterator<Item = String> {
    let files = fs::read_dir(runtime_dir).into_iter().flatten().flatten();
    files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".tap").map(str::to_owned))
}

async fn watch(instance: String, socket: PathBuf, lines: mpsc::Sender<String>) {
    // Ends with the process, or when nobody prints any more.
    while !lines.is_closed() {
        if let Ok(stream) = UnixStream::connect(&socket).await {
            let ended = read(&instance, stream, &lines).await;
            let why = ended.err().map(|error| format!(": {error}")).unwrap_or_default();
            let _ = lines.send(format!("{instance} is gone{why}; waiting for it")).await;
        }
        sleep(BETWEEN_TRIES).await;
    }
}

async fn read(instance: &str, mut stream: UnixStream, lines: &mpsc::Sender<String>) -> io::Result<()> {
    let mut received = BytesMut::with_capacity(16 * 1024);
    loop {
        while let Some(tapped) = Tapped::take_from(&mut received).map_err(io::Error::other)? {
            if lines.send(tell(instance, &tapped)).await.is_err() {
                return Ok(());
            }
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

fn tell(instance: &str, tapped: &Tapped) -> String {
    match tapped {
        Tapped::Message(entry) => tell_message(instance, entry),
        Tapped::Dropped { messages } => format!("{instance}: {messages} messages passed that were not shown: too fast"),
    }
}

fn tell_message(instance: &str, entry: &TapEntry) -> String {
    let (name, content) = entry.describe();
    let arrow = match (entry.side, entry.kind) {
        (Side::Asking, Kind::Ask) | (Side::Answering, Kind::Answer | Kind::Refuse) | (Side::Telling, _) => "▶",
        _ => "◀",
    };
    let what = match entry.kind {
        Kind::Ask => "asks",
        Kind::Answer => "answers",
        Kind::Refuse => "refuses",
        Kind::Tell => "tells",
        Kind::Ping | Kind::Pong | Kind::Leaving => "says",
    };
    let attachment = match entry.attachment_bytes {
        0 => String::new(),
        bytes => format!(" + {bytes} bytes"),
    };
    let took = entry.took_us.map(|us| format!(" after {us} µs")).unwrap_or_default();
    let time = time_of_day(entry.at_unix_us);
    format!("{time} {instance} {arrow} {} {what} {name} {content}{attachment}{took} [{}]", entry.peer, entry.request)
}

/// Hours, minutes, seconds and microseconds, in UTC as in the logs.
fn time_of_day(unix_us: u64) -> String {
    let (s, us) = (unix_us / US_PER_S % 86_400, unix_us % US_PER_S);
    format!("{:02}:{:02}:{:02}.{us:06}", s / 3_600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proto::{Arrived, RequestId, Seq, Topic, interface::encode, threads::CountComments};

    use super::*;

    #[test]
    fn a_message_is_told_in_one_line() {
        let body = encode(CountComments { topics: vec![Topic([0x11; 20])] }).body;
        let entry = TapEntry {
            at_unix_us: 86_400_000_000 + 3_723_000_004,
            side: Side::Answering,
            kind: Kind::Ask,
            interface: "threads".to_owned(),
            op: 2,
            id: 3,
            request: RequestId([0xab; 8]),
            peer: "http-front.0".to_owned(),
            took_us: None,
            body_bytes: body.len() as u64,
            body,
            attachment_bytes: 0,
        };
        let topic = "11".repeat(20);
        let told = tell("get-worker.0", &Tapped::Message(entry.clone()));
        let expected = format!(
            "01:02:03.000004 get-worker.0 ◀ http-front.0 asks CountComments {{\"topics\":[\"{topic}\"]}} [{}]",
            "ab".repeat(8)
        );
        assert_eq!(told, expected);
        let hint = Arrived { last_seq: Seq(9), topics: vec![] };
        let told = TapEntry {
            side: Side::Telling,
            kind: Kind::Tell,
            interface: "arrived".to_owned(),
            op: 0,
            peer: "everybody".to_owned(),
            body_bytes: encode(hint.clone()).body.len() as u64,
            body: encode(hint).body,
            ..entry.clone()
        };
        let told = tell("post-worker.0", &Tapped::Message(told));
        let expected = r#"post-worker.0 ▶ everybody tells Arrived {"last_seq":9,"topics":[]}"#;
        assert!(told.contains(expected), "{told}");
        let refusal =
            TapEntry { kind: Kind::Refuse, body: Bytes::from_static(b"no"), body_bytes: 2, took_us: Some(7), ..entry };
        assert!(
            tell("get-worker.0", &Tapped::Message(refusal))
                .ends_with("▶ http-front.0 refuses CountComments no after 7 µs [abababababababab]")
        );
    }
}
