//! `show`: what the operator is shown on stdout.

use std::io::{self, Write as _};

use daemon::config::Loaded;
use proto::{
    config::IpfsDaemon,
    supervision::{Command, InstanceState, InstanceStatus, Status},
};

use super::{
    Refusal,
    client::{Done, ask},
};

const MIB: u64 = 1024 * 1024;

/// How the status is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints a text at once.
///
/// # Errors
///
/// When stdout cannot be written; see [`ended`].
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints a text; a reader that has seen enough is fine.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn text(text: &str) -> Result<(), Refusal> {
    ended(print(text))
}

/// A reader that has seen enough is a good end.
///
/// # Errors
///
/// Any other failure.
pub fn ended(printed: io::Result<()>) -> Result<(), Refusal> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Refusal::failed(format!("cannot show: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints the status.
///
/// # Errors
///
/// When no supervisor runs here, or it does not answer.
pub fn status(loaded: &Loaded, form: Form) -> Result<(), Refusal> {
    let Done::Status(status) = ask(loaded, &Command::Status)? else {
        return Err(Refusal::failed("the supervisor gave no status; run programs of one build"));
    };
    if form == Form::Json {
        let json = serde_json::to_string_pretty(&status).map_err(|error| Refusal::failed(error.to_string()))?;
        return text(&format!("{json}\n"));
    }
    text(&(table(&status) + &daemon(loaded)))
}

/// A daemon that is no box of the tree is told of all the same.
fn daemon(loaded: &Loaded) -> String {
    let ipfs = &loaded.all.ipfs;
    match (ipfs.daemon, &ipfs.remote) {
        (IpfsDaemon::Remote, Some(address)) => {
            format!("IPFS daemon: remote, {address}; `supervisor ipfs` asks after it\n")
        }
        _ => String::new(),
    }
}

fn table(status: &Status) -> String {
    let header = ["BOX", "STATE", "PID", "RESTARTS", "UP", "RSS", "ANON", "BEAT", "LISTEN"].map(str::to_owned);
    let rows: Vec<_> = [header].into_iter().chain(status.boxes.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    let mut text = rows.iter().map(|row| line(row, &widths)).collect::<String>();
    let reasons = status.boxes.iter().filter_map(|one| Some((one, one.reason.as_ref()?)));
    for (one, reason) in reasons {
        text += &format!("{}.{}: {reason}\n", one.name, one.instance);
    }
    let alerts = status.boxes.iter().filter_map(|one| Some((one, one.alert.as_ref()?)));
    for (one, alert) in alerts {
        text += &format!("{}.{}: ATTENTION: {alert}\n", one.name, one.instance);
    }
    let ready = if status.ready { "ready" } else { "not ready" };
    text += &format!(
        "supervisor {} (process {}): {ready}, up {}, {} MiB; data in {}\n",
        status.version,
        status.pid,
        age(status.uptime_ms),
        status.rss_bytes.div_ceil(MIB),
        status.data_dir
    );
    text
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}"));
    format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
}

fn row(one: &InstanceStatus) -> [String; 9] {
    let dash = || "-".to_owned();
    let alive = |text: String| if one.pid.is_some() { text } else { dash() };
    let listen: Vec<_> = one.listen.iter().map(|(purpose, address)| format!("{purpose} {address}")).collect();
    [
        format!("{}.{}", one.name, one.instance),
        state(one.state).to_owned(),
        one.pid.map_or_else(dash, |pid| pid.to_string()),
        one.restarts.to_string(),
        alive(age(one.uptime_ms)),
        alive(format!("{} MiB", one.rss_bytes.div_ceil(MIB))),
        alive(format!("{} MiB", one.rss_anon_bytes.div_ceil(MIB))),
        one.heartbeat_age_ms.map_or_else(dash, |ms| format!("{ms} ms")),
        listen.join(", "),
    ]
}

fn state(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Starting => "starting",
        InstanceState::Running => "running",
        InstanceState::Draining => "draining",
        InstanceState::Waiting => "waiting",
        InstanceState::Held => "held",
        InstanceState::Stopped => "stopped",
    }
}

/// A time span in its two greatest units.
pub fn age(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_told_in_two_units() {
        let spans = [(59_999, "59 s"), (61_000, "1 min 1 s"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")];
        for (ms, told) in spans {
            assert_eq!(age(ms), told);
        }
    }

    #[test]
    fn a_held_box_is_shown_with_its_reason() {
        let json = r#"{"version":"0.1.0","pid":1,"uptime_ms":61000,"rss_bytes":1048577,"ready":false,"data_dir":"/d",
            "runtime_dir":"/r","boxes":[{"box":"http-front","instance":0,"state":"held","pid":null,"restarts":2,
            "uptime_ms":0,"rss_bytes":0,"rss_anon_bytes":0,"heartbeat_age_ms":null,
            "listen":{"http":"127.0.0.1:1"},"reason":"failed"}]}"#;
        let expected = "\
BOX           STATE  PID  RESTARTS  UP  RSS  ANON  BEAT  LISTEN
http-front.0  held   -    2         -   -    -     -     http 127.0.0.1:1
http-front.0: failed
supervisor 0.1.0 (process 1): not ready, up 1 min 1 s, 2 MiB; data in /d
";
        assert_eq!(table(&serde_json::from_str(json).unwrap()), expected);
    }
}
