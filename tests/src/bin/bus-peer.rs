//! `bus-peer`: one end of the bus as a process of its own, for the conformance test to kill, stop and start again.
//!
//! `bus-peer answer DIR INSTANCE` answers `echo`. `bus-peer ask DIR INSTANCE TOGETHER` asks it without a pause, so many
//! questions at a time, and checks every answer. Each line of its standard input asks for a line of JSON: what it has
//! counted so far. At the end of the input it ends, and so never outlives the test.

use std::{
    io::BufRead as _,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use daemon::{
    Failure,
    bus::{self, AskError, Asker},
    context::Context,
    pulse::Pulse,
    stop::{self, StopSender},
};
use proto::RequestId;
use rookery_tests::echo::{Echo, Echoer, Say};
use tokio::{sync::mpsc, task::JoinSet};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    daemon::log::start("info", daemon::log::Reader::Somebody).expect("the filter is one");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = runtime.expect("a runtime").block_on(async {
        match words[..] {
            ["answer", folder, instance] => answer(folder.into(), number(instance)).await,
            ["ask", folder, instance, together] => ask(folder.into(), number(instance), number(together)).await,
            _ => Err(Failure::config("usage: bus-peer answer DIR INSTANCE | ask DIR INSTANCE TOGETHER")),
        }
    });
    let Err(failure) = ended else { return ExitCode::SUCCESS };
    eprintln!("bus-peer: {failure}");
    ExitCode::from(failure.code())
}

fn number(word: &str) -> u16 {
    word.parse().expect("a number")
}

/// Lines of the standard input; their end is the end of the process that started this one.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn answer(folder: PathBuf, instance: u16) -> Result<(), Failure> {
    let (sender, stop) = stop::channel();
    let context = Context::new("bus-peer", instance, folder, stop, Pulse::new(None));
    tokio::spawn(stop_at_end_or_signal(sender));
    bus::serve::<Echo, _>(context, Echoer).await
}

async fn stop_at_end_or_signal(sender: StopSender) {
    let mut terminated =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a signal handler");
    let mut lines = lines();
    tokio::select! {
        _ = terminated.recv() => {}
        () = async { while lines.recv().await.is_some() {} } => {}
    }
    sender.ask();
    // The sender lives until the process ends: its own end would not be heard otherwise.
    std::future::pending::<()>().await;
}

/// What an asker has counted.
#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    wrong: AtomicU64,
    busy: AtomicU64,
    failed: AtomicU64,
    over: AtomicBool,
}

async fn ask(folder: PathBuf, instance: u16, together: u16) -> Result<(), Failure> {
    let (_sender, stop) = stop::channel();
    let context = Context::new("bus-peer", instance, folder, stop, Pulse::new(None));
    let asker = Asker::<Echo>::open(context)?;
    let counts = Arc::new(Counts::default());
    let mut askers = JoinSet::new();
    for nonce in 0..together {
        askers.spawn(ask_on(asker.clone(), Arc::clone(&counts), u64::from(nonce) << 32));
    }
    let mut lines = lines();
    while lines.recv().await.is_some() {
        println!("{}", counts.tell(&asker));
    }
    counts.over.store(true, Ordering::Relaxed);
    while askers.join_next().await.is_some() {}
    println!("{}", counts.tell(&asker));
    Ok(())
}

async fn ask_on(asker: Asker<Echo>, counts: Arc<Counts>, first: u64) {
    for nonce in first.. {
        if counts.over.load(Ordering::Relaxed) {
            return;
        }
        let question = nth(nonce);
        match asker.ask(question.clone(), RequestId(nonce.to_be_bytes())).await {
            Ok(said) if question.is_answered_by(&said) => counts.answered.fetch_add(1, Ordering::Relaxed),
            Ok(_) => counts.wrong.fetch_add(1, Ordering::Relaxed),
            Err(AskError::Busy) => {
                tokio::task::yield_now().await;
                counts.busy.fetch_add(1, Ordering::Relaxed)
            }
            Err(error) => {
                tracing::error!(%error, nonce, "no answer");
                counts.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// Mostly small ones, some with 20 KiB either way, few with as much as a message may carry.
fn nth(nonce: u64) -> Say {
    match nonce % 1_000 {
        999 => Say::new(nonce, 2 * 1024 * 1024, 0),
        998 => Say::new(nonce, 0, 2 * 1024 * 1024),
        at if at % 50 == 0 => Say::new(nonce, 20_000, 20_000),
        _ => Say::new(nonce, 100, 100),
    }
}

impl Counts {
    fn tell(&self, asker: &Asker<Echo>) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (answered, wrong, busy) = (count(&self.answered), count(&self.wrong), count(&self.busy));
        let (failed, live) = (count(&self.failed), asker.live());
        serde_json::json!({"answered": answered, "wrong": wrong, "busy": busy, "failed": failed, "live": live})
            .to_string()
    }
}
