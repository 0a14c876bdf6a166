//! The command line of a box: every box has the same few flags, and its `--help` is made from the wiring table.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use proto::wiring::{BoxKind, Row, row};

const NO_BOX: &str = "no box";

/// What was asked on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--instance`.
    pub instance: u16,
}

/// Reads the command line; ends the process after `--help`, `--version` or a mistake.
#[must_use]
pub fn parse<B: BoxKind>() -> Args {
    read(&command::<B>().get_matches())
}

fn read(matches: &ArgMatches) -> Args {
    Args {
        config: matches.get_one::<PathBuf>("config").cloned(),
        instance: matches.get_one::<u16>("instance").copied().unwrap_or(0),
    }
}

fn command<B: BoxKind>() -> Command {
    let config = Arg::new("config").long("config").value_name("FILE").value_parser(value_parser!(PathBuf));
    let instance = Arg::new("instance").long("instance").value_name("N").value_parser(value_parser!(u16));
    Command::new(B::NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about(B::ABOUT)
        .after_help(row(B::NAME).map(wiring_help).unwrap_or_default())
        .arg(config.help("The configuration (default: rookery.toml here, the user's, the system's)"))
        .arg(instance.help("Which of several: 0 is the supervisor's first, take a free one by hand [default: 0]"))
}

fn wiring_help(row: &Row) -> String {
    let asked_by = names(row.asked_by().map(|row| row.name));
    let asks = names(row.asks_boxes().map(|row| row.name));
    let hints = [
        ("Told by", names(row.told_by().map(|row| row.name))),
        ("Tells", names(row.tells_boxes().map(|row| row.name))),
    ];
    let hints: String = hints
        .iter()
        .filter(|(_, boxes)| boxes != NO_BOX)
        .map(|(what, boxes)| format!("{:<10}{boxes}\n", format!("{what}:")))
        .collect();
    format!(
        "Asked by: {asked_by}\nAsks:     {asks}\n{hints}\nThe supervisor starts it. Started by hand, with the same \
         configuration and a free --instance, it joins the work and logs to the terminal."
    )
}

fn names(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { NO_BOX.to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use proto::wiring::GetWorker;

    use super::*;

    #[test]
    fn help_says_what_it_is_and_who_asks_it() {
        let help = command::<GetWorker>().render_help().to_string();
        assert!(help.contains("Reads threads") && help.contains("Asked by: http-front"), "{help}");
        assert!(help.contains("Asks:     no box"), "{help}");
        assert!(!help.contains("Tells"), "{help}");
    }

    #[test]
    fn help_says_who_tells_whom() {
        let help = command::<proto::wiring::PostWorker>().render_help().to_string();
        assert!(help.contains("Tells:    http-front"), "{help}");
        let help = command::<proto::wiring::HttpFront>().render_help().to_string();
        assert!(help.contains("Told by:  post-worker"), "{help}");
    }

    #[test]
    fn an_instance_and_a_file_can_be_named() {
        let matches = command::<GetWorker>().get_matches_from(["get-worker", "--config", "a.toml", "--instance", "3"]);
        assert_eq!(read(&matches), Args { config: Some("a.toml".into()), instance: 3 });
    }
}
