//! The HTTP surface, row by row.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rookery_tests::{
    comments::{self, Author},
    http::{Answer, Client},
    process,
    setup::Setup,
    tree::Tree,
    wait,
};
use serde_json::{Value, json};

/// What every answer has, whatever it says.
fn assert_open_to_everyone(answer: &Answer, to: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{to}");
    assert_eq!(answer.header("x-request-id").len(), 16, "{to}");
}

fn assert_problem(answer: &Answer, status: u16, to: &str) -> Value {
    assert_eq!(answer.status, status, "{to}: {}", answer.text());
    assert_open_to_everyone(answer, to);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{to}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{to}");
    for name in ["type", "title", "detail"] {
        assert!(problem[name].as_str().is_some_and(|text| !text.is_empty()), "{to}: {name} in {problem}");
    }
    problem
}

fn one_comment(tree: &Tree) -> (Client, String, comments::Receipt, Vec<u8>) {
    let (mut web, topic) = (tree.web(), comments::topic("surface"));
    let blob = Author::number(1).says(&topic, 0, "Hello");
    let kept = comments::post(&mut web, &topic, &blob);
    (web, format!("/{topic}"), kept, blob)
}

#[test]
fn every_row_of_the_surface_answers_as_the_table_says() {
    let tree = Tree::start();
    let (mut web, thread, kept, blob) = one_comment(&tree);
    let comment = format!("{thread}/{}", kept.id);

    let root = web.get("/").expect(200);
    assert!(root.header("content-type").starts_with("text/plain"), "{:?}", root.headers);
    assert!(root.text().starts_with("bafy") && root.text().ends_with('\n'), "{}", root.text());

    let folder = web.get(&thread).expect(200);
    assert!(folder.header("content-type").starts_with("text/plain"));
    assert!(folder.text().starts_with("bafy") && folder.text().ends_with('\n'));

    let page = web.ask("GET", &thread, &[("Accept", "application/json")], b"").expect(200);
    assert_eq!(page.header("content-type"), "application/json");
    assert_eq!(page.json()["folder"], folder.text().trim());

    let whole = web.get(&comment).expect(200);
    assert_eq!(whole.body, blob);
    assert!(whole.header("cache-control").contains("immutable"), "{}", whole.header("cache-control"));

    let version = web.get("/version").expect(200).json();
    assert_eq!((&version["name"], &version["version"]), (&json!("rookery"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(web.get("/health/live").status, 200);
    assert_eq!(web.get("/health/ready").status, 200);
}

#[test]
fn every_answer_is_open_to_every_origin() {
    let tree = Tree::start();
    let (mut web, thread, kept, _) = one_comment(&tree);
    let paths = [
        "/",
        &thread,
        &format!("{thread}/{}", kept.id),
        "/health/live",
        "/health/ready",
        "/metrics",
        "/version",
        "/nowhere",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"] {
            let answer = web.ask(method, path, &[("Origin", "https://example.com")], b"");
            assert_open_to_everyone(&answer, &format!("{method} {path}"));
        }
    }
}

#[test]
fn options_answers_204_with_what_is_allowed_and_another_method_405() {
    let tree = Tree::start();
    let (mut web, thread, kept, _) = one_comment(&tree);
    let preflight = [
        ("Origin", "https://example.com"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "if-none-match"),
    ];
    let answer = web.ask("OPTIONS", &thread, &preflight, b"").expect(204);
    assert!(answer.header("access-control-allow-methods").contains("POST"), "{:?}", answer.headers);
    assert!(answer.header("access-control-allow-headers").contains("if-none-match"), "{:?}", answer.headers);
    let read_only = ["/", "/health/live", "/metrics", &format!("{thread}/{}", kept.id)];
    for (path, allow) in
        read_only.map(|path| (path, "GET, HEAD, OPTIONS")).into_iter().chain([(&*thread, "GET, HEAD, POST, OPTIONS")])
    {
        let answer = web.ask("DELETE", path, &[], b"");
        assert_problem(&answer, 405, path);
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let tree = Tree::start();
    let (mut web, thread, kept, blob) = one_comment(&tree);
    let path = format!("{thread}/{}", kept.id);
    let head = web.ask("HEAD", &path, &[], b"").expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), (blob.len().to_string().as_str(), 0));
    assert_eq!(head.header("etag"), web.get(&path).header("etag"));
}

#[test]
fn a_tag_that_is_still_right_answers_304() {
    let tree = Tree::start();
    let (mut web, thread, kept, _) = one_comment(&tree);
    for path in ["/".to_owned(), thread.clone(), format!("{thread}/{}", kept.id)] {
        let tag = web.get(&path).expect(200).header("etag").to_owned();
        assert!(tag.starts_with('"'), "{path}: {tag}");
        let same = web.ask("GET", &path, &[("If-None-Match", &tag)], b"").expect(304);
        assert!(same.body.is_empty());
        assert_open_to_everyone(&same, &path);
        let _ = web.ask("GET", &path, &[("If-None-Match", "\"other\"")], b"").expect(200);
    }
}

#[test]
fn an_unknown_topic_is_404_as_text_and_an_empty_page_as_json() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("unknown"));
    assert_problem(&web.get(&format!("/{topic}")), 404, "text");
    let page = comments::page(&mut web, &topic, "");
    assert_eq!((&page["count"], &page["folder"], &page["last_seq"]), (&json!(0), &Value::Null, &json!(0)));
    assert_eq!((&page["next"], &page["comments"]), (&Value::Null, &json!([])));
}

