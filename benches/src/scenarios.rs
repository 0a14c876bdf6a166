//! The list of everything that can be measured, and the running of some of it.

use std::process::ExitCode;

use crate::{
    abuse, blocks, bus, folder, front, ingest, life, live, peers,
    row::{self, Table},
    store, web,
};

type Scenario = (&'static str, fn() -> Table);

const SCENARIOS: &[Scenario] = &[
    ("life", life::measure),
    ("web", web::measure),
    ("front", front::measure),
    ("growth", front::growth),
    ("live", live::measure),
    ("abuse", abuse::measure),
    ("bus", bus::measure),
    ("store", store::measure),
    ("blocks", blocks::measure),
    ("folder", folder::measure),
    ("ingest", ingest::measure),
    ("peers", peers::fetches),
    ("daemon", peers::alone),
];

/// What takes an hour: not part of `all`.
const LONG: &[Scenario] = &[("churn", peers::churn)];

/// Measures what is asked for by name, or `all`, and prints a table for each.
pub fn run(asked: &[String]) -> ExitCode {
    let all = asked.iter().any(|name| name == "all");
    let by_name = |scenarios: &'static [Scenario], all: bool| {
        scenarios.iter().filter(move |(name, _)| all || asked.iter().any(|asked| asked == name))
    };
    let chosen: Vec<_> = by_name(SCENARIOS, all).chain(by_name(LONG, false)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = SCENARIOS.iter().chain(LONG).map(|(name, _)| *name).collect();
        eprintln!("usage: rookery-bench all | {}", names.join(" | "));
        return ExitCode::from(2);
    }
    println!("{}", row::head());
    for (name, measure) in chosen {
        eprintln!("measuring {name} …");
        println!("{}", measure());
    }
    ExitCode::SUCCESS
}
