//! The command line, made from the table of the RPC's commands: what the RPC takes, the command line takes.
//!
//! Asked by [`super`]. Reads nothing but the arguments.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command as Line, builder::PossibleValuesParser, value_parser};

use super::shown::{self, Shown};
use crate::rpc::{
    call::{Arg as Declared, GLOBAL, Kind, Opt},
    commands::{self, Command},
};

const ABOUT: &str = "An IPFS node, and the command line of one that runs";
const AFTER: &str = "A repository is at $IPFS_PATH or --repo-dir (default: ~/.rookery-ipfs). A command asks the daemon that runs \
     there, or the one at --api; if none runs, it opens the repository itself.\nWithout a command, or with --config and \
     --instance alone, ipfs-node is the box of a Rookery tree.";
/// Options of every command that are not told to the RPC.
const API: &str = "api";
const REPO: &str = "repo-dir";
/// What stands without a flag before it.
const ARGS: &str = "arguments";

/// Options of every command that are.
const EVERYWHERE: [&str; 5] = ["offline", "timeout", "cid-base", "upgrade-cidv0-in-output", "encoding"];

/// What was asked on the command line.
#[derive(Debug)]
pub(super) struct Asked {
    /// `--api`.
    pub(super) api: Option<String>,
    /// `--repo-dir`.
    pub(super) repo: Option<PathBuf>,
    /// What is to be done.
    pub(super) what: What,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum What {
    /// A command of the RPC.
    Call(Call),
    /// A command that is no command of the RPC, with what was given.
    Own(Own, ArgMatches),
}

/// The commands that the RPC does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Init,
    Daemon,
}

/// A call of the RPC.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) path: &'static str,
    pub(super) args: Vec<String>,
    pub(super) options: Vec<(&'static str, String)>,
    /// The files that are sent; none if the command takes no file.
    pub(super) files: Option<Vec<PathBuf>>,
    /// Whether an argument may come from the standard input.
    pub(super) wants_args: bool,
    pub(super) shown: &'static Shown,
}

impl Call {
    /// Whether a flag is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.option(name) == Some("true")
    }

    /// The value of an option, if it was given.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the command line; ends the process after `--help`, `--version` or a mistake.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Asked {
    read(&root().get_matches_from(arguments))
}

fn read(matches: &ArgMatches) -> Asked {
    let (mut path, mut here) = (String::new(), matches);
    while let Some((name, below)) = here.subcommand() {
        path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        here = below;
    }
    let what = match (path.as_str(), commands::find(&path)) {
        ("init", _) => What::Own(Own::Init, here.clone()),
        ("daemon", _) => What::Own(Own::Daemon, here.clone()),
        (_, Some(command)) => What::Call(call(command, here)),
        (_, None) => unreachable!("clap asks for a subcommand where there is no command"),
    };
    let repo = here.get_one::<PathBuf>(REPO).cloned();
    Asked { api: here.get_one::<String>(API).cloned(), repo, what }
}

fn call(command: &'static Command, given: &ArgMatches) -> Call {
    let shown = shown::of(command.path);
    let said = if command.args.is_empty() { None } else { given.get_many::<OsString>(ARGS) };
    let (args, files) = split(command, said.unwrap_or_default().cloned().collect());
    let everywhere = GLOBAL.iter().copied().filter(|(name, ..)| EVERYWHERE.contains(name));
    let options = options(command, shown).chain(everywhere).flat_map(|(name, ..)| {
        let values = given.get_many::<String>(name).unwrap_or_default().cloned().collect::<Vec<_>>();
        values.into_iter().map(move |value| (name, value))
    });
    let least = command.args.iter().filter(|arg| matches!(arg, Declared::One(_) | Declared::Many(_))).count();
    let wants_args = files.is_none() && args.len() < least;
    Call { path: command.path, args, options: options.collect(), files, wants_args, shown }
}

/// What was given, as arguments and, for a command that takes files, as the files behind them.
fn split(command: &'static Command, mut given: Vec<OsString>) -> (Vec<String>, Option<Vec<PathBuf>>) {
    let text = |arg: OsString| arg.to_string_lossy().into_owned();
    if !command.args.iter().any(is_file) {
        return (given.into_iter().map(text).collect(), None);
    }
    let arguments = command.args.iter().filter(|arg| !is_file(arg)).count().min(given.len());
    let files = given.split_off(arguments).into_iter().map(PathBuf::from).collect();
    (given.into_iter().map(text).collect(), Some(files))
}

fn root() -> Line {
    let tree = Tree::of_all();
    let line = Line::new("ipfs-node")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(Arg::new(API).long(API).value_name("MULTIADDR").global(true).help("Ask the daemon at this address"))
        .arg(repo_dir())
        .args(GLOBAL.iter().filter(|(name, ..)| EVERYWHERE.contains(name)).map(|option| option_of(option).global(true)))
        .subcommand(init())
        .subcommand(daemon());
    tree.below.into_iter().fold(line, |line, (name, tree)| line.subcommand(tree.line(name)))
}

fn repo_dir() -> Arg {
    let arg = Arg::new(REPO).long(REPO).value_name("FOLDER").global(true);
    arg.value_parser(value_parser!(PathBuf)).help("The repository")
}

fn init() -> Line {
    Line::new("init")
        .about("Make a repository with a key and a configuration")
        .arg(text("profile", Some('p'), "Settings to begin with: test, server, public (comma between)"))
        .arg(text("algorithm", Some('a'), "The kind of key").value_parser(PossibleValuesParser::new(["ed25519"])))
        .arg(flag("empty-repo", Some('e'), "As it always is"))
}

