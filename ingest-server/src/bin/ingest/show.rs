//! What the user sees: results on stdout, progress and errors on stderr. Asked by everybody here.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    args::Misuse,
    attempts::Outcome,
    download::Got,
    meter::{Face, Meter},
    refusal::{Refusal, Verdict},
    upload::Stored,
};

/// How results are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `CID  NAME`, and progress.
    Plain,
    /// CIDs alone.
    Quiet,
    /// One object per line.
    Json,
}

/// Tells the user.
#[derive(Debug)]
pub struct Show {
    form: Form,
    bars: MultiProgress,
}

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    tries: u32,
    seconds: f64,
}

impl Show {
    /// Tells in this form.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self { form, bars: MultiProgress::new() }
    }

    /// A meter for one transfer.
    #[must_use]
    pub fn meter(&self, name: &str, total_bytes: Option<u64>) -> Meter {
        let face = match self.form {
            Form::Plain if io::stderr().is_terminal() => Face::Bar(self.bars.add(bar(name, total_bytes))),
            Form::Plain => Face::Lines,
            Form::Quiet | Form::Json => Face::Hidden,
        };
        Meter::new(face, name, total_bytes)
    }

    /// What was typed cannot be done.
    pub fn misused(&self, wrong: &Misuse) -> Verdict {
        self.error(&format!("{wrong}; `ingest --help` has examples of right ones"));
        Verdict::Misused
    }

    /// A file is stored, or is not.
    pub fn stored(&self, name: &str, outcome: &Outcome<Stored>) {
        match &outcome.result {
            Ok(stored) if self.form == Form::Plain => self.result(&format!("{}  {name}", stored.cid)),
            Ok(stored) if self.form == Form::Quiet => self.result(&stored.cid.to_string()),
            Ok(stored) => self.line(&Line {
                cid: Some(stored.cid.to_string()),
                bytes: Some(stored.bytes),
                profile: stored.profile.map(unixfs::Profile::name),
                ..Line::of(name, outcome)
            }),
            Err(refusal) => self.failed(name, refusal, outcome),
        }
    }

    /// A file was got, or was not. Nothing but the file goes to stdout when that is where it went.
    pub fn got(&self, cid: &str, to: Option<&Path>, outcome: &Outcome<Got>) {
        match (&outcome.result, to) {
            (Err(refusal), _) => self.failed(cid, refusal, outcome),
            (Ok(_), None) => {}
            (Ok(got), Some(path)) => match self.form {
                Form::Quiet => {}
                Form::Plain => self.result(&format!("{cid}  {}", path.display())),
                Form::Json => self.line(&Line {
                    cid: Some(cid.to_owned()),
                    bytes: Some(got.bytes),
                    profile: got.profile.map(unixfs::Profile::name),
                    ..Line::of(&path.display().to_string(), outcome)
                }),
            },
        }
    }

    fn failed<T>(&self, name: &str, refusal: &Refusal, outcome: &Outcome<T>) {
        let error = refusal.in_full();
        if self.form == Form::Json {
            let (error, kind) = (Some(error), Some(refusal.kind()));
            self.line(&Line { error, kind, ..Line::of(name, outcome) });
        } else {
            let tries = if outcome.tries > 1 { format!(" ({} tries)", outcome.tries) } else { String::new() };
            self.error(&format!("{name}: {error}{tries}"));
        }
    }

    fn line(&self, line: &Line<'_>) {
        self.result(&serde_json::to_string(line).expect("names and numbers have a JSON form"));
    }

    /// Written beside the bars, not through them. A reader that went away needs no more.
    fn result(&self, line: &str) {
        let _ = self.bars.suspend(|| writeln!(io::stdout(), "{line}"));
    }

    fn error(&self, line: &str) {
        let _ = self.bars.suspend(|| writeln!(io::stderr(), "ingest: {line}"));
    }
}

impl<'a> Line<'a> {
    fn of<T>(file: &'a str, outcome: &Outcome<T>) -> Self {
        let (tries, seconds) = (outcome.tries, outcome.took.as_secs_f64());
        Self { file, cid: None, bytes: None, profile: None, error: None, kind: None, tries, seconds }
    }
}

fn bar(name: &str, total_bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match total_bytes {
        Some(total) => {
            (ProgressBar::new(total), "{prefix} {wide_bar} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes}, {binary_bytes_per_sec}"),
    };
    ProgressStyle::with_template(template).into_iter().for_each(|style| bar.set_style(style));
    bar.set_prefix(name.to_owned());
    bar
}
