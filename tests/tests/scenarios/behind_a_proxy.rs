//! The front behind a reverse proxy: links, limits and events are as if the proxy were not there.

use std::time::Duration;

use rookery_tests::{comments, http::Client, proxy::Proxy, setup::Setup, tree::Tree, wait};

const CLIENT: &str = "198.51.100.1";
const PUBLIC: (&str, &str) = ("Host", "comments.example.org");

fn tree(more: &str) -> (Tree, Proxy) {
    let tree = Setup::new().with(&format!("[http-front]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{more}")).start();
    let proxy = Proxy::before(tree.address("http-front.0", "http"), CLIENT);
    (tree, proxy)
}

/// The addresses in a document.
fn links(document: &str) -> Vec<&str> {
    document.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// A request by a visitor of the proxy, over a connection of its own.
fn ask(proxy: &Proxy, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> rookery_tests::http::Answer {
    Client::new(proxy.address()).ask(method, path, headers, body)
}

#[test]
fn links_lead_to_the_proxy_or_to_the_configured_address() {
    let topic = comments::topic("linked");
    for (more, base) in [
        ("", "https://comments.example.org/"),
        ("public_address = \"https://known.example/talk/\"", "https://known.example/talk/"),
    ] {
        let (tree, proxy) = tree(more);
        let _ = comments::post(&mut tree.web(), &topic, &comments::unsigned(&topic, 1, "hello"));
        let feed = ask(&proxy, "GET", &format!("/{topic}/feed"), &[PUBLIC], b"").expect(200).text();
        assert!(feed.contains(base), "{feed}");
        for link in links(&feed) {
            assert!(link.starts_with(base) || link.starts_with("ipfs://"), "{link} in {feed}");
        }
    }
}

#[test]
fn a_visitor_of_the_proxy_has_limits_of_his_own_whatever_he_says_of_himself() {
    let (_tree, proxy) = tree("address_posts_per_s = 1\naddress_posts_burst = 2\n");
    let topic = comments::topic("limited");
    let post = |n: u8, headers: &[(&str, &str)]| {
        ask(&proxy, "POST", &format!("/{topic}"), headers, &comments::unsigned(&topic, n, "hello"))
    };
    let forged = [("X-Forwarded-For", "127.0.0.1"), PUBLIC];
    let answers: Vec<_> = (0..8).map(|n| post(n, &forged)).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(answers[0].status == 201 && refused.len() >= 3, "{answers:?}");
    for answer in refused {
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.json()["type"], "urn:rookery:problem:too-many");
    }
    proxy.serve("198.51.200.1");
    let _ = post(9, &[PUBLIC]).expect(201);
    proxy.serve(CLIENT);
    // He is heard again when he was told that he would be.
    let heard = wait::within(Duration::from_secs(10), || (post(10, &[PUBLIC]).status < 300).then_some(()));
    assert!(heard.is_some());
    let metrics = ask(&proxy, "GET", "/metrics", &[PUBLIC], b"").expect(200).text();
    assert!(
        metrics.lines().any(|line| line.contains("http_sent_away_total") && line.contains("AddressPosts")),
        "{metrics}"
    );
}

#[test]
fn events_come_through_as_they_happen() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let (tree, proxy) = tree("");
    let topic = comments::topic("live behind a proxy");
    let mut stream = std::net::TcpStream::connect(proxy.address()).expect("the proxy listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let head =
        format!("GET /{topic}/events HTTP/1.1\r\nHost: comments.example.org\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the proxy takes it");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("the stream goes on"));
    assert!(lines.any(|line| line == "event: state"));
    let receipt = comments::post(&mut tree.web(), &topic, &comments::unsigned(&topic, 1, "hello"));
    assert!(lines.any(|line| line == "event: comment"));
    let told = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).expect("data");
    assert!(told.contains(&receipt.id.to_string()), "{told}");
}