fn daemon() -> Line {
    let routing =
        PossibleValuesParser::new(["default", "dht", "dhtclient", "dhtserver", "auto", "autoclient", "lan", "none"]);
    Line::new("daemon")
        .about("Run the node of the repository until Ctrl-C")
        .arg(flag("init", None, "Make the repository first if there is none"))
        .arg(text("init-profile", None, "Settings to begin with"))
        .arg(flag("offline", None, "Without peers"))
        .arg(text("routing", None, "In place of the configuration's Routing.Type").value_parser(routing))
        .arg(flag("enable-pubsub-experiment", None, "As the configuration's Pubsub.Enabled"))
        .arg(flag("enable-gc", None, "As it always is: above Datastore.StorageMax garbage is collected"))
        .arg(flag("migrate", None, "As it always is"))
}

fn text(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    Arg::new(name).long(name).short(short).help(help)
}

fn flag(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    bool_of(Arg::new(name).long(name).short(short)).help(help)
}

/// `--pin`, `--pin=false`.
fn bool_of(arg: Arg) -> Arg {
    let values = PossibleValuesParser::new(["true", "false"]);
    let arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    arg.value_parser(values).hide_possible_values(true).value_name("BOOL")
}

/// The commands as they hang below each other: `pin/ls` below `pin`.
#[derive(Default)]
struct Tree {
    command: Option<&'static Command>,
    below: BTreeMap<&'static str, Tree>,
}

impl Tree {
    fn of_all() -> Self {
        let mut root = Self::default();
        for command in commands::all() {
            let place = command.path.split('/').fold(&mut root, |tree, name| tree.below.entry(name).or_default());
            place.command = Some(command);
        }
        root
    }

    fn line(self, name: &'static str) -> Line {
        let has_below = !self.below.is_empty();
        let mut line = match self.command {
            Some(command) => command_line(name, command).args_conflicts_with_subcommands(has_below),
            None => {
                let names: Vec<_> = self.below.keys().copied().collect();
                Line::new(name).about(names.join(", ")).subcommand_required(true).arg_required_else_help(true)
            }
        };
        line = line.disable_help_subcommand(true);
        self.below.into_iter().fold(line, |line, (name, tree)| line.subcommand(tree.line(name)))
    }
}

fn command_line(name: &'static str, command: &'static Command) -> Line {
    let shown = shown::of(command.path);
    let options = options(command, shown).map(|option| option_of(&option));
    let line = Line::new(name).about(shown.about).args(options.collect::<Vec<_>>());
    if command.args.is_empty() {
        return line;
    }
    let (files, others): (Vec<_>, Vec<_>) = command.args.iter().partition(|arg| is_file(arg));
    let names = others.into_iter().chain(files).map(Declared::name);
    line.arg(Arg::new(ARGS).num_args(0..).value_names(names.collect::<Vec<_>>()).value_parser(value_parser!(OsString)))
}

const fn is_file(arg: &Declared) -> bool {
    matches!(arg, Declared::File(_))
}

/// The options of a command, without those that all commands have.
fn options(command: &'static Command, shown: &'static Shown) -> impl Iterator<Item = Opt> {
    let told = |name: &str| command.options.iter().any(|(known, ..)| *known == name);
    let own = shown.options.iter().filter(move |(name, ..)| !told(name));
    command.options.iter().chain(own).copied().filter(|(name, ..)| !EVERYWHERE.contains(name))
}

fn option_of((name, other, kind): &Opt) -> Arg {
    let arg = Arg::new(*name).long(*name);
    // An option may have no name but a letter.
    let mut letters = if name.len() == 1 { name.chars() } else { other.chars() };
    let arg = match (letters.next(), letters.next()) {
        (Some(letter), None) => arg.short(letter),
        (Some(_), Some(_)) => arg.alias(*other),
        (None, _) => arg,
    };
    match kind {
        Kind::Flag => bool_of(arg),
        Kind::Texts => arg.action(ArgAction::Append),
        Kind::Int | Kind::Long => arg.allow_negative_numbers(true),
        Kind::Uint | Kind::Text => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call_of(line: &str) -> Call {
        let arguments = ["ipfs"].into_iter().chain(line.split(' ')).map(OsString::from);
        match parse(arguments).what {
            What::Call(call) => call,
            What::Own(own, _) => panic!("{own:?}"),
        }
    }

    #[test]
    fn every_command_of_the_rpc_can_be_said() {
        root().debug_assert();
    }

    #[test]
    fn flags_are_said_as_kubo_takes_them() {
        let call = call_of("add -r --pin=false --cid-version 1 -Q folder file");
        assert_eq!(call.path, "add");
        assert!(call.is_on("recursive") && call.is_on("quieter"));
        assert_eq!((call.option("pin"), call.option("cid-version")), (Some("false"), Some("1")));
        assert_eq!(call.files, Some(vec!["folder".into(), "file".into()]));
    }

    #[test]
    fn a_command_may_have_commands_below_it() {
        assert_eq!(call_of("refs local").path, "refs/local");
        let call = call_of("refs -r --max-depth=-1 QmX");
        assert_eq!((call.path, call.args), ("refs", vec!["QmX".to_owned()]));
    }

    #[test]
    fn options_of_all_commands_may_stand_anywhere() {
        let asked = parse(
            ["ipfs", "--api", "/ip4/127.0.0.1/tcp/5001", "pin", "ls", "--offline"].map(OsString::from).into_iter(),
        );
        assert_eq!(asked.api.as_deref(), Some("/ip4/127.0.0.1/tcp/5001"));
        assert!(matches!(asked.what, What::Call(call) if call.is_on("offline")));
    }
}
