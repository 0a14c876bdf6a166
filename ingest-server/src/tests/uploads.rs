//! Uploads.

use std::{sync::Arc, time::Duration};

use daemon::bus::AskError;
use proto::Cid;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use unixfs::Profile;

use super::rig::{Client, Mishap, Rig, Shelf, expected, file};
use crate::{intake::Intake, memory::Memory};

const CHUNK: usize = 256 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn every_size_has_the_cid_that_it_has_elsewhere_and_is_pinned_with_all_below() {
    for profile in [Profile::V0_2015, Profile::V1_2025] {
        let mut rig = Rig::new();
        rig.settings.options = profile.into();
        let uploads = Arc::new(rig.uploads());
        let sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7, 4 * CHUNK + 1, 175 * CHUNK];
        for bytes in sizes {
            let text = file(bytes, bytes as u64);
            let answer = Client::greeted(&uploads, 7).await.upload(&text).await;
            assert_eq!(answer, expected(rig.settings.options, &text), "{bytes} bytes, {profile:?}");
            assert!(rig.shelf.pins().contains(&answer.trim().parse().unwrap()));
        }
        assert_eq!(rig.journal_sizes(), sizes.map(|bytes| bytes as u64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_in_a_segment_is_enough_and_what_looks_like_the_marker_is_data() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let text = b"\xff\xfeThis is the end of the file: 0.1234\nThis is the end of the fi\r\n".to_vec();
    let mut client = Client::greeted(&uploads, 7).await;
    let stream = [&text[..], b"This is the end of the file: ", client.token.as_bytes()].concat();
    for byte in &stream {
        client.send(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await, expected(rig.settings.options, &text.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marker_may_stand_across_the_end_of_a_chunk() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    for bytes in (CHUNK - 50..CHUNK + 2).step_by(3) {
        let text = file(bytes, 1);
        let answer = Client::greeted(&uploads, 7).await.upload(&text).await;
        assert_eq!(answer, expected(rig.settings.options, &text), "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_the_marker_are_left_out_and_counted() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let mut client = Client::greeted(&uploads, 7).await;
    let stream = format!("text\nThis is the end of the file: {}\n\nmore", client.token);
    client.send(stream.as_bytes()).await;
    assert_eq!(client.answer().await, expected(rig.settings.options, &"text\n".into()));
    let Client { stream, served, .. } = client;
    drop(stream);
    served.await.unwrap();
    assert_eq!(rig.counted("ingest_after_marker_bytes_total"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_nothing_that_is_kept() {
    let rig = Rig::new();
    let uploads = Arc::new(rig.uploads());
    let text = [&file(3 * CHUNK, 1)[..], b"This is the end of the file: 0."].concat();
    for sent in [0, 1, CHUNK, 3 * CHUNK, text.len()] {
        let mut client = Client::greeted(&uploads, 7).await;
        client.send(&text[..sent]).await;
        let Client { stream, served, .. } = client;
        drop(stream);
        served.await.unwrap();
    }
    assert!(rig.shelf.pins().is_empty() && rig.journal_sizes().is_empty());
    assert_eq!(rig.counted("ingest_files_total{way=\"upload\",outcome=\"hung_up\"}"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_only_stops_sending_is_told_why_there_is_no_cid() {
    let rig = Rig::new();
    let mut client = Client::greeted(&Arc::new(rig.uploads()), 7).await;
    client.send(b"half a file").await;
    client.stream.shutdown().await.unwrap();
    assert!(client.answer().await.starts_with("ERROR the connection ended before the end marker"));
    assert_eq!(client.stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_let_go_with_a_word() {
    let mut rig = Rig::new();
    rig.settings.patience.idle = Duration::from_millis(50);
    let mut client = Client::greeted(&Arc::new(rig.uploads()), 7).await;
    client.send(b"half a file").await;
    assert_eq!(client.answer().await, "ERROR nothing came for 50ms; nothing was kept, send the file again\n");
    assert!(rig.shelf.pins().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_trickles_is_let_go_when_its_time_is_over() {
    let mut rig = Rig::new();
    rig.settings.patience.total = Duration::from_millis(100);
    let mut client = Client::greeted(&Arc::new(rig.uploads()), 7).await;
    client.send(b"x").await;
    assert!(client.answer().await.starts_with("ERROR the file took longer than 100ms"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_large_is_refused_in_words_that_arrive() {
    let mut rig = Rig::new();
    rig.settings.file_bytes_max = CHUNK as u64;
    let uploads = Arc::new(rig.uploads());
    let fits = file(CHUNK, 1);
    assert_eq!(Client::greeted(&uploads, 7).await.upload(&fits).await, expected(rig.settings.options, &fits));
    let answer = Client::greeted(&uploads, 7).await.upload(&file(40 * CHUNK, 1)).await;
    assert!(answer.starts_with("ERROR the file has more than 262144 bytes"), "{answer}");
    assert_eq!(rig.shelf.pins().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_for_all_files_together_and_a_failed_one_gives_its_part_back() {
    let mut rig = Rig::new();
    rig.quota_bytes = 2_000;
    let uploads = Arc::new(rig.uploads());
    let used_up = "ERROR the server's quota is used up";
    assert!(Client::greeted(&uploads, 7).await.upload(&file(2_001, 1)).await.starts_with(used_up));
    // The same file counts once.
    for _ in 0..2 {
        let text = file(1_000, 2);
        assert_eq!(Client::greeted(&uploads, 7).await.upload(&text).await, expected(rig.settings.options, &text));
    }
    assert!(Client::greeted(&uploads, 7).await.upload(&file(1_001, 3)).await.starts_with(used_up));
    assert!(Client::greeted(&uploads, 7).await.upload(&file(1_000, 3)).await.starts_with("Qm"));
    assert!(Client::greeted(&uploads, 7).await.upload(b"x").await.starts_with(used_up));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipfs_daemon_that_comes_back_costs_time_and_nothing_else() {
    let rig = Rig::new();
    let all =
        [Mishap::Away, Mishap::Bus(AskError::Busy), Mishap::Bus(AskError::Died), Mishap::Bus(AskError::NobodyThere)];
    rig.shelf.will(all);
    let text = file(2 * CHUNK + 1, 1);
    let answer = Client::greeted(&Arc::new(rig.uploads()), 7).await.upload(&text).await;
    assert_eq!(answer, expected(rig.settings.options, &text));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipfs_daemon_that_stays_away_ends_the_upload_with_a_word() {
    let mut rig = Rig::new();
    rig.settings.ipfs_wait = Duration::from_millis(50);
    rig.shelf.will(vec![Mishap::Away; 100]);
    let answer = Client::greeted(&Arc::new(rig.uploads()), 7).await.upload(b"text").await;
    let expected = "ERROR the IPFS daemon is away (it is being restarted); try again in a minute\n";
    assert_eq!(answer, expected);
    assert!(rig.shelf.pins().is_empty() && rig.journal_sizes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_collected_before_it_was_pinned_is_not_announced() {
    let rig = Rig::new();
    let mut client = Client::greeted(&Arc::new(rig.uploads()), 7).await;
    client.send(&file(4 * CHUNK, 1)).await;
    while rig.shelf.blocks().len() < 2 {
        tokio::task::yield_now().await;
    }
    rig.shelf.blocks().clear();
    client.end().await;
    assert!(client.answer().await.starts_with("ERROR the IPFS daemon has lost a part of the file"));
    assert!(rig.journal_sizes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_keeps_no_room_from_a_fast_one() {
    let rig = Rig::new();
    let mut uploads = rig.uploads();
    uploads.memory = Memory::new(1, 1);
    let uploads = Arc::new(uploads);
    let (slow_text, fast_text) = (file(CHUNK + 1_000, 1), file(3 * CHUNK, 2));
    let mut slow = Client::greeted(&uploads, 7).await;
    slow.send(&slow_text[..CHUNK + 500]).await;
    // Its chunk gave its room back, for which what came behind that was waiting.
    while rig.shelf.blocks().is_empty() {
        tokio::task::yield_now().await;
    }
    let fast = Client::greeted(&uploads, 8).await.upload(&fast_text).await;
    assert_eq!(fast, expected(rig.settings.options, &fast_text));
    assert!(rig.counted("ingest_parked_total") > 0);
    let slow = slow.upload(&slow_text[CHUNK + 500..]).await;
    assert_eq!(slow, expected(rig.settings.options, &slow_text));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_share_little_room() {
    let rig = Rig::new();
    let mut uploads = rig.uploads();
    uploads.memory = Memory::new(3, 1);
    let uploads = Arc::new(uploads);
    let all: Vec<_> = (0..40)
        .map(|n| {
            let uploads = Arc::clone(&uploads);
            tokio::spawn(async move { Client::greeted(&uploads, n).await.upload(&file(5 * CHUNK + 1, n)).await })
        })
        .collect();
    for (n, upload) in all.into_iter().enumerate() {
        let text = file(5 * CHUNK + 1, n as u64);
        assert_eq!(upload.await.unwrap(), expected(rig.settings.options, &text));
    }
    assert_eq!(rig.journal_sizes().len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_ends_says_so_to_those_who_are_not_done() {
    let rig = Rig::new();
    let mut client = Client::greeted(&Arc::new(rig.uploads()), 7).await;
    client.send(b"half a file").await;
    rig.stop.ask();
    assert!(client.answer().await.starts_with("ERROR the server is being restarted"));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_two_mebibytes_are_taken_in_ahead_of_the_daemon() {
    for profile in [Profile::V0_2015, Profile::V1_2025] {
        let mut rig = Rig::new();
        rig.shelf = Shelf::stuck();
        let mut intake = Intake::new(rig.ipfs(), Memory::new(1 << 30, 1), profile.into());
        let mut taken = 0;
        let filled = timeout(Duration::from_secs(5), async {
            loop {
                intake.make_room().await.unwrap();
                let piece = file(intake.wanted_bytes(), 1);
                taken += piece.len();
                intake.push(piece).await.unwrap();
            }
        });
        assert!(filled.await.is_err());
        assert!((1 << 20..=2 << 20).contains(&taken), "{taken} bytes, {profile:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_comes_back_as_it_was() {
    let rig = Rig::new();
    let memory = Memory::new(1, 1);
    let mut intake = Intake::new(rig.ipfs(), memory.clone(), rig.settings.options);
    let text = file(CHUNK + 11, 3);
    let mut from = 0;
    for end in [1, 1, 1_000, CHUNK, CHUNK + 5, text.len()] {
        while from < end {
            intake.make_room().await.unwrap();
            let piece = text.slice(from..end.min(from + intake.wanted_bytes()));
            from += piece.len();
            intake.push(piece).await.unwrap();
        }
        intake.park().await.unwrap();
        assert!(!intake.holds_room());
    }
    let root = Cid(intake.finish().await.unwrap().cid);
    assert_eq!(format!("{root}\n"), expected(rig.settings.options, &text));
    assert!(memory.try_take().is_some());
}
