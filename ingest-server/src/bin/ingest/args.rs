//! The command line: what was typed, and what it means. Asked by `main`; reads no file and opens no socket.

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use ingest_server::wire::Fingerprint;
use proto::Cid;

use crate::{link::Server, show::Form, source::Source};

/// The most files that are sent at once: each has a connection and a thread or two.
const PARALLEL_MAX: u16 = 64;

/// Sends files to an ingest server and prints the CID of each, or gets one back.
///
/// Every CID is computed here as well: a server that answers another one is found out.
#[derive(Debug, Parser)]
#[command(
    name = "ingest",
    version,
    after_help = "Exit codes: 0 all files are stored (or got) and their CIDs are right, 1 some failed, 2 wrong usage, \
        3 no server could be reached, 4 a CID is not that of the bytes."
)]
pub struct Args {
    /// The files; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "get", conflicts_with_all = ["get", "output"])]
    files: Vec<PathBuf>,
    /// Get the file with this CID back instead.
    #[arg(long, value_name = "CID")]
    get: Option<String>,
    /// Where to write what was got; default: standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The server's name or address, without a port.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Where it takes files.
    #[arg(long, value_name = "PORT", default_value_t = 7147)]
    upload_port: u16,
    /// Where it gives them back.
    #[arg(long, value_name = "PORT", default_value_t = 7417)]
    download_port: u16,
    /// How many files are sent at once: 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 4)]
    parallel: u16,
    /// How often a file is tried again when the server is away, silent, or too busy.
    #[arg(long, value_name = "N", default_value_t = 4)]
    retries: u32,
    /// How long to wait for a connection and for the server's greeting, in seconds; fractions are fine, here and below.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    connect_wait: f64,
    /// How long not a single byte may move.
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    idle_wait: f64,
    /// How long to wait for the CID after the last byte was sent.
    #[arg(long, value_name = "S", default_value_t = 120.0)]
    answer_wait: f64,
    /// How long one try at one file may take in all; 0 for no limit.
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    total_wait: f64,
    /// Send or get within TLS, from the server with this certificate: the 64 hexadecimal digits that it says in its log.
    #[arg(long, value_name = "SHA256")]
    tls_fingerprint: Option<Fingerprint>,
    /// Believe the server: for CIDs of other chunk sizes than those known here.
    #[arg(long)]
    no_check: bool,
    /// One JSON object per file on standard output.
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Only CIDs, and errors.
    #[arg(short, long)]
    quiet: bool,
}

/// What was asked for.
#[derive(Debug)]
pub enum Task {
    /// Send these.
    Store(Vec<Source>),
    /// Get this.
    Get(Wanted),
}

/// What is to be got, and where to.
#[derive(Debug)]
pub struct Wanted {
    /// The file.
    pub cid: Cid,
    /// Where to; none for standard output.
    pub to: Option<PathBuf>,
}

/// Whether the CIDs that a server says are computed here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// They are.
    Compute,
    /// The server is believed.
    Believe,
}

/// What was typed cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Misuse {
    #[error("--{flag} {found}: expected {expected}")]
    Flag { flag: &'static str, found: String, expected: &'static str },
    #[error("{}: {expected}", .path.display())]
    File { path: PathBuf, expected: &'static str },
}

impl Args {
    /// What is to be done.
    ///
    /// # Errors
    ///
    /// With what was typed and what is expected.
    pub fn task(&self) -> Result<Task, Misuse> {
        self.check()?;
        match &self.get {
            Some(typed) => Ok(Task::Get(Wanted { cid: cid(typed)?, to: self.output.clone() })),
            None => Ok(Task::Store(self.sources()?)),
        }
    }

