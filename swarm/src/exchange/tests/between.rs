//! Ours with ours.

use std::sync::Arc;

use bytes::Bytes;
use libp2p::identity::Keypair;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};
use unixfs::cid_raw;

use super::{
    super::FetchError,
    rig::{Memory, PATIENCE, Peer, fill},
};

async fn pair() -> (Peer, Peer) {
    let (one, other) = (Peer::start().await, Peer::start().await);
    one.connect(&other.address).await;
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_block_comes() {
    let (one, other) = pair().await;
    let cid = other.store.put(Bytes::from_static(b"hello"));
    assert_eq!(one.get(cid).await, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_blocks_come_in_order() {
    let (one, other) = pair().await;
    let cids = fill(&other.store, 128, 256 * 1024);
    one.get_all(&cids).await;
    let tally = one.control.tally().await.unwrap();
    assert_eq!((tally.received_blocks, tally.duplicate_blocks, tally.wrong_blocks), (128, 0, 0));
    let ledger = other.control.ledger(one.id).await.unwrap().unwrap();
    assert_eq!((ledger.sent_blocks, ledger.sent_bytes), (128, 128 * 256 * 1024));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_small_blocks_come() {
    let (one, other) = pair().await;
    let cids = fill(&other.store, 10_000, 100);
    one.get_all(&cids).await;
    assert_eq!(one.control.tally().await.unwrap().received_blocks, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_of_the_largest_kind_comes() {
    let (one, other) = pair().await;
    let cids = fill(&other.store, 4, 2_096_896);
    one.get_all(&cids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_served_as_soon_as_the_block_is_there() {
    let (one, other) = pair().await;
    let cid = cid_raw(b"later");
    let session = one.fetcher.session(None);
    let get = tokio::spawn(async move { session.get(cid).await });
    let wanted = async {
        while other.control.wants_of(one.id).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wanted).await.unwrap();
    other.store.put(Bytes::from_static(b"later"));
    other.control.has(&[cid]).await.unwrap();
    assert_eq!(timeout(PATIENCE, get).await.unwrap().unwrap().unwrap(), "later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_that_was_dropped_is_cancelled_at_the_peer() {
    let (one, other) = pair().await;
    let session = one.fetcher.session(None);
    let get = tokio::spawn(async move { session.get(cid_raw(b"never")).await });
    let wants = async |count: usize| {
        while other.control.wants_of(one.id).await.unwrap().len() != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wants(1)).await.unwrap();
    get.abort();
    timeout(PATIENCE, wants(0)).await.unwrap();
    assert!(one.control.tally().await.unwrap().wantlist.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_was_killed_goes_on_where_it_was_when_it_returns() {
    let (key, store) = (Keypair::generate_ed25519(), Arc::<Memory>::default());
    let cids = fill(&store, 200, 256 * 1024);
    let one = Peer::start().await;
    let other = Peer::start_with(&key, store.clone(), &[]).await;
    one.connect(&other.address).await;
    let session = one.fetcher.session(Some(cids[0]));
    session.ahead(cids.iter().copied());
    for (at, cid) in cids[..100].iter().enumerate() {
        timeout(PATIENCE, session.get(*cid)).await.unwrap().unwrap();
        if at == 50 {
            other.kill();
            one.until_connected(0).await;
            break;
        }
    }
    let again = Peer::start_with(&key, store, &[]).await;
    one.connect(&again.address).await;
    for cid in &cids[51..] {
        timeout(PATIENCE, session.get(*cid)).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_sends_wrong_blocks_is_hung_up_on_and_another_gives_the_right_ones() {
    let (one, liar, honest) = (Peer::start().await, Peer::start().await, Peer::start().await);
    let cids = fill(&honest.store, 100, 10_000);
    for (at, cid) in cids.iter().enumerate() {
        liar.store.put_wrong(*cid, vec![at.to_le_bytes()[0]; 9_999].into());
    }
    one.connect(&liar.address).await;
    let then_the_honest_one = async {
        one.until_connected(0).await;
        one.connect(&honest.address).await;
    };
    tokio::join!(one.get_all(&cids), then_the_honest_one);
    assert!(one.control.tally().await.unwrap().wrong_blocks > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_is_asked_for_what_no_peer_has() {
    let (mut one, other) = (Peer::start().await, Peer::start().await);
    let cid = other.store.put(Bytes::from_static(b"far"));
    let session = one.fetcher.session(None);
    let get = tokio::spawn(async move { session.get(cid).await });
    let search = timeout(PATIENCE, one.searches.recv()).await.unwrap().unwrap();
    assert_eq!(search.cid, cid);
    one.connect(&other.address).await;
    let _ = search.done.send(());
    assert_eq!(timeout(PATIENCE, get).await.unwrap().unwrap().unwrap(), "far");
}

/// A gateway that has one block, and gives it whatever is asked for.
async fn gateway(block: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = [0; 1_024];
            let bytes = stream.read(&mut question).await.unwrap();
            let question = String::from_utf8_lossy(&question[..bytes]).into_owned();
            assert!(question.contains("?format=raw HTTP/1.1\r\n"), "{question}");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", block.len());
            stream.write_all(&[head.as_bytes(), block].concat()).await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_peer_has_comes_from_a_gateway_and_is_checked() {
    let gateways = [gateway(b"something else").await, gateway(b"on the web").await];
    let one = Peer::start_with(&Keypair::generate_ed25519(), Arc::default(), &gateways).await;
    assert_eq!(one.get(cid_raw(b"on the web")).await, "on the web");
    assert_eq!(one.control.tally().await.unwrap().gateway_blocks, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_peer_that_stops_is_told() {
    let one = Peer::start().await;
    let session = one.fetcher.session(None);
    let before = session.clone();
    let get = tokio::spawn(async move { before.get(cid_raw(b"never")).await });
    let wanted = async {
        while one.control.tally().await.unwrap().wantlist.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wanted).await.unwrap();
    one.kill();
    assert_eq!(timeout(PATIENCE, get).await.unwrap().unwrap(), Err(FetchError::Stopped));
    let after = timeout(PATIENCE, session.get(cid_raw(b"never"))).await.unwrap();
    assert_eq!(after, Err(FetchError::Stopped));
}
