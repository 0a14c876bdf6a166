//! The boxes, who may ask whom, and who tells whom. A forbidden question does not compile, nor does a forbidden hint.

use crate::{
    config::{self, Rookery},
    hints::Hint,
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

/// A box that may tell the hint `H`.
///
/// ```
/// fn tells<B: proto::Tells<proto::Arrived>>() {}
/// tells::<proto::wiring::PostWorker>();
/// ```
///
/// Another one that tries does not compile:
///
/// ```compile_fail,E0277
/// fn tells<B: proto::Tells<proto::Arrived>>() {}
/// tells::<proto::wiring::GetWorker>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not tell `{H}`",
    note = "who tells what is the table `wiring!` in proto/src/wiring.rs"
)]
pub trait Tells<H: Hint>: BoxKind {}

/// A box that may hear the hint `H`.
///
/// ```compile_fail,E0277
/// fn hears<B: proto::Hears<proto::Arrived>>() {}
/// hears::<proto::wiring::IpfsShim>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not hear `{H}`",
    note = "who hears what is the table `wiring!` in proto/src/wiring.rs"
)]
pub trait Hears<H: Hint>: BoxKind {}

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
    /// The hints that it tells.
    pub tells: &'static [&'static str],
    /// The hints that it hears.
    pub hears: &'static [&'static str],
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

    /// The boxes that hear what this one tells.
    pub fn tells_boxes(&self) -> impl Iterator<Item = &'static Row> {
        let tells = self.tells;
        TABLE.iter().filter(move |row| row.hears.iter().any(|hint| tells.contains(hint)))
    }

    /// The boxes that tell what this one hears.
    pub fn told_by(&self) -> impl Iterator<Item = &'static Row> {
        let hears = self.hears;
        TABLE.iter().filter(move |row| row.tells.iter().any(|hint| hears.contains(hint)))
    }
}

/// The row of a box.
#[must_use]
pub fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

macro_rules! wiring {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $about:literal, $config:ident: $section:ty,
        answers [$($answers:ident),*], asks [$($asks:ident),*], tells [$($tells:ident),*], hears [$($hears:ident),*];)+
    ) => {
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
            $(impl Tells<crate::$tells> for $kind {})*
            $(impl Hears<crate::$hears> for $kind {})*
        )+
        /// The whole table, for `--help`, for `supervisor tap` and for the tests.
        pub const TABLE: &[Row] = &[$(Row {
            name: $name,
            about: $about,
            answers: &[$(<crate::$answers as Interface>::NAME),*],
            asks: &[$(<crate::$asks as Interface>::NAME),*],
            tells: &[$(<crate::$tells as Hint>::NAME),*],
            hears: &[$(<crate::$hears as Hint>::NAME),*],
        }),+];
    };
}

wiring! {
    HttpFront = "http-front", "Serves the web: routing, limits, caching. Keeps nothing.",
        http_front: config::HttpFront, answers [], asks [Threads, Posts, Blocks], tells [], hears [Arrived];
    GetWorker = "get-worker", "Reads threads, counts and folder CIDs from the comment store.",
        get_worker: config::GetWorker, answers [Threads], asks [], tells [], hears [];
    PostWorker = "post-worker", "Checks comments and keeps them: the only writer of the comment store.",
        post_worker: config::PostWorker, answers [Posts], asks [], tells [Arrived], hears [];
    IpfsShim = "ipfs-shim", "Talks to the IPFS daemon, publishes what arrives, and shields the rest from it.",
        ipfs_shim: config::IpfsShim, answers [Blocks], asks [], tells [], hears [];
    SyncAgent = "sync-agent", "Brings the stores of two servers to the same set of comments.",
        sync_agent: config::SyncAgent, answers [], asks [Threads, Posts, Blocks], tells [], hears [];
    IngestServer = "ingest-server", "Takes files over plain TCP and answers with their CIDs.",
        ingest_server: config::IngestServer, answers [], asks [Blocks], tells [], hears [];
    IpfsNode = "ipfs-node", "The embedded IPFS daemon: blocks, pins and Kubo's RPC.",
        ipfs_node: config::IpfsNode, answers [], asks [], tells [], hears [];
    KuboKeeper = "kubo-keeper", "Runs Kubo in the place of the embedded IPFS daemon, and watches it.",
        ipfs: config::Ipfs, answers [], asks [], tells [], hears [];
    Operator = "supervisor", "The process manager and its command line.",
        supervisor: config::Supervisor, answers [], asks [Threads, Posts, Blocks], tells [], hears [];
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
    fn every_hint_is_told_by_one_kind_of_box_and_heard_by_another() {
        for hint in TABLE.iter().flat_map(|row| row.tells.iter().chain(row.hears)) {
            let tellers: Vec<_> = TABLE.iter().filter(|row| row.tells.contains(hint)).collect();
            assert_eq!(tellers.len(), 1, "{hint}");
            assert!(tellers[0].tells_boxes().any(|hears| hears.name != tellers[0].name), "{hint} is told to nobody");
        }
        assert_eq!(row("http-front").unwrap().told_by().map(|row| row.name).collect::<Vec<_>>(), ["post-worker"]);
    }

    #[test]
    fn help_can_say_who_asks_a_box() {
        let names: Vec<_> = row("get-worker").unwrap().asked_by().map(|row| row.name).collect();
        assert_eq!(names, ["http-front", "sync-agent", "supervisor"]);
    }
}
