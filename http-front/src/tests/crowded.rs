//! Visitors who take more than their share, and visitors who come through a proxy.

use std::sync::Arc;

use proto::config::Rookery;
use tokio::sync::Notify;

use super::{
    boxes::{Reads, TOPIC},
    client::{Body, Reply},
    rig::{Rig, request, until},
};
use crate::crowd::Crowd;

fn behind_a_proxy(all: &mut Rookery) {
    all.http_front.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    (all.http_front.address_reads_per_s, all.http_front.address_reads_burst) = (1, 3);
    (all.http_front.address_posts_per_s, all.http_front.address_posts_burst) = (1, 1);
}

async fn ask_as(rig: &Rig, first: &str, client: &str) -> Reply {
    rig.ask(&[first, &format!("X-Forwarded-For: {client}")]).await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let rig = Rig::with(Reads::default(), behind_a_proxy).await;
    for _ in 0..3 {
        assert_eq!(ask_as(&rig, "GET /version", "192.0.2.1").await.status, 200);
    }
    let reply = ask_as(&rig, "GET /version", "192.0.2.77").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
    assert_eq!(reply.json()["type"], "urn:rookery:problem:too-many");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(ask_as(&rig, "GET /version", "192.0.3.1").await.status, 200, "others are let in");
    assert_eq!(ask_as(&rig, "GET /health/live", "192.0.2.1").await.status, 200, "who watches is let in");
    for _ in 0..10 {
        assert_eq!(rig.get("/version").await.status, 200, "the operator is let in");
    }
}

#[tokio::test]
async fn posts_have_a_limit_of_their_own_and_a_refused_one_reaches_nobody() {
    let rig = Rig::with(Reads::default(), behind_a_proxy).await;
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let mut client = rig.connect().await;
        let lines = [&format!("POST /{TOPIC}"), "X-Forwarded-For: 2001:db8::1", "Content-Length: 1"];
        client.send(request(&lines, "x")).await;
        statuses.push(client.reply(Body::Expected).await.status);
    }
    assert_eq!(statuses, [201, 429]);
    assert_eq!(rig.writes.handler.kept.lock().unwrap().len(), 1);
    assert_eq!(ask_as(&rig, "GET /version", "2001:db8::2").await.status, 200);
}

#[tokio::test]
async fn what_a_stranger_says_of_himself_changes_nothing() {
    let rig = Rig::with(Reads::default(), |all| {
        behind_a_proxy(all);
        all.http_front.trusted_proxies.clear();
    })
    .await;
    for _ in 0..10 {
        assert_eq!(ask_as(&rig, "GET /version", "192.0.2.1").await.status, 200);
    }
}

#[tokio::test]
async fn requests_that_stay_open_have_a_limit() {
    let gate = Arc::new(Notify::new());
    let reads = Reads { gate: Some(Arc::clone(&gate)), ..Reads::default() };
    let rig = Rig::with(reads, |all| {
        behind_a_proxy(all);
        all.http_front.address_requests = 1;
    })
    .await;
    let mut first = rig.connect().await;
    first.send(request(&["GET /", "X-Forwarded-For: 192.0.2.1"], "")).await;
    until(|| !rig.reads.requests.lock().unwrap().is_empty()).await;
    let second = ask_as(&rig, "GET /version", "192.0.2.2").await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    gate.notify_one();
    assert_eq!(first.reply(Body::Expected).await.status, 200);
    assert_eq!(ask_as(&rig, "GET /version", "192.0.2.2").await.status, 200);
}

#[tokio::test]
async fn one_neighbourhood_cannot_take_all_connections() {
    let few = |all: &mut Rookery| all.http_front.address_connections = 2;
    let rig = Rig::with_crowd(Reads::default(), few, Crowd::counting_loopback).await;
    let mut inside = [rig.connect().await, rig.connect().await];
    for client in &mut inside {
        client.send(request(&["GET /version"], "")).await;
        assert_eq!(client.reply(Body::Expected).await.status, 200);
    }
    let mut outside = rig.connect().await;
    let reply = outside.reply(Body::Expected).await;
    assert_eq!((reply.status, reply.header("connection")), (429, Some("close")));
    outside.closed().await;
    drop(inside);
    until(|| rig.connections() == 0).await;
    assert_eq!(rig.get("/version").await.status, 200);
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let rig = Rig::start().await;
    for head in ["", "Host: a\r\nHost: b\r\n", "Host: \"><script>\r\n", "Host: user@x\r\n", "Host: x:y\r\n"] {
        let mut client = rig.connect().await;
        client.send(format!("GET /version HTTP/1.1\r\n{head}\r\n")).await;
        let reply = client.reply(Body::Expected).await;
        assert_eq!(
            (reply.status, reply.json()["type"].as_str()),
            (400, Some("urn:rookery:problem:bad-host")),
            "{head}"
        );
    }
    let mut old = rig.connect().await;
    old.send("GET /version HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.reply(Body::Expected).await.status, 200);
}