#[test]
fn a_comment_is_found_on_its_own_page_only() {
    let tree = Tree::start();
    let (mut web, thread, kept, _) = one_comment(&tree);
    let elsewhere = comments::topic("elsewhere");
    assert_problem(&web.get(&format!("/{elsewhere}/{}", kept.id)), 404, "another page");
    let nobody = proto::CommentId::of(b"nobody wrote this");
    assert_problem(&web.get(&format!("{thread}/{nobody}")), 404, "an unknown id");
}

#[test]
fn what_is_no_request_of_ours_is_told_what_would_be_right() {
    let tree = Tree::start();
    let (mut web, thread, ..) = one_comment(&tree);
    let upper = thread.to_uppercase();
    let rows: [(&str, u16, &str); 8] = [
        ("/nowhere", 404, "/health/live"),
        ("/0123456789abcdef", 404, "topic"),
        (&upper, 400, "lower-case"),
        (&format!("{thread}/0123"), 404, "<id>"),
        (&format!("{thread}/{}", upper.trim_start_matches('/')), 400, "lower-case"),
        (&format!("{thread}?after=x"), 400, "after"),
        (&format!("{thread}?limit=-1"), 400, "limit"),
        ("//", 404, "topic"),
    ];
    for (path, status, hint) in rows {
        let problem = assert_problem(&web.get(path), status, path);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(hint)), "{path}: {problem}");
    }
}

#[test]
fn a_comment_that_is_not_as_it_should_be_is_told_what_where_and_what_would_be_right() {
    let tree = Tree::start();
    let (mut web, thread, ..) = one_comment(&tree);
    let author = Author::number(2);
    let mut forged = author.says(&comments::topic("surface"), 0, "Hello");
    *forged.last_mut().expect("not empty") ^= 1;
    let above = [b"User: Mallory\n".to_vec(), author.says(&comments::topic("surface"), 0, "Hello")].concat();
    let rows: [(&[u8], &str); 9] = [
        (b"", "blank line"),
        (b"no blank line", "blank line"),
        (b"\n\nno header", "header"),
        (b"User: Kim\n\n", "text"),
        (b"no header\n\ntext", "line 1"),
        (b"User: Kim\r\n\r\ntext", "line feed alone"),
        (b"User: Kim\nUser: Kim\n\ntext", "line 2"),
        (&forged, "signature"),
        (&above, "line 1"),
    ];
    for (blob, hint) in rows {
        let to = String::from_utf8_lossy(blob);
        let problem = assert_problem(&web.post(&thread, blob), 400, &to);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(hint)), "{to}: {problem}");
    }
    assert_problem(&web.post(&thread, b"User: Kim\n\nbell \x07"), 400, "a control character");
    assert_problem(&web.post(&thread, b"User: Kim\n\n\xff"), 400, "not UTF-8");
    assert_eq!(comments::page(&mut web, &comments::topic("surface"), "")["last_seq"], 1, "nothing was kept");
}

#[test]
fn the_longest_comment_is_kept_and_a_longer_one_is_413() {
    let tree = Setup::new().with("[post-worker]\ncomment_bytes = 1000\n").start();
    let (mut web, topic) = (tree.web(), comments::topic("limits"));
    let head = b"User: Kim\n\n";
    let blob = |bytes: usize| [head.to_vec(), vec![b'x'; bytes - head.len()]].concat();
    comments::post(&mut web, &topic, &blob(1_000));
    let problem = assert_problem(&web.post(&format!("/{topic}"), &blob(1_001)), 413, "one byte more");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("1000")), "{problem}");
    assert_problem(&tree.web().post(&format!("/{topic}"), &blob(100_000)), 413, "a hundred times more");
}

#[test]
fn a_full_disk_answers_507_and_reading_goes_on() {
    // More than any volume has left.
    let tree = Setup::new().with("[comment-store]\nreserve_mib = 4000000000\n").start();
    let (mut web, topic) = (tree.web(), comments::topic("full"));
    assert_problem(&web.post(&format!("/{topic}"), &comments::unsigned(&topic, 0, "Hello")), 507, "POST");
    assert_eq!(comments::page(&mut web, &topic, "")["count"], 0);
    let _ = web.get("/").expect(200);
    assert_eq!(tree.instance("post-worker.0").restarts, 0, "a full disk is no reason to die");
}

