//! Keeps one connection to every instance of an interface: finds it, connects, connects again, forgets it.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    binding::{Binding, Peer},
    conversation,
    lookout::{Lookout, Stamp},
    pool::Pool,
};

/// An instance that has not greeted us by then is hung or starting; it is tried again.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A connection that lasted so long was a good one: the next pause is a short one again.
const GOOD: Duration = Duration::from_secs(1);

/// Keeps the links of `pool` until all its askers are gone.
pub async fn keep<B: Binding>(
    pool: Arc<Pool>,
    mut closed: watch::Receiver<()>,
    instance_of: fn(&str) -> Option<u16>,
    socket_name: fn(u16) -> String,
) {
    let mut lookout = Lookout::new(pool.context.runtime_dir.clone(), instance_of);
    let mut known: HashMap<u16, watch::Sender<Option<Stamp>>> = HashMap::new();
    // Dropped together with this task: all links end with it.
    let mut links = JoinSet::new();
    loop {
        let found = lookout.look();
        known.retain(|_, link| !link.is_closed());
        for (instance, link) in &known {
            link.send_if_modified(|seen| std::mem::replace(seen, found.get(instance).copied()) != *seen);
        }
        for (instance, stamp) in found {
            known.entry(instance).or_insert_with(|| {
                let (sender, seen) = watch::channel(Some(stamp));
                let path = pool.context.runtime_dir.join(socket_name(instance));
                links.spawn(keep_one::<B>(Arc::clone(&pool), instance, path, seen));
                sender
            });
        }
        tokio::select! {
            () = lookout.changed() => {}
            Some(_) = links.join_next() => {}
            _ = closed.changed() => return,
        }
    }
}

/// Keeps the link to one instance until its socket is gone.
async fn keep_one<B: Binding>(pool: Arc<Pool>, instance: u16, path: PathBuf, mut seen: watch::Receiver<Option<Stamp>>) {
    let mut pause = Pause::new();
    while seen.borrow_and_update().is_some() {
        let own = fresh_name(&pool);
        let dealer = tokio::select! {
            dealer = B::connect(&path, &own, CONNECT_WAIT) => dealer,
            // Another file of that name: what we were connecting to is the past.
            _ = seen.changed() => { pause = Pause::new(); continue }
        };
        match dealer {
            Ok(dealer) => {
                let began = Instant::now();
                let end = conversation::hold(&pool, instance, dealer).await;
                tracing::debug!(interface = pool.interface, instance, ?end, "link ended");
                if began.elapsed() >= GOOD {
                    pause = Pause::new();
                }
            }
            Err(cause) => tracing::debug!(interface = pool.interface, instance, %cause, "no link"),
        }
        tokio::select! {
            () = sleep(pause.next()) => {}
            _ = seen.changed() => pause = Pause::new(),
        }
    }
}

/// Never used twice, so that no answer for an earlier connection can reach a later one.
fn fresh_name(pool: &Pool) -> Peer {
    let (name, instance, nonce) = (pool.context.name, pool.context.instance, rand::random::<u64>());
    Peer(format!("{name}.{instance}.{}.{nonce:016x}", std::process::id()).into())
}

/// The pauses between attempts: they double, and a random part of them keeps askers from coming all at once.
#[derive(Debug)]
struct Pause(Duration);

impl Pause {
    fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    fn next(&mut self) -> Duration {
        let longest = self.0;
        self.0 = (longest * 2).min(LONGEST_PAUSE);
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_five_milliseconds_to_a_second() {
        let mut pause = Pause::new();
        let pauses: Vec<_> = (0..20).map(|_| pause.next()).collect();
        assert!(pauses[0] <= FIRST_PAUSE && pauses[0] >= FIRST_PAUSE / 2);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE));
        assert!(pauses[19] >= LONGEST_PAUSE / 2);
    }
}
