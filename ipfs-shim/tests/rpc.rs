//! The client of Kubo's RPC against a daemon that does everything wrong that a daemon can do.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod fake;

use std::{fs, iter::repeat_n, time::Duration};

use bytes::Bytes;
use fake::{Fake, Step, answer, chunked, no, ok, then};
use ipfs_shim::kubo::{Awaited, BlockCodec, RpcError};
use tokio::time::Instant;
use unixfs::{Block, Cid, cid_raw};

/// So often a question is asked of a daemon that cuts each answer off.
const TRIES: usize = 5;

fn block(text: &'static str) -> Block {
    Block { cid: cid_raw(text.as_bytes()), bytes: Bytes::from_static(text.as_bytes()) }
}

fn named(cid: &Cid) -> String {
    format!("{{\"Key\":\"{cid}\",\"Size\":1}}\n")
}

#[tokio::test]
async fn a_block_is_read_and_the_connection_is_used_again() {
    let fake = Fake::scripted([ok("hello"), ok("hello")]).await;
    let kubo = fake.kubo(10_000);
    for _ in 0..2 {
        assert_eq!(kubo.get_block(&cid_raw(b"hello")).await.unwrap().unwrap(), "hello");
    }
    let asked = fake.asked();
    assert_eq!(asked[0].call, format!("block/get?arg={}&offline=true", cid_raw(b"hello")));
    assert!(asked[0].head.contains("\r\nte: trailers\r\n"), "{}", asked[0].head);
    assert!(kubo.is_reachable());
}

