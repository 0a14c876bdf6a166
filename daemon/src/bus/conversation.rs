//! The conversation with one instance over one connection, from the first ping to the end of it.
//!
//! One task owns the DEALER. Questions come to it from the askers, each with a credit; answers go straight to whoever
//! waits. When the connection ends, every open question is told so, and goes elsewhere if it may.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use proto::{
    bus::{Header, Kind},
    interface::Encoded,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{
    binding::{Dealer, Parcel},
    pool::{Errand, Link, Pool, Verdict},
    window::Credit,
};
use crate::tap::{Passing, Side};

#[cfg(test)]
mod proof;

const BETWEEN_PINGS: Duration = Duration::from_secs(1);
/// So many pings without a word, and the instance is hung. Pings are counted, not seconds: if it was this process that
/// stood still, there was only one.
const SILENT_PINGS: u32 = 3;

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The other end is gone.
    Died,
    /// The other end is there, but silent.
    Hung,
    /// It had said that it would leave, and has answered everything.
    Left,
}

struct Conversation<'a, D> {
    pool: &'a Pool,
    link: Arc<Link>,
    dealer: D,
    errands: mpsc::Receiver<Errand>,
    open: HashMap<u64, Open>,
    silent_pings: u32,
    leaving: bool,
}

/// A question without an answer yet.
struct Open {
    reply: oneshot::Sender<Verdict>,
    since: Instant,
    _credit: Credit,
}

/// Talks until the connection ends. While it lasts, the instance may be asked.
pub async fn hold<D: Dealer>(pool: &Pool, instance: u16, dealer: D) -> End {
    let (link, errands) = Link::new(instance, Arc::clone(&pool.room));
    let mut conversation =
        Conversation { pool, link, dealer, errands, open: HashMap::new(), silent_pings: 0, leaving: false };
    conversation.talk().await
}

impl<D: Dealer> Conversation<'_, D> {
    async fn talk(&mut self) -> End {
        let mut pings = interval(BETWEEN_PINGS);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.pool.add(Arc::clone(&self.link));
        loop {
            if let Err(end) = self.step(&mut pings).await {
                return end;
            }
            if self.leaving && self.open.is_empty() {
                return End::Left;
            }
        }
    }

    async fn step(&mut self, pings: &mut Interval) -> Result<(), End> {
        tokio::select! {
            // What has come is heard before anybody is called silent; while messages pass, pings are not missed.
            biased;
            parcel = self.dealer.next() => self.hear(parcel.ok_or(End::Died)?).await,
            Some(errand) = self.errands.recv() => self.ask(errand).await,
            _ = pings.tick() => self.ping().await,
        }
    }

    async fn ask(&mut self, errand: Errand) -> Result<(), End> {
        let Errand { id, header, question: Encoded { body, attachment }, since, credit, reply } = errand;
        let Some(reply) = reply.sent() else { return Ok(()) };
        self.open.insert(id, Open { reply, since, _credit: credit });
        self.dealer.send(Parcel { header, body, attachment }).await.map_err(|_| End::Died)
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.silent_pings == SILENT_PINGS {
            return Err(End::Hung);
        }
        self.silent_pings += 1;
        self.say(Kind::Ping).await
    }

    async fn say(&mut self, kind: Kind) -> Result<(), End> {
        let header = Header::bare(self.pool.version, kind).encode().into();
        let parcel = Parcel { header, body: Bytes::new(), attachment: Bytes::new() };
        self.dealer.send(parcel).await.map_err(|_| End::Died)
    }

    async fn hear(&mut self, parcel: Parcel) -> Result<(), End> {
        self.silent_pings = 0;
        let Ok(header) = Header::decode(&parcel.header) else {
            tracing::warn!(interface = self.pool.interface, instance = self.link.instance, "message not understood");
            return Ok(());
        };
        match header.kind {
            Kind::Answer => self.answered(&header, parcel),
            Kind::Refuse => self.refused(&header, parcel.body),
            Kind::Ping => self.say(Kind::Pong).await?,
            Kind::Leaving => self.leave(),
            Kind::Pong | Kind::Ask | Kind::Tell => {}
        }
        Ok(())
    }

    fn answered(&mut self, header: &Header, Parcel { body, attachment, .. }: Parcel) {
        let answer = Encoded { body, attachment };
        self.tap(header, &answer);
        self.decide(header.id, Verdict::Answer(answer));
    }

    fn refused(&mut self, header: &Header, reason: Bytes) {
        let refusal = Encoded { body: reason, attachment: Bytes::new() };
        self.tap(header, &refusal);
        self.pool.counted.refused.inc();
        let reason = String::from_utf8_lossy(&refusal.body).into_owned();
        self.decide(header.id, Verdict::Refused(reason));
    }

    fn tap(&self, header: &Header, content: &Encoded) {
        let tap = &self.pool.context.tap;
        if tap.is_watched() {
            let took = self.open.get(&header.id).map(|open| open.since.elapsed());
            let interface = self.pool.interface;
            tap.copy(Passing { side: Side::Asking, interface, header, peer: &self.link, took }, content);
        }
    }

    fn decide(&mut self, id: u64, verdict: Verdict) {
        let told = self.open.remove(&id).is_some_and(|open| open.reply.send(verdict).is_ok());
        if !told {
            self.pool.counted.late.inc();
        }
    }

    /// Asks nothing more; what is open will still be answered.
    fn leave(&mut self) {
        self.leaving = true;
        self.pool.remove(&self.link);
        self.errands.close();
        // Dropped, they say that they were not sent, and go elsewhere.
        while self.errands.try_recv().is_ok() {}
    }
}

impl<D> Drop for Conversation<'_, D> {
    fn drop(&mut self) {
        // First out of the choice, then tell: a question that goes elsewhere must not come back here.
        self.pool.remove(&self.link);
        for (_, open) in self.open.drain() {
            let _ = open.reply.send(Verdict::Died);
        }
    }
}
