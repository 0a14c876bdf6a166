//! Uploads that are broken off and gone on with.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use unixfs::Profile;

use super::rig::{Client, Rig, Shelf, expected, file};
use crate::{
    upload::Uploads,
    wire::{Token, UploadId, read_from, resume_line},
};

const CHUNK: usize = 256 * 1024;

fn id(number: u128) -> UploadId {
    UploadId::from_random(number)
}

impl Client {
    /// Names the upload; how much of it is there.
    async fn resume(&mut self, id: UploadId) -> usize {
        let token = Token::read(self.token.as_bytes()).unwrap();
        self.send(resume_line(&token, id).as_bytes()).await;
        let line = self.answer().await;
        usize::try_from(read_from(line.as_bytes()).expect(&line)).unwrap()
    }
}

/// Sends so much and hangs up; returns when the server has noticed.
async fn break_off(uploads: &Arc<Uploads<Shelf>>, id: UploadId, bytes: &[u8]) {
    let mut client = Client::greeted(uploads, 7).await;
    let there = client.resume(id).await;
    client.send(&bytes[there..]).await;
    drop(client.stream);
    client.served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_upload_goes_on_where_it_ended_wherever_that_was() {
    for profile in [Profile::V0_2015, Profile::V1_2025] {
        let mut rig = Rig::new();
        rig.settings.options = profile.into();
        let uploads = Arc::new(rig.uploads());
        let text = file(9 * CHUNK + 1_234, 5);
        for (at, cut) in [1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 77, text.len()].into_iter().enumerate() {
            let id = id(at as u128);
            break_off(&uploads, id, &text[..cut / 2]).await;
            break_off(&uploads, id, &text[..cut]).await;
            let mut client = Client::greeted(&uploads, 8).await;
            assert_eq!(client.resume(id).await, cut, "{profile:?}");
            assert_eq!(client.upload(&text[cut..]).await, expected(rig.settings.options, &text), "cut at {cut}");
        }
        assert_eq!(rig.journal_sizes(), [text.len() as u64; 6]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_marker_that_came_before_the_end_is_no_part_of_the_file() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let mut client = Client::greeted(&uploads, 7).await;
    client.resume(id(1)).await;
    client.send(b"text, and This is the end of the").await;
    drop(client.stream);
    client.served.await.unwrap();
    let mut client = Client::greeted(&uploads, 8).await;
    assert_eq!(client.resume(id(1)).await, "text, and ".len());
    assert_eq!(client.upload(b"more").await, expected(rig.settings.options, &b"text, and more".to_vec().into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_name_or_with_another_begins_anew_and_so_does_one_that_is_done() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    break_off(&uploads, id(1), b"one").await;
    let mut other = Client::greeted(&uploads, 8).await;
    assert_eq!(other.resume(id(2)).await, 0);
    assert_eq!(other.upload(b"two").await, expected(rig.settings.options, &b"two".to_vec().into()));
    let nameless = Client::greeted(&uploads, 9).await.upload(b"three").await;
    assert_eq!(nameless, expected(rig.settings.options, &b"three".to_vec().into()));
    for there in [3, 0] {
        let mut same = Client::greeted(&uploads, 8).await;
        assert_eq!(same.resume(id(1)).await, there);
        assert_eq!(same.upload(&b"one"[there..]).await, expected(rig.settings.options, &b"one".to_vec().into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_before_his_former_connection_is_found_dead_waits_for_it() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let text = file(CHUNK + 5, 3);
    let mut former = Client::greeted(&uploads, 7).await;
    assert_eq!(former.resume(id(1)).await, 0);
    former.send(&text[..CHUNK + 1]).await;
    let mut latter = Client::greeted(&uploads, 8).await;
    let token = Token::read(latter.token.as_bytes()).unwrap();
    latter.send(resume_line(&token, id(1)).as_bytes()).await;
    drop(former.stream);
    assert_eq!(latter.answer().await, format!("from {}\n", CHUNK + 1));
    assert_eq!(latter.upload(&text[CHUNK + 1..]).await, expected(rig.settings.options, &text));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_to_a_connection_that_nobody_finds_dead_begins_anew_and_spoils_nothing() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let mut former = Client::greeted(&uploads, 7).await;
    assert_eq!(former.resume(id(1)).await, 0);
    former.send(b"one").await;
    let mut latter = Client::greeted(&uploads, 8).await;
    assert_eq!(timeout(Duration::from_secs(20), latter.resume(id(1))).await, Ok(0));
    latter.send(b"two").await;
    // It has no right to rest any more.
    drop(former.stream);
    former.served.await.unwrap();
    drop(latter.stream);
    latter.served.await.unwrap();
    let mut last = Client::greeted(&uploads, 9).await;
    assert_eq!(last.resume(id(1)).await, 3);
    assert_eq!(last.upload(b"").await, expected(rig.settings.options, &b"two".to_vec().into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rests_holds_no_room_and_only_so_much_rests() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let free = uploads.memory.free_chunks();
    for number in 0..70 {
        break_off(&uploads, id(number), b"a part").await;
    }
    assert_eq!(uploads.memory.free_chunks(), free);
    let mut oldest = Client::greeted(&uploads, 8).await;
    assert_eq!(oldest.resume(id(0)).await, 0);
    let mut newest = Client::greeted(&uploads, 8).await;
    assert_eq!(newest.resume(id(69)).await, 6);
}

/// Waits for so many whole chunks: an upload that breaks off leaves some on their way.
async fn arrived(rig: &Rig, chunks: usize) {
    let arrive = async {
        while rig.shelf.blocks().values().filter(|block| block.len() > CHUNK).count() < chunks {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), arrive).await.expect("what was on its way arrives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_collected_as_garbage_meanwhile_is_noticed_and_sent_again() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let (text, cut) = (file(3 * CHUNK, 3), 2 * CHUNK + 9);
    // At once, if it is what has to be read back to go on.
    break_off(&uploads, id(1), &text[..cut]).await;
    arrived(&rig, 2).await;
    rig.shelf.blocks().clear();
    let mut client = Client::greeted(&uploads, 8).await;
    assert_eq!(client.resume(id(1)).await, 0);
    drop(client.stream);
    client.served.await.unwrap();
    // At the end, if it is anything else.
    break_off(&uploads, id(1), &text[..cut]).await;
    arrived(&rig, 2).await;
    rig.shelf.blocks().retain(|_, block| block.len() < CHUNK);
    let mut client = Client::greeted(&uploads, 9).await;
    assert_eq!(client.resume(id(1)).await, cut);
    let answer = client.upload(&text[cut..]).await;
    assert!(answer.starts_with("ERROR ") && answer.contains("send the file again"), "{answer}");
    let mut again = Client::greeted(&uploads, 10).await;
    assert_eq!(again.resume(id(1)).await, 0);
    assert_eq!(again.upload(&text).await, expected(rig.settings.options, &text));
}
