//! Topics between peers of ours.

use swarm::{PubsubError, Settings};

use crate::rig::{Peer, settings, soon, start, until};

async fn speaking() -> Peer {
    start(Settings { pubsub: true, ..settings() }).await
}

#[tokio::test]
async fn messages_go_both_ways_and_to_oneself() {
    let (one, other) = (speaking().await, speaking().await);
    one.meet(&other).await;
    let (mut ours, mut theirs) = (one.subscribe("news").await.unwrap(), other.subscribe("news").await.unwrap());
    let reads = async |a: &Peer, b: &Peer| a.topic_peers(Some("news")).await.unwrap() == [b.peer_id()];
    until("each knows that the other reads", || async { reads(&one, &other).await && reads(&other, &one).await }).await;
    one.publish("news", b"from one".to_vec()).await.unwrap();
    let (here, there) = (soon("here", ours.next()).await.unwrap(), soon("there", theirs.next()).await.unwrap());
    assert_eq!(here, there);
    assert_eq!((there.from, &there.body[..], &there.topic[..]), (one.peer_id(), &b"from one"[..], "news"));
    other.publish("news", b"from other".to_vec()).await.unwrap();
    assert_eq!(soon("the answer", ours.next()).await.unwrap().body, &b"from other"[..]);
}

#[tokio::test]
async fn a_topic_is_left_with_its_last_reader() {
    let one = speaking().await;
    let reader = one.subscribe("news").await.unwrap();
    assert_eq!(one.topics().await.unwrap(), ["news"]);
    drop(reader);
    until("the topic is left", || async { one.topics().await.unwrap().is_empty() }).await;
    one.publish("news", b"nobody reads".to_vec()).await.unwrap();
}

#[tokio::test]
async fn without_pubsub_that_is_said() {
    let one = start(settings()).await;
    assert!(matches!(one.subscribe("news").await, Err(PubsubError::Off)));
    assert!(matches!(one.publish("news", Vec::new()).await, Err(PubsubError::Off)));
}
