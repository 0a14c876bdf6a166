//! Downloads.

use std::{sync::Arc, time::Duration};

use proto::Cid;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::rig::{Client, Rig, Shelf, connect, file};
use crate::{download::Downloads, memory::Memory, wire::END};

const CHUNK: usize = 256 * 1024;

async fn asked(downloads: &Arc<Downloads<Shelf>>, request: &str) -> TcpStream {
    let downloads = Arc::clone(downloads);
    let (mut stream, _) = connect(async move |stream, peer| downloads.attend(stream, peer).await).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn all_of(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

async fn kept(rig: &Rig, text: &[u8]) -> String {
    Client::greeted(&Arc::new(rig.uploads()), 7).await.upload(text).await.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_with_the_clients_own_marker() {
    let rig = Rig::new();
    let downloads = Arc::new(rig.downloads());
    for bytes in [0, 1, CHUNK, 9 * CHUNK + 1, 180 * CHUNK] {
        let text = file(bytes, 1);
        let cid = kept(&rig, &text).await;
        let got = all_of(asked(&downloads, &format!("6.86e-05 {cid}")).await).await;
        assert!(got == [&text[..], END.as_bytes(), b"6.86e-05"].concat(), "{bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_in_pieces() {
    let rig = Rig::new();
    let cid = kept(&rig, b"text").await;
    let mut stream = asked(&Arc::new(rig.downloads()), "0.").await;
    for piece in ["5", " ", &cid[..20], &cid[20..]] {
        tokio::task::yield_now().await;
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    assert_eq!(all_of(stream).await, b"textThis is the end of the file: 0.5");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_is_refused_in_words() {
    let mut rig = Rig::new();
    rig.settings.patience.idle = Duration::from_millis(50);
    let downloads = Arc::new(rig.downloads());
    let absent = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH";
    let rows = [
        (format!("0.5 {absent}"), format!("ERROR the IPFS daemon does not have block {absent}\n")),
        ("0.5 Qmnone".to_owned(), "ERROR `Qmnone` is no CID; expected one such as".to_owned()),
        ("hello\n".to_owned(), "ERROR expected `<token> <cid>`".to_owned()),
        (String::new(), "ERROR nothing moved for 50ms\n".to_owned()),
    ];
    for (request, words) in rows {
        let got = String::from_utf8(all_of(asked(&downloads, &request).await).await).unwrap();
        assert!(got.starts_with(&words), "{request}: {got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_off_ends_without_the_marker() {
    let rig = Rig::new();
    let text = file(20 * CHUNK, 1);
    let cid = kept(&rig, &text).await;
    let root: Cid = cid.parse().unwrap();
    let last = unixfs::links(&root.0, &rig.shelf.blocks()[&root]).unwrap().pop().unwrap();
    rig.shelf.blocks().remove(&Cid(last));
    let got = all_of(asked(&Arc::new(rig.downloads()), &format!("0.5 {cid}")).await).await;
    assert!(got.len() < text.len() && got == text[..got.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_keeps_no_room_from_others() {
    let rig = Rig::new();
    let mut downloads = rig.downloads();
    downloads.memory = Memory::new(1, 1);
    let downloads = Arc::new(downloads);
    let text = file(100 * CHUNK, 1);
    let cid = kept(&rig, &text).await;
    let slow = asked(&downloads, &format!("0.5 {cid}")).await;
    // What is counted has left this box, so the slow client has its turn.
    while rig.counted("ingest_moved_bytes_total{way=\"download\"}") == 0 {
        tokio::task::yield_now().await;
    }
    let whole = [&text[..], END.as_bytes(), b"0.5"].concat();
    assert!(all_of(asked(&downloads, &format!("0.5 {cid}")).await).await == whole);
    assert!(rig.counted("ingest_parked_total") > 0);
    assert!(all_of(slow).await == whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_let_go() {
    let mut rig = Rig::new();
    let text = file(100 * CHUNK, 1);
    let cid = kept(&rig, &text).await;
    rig.settings.patience.idle = Duration::from_millis(50);
    let stream = asked(&Arc::new(rig.downloads()), &format!("0.5 {cid}")).await;
    while rig.counted("ingest_files_total{way=\"download\",outcome=\"silent\"}") == 0 {
        tokio::task::yield_now().await;
    }
    let got = all_of(stream).await;
    assert!(got.len() < text.len() && got == text[..got.len()]);
}
