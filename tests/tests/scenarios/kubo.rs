//! Kubo in the place of the embedded daemon, and a daemon that somebody else looks after: nobody who posts, reads or fetches
//! notices the difference, or that it is recycled, killed or hung.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use proto::supervision::InstanceState;
use rookery_tests::{
    comments,
    http::Client,
    kubo::{Kubo, Profile},
    process,
    setup::Setup,
    tree::Tree,
    visitors::{Temper, Visitors, assert_all_kept},
    wait,
};

const DEADLINE: Duration = Duration::from_secs(60);
/// Deaths follow each other faster than in life: no box may be held for that.
const NEVER_HELD: &str = "[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 100\nstable_ms = 200\n";

/// The processes of this tree that are Kubo.
fn kubos(tree: &Tree) -> Vec<u32> {
    let all = process::of_tree(tree.folder());
    all.into_iter().filter(|(_, arguments)| arguments.contains("ipfs daemon")).map(|(pid, _)| pid).collect()
}

fn kubo(tree: &Tree) -> u32 {
    wait::until("one Kubo runs", DEADLINE, || match kubos(tree)[..] {
        [pid] => Some(pid),
        _ => None,
    })
}

/// Posts a comment and waits until the daemon serves it, as block and as file in its folder.
fn post_and_fetch(tree: &Tree, rpc: &mut Client, text: &str) -> String {
    let topic = comments::topic("kubo");
    let blob = comments::unsigned(&topic, 1, text);
    let kept = comments::post(&mut tree.web(), &topic, &blob);
    let folder = tree.web().get(&format!("/{topic}")).expect(200).text().trim().to_owned();
    let path = format!("/api/v0/cat?offline=true&arg={folder}/{}", kept.legacy_id);
    wait::until("the daemon serves the comment", DEADLINE, || {
        rpc.try_ask("POST", &path, &[], b"").ok().filter(|answer| answer.status == 200 && answer.body == blob)
    });
    folder
}

#[test]
fn with_kubo_a_comment_has_the_folder_that_it_has_with_our_own_daemon() {
    let Some(setup) = Setup::kubo_or_skip("a comment with Kubo as the daemon") else { return };
    let (with_kubo, ours) = (setup.start(), Setup::new().start());
    let folders =
        [&with_kubo, &ours].map(|tree| post_and_fetch(tree, &mut tree.rpc(), "the same words, wherever they are"));
    assert_eq!(folders[0], folders[1]);
    let version = with_kubo.rpc().post("/api/v0/version", b"").expect(200).json();
    let real = Kubo::or_skip("which Kubo", Profile::AsItComes).expect("it was there a moment ago");
    assert_eq!(version["Version"], real.run(&["version", "--number"]).trim());
}