#[tokio::test]
async fn a_failure_in_the_trailer_is_a_failure() {
    let end = Step::Send(b"0\r\nX-Stream-Error: disk on fire\r\n\r\n".to_vec());
    let fake = Fake::scripted([then(chunked(b"hello"), [end])]).await;
    let error = fake.kubo(10_000).get_block(&cid_raw(b"hello")).await.unwrap_err();
    assert!(matches!(&error, RpcError::Midway { message, .. } if message == "disk on fire"), "{error}");
    assert!(!error.is_down());
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_a_failure() {
    let fake = Fake::scripted(repeat_n(then(chunked(b"hello"), [Step::Close]), TRIES)).await;
    let kubo = fake.kubo(10_000);
    let error = kubo.get_block(&cid_raw(b"hello")).await.unwrap_err();
    assert!(matches!(error, RpcError::Broken { .. }), "{error}");
    assert!(error.is_down() && !kubo.is_reachable());
    assert_eq!(fake.asked().len(), TRIES);
}

#[tokio::test]
async fn what_a_daemon_that_ends_gives_up_its_successor_does() {
    let cut = then(chunked(b"hel"), [Step::Close]);
    let fake = Fake::scripted([cut, no("cannot access config, repo not open"), ok("hello")]).await;
    assert!(fake.kubo(10_000).get_block(&cid_raw(b"hello")).await.unwrap().is_some());
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn a_block_that_is_another_one_is_refused() {
    let fake = Fake::scripted([ok("hullo")]).await;
    let error = fake.kubo(10_000).get_block(&cid_raw(b"hello")).await.unwrap_err();
    assert!(matches!(error, RpcError::Corrupt(_)), "{error}");
}

#[tokio::test]
async fn a_block_that_is_not_there_is_no_failure() {
    let fake = Fake::scripted([no("block was not found locally (offline): ipld: could not find x")]).await;
    assert_eq!(fake.kubo(10_000).get_block(&cid_raw(b"hello")).await.unwrap(), None);
}

#[tokio::test]
async fn the_daemons_own_words_are_kept_on_one_line() {
    let fake = Fake::scripted([no("no\\nway"), answer("403 Forbidden", b"Kubo RPC Access\nDenied")]).await;
    let kubo = fake.kubo(10_000);
    let error = kubo.pin(&cid_raw(b"a")).await.unwrap_err();
    assert!(matches!(&error, RpcError::Refused { status: 500, message, .. } if message == "no\nway"), "{error:?}");
    let error = kubo.version().await.unwrap_err();
    assert_eq!(error.to_string(), "version: the IPFS daemon said no (403): Kubo RPC Access Denied");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let fake = Fake::scripted([vec![Step::Stall], then(chunked(b"hello"), [Step::Stall])]).await;
    let kubo = fake.kubo(100);
    let error = kubo.get_block(&cid_raw(b"hello")).await.unwrap_err();
    assert!(matches!(error, RpcError::TimedOut { awaited: Awaited::FirstByte, .. }), "{error}");
    let error = kubo.get_block(&cid_raw(b"hello")).await.unwrap_err();
    assert!(matches!(error, RpcError::TimedOut { awaited: Awaited::NextByte, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_drips_ends_at_the_deadline_too() {
    let fake = Fake::scripted([then(chunked(b"{"), [Step::Drip])]).await;
    let began = Instant::now();
    let error = fake.kubo(300).get_block(&cid_raw(b"hello")).await.unwrap_err();
    assert!(matches!(error, RpcError::TimedOut { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_pin_that_makes_no_headway_ends() {
    let lines = "{\"Progress\":7}\n".repeat(3);
    let fake = Fake::scripted([then(chunked(lines.as_bytes()), [Step::Stall])]).await;
    let error = fake.kubo(50).pin(&cid_raw(b"a")).await.unwrap_err();
    assert!(matches!(error, RpcError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_means_that_the_daemon_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let fake = Fake::scripted([]).await;
    fs::write(fake.api_file(), format!("/ip4/127.0.0.1/tcp/{free}")).unwrap();
    let error = fake.kubo(10_000).version().await.unwrap_err();
    assert!(matches!(error, RpcError::Connect { .. }) && error.is_down(), "{error}");
    drop(folder);
}

#[tokio::test]
async fn a_daemon_that_came_back_elsewhere_is_found_at_its_new_address() {
    let version = || ok("{\"Version\":\"0.43.0\"}\n");
    let old = Fake::scripted([then(version(), [Step::Close])]).await;
    let new = Fake::scripted([version()]).await;
    let kubo = old.kubo(10_000);
    kubo.version().await.unwrap();
    fs::copy(new.api_file(), old.api_file()).unwrap();
    assert_eq!(kubo.version().await.unwrap(), "0.43.0");
    assert_eq!(new.asked().len(), 1);
}

#[tokio::test]
async fn a_question_on_a_connection_that_just_died_is_asked_again() {
    let fake = Fake::scripted([ok("hello"), vec![Step::Close], ok("hello")]).await;
    let kubo = fake.kubo(10_000);
    for _ in 0..2 {
        assert!(kubo.get_block(&cid_raw(b"hello")).await.unwrap().is_some());
    }
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn many_blocks_go_in_one_call_and_their_names_are_checked() {
    let (a, b) = (block("a"), block("b"));
    let fake = Fake::scripted([ok(named(&a.cid) + &named(&b.cid)), ok(named(&a.cid)), ok(named(&b.cid))]).await;
    let kubo = fake.kubo(10_000);
    kubo.put_blocks(BlockCodec::Raw, &[a.clone(), b.clone()]).await.unwrap();
    let asked = fake.asked();
    assert_eq!(asked[0].call, "block/put?cid-codec=raw&sync=false");
    assert_eq!(String::from_utf8_lossy(&asked[0].body).matches("Content-Disposition").count(), 2);

    let error = kubo.put_blocks(BlockCodec::Raw, &[a.clone(), b]).await.unwrap_err();
    assert!(matches!(error, RpcError::Nonsense { .. }), "one name for two blocks: {error}");
    let error = kubo.put_blocks(BlockCodec::Raw, &[a]).await.unwrap_err();
    assert!(matches!(error, RpcError::Nonsense { .. }), "another name: {error}");
}

#[tokio::test]
async fn an_import_counts_only_when_the_daemon_read_all_of_it() {
    let stats = |count| ok(format!("{{\"Stats\":{{\"BlockCount\":{count},\"BlockBytesCount\":9}}}}\n"));
    let fake = Fake::scripted([stats(2), stats(1), ok("{\"Root\":{\"PinErrorMsg\":\"no\"}}\n"), ok("")]).await;
    let kubo = fake.kubo(10_000);
    let car = || vec![Bytes::from_static(b"car")];
    kubo.import(car(), 2).await.unwrap();
    assert!(matches!(kubo.import(car(), 2).await, Err(RpcError::Nonsense { .. })));
    assert!(matches!(kubo.import(car(), 2).await, Err(RpcError::Midway { .. })));
    assert!(matches!(kubo.import(car(), 2).await, Err(RpcError::Nonsense { .. })));
    assert_eq!(fake.asked()[0].call, "dag/import?pin-roots=false&stats=true");
}

#[tokio::test]
async fn an_error_between_the_lines_is_a_failure() {
    let lines = "{\"Progress\":1}\n{\"Message\":\"disk full\",\"Code\":0,\"Type\":\"error\"}\n";
    let fake = Fake::scripted([ok(lines)]).await;
    let error = fake.kubo(10_000).pin(&cid_raw(b"a")).await.unwrap_err();
    assert!(matches!(&error, RpcError::Midway { message, .. } if message == "disk full"), "{error}");
}

#[tokio::test]
async fn what_is_not_pinned_can_be_unpinned() {
    let fake = Fake::scripted([no("not pinned or pinned indirectly"), no("path 'x' is not pinned"), ok("{}\n")]).await;
    let kubo = fake.kubo(10_000);
    kubo.unpin(&cid_raw(b"a")).await.unwrap();
    assert!(!kubo.is_pinned(&cid_raw(b"a")).await.unwrap());
    let error = kubo.pin(&cid_raw(b"a")).await.unwrap_err();
    assert!(matches!(error, RpcError::Nonsense { .. }), "an answer without a pin: {error}");
}

#[tokio::test]
async fn a_daemon_that_does_not_know_the_health_call_is_asked_for_the_empty_folder() {
    let empty = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";
    let stat = ok(format!("{{\"Key\":\"{empty}\",\"Size\":4}}\n"));
    let fake = Fake::scripted([answer("404 Not Found", b"404 page not found"), stat]).await;
    fake.kubo(10_000).check_health().await.unwrap();
    assert_eq!(fake.asked()[1].call, format!("block/stat?arg={empty}&offline=true"));
}

#[tokio::test]
async fn an_endless_line_is_refused() {
    let fake = Fake::scripted([then(chunked(&vec![b'x'; 100_000]), [Step::Stall])]).await;
    let error = fake.kubo(10_000).version().await.unwrap_err();
    assert!(matches!(error, RpcError::Nonsense { .. }), "{error}");
}

#[tokio::test]
async fn no_answer_whatever_is_taken_for_a_good_one() {
    let garbage = [
        &b""[..],
        b"{",
        b"[]",
        b"null\n",
        b"\0\xff\xfe",
        b"{\"Key\":1}",
        b"{\"Key\":\"Qm\"}\n{\"Key\":\"\"}",
        b"{\"Stats\":{}}",
        b"{\"Pins\":[]}",
        b"{\"Cid\":\"x\"}",
    ];
    let fake = Fake::scripted(garbage.iter().flat_map(|body| (0..6).map(move |_| ok(body)))).await;
    let kubo = fake.kubo(10_000);
    let block = block("a");
    for body in garbage {
        let shown = String::from_utf8_lossy(body);
        assert!(kubo.version().await.is_err(), "{shown}");
        assert!(kubo.id().await.is_err(), "{shown}");
        assert!(kubo.put_blocks(BlockCodec::Raw, std::slice::from_ref(&block)).await.is_err(), "{shown}");
        assert!(kubo.get_block(&block.cid).await.is_err(), "{shown}");
        assert!(kubo.import(vec![Bytes::from_static(b"car")], 1).await.is_err(), "{shown}");
        assert!(kubo.pin(&block.cid).await.is_err(), "{shown}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_failure() {
    for noise in [&b"\0\0\0\0\0\0"[..], b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"] {
        let fake = Fake::scripted(repeat_n(vec![Step::Send(noise.to_vec()), Step::Close], TRIES)).await;
        let error = fake.kubo(10_000).version().await.unwrap_err();
        assert!(matches!(error, RpcError::Broken { .. }), "{error}");
    }
}
