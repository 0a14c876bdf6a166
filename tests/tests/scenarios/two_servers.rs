//! Two servers that copy from each other come to the same set of comments, whatever each received and in which order.

use std::time::Duration;

use proto::AnyId;
use rookery_tests::{
    comments::{self, Author},
    setup::Setup,
    tree::Tree,
    wait,
};

const DEADLINE: Duration = Duration::from_secs(60);

fn follows(leader: &Tree) -> Setup {
    let peer = leader.address("http-front.0", "http");
    Setup::new().with(&format!("[sync-agent]\nenabled = true\npeers = [\"http://{peer}\"]\npoll_every_ms = 50\n"))
}

fn root(tree: &Tree) -> String {
    tree.web().get("/").expect(200).text()
}

fn await_same_root(one: &Tree, other: &Tree) {
    wait::until("the same root on both servers", DEADLINE, || (root(one) == root(other)).then_some(()));
}

#[test]
fn a_server_that_follows_another_comes_to_the_same_root_also_after_deaths() {
    let leader = Tree::start();
    let (mut web, author, topic) = (leader.web(), Author::number(1), comments::topic("shared"));
    let kept = comments::post(&mut web, &topic, &author.says(&topic, 1, "Hello"));
    let _ = comments::post(&mut web, &topic, &author.edits(&topic, AnyId::Comment(kept.id), 2, "Hello there"));

    let follower = follows(&leader).start();
    await_same_root(&leader, &follower);

    let agent = follower.kill("sync-agent.0");
    let _ = comments::post(&mut web, &topic, &author.deletes(&topic, AnyId::Comment(kept.id), 3));
    for n in 0..50 {
        let other = comments::topic(&format!("other {n}"));
        let _ = comments::post(&mut web, &other, &comments::unsigned(&other, 4, "while nobody copied"));
    }
    follower.await_successor("sync-agent.0", agent);
    await_same_root(&leader, &follower);
    let deleted = format!("/{topic}/{}", kept.id);
    let _ = follower.web().get(&deleted).expect(410);
}

#[test]
fn comments_that_only_the_follower_has_stay() {
    let leader = Tree::start();
    let follower = follows(&leader).start();
    let topic = comments::topic("both");
    let own = comments::post(&mut follower.web(), &topic, &comments::unsigned(&topic, 1, "only here"));
    let copied = comments::post(&mut leader.web(), &topic, &comments::unsigned(&topic, 2, "there first"));
    wait::until("the leader's comment here", DEADLINE, || {
        let listed = comments::thread(&mut follower.web(), &topic);
        (listed.len() == 2).then_some(())
    });
    for receipt in [own, copied] {
        let _ = follower.web().get(&format!("/{topic}/{}", receipt.id)).expect(200);
    }
}
