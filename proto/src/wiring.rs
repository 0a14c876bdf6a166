//! The boxes, and who may ask whom. A forbidden question does not compile.

use crate::{
    config::{self, Rookery},
    interface::Interface,
};

/// A kind of box: a program that the supervisor starts, or the operator's command line.
pub trait BoxKind: Sized + Send + Sync + 'static {
    /// The program's name, its section in `rookery.toml`, its name in logs.
    const NAME: &'static str;
    /// What it is, in one sentence.
    const ABOUT: &'static str;
    /// Its section's type.
    type Config: Clone + Send + Sync + 'static;
    /// Its section.
    fn section(all: &Rookery) -> &Self::Config;
}

/// A box that may ask the questions of `I`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not ask `{I}`",
    note = "who may ask whom is the table `wiring!` in proto/src/wiring.rs"
)]
pub trait Asks<I: Interface>: BoxKind {}

/// A box that answers the questions of `I`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer `{I}`",
    note = "who answers what is the table `wiring!` in proto/src/wiring.rs"
)]
pub trait Serves<I: Interface>: BoxKind {}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The box.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The interfaces that it answers.
    pub answers: &'static [&'static str],
    /// The interfaces that it asks.
    pub asks: &'static [&'static str],
}

impl Row {
    /// The boxes that may ask this one.
    pub fn asked_by(&self) -> impl Iterator<Item = &'static Row> {
        let answers = self.answers;
        TABLE.iter().filter(move |row| row.asks.iter().any(|face| answers.contains(face)))
    }

    /// The boxes that this one may ask.
    pub fn asks_boxes(&self) -> impl Iterator<Item = &'static Row> {
        let asks = self.asks;
        TABLE.iter().filter(move |row| row.answers.iter().any(|face| asks.contains(face)))
    }
}

/// The row of a box.
#[must_use]
pub fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

macro_rules! wiring {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $about:literal, $config:ident: $section:ty,
        answers [$($answers:ident),*], asks [$($asks:ident),*];)+) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone, Copy)]
            pub struct $kind;
            impl BoxKind for $kind {
                const NAME: &'static str = $name;
                const ABOUT: &'static str = $about;
                type Config = $section;
                fn section(all: &Rookery) -> &$section {
                    &all.$config
                }
            }
            $(impl Serves<crate::$answers> for $kind {})*
            $(impl Asks<crate::$asks> for $kind {})*
        )+
        /// The whole table, for `--help`, for `supervisor tap` and for the tests.
        pub const TABLE: &[Row] = &[$(Row {
            name: $name,
            about: $about,
            answers: &[$(<crate::$answers as Interface>::NAME),*],
            asks: &[$(<crate::$asks as Interface>::NAME),*],
        }),+];
    };
}

wiring! {
    HttpFront = "http-front", "Serves the web: routing, limits, caching. Keeps nothing.",
        http_front: config::HttpFront, answers [], asks [Threads, Posts, Blocks];
    GetWorker = "get-worker", "Reads threads, counts and folder CIDs from the comment store.",
        get_worker: config::GetWorker, answers [Threads], asks [];
    PostWorker = "post-worker", "Checks comments and keeps them: the only writer of the comment store.",
        post_worker: config::PostWorker, answers [Posts], asks [];
    IpfsShim = "ipfs-shim", "Talks to the IPFS daemon, publishes what arrives, and shields the rest from it.",
        ipfs_shim: config::IpfsShim, answers [Blocks], asks [];
    SyncAgent = "sync-agent", "Brings the stores of two servers to the same set of comments.",
        sync_agent: config::SyncAgent, answers [], asks [Threads, Posts, Blocks];
    IpfsNode = "ipfs-node", "The embedded IPFS daemon: blocks, pins and Kubo's RPC.",
        ipfs_node: config::IpfsNode, answers [], asks [];
    Operator = "supervisor", "The process manager and its command line.",
        supervisor: config::Supervisor, answers [], asks [Threads, Posts, Blocks];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(from: &Row, goal: &str, depth: usize) -> bool {
        depth > 0 && from.asks_boxes().any(|next| next.name == goal || reaches(next, goal, depth - 1))
    }

    #[test]
    fn no_box_waits_for_itself() {
        for row in TABLE {
            assert!(!reaches(row, row.name, TABLE.len()), "{} asks itself in a circle", row.name);
        }
    }

    #[test]
    fn every_interface_has_one_kind_of_box_that_answers_it() {
        let asked = TABLE.iter().flat_map(|row| row.asks);
        for face in asked {
            assert_eq!(TABLE.iter().filter(|row| row.answers.contains(face)).count(), 1, "{face}");
        }
    }

    #[test]
    fn help_can_say_who_asks_a_box() {
        let names: Vec<_> = row("get-worker").unwrap().asked_by().map(|row| row.name).collect();
        assert_eq!(names, ["http-front", "sync-agent", "supervisor"]);
    }
}