    fn sources(&self) -> Result<Vec<Source>, Misuse> {
        if self.files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(Misuse::File { path: "-".into(), expected: "standard input can be read only once" });
        }
        Ok(self.files.iter().map(|path| Source::of(path)).collect())
    }

    fn check(&self) -> Result<(), Misuse> {
        let found = self.host.clone();
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let has_port = bare.contains(':') && bare.parse::<std::net::Ipv6Addr>().is_err();
        if bare.is_empty() || has_port || bare.contains('/') {
            let expected = "a name or an address; the ports are --upload-port and --download-port";
            return Err(Misuse::Flag { flag: "host", found, expected });
        }
        if !(1..=PARALLEL_MAX).contains(&self.parallel) {
            return Err(Misuse::Flag { flag: "parallel", found: self.parallel.to_string(), expected: "1 to 64" });
        }
        self.waits().into_iter().try_for_each(|(flag, seconds)| {
            let right =
                seconds.is_finite() && (0.0..=1e9).contains(&seconds) && (seconds > 0.0 || flag == "total-wait");
            let expected = "a number of seconds above 0";
            if right { Ok(()) } else { Err(Misuse::Flag { flag, found: seconds.to_string(), expected }) }
        })
    }

    fn waits(&self) -> [(&'static str, f64); 4] {
        [
            ("connect-wait", self.connect_wait),
            ("idle-wait", self.idle_wait),
            ("answer-wait", self.answer_wait),
            ("total-wait", self.total_wait),
        ]
    }

    /// The server, and how patient to be with it.
    #[must_use]
    pub fn server(&self) -> Server {
        let total = Some(self.total_wait).filter(|seconds| *seconds > 0.0);
        Server {
            host: self.host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            upload_port: self.upload_port,
            download_port: self.download_port,
            retries: self.retries,
            connect_wait: Duration::from_secs_f64(self.connect_wait),
            idle_wait: Duration::from_secs_f64(self.idle_wait),
            answer_wait: Duration::from_secs_f64(self.answer_wait),
            total_wait: total.map(Duration::from_secs_f64),
            check: if self.no_check { Check::Believe } else { Check::Compute },
            tls: self.tls_fingerprint,
        }
    }

    /// How many files are sent at once.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.parallel.into()
    }

    /// How results are told.
    #[must_use]
    pub fn form(&self) -> Form {
        match (self.json, self.quiet) {
            (true, _) => Form::Json,
            (_, true) => Form::Quiet,
            _ => Form::Plain,
        }
    }
}

fn cid(typed: &str) -> Result<Cid, Misuse> {
    let expected = "a CID, such as QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH or bafkrei…";
    typed.parse().map_err(|_| Misuse::Flag { flag: "get", found: typed.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Args {
        Args::try_parse_from(line.split_whitespace()).unwrap()
    }

    fn misuse(line: &str) -> String {
        parse(line).task().unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_one_that_clap_accepts() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn files_and_get_exclude_each_other_and_one_is_needed() {
        assert!(Args::try_parse_from(["ingest"]).is_err());
        assert!(Args::try_parse_from(["ingest", "a", "--get", "b"]).is_err());
        assert!(Args::try_parse_from(["ingest", "a", "-o", "b"]).is_err());
        assert!(matches!(parse("ingest a - b").task(), Ok(Task::Store(sources)) if sources.len() == 3));
    }

    #[test]
    fn a_host_with_a_port_is_told_where_ports_go() {
        let said = misuse("ingest a --host example.org:7147");
        assert!(said.contains("example.org:7147") && said.contains("--upload-port"), "{said}");
        assert_eq!(parse("ingest a --host [::1]").server().host, "::1");
    }

    #[test]
    fn a_cid_that_is_none_is_told_what_one_looks_like() {
        let said = misuse("ingest --get nonsense");
        assert!(said.contains("nonsense") && said.contains("Qm"), "{said}");
    }

    #[test]
    fn numbers_out_of_bounds_are_refused_with_the_bounds() {
        assert_eq!(misuse("ingest a --parallel 65"), "--parallel 65: expected 1 to 64");
        assert!(misuse("ingest a --idle-wait 0").contains("above 0"));
        assert!(misuse("ingest a --answer-wait NaN").contains("above 0"));
    }

    #[test]
    fn standard_input_is_read_only_once() {
        assert!(misuse("ingest - -").contains("only once"));
    }
}
