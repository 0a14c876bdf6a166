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
mod ipfsd;
mod life;
mod live;
mod load;
mod peers;
mod row;
mod scenarios;
mod store;
mod tree;
mod web;

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    match asked.first().map(String::as_str) {
        Some("hello-server") => hello::serve(),
        Some("nothing") => ExitCode::SUCCESS,
        Some("load") => front::load(&asked[1..]),
        _ => scenarios::run(&asked),
    }
}
