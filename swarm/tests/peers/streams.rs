//! Streams of any protocol between peers of ours.

use swarm::StreamError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::{settings, soon, start, until};

const NAME: &str = "/x/test";

#[tokio::test]
async fn bytes_go_both_ways_and_ends_are_seen() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    let mut incoming = other.accept(NAME).unwrap();
    let mut ours = one.open_stream(other.peer_id(), NAME).await.unwrap();
    ours.write_all(b"hello").await.unwrap();
    ours.shutdown().await.unwrap();
    let mut theirs = soon("the stream", incoming.next()).await.unwrap();
    assert_eq!((theirs.peer(), theirs.protocol()), (one.peer_id(), NAME));
    let mut heard = String::new();
    soon("the end", theirs.read_to_string(&mut heard)).await.unwrap();
    assert_eq!(heard, "hello");
    theirs.write_all(b"and back").await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut answer = String::new();
    soon("the answer", ours.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "and back");
}

#[tokio::test]
async fn no_stream_is_lost_while_its_taker_is_slow() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    let mut incoming = other.accept(NAME).unwrap();
    let mut sent = Vec::new();
    for number in 0..100u8 {
        let mut stream = one.open_stream(other.peer_id(), NAME).await.unwrap();
        stream.write_all(&[number]).await.unwrap();
        stream.flush().await.unwrap();
        sent.push(stream);
    }
    let mut heard = Vec::new();
    for _ in 0..100 {
        let mut stream = soon("a stream", incoming.next()).await.unwrap();
        heard.push(soon("its byte", stream.read_u8()).await.unwrap());
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_protocol_that_nobody_accepts_is_told() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    let refused = one.open_stream(other.peer_id(), NAME).await;
    assert!(matches!(refused, Err(StreamError::Unsupported { .. })), "{refused:?}");
    assert!(matches!(one.open_stream(other.peer_id(), "no-slash").await, Err(StreamError::Name(_))));
    let taken = other.accept(NAME).unwrap();
    assert!(matches!(other.accept(NAME), Err(StreamError::Taken(_))));
    drop(taken);
    assert!(other.accept(NAME).is_ok());
}

#[tokio::test]
async fn an_open_stream_is_seen_until_it_is_dropped() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    let _incoming = other.accept(NAME).unwrap();
    let stream = one.open_stream(other.peer_id(), NAME).await.unwrap();
    assert_eq!(one.peers().await.unwrap()[0].streams, [NAME]);
    drop(stream);
    until("it is gone", || async { one.peers().await.unwrap()[0].streams.is_empty() }).await;
}
