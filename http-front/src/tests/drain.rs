//! The end of a front: who is in is served, nobody new is taken in, and it ends.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpStream, sync::Notify};

use super::{
    boxes::Reads,
    client::Body,
    rig::{Rig, request, until},
};

async fn rig_with_gate(change: impl FnOnce(&mut proto::config::Rookery)) -> (Rig, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let reads = Reads { gate: Some(Arc::clone(&gate)), ..Reads::default() };
    (Rig::with(reads, change).await, gate)
}

#[tokio::test]
async fn an_open_request_is_answered_before_the_end() {
    let (rig, gate) = rig_with_gate(|_| {}).await;
    let mut client = rig.connect().await;
    client.send(request(&["GET /"], "")).await;
    until(|| !rig.reads.requests.lock().unwrap().is_empty()).await;
    rig.stop.ask();
    gate.notify_one();
    let reply = client.reply(Body::Expected).await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    client.closed().await;
    rig.ended().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_the_end() {
    let (rig, gate) = rig_with_gate(|_| {}).await;
    let mut client = rig.connect().await;
    gate.notify_one();
    client.send(request(&["GET /"], "")).await;
    assert_eq!(client.reply(Body::Expected).await.status, 200);
    rig.stop.ask();
    client.closed().await;
    let address = rig.address;
    rig.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_end_comes_even_if_a_worker_never_answers() {
    let (rig, _gate) = rig_with_gate(|all| all.supervisor.stop_wait_ms = 700).await;
    let mut client = rig.connect().await;
    client.send(request(&["GET /"], "")).await;
    until(|| !rig.reads.requests.lock().unwrap().is_empty()).await;
    rig.stop.ask();
    let began = std::time::Instant::now();
    rig.ended().await;
    assert!(began.elapsed() < Duration::from_secs(5));
}
