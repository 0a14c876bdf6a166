//! `rookery-bench`: how fast Rookery is, each figure next to its peer or ceiling of the same run.
//!
//! `rookery-bench all` runs everything and prints the tables that `make bench` keeps in `RESULTS.md`;
//! `rookery-bench web store` runs some. Programs are taken from the folder of this one, so build with `--release`.

use std::process::ExitCode;

mod abuse;
mod blocks;
mod bus;
mod comment;
mod folder;
mod front;
mod hello;
mod ingest;
mod life;
mod live;
mod load;
mod row;
mod store;

mod tree;
mod web;

use row::Table;

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
];

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    match asked.first().map(String::as_str) {
        Some("hello-server") => return hello::serve(),
        Some("nothing") => return ExitCode::SUCCESS,
        Some("load") => return front::load(&asked[1..]),
        _ => {}
    }
    let all = asked.iter().any(|name| name == "all");
    let chosen: Vec<_> = SCENARIOS.iter().filter(|(name, _)| all || asked.iter().any(|asked| asked == name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = SCENARIOS.iter().map(|(name, _)| *name).collect();
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