#[test]
fn without_a_writer_posting_is_503_with_retry_after_and_reading_goes_on() {
    let tree = Setup::new().with("[http-front]\nanswer_wait_ms = 500\n").start();
    let (mut web, thread, kept, blob) = one_comment(&tree);
    let _ = tree.command(&["stop", "post-worker"]).well();
    let refused = web.post(&thread, &comments::unsigned(&comments::topic("surface"), 1, "Later"));
    assert_problem(&refused, 503, "POST");
    assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{:?}", refused.headers);
    assert_problem(&web.get("/health/ready"), 503, "readiness");
    assert_eq!(web.get("/health/live").status, 200);
    assert_eq!(web.get(&format!("{thread}/{}", kept.id)).expect(200).body, blob);
    let _ = tree.command(&["start", "post-worker"]).well();
    comments::post(&mut web, &comments::topic("surface"), &comments::unsigned(&comments::topic("surface"), 1, "Later"));
    assert_eq!(web.get("/health/ready").status, 200);
}

#[test]
fn an_overloaded_writer_is_503_with_retry_after_at_once_and_forgets_nothing_acknowledged() {
    let tree = Tree::start();
    let (topic, writer) = (comments::topic("crowd"), tree.pid("post-worker.0"));
    // For two seconds after a restart a full house is waited for, so that nobody notices the restart.
    tree.await_instance("http-front.0", Duration::from_secs(30), |now| now.uptime_ms > 3_000);
    // It takes questions and answers none: more than its window holds are waiting in a moment.
    process::send(writer, Signal::SIGSTOP);
    let began = Instant::now();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let post = |n: u8| {
            let mut web = tree.web();
            scope.spawn(move || web.post(&format!("/{topic}"), &comments::unsigned(&topic, 0, &format!("number {n}"))))
        };
        let crowd: Vec<_> = (0..120).map(post).collect();
        wait::until("the rest was turned away", Duration::from_secs(30), || {
            (crowd.iter().filter(|one| one.is_finished()).count() >= 50).then_some(())
        });
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        process::send(writer, Signal::SIGCONT);
        crowd.into_iter().map(|one| one.join().expect("it got an answer")).collect()
    });
    let (kept, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    for answer in &refused {
        assert_problem(answer, 503, "POST");
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{:?}", answer.headers);
    }
    assert!(refused.len() >= 50 && !kept.is_empty(), "{} kept, {} refused", kept.len(), refused.len());
    assert_eq!(comments::page(&mut tree.web(), &topic, "")["count"], kept.len());
}

#[test]
fn changes_are_what_has_arrived_in_order() {
    let tree = Tree::start();
    let (mut web, topics) = (tree.web(), [comments::topic("one"), comments::topic("two")]);
    let kept: Vec<_> = (0..10)
        .map(|n| {
            let topic = topics[usize::from(n) % 2];
            (topic, comments::post(&mut web, &topic, &comments::unsigned(&topic, n, "Hello")))
        })
        .collect();
    let first = web.get("/changes?limit=4").expect(200).json();
    assert_eq!(
        (&first["epoch"], &first["last_seq"], &first["told_seq"]),
        (&json!(kept[0].1.epoch), &json!(10), &json!(4))
    );
    let rest = web.get("/changes?after=4").expect(200).json();
    let told: Vec<_> =
        [&first, &rest].into_iter().flat_map(|page| page["changes"].as_array().cloned().unwrap_or_default()).collect();
    let expected: Vec<_> = kept
        .iter()
        .map(|(topic, receipt)| json!({"seq": receipt.seq, "topic": topic.to_string(), "id": receipt.id.to_string()}))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn metrics_of_all_boxes_are_one_openmetrics_text() {
    let tree = Tree::start();
    let (mut web, ..) = one_comment(&tree);
    let boxes = ["http-front", "get-worker", "post-worker", "ipfs-shim", "ipfs-node"];
    let text = wait::until("every box has told its metrics", Duration::from_secs(30), || {
        let answer = web.get("/metrics").expect(200);
        assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{:?}", answer.headers);
        let text = answer.text();
        let own = |name: &&str| {
            text.lines().any(|line| !line.starts_with("rookery_box_") && line.contains(&format!("box=\"{name}\"")))
        };
        boxes.iter().all(own).then_some(text)
    });
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
    let families: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let distinct: std::collections::BTreeSet<_> = families.iter().map(|line| line.split(' ').next()).collect();
    assert_eq!(distinct.len(), families.len(), "every family once");
    assert!(text.contains("rookery_box_up{box=\"get-worker\",instance=\"1\"} 1"), "{text}");
}

#[test]
fn a_request_id_passes_from_box_to_box_and_is_in_the_log() {
    let tree = Setup::new().with("[common]\nlog = \"debug\"\n").start();
    let (mut web, thread, ..) = one_comment(&tree);
    let answer = web.get(&thread).expect(200);
    let id = answer.header("x-request-id").to_owned();
    wait::until("both boxes have logged it", Duration::from_secs(10), || {
        let of = |name: &str| tree.command(&["logs", name]).well().out.contains(&id);
        (of("http-front") && of("get-worker")).then_some(())
    });
}