/// Fetches a block through the front again and again, each time from the daemon; any other answer than the block is a failure.
fn fetch_until(tree: &Tree, cid: &str, over: &AtomicBool, fetched: &AtomicU64) {
    let mut web = tree.web();
    while !over.load(Ordering::Relaxed) {
        let answer = web.get(&format!("/ipfs/{cid}?format=raw"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        fetched.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn recycling_kubo_under_load_fails_no_request() {
    let Some(setup) = Setup::kubo_or_skip("recycling Kubo under load") else { return };
    let tree = setup.with(NEVER_HELD).start();
    let mut rpc = tree.rpc();
    let folder = post_and_fetch(&tree, &mut rpc, "fetched while Kubo comes and goes");
    let visitors = Visitors::begin(&tree, Temper::Strict, 2);
    let (over, fetched) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| fetch_until(&tree, &folder, &over, &fetched));
        }
        for _ in 0..8 {
            let goal = fetched.load(Ordering::Relaxed) + 20;
            wait::until("blocks are fetched", DEADLINE, || (fetched.load(Ordering::Relaxed) >= goal).then_some(()));
            visitors.await_rounds(5);
            let before = kubo(&tree);
            let _ = tree.command(&["restart", "kubo-keeper"]).well();
            assert_ne!(kubo(&tree), before);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_all_kept(&tree, &visitors.end());
}

#[test]
fn kubo_above_the_soft_limit_is_recycled_and_its_memory_counts_as_its_keepers() {
    let Some(setup) = Setup::kubo_or_skip("Kubo above the soft limit") else { return };
    let limits = "[ipfs]\nmemory_soft_mib = 12\nmemory_hard_mib = 4096\n[supervisor]\nmemory_sample_ms = 100\n";
    let tree = setup.with(NEVER_HELD).with(limits).start();
    let visitors = Visitors::begin(&tree, Temper::Strict, 2);
    let first = tree.pid("kubo-keeper.0");
    tree.await_successor("kubo-keeper.0", first);
    visitors.await_rounds(5);
    assert_all_kept(&tree, &visitors.end());
    assert!(tree.logs().contains("soft limit of 12 MiB"), "{}", tree.logs());
}

#[test]
fn whatever_is_killed_there_is_one_kubo_afterwards_and_it_has_everything() {
    let Some(setup) = Setup::kubo_or_skip("killing Kubo and its keeper") else { return };
    let mut tree = setup.with(NEVER_HELD).start();
    let visitors = Visitors::begin(&tree, Temper::Patient, 2);
    for _ in 0..3 {
        visitors.await_rounds(5);
        let (keeper, old) = (tree.pid("kubo-keeper.0"), kubo(&tree));
        process::kill(old);
        tree.await_successor("kubo-keeper.0", keeper);
        let (keeper, old) = (tree.pid("kubo-keeper.0"), kubo(&tree));
        process::kill(keeper);
        process::await_end(old, DEADLINE);
        tree.await_successor("kubo-keeper.0", keeper);
        let old = kubo(&tree);
        // A stale `api`, a `repo.lock` without a holder: neither is in anybody's way.
        tree.kill_supervisor();
        assert!(!process::runs(old));
        assert!(tree.folder().join("data/kubo/api").is_file() && tree.folder().join("data/kubo/repo.lock").is_file());
        tree.up();
        visitors.move_to(tree.web().address());
        kubo(&tree);
    }
    assert_all_kept(&tree, &visitors.end());
    post_and_fetch(&tree, &mut tree.rpc(), "after all of that");
    assert!(tree.logs().contains("Kubo ended by itself (signal: 9 (SIGKILL))"), "{}", tree.logs());
}

#[test]
fn a_hung_kubo_is_ended_and_replaced() {
    let Some(setup) = Setup::kubo_or_skip("a hung Kubo") else { return };
    let tree = setup.start();
    let (keeper, hung) = (tree.pid("kubo-keeper.0"), kubo(&tree));
    process::send(hung, Signal::SIGSTOP);
    process::await_end(hung, DEADLINE);
    tree.await_successor("kubo-keeper.0", keeper);
    assert!(tree.logs().contains("Kubo hung"), "{}", tree.logs());
}

#[test]
fn an_old_kubo_or_none_at_all_is_held_with_a_reason_that_says_what_to_do() {
    let setup = Setup::new().lay_out();
    let old = setup.folder().join("old-ipfs");
    fs::write(&old, "#!/bin/sh\necho 0.29.0\n").expect("it can be written");
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let old = old.display().to_string();
    for (program, reason) in [(old.as_str(), "Kubo 0.29.0, which is too old"), ("/no/such/ipfs", "install Kubo")] {
        let config = format!("[ipfs]\ndaemon = \"kubo\"\nprogram = {program:?}\n");
        let mut tree = Setup::new().with(&config).lay_out();
        tree.spawn_supervisor();
        let held = tree.await_instance("kubo-keeper.0", DEADLINE, |now| now.state == InstanceState::Held);
        assert!(held.reason.as_ref().is_some_and(|told| told.contains(reason)), "{held:?}");
        let topic = comments::topic("without a daemon");
        comments::post(&mut tree.web(), &topic, &comments::unsigned(&topic, 1, "kept all the same"));
    }
}

#[test]
fn the_daemon_of_a_tree_can_be_exchanged_and_gets_what_it_lacks() {
    let Some(with_kubo) = Setup::kubo_or_skip("from our daemon to Kubo and back") else { return };
    let embedded = Setup::new();
    let mut tree = embedded.clone().start();
    let mut texts = Vec::new();
    for (n, setup) in [embedded.clone(), with_kubo.clone(), embedded, with_kubo].into_iter().enumerate() {
        if n > 0 {
            tree.stop();
            tree.configure(&setup);
            tree.up();
        }
        texts.push(format!("number {n}"));
        let topic = comments::topic("kubo");
        let mut rpc = tree.rpc();
        let folder = post_and_fetch(&tree, &mut rpc, &texts[n]);
        for text in &texts {
            let name = proto::LegacyId::of(&comments::unsigned(&topic, 1, text));
            let whole = rpc.post(&format!("/api/v0/cat?offline=true&arg={folder}/{name}"), b"").expect(200);
            assert!(whole.text().ends_with(text), "{}", whole.text());
        }
        let root = tree.web().get("/").expect(200).text().trim().to_owned();
        wait::until("the root is pinned", DEADLINE, || {
            let pins = rpc.post(&format!("/api/v0/pin/ls?type=recursive&arg={root}"), b"");
            (pins.status == 200).then_some(())
        });
    }
}

#[test]
fn a_daemon_that_somebody_else_looks_after_gets_everything_and_is_no_box_of_the_tree() {
    let Some(mut kubo) = Kubo::or_skip("a remote daemon", Profile::AsItComes) else { return };
    kubo.run(&[
        "config",
        "--json",
        "API.Authorizations",
        r#"{"rookery":{"AuthSecret":"basic:rook:castle","AllowedPaths":["/api/v0"]}}"#,
    ]);
    let mut rpc = kubo.start();
    let laid_out = Setup::new().lay_out();
    let secret = laid_out.folder().join("secret");
    fs::write(&secret, "basic:rook:castle\n").expect("it can be written");
    let config = format!(
        "[ipfs]\ndaemon = \"remote\"\nremote = \"http://{}\"\nremote_secret_file = {:?}\n",
        rpc.address(),
        secret.display().to_string()
    );
    let tree = Setup::new().with(&config).start();
    assert!(tree.status().boxes.iter().all(|one| one.name != "ipfs-node" && one.name != "kubo-keeper"));
    let topic = comments::topic("remote");
    let blob = comments::unsigned(&topic, 1, "kept by somebody else");
    let kept = comments::post(&mut tree.web(), &topic, &blob);
    let authorized = [("Authorization", "Basic cm9vazpjYXN0bGU=")];
    wait::until("the remote daemon serves the comment", DEADLINE, || {
        let path = format!("/api/v0/cat?offline=true&arg={}", kept.id);
        rpc.try_ask("POST", &path, &authorized, b"").ok().filter(|answer| answer.body == blob)
    });
    let shown = tree.command(&["status"]).well().out;
    assert!(shown.contains(&format!("IPFS daemon: remote, http://{}", rpc.address())), "{shown}");
}
