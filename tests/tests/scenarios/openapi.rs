//! The description of the HTTP surface says what the front does: Schemathesis makes requests of it, and looks.

use std::time::{Duration, Instant};

use proto::{CommentId, LegacyId, Topic};
use rookery_tests::{comments, schemathesis::Schemathesis, tree::Tree};

/// A run that takes longer has become another kind of test.
const AT_MOST: Duration = Duration::from_secs(120);

#[test]
fn the_front_answers_as_its_description_says() {
    let Some(schemathesis) = Schemathesis::or_skip("the_front_answers_as_its_description_says") else { return };
    let tree = Tree::start();
    let mut web = tree.web();
    let description = web.get("/openapi.json").expect(200).json();
    let example =
        |pointer: &str| description.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_else(|| panic!("{pointer}"));
    let topic: Topic = example("/components/parameters/Topic/example").parse().expect("a topic");
    let blob = example("/paths/~1{topic}/post/requestBody/content/text~1plain/example").as_bytes();
    // So that the examples name what is there.
    let _ = comments::post(&mut web, &topic, blob);
    let ids = description.pointer("/components/parameters/AnyId/examples").expect("examples");
    assert_eq!(ids["id"]["value"], CommentId::of(blob).to_string());
    assert_eq!(ids["legacy id"]["value"], LegacyId::of(blob).to_string());

    let (address, began) = (tree.address("http-front.0", "http"), Instant::now());
    schemathesis.compare(address, &[]);
    for (path, accept, phases) in [
        ("/{topic}", "application/json", "examples,coverage,fuzzing"),
        ("/{topic}", "application/vnd.ipld.car", "examples,coverage"),
        ("/", "text/html", "examples,coverage"),
        // Who wants a block may also say what he would want of an archive, and it means nothing.
        ("/ipfs/{cid}", "application/vnd.ipld.raw", "examples"),
    ] {
        let accept = format!("Accept: {accept}");
        schemathesis.compare(address, &["--include-path", path, "--header", &accept, "--phases", phases]);
    }
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
}
