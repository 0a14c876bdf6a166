//! Two servers that name each other come to the same comments, and so to the same root.

use std::{collections::BTreeSet, time::Duration};

use proto::{AnyId, Topic};
use rookery_tests::{
    comments::{self, Author},
    http::Client,
    programs::free_port,
    setup::Setup,
    tree::Tree,
    wait,
};

const DEADLINE: Duration = Duration::from_secs(60);

fn server(port: u16, peer: u16) -> Tree {
    let front = format!("[http-front]\nlisten = \"127.0.0.1:{port}\"\n");
    let sync = format!("[sync-agent]\nenabled = true\npoll_every_ms = 50\npeers = [\"http://127.0.0.1:{peer}\"]\n");
    let hardened = "[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 100\n";
    Setup::new().with(&front).with(&sync).with(hardened).start()
}

#[test]
fn two_servers_that_follow_each_other_come_to_the_same_root_though_boxes_are_killed() {
    let ports = [free_port(), free_port()];
    let trees = [server(ports[0], ports[1]), server(ports[1], ports[0])];
    let (topic, author) = (comments::topic("shared"), Author::number(1));
    let (mut here, mut there) = (trees[0].web(), trees[1].web());
    for n in 0..30 {
        let kept = comments::post(&mut here, &topic, &author.says(&topic, n, &format!("here {n}")));
        comments::post(&mut there, &topic, &comments::unsigned(&topic, n, &format!("there {n}")));
        match n % 10 {
            3 => drop(comments::post(&mut here, &topic, &author.deletes(&topic, AnyId::Comment(kept.id), n + 1))),
            6 => drop(trees[1].kill("sync-agent.0")),
            8 => drop(trees[0].kill("post-worker.0")),
            _ => {}
        }
    }
    let same = wait::within(DEADLINE, || (root(&mut here) == root(&mut there)).then_some(()));
    assert!(same.is_some(), "{:?}, {:?}", shown(&mut here, &topic), shown(&mut there, &topic));
    assert_eq!(shown(&mut here, &topic).len(), 57, "60 comments, and 3 of them deleted");
    assert_eq!(shown(&mut here, &topic), shown(&mut there, &topic));
}

fn root(web: &mut Client) -> String {
    web.get("/").expect(200).text()
}

/// The ids of the comments that a visitor sees.
fn shown(web: &mut Client, topic: &Topic) -> BTreeSet<String> {
    let thread = comments::thread(web, topic);
    let alive = thread.iter().filter(|comment| comment["deleted"] == false);
    alive.map(|comment| comment["id"].to_string()).collect()
}
