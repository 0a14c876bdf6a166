//! `rehearsal`: plays any box in the tests of the supervisor, badly on demand.
//!
//! The name by which it was started is its part. What it does wrong stands in `<data_dir>/parts/<box>.<instance>`, one
//! line each; without such a file it behaves. On its listeners it tells its process id to whoever connects.

use std::{
    env, fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use daemon::{Boot, Failure, OrFail as _, Running, boot::Listens, main as run};
use nix::sys::signal::{Signal, raise};
use proto::wiring::{BoxKind, GetWorker, HttpFront, IpfsNode, IpfsShim, PostWorker, SyncAgent};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, time::sleep};

/// Well under what a supervisor in a test waits for.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);
const LEAKED_BYTES: usize = 4 * 1024 * 1024;

fn main() -> ExitCode {
    let name = env::args().next().unwrap_or_default();
    match Path::new(&name).file_name().and_then(|name| name.to_str()).unwrap_or_default() {
        IpfsNode::NAME => run::<IpfsNode>(play),
        PostWorker::NAME => run::<PostWorker>(play),
        GetWorker::NAME => run::<GetWorker>(play),
        IpfsShim::NAME => run::<IpfsShim>(play),
        HttpFront::NAME => run::<HttpFront>(play),
        SyncAgent::NAME => run::<SyncAgent>(play),
        other => panic!("{other} is no part"),
    }
}

fn play<B: BoxKind>(boot: Boot<B>) -> Result<(), Failure> {
    let part = Part::read(&boot.places().data_dir, B::NAME, boot.instance());
    part.before_boot()?;
    let doors: Vec<_> = doors::<B>(&boot);
    boot.confine(|running, _| async move {
        for door in &doors {
            tokio::spawn(tell_pid(running.listener(door)?));
        }
        part.work(&running).await
    })
}

fn doors<B: BoxKind>(boot: &Boot<B>) -> Vec<Listens> {
    let all = boot.all();
    match B::NAME {
        HttpFront::NAME => vec![boot.listens("http", all.http_front.listen)],
        IpfsNode::NAME => {
            let node = &all.ipfs_node;
            vec![boot.listens("rpc", node.rpc_listen), boot.listens("gateway", node.gateway_listen)]
        }
        _ => Vec::new(),
    }
}

async fn tell_pid(listener: TcpListener) {
    while let Ok((mut visitor, _)) = listener.accept().await {
        let _ = visitor.write_all(format!("{}\n", std::process::id()).as_bytes()).await;
    }
}

struct Part(Vec<String>);

impl Part {
    fn read(data_dir: &Path, name: &str, instance: u16) -> Self {
        let script = fs::read_to_string(data_dir.join(format!("parts/{name}.{instance}"))).unwrap_or_default();
        Self(script.lines().map(str::to_owned).collect())
    }

    fn has(&self, word: &str) -> Option<&str> {
        self.0.iter().find_map(|line| line.strip_prefix(word)).map(str::trim)
    }

    fn before_boot(&self) -> Result<(), Failure> {
        if let Some(text) = self.has("print") {
            eprintln!("{text}");
        }
        if let Some(code) = self.has("exit") {
            std::process::exit(code.parse().unwrap_or(1));
        }
        if let Some(words) = self.has("refuse") {
            return Err(Failure::config(words));
        }
        if self.has("orphan").is_some() {
            // In a group of its own: only the subreaper finds it.
            let mut orphan = Command::new("/bin/sleep");
            orphan.arg("1000").process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let orphan = orphan.spawn().or_fail("cannot leave an orphan")?;
            eprintln!("orphan {}", orphan.id());
        }
        Ok(())
    }

    async fn work<B: BoxKind>(&self, running: &Running<B>) -> Result<(), Failure> {
        if self.has("never-ready").is_some() {
            std::future::pending::<()>().await;
        }
        running.ready();
        let (stop, pulse) = (running.stop(), running.pulse());
        let mut leaked = Vec::new();
        loop {
            match self.has("then") {
                Some("abort") => drop(raise(Signal::SIGABRT)),
                Some("bus") => drop(raise(Signal::SIGBUS)),
                Some("fail") => return Err(Failure::failed("the disk is on fire")),
                // Neither beats nor sees the wish to end.
                Some("hang") => loop {
                    thread::sleep(BETWEEN_STEPS);
                },
                Some("leak") => leaked.push(vec![1_u8; LEAKED_BYTES]),
                Some("shout") => (0..200).for_each(|line| eprintln!("shout {line} {}", "x".repeat(80))),
                _ => {}
            }
            if stop.is_asked() && self.has("stubborn").is_none() {
                return Ok(());
            }
            pulse.beat();
            sleep(BETWEEN_STEPS).await;
        }
    }
}
