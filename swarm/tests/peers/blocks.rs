//! Blocks between peers of ours that find each other; what Bitswap does in detail is tried beside its own code.

use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;
use swarm::{BlockStore, Dht, Settings, StoreFault};

use crate::rig::{in_dht, soon, start, start_with, until};

/// `hello world\n`, as a raw block.
const HELLO: &str = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";

struct Hello;

impl BlockStore for Hello {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreFault> {
        Ok((cid.to_string() == HELLO).then(|| Bytes::from_static(b"hello world\n")))
    }

    fn size(&self, cid: &Cid) -> Result<Option<u32>, StoreFault> {
        Ok(self.get(cid)?.map(|block| u32::try_from(block.len()).unwrap()))
    }
}

#[tokio::test]
async fn a_block_comes_from_a_provider_whom_the_network_knows() {
    let cid: Cid = HELLO.parse().unwrap();
    let holder = start_with(in_dht(Dht::Lan), Arc::new(Hello)).await;
    let between = start(in_dht(Dht::Lan)).await;
    let asker = start(Settings { bootstrap: vec![between.address().await], ..in_dht(Dht::Lan) }).await;
    holder.meet(&between).await;
    until("the network is known", || async { !asker.routing_table().await.unwrap().is_empty() }).await;
    until("the holder is known", || async { !holder.routing_table().await.unwrap().is_empty() }).await;
    soon("providing", holder.provide(&cid)).await.unwrap();
    let block = soon("the block", asker.fetch().session(Some(cid)).get(cid)).await.unwrap();
    assert_eq!(block, "hello world\n");
    assert!(asker.is_connected(holder.peer_id()).await.unwrap());
    let given = holder.bitswap_stats().await.unwrap();
    assert_eq!((given.sent_blocks, given.sent_bytes), (1, 12));
    assert_eq!(asker.ledger(holder.peer_id()).await.unwrap().unwrap().received_bytes, 12);
}
