//! Honest visitors, who ask at a steady pace, however long the last answer took.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::load::exchange;

const VISITORS: usize = 8;
const BETWEEN: Duration = Duration::from_millis(10);
/// Who waits longer goes away.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long they waited.
#[derive(Debug, Default)]
pub struct Waits {
    waits_us: Vec<u64>,
    /// Requests without a good answer.
    pub failed: usize,
}

impl Waits {
    /// So long, or less, waited 99 of 100.
    pub fn p99_ms(&self) -> f64 {
        let mut sorted = self.waits_us.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |&us| us as f64 / 1_000.0)
    }
}

/// Lets them ask for so long.
pub fn ask(front: SocketAddr, request: &Bytes, time: Duration) -> Waits {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let visitors: Vec<_> = (0..VISITORS).map(|_| tokio::spawn(visit(front, request.clone(), time))).collect();
        let mut all = Waits::default();
        for visitor in visitors {
            let one = visitor.await.expect("a visitor does not panic");
            all.waits_us.extend(one.waits_us);
            all.failed += one.failed;
        }
        all
    })
}

async fn visit(front: SocketAddr, request: Bytes, time: Duration) -> Waits {
    let (mut waits, mut stream, mut buffer) = (Waits::default(), None, Vec::with_capacity(64 * 1024));
    let mut pace = interval(BETWEEN);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = Instant::now() + time;
    while Instant::now() < end {
        // From when he wanted to ask, not from when he came to it: a queue of questions is part of the wait.
        let due = pace.tick().await.into_std();
        match timeout(PATIENCE, once(front, &request, &mut stream, &mut buffer)).await {
            Ok(Some(200)) => waits.waits_us.push(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX)),
            _ => {
                waits.failed += 1;
                stream = None;
            }
        }
    }
    waits
}

async fn once(front: SocketAddr, request: &[u8], kept: &mut Option<TcpStream>, buffer: &mut Vec<u8>) -> Option<u16> {
    if kept.is_none() {
        let stream = TcpStream::connect(front).await.ok()?;
        stream.set_nodelay(true).ok()?;
        *kept = Some(stream);
    }
    exchange(kept.as_mut()?, request, buffer).await
}
