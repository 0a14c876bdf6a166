//! One call: the command's arguments and options, checked against what the command declares.
//!
//! Asked by every command. Made from a request's query, as Kubo makes it.

use std::{
    collections::HashMap,
    fmt::Display,
    str::FromStr,
    time::{Duration, Instant},
};

use crate::refusal::Refusal;

/// What a command declares of an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg {
    /// One, required.
    One(&'static str),
    /// One or none.
    Maybe(&'static str),
    /// At least one.
    Many(&'static str),
    /// Any number.
    Any(&'static str),
    /// A multipart body.
    File(&'static str),
}

impl Arg {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::One(name) | Self::Maybe(name) | Self::Many(name) | Self::Any(name) | Self::File(name) => name,
        }
    }
}

/// What a command declares of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Flag,
    Int,
    /// An offset or a length, which Kubo's errors call otherwise.
    Long,
    Uint,
    Text,
    /// May be given several times.
    Texts,
}

/// An option: its long name, its other name, what it holds.
pub(crate) type Opt = (&'static str, &'static str, Kind);

/// The options of every command.
pub(crate) const GLOBAL: &[Opt] = &[
    ("encoding", "enc", Kind::Text),
    ("stream-channels", "", Kind::Flag),
    ("timeout", "", Kind::Text),
    ("offline", "", Kind::Flag),
    ("cid-base", "", Kind::Text),
    ("upgrade-cidv0-in-output", "", Kind::Flag),
    ("debug", "D", Kind::Flag),
    ("local", "L", Kind::Flag),
    ("help", "", Kind::Flag),
    ("h", "", Kind::Flag),
];

/// Whether the request has a multipart body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    Sent,
    None,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    args: Vec<String>,
    options: HashMap<&'static str, Vec<String>>,
    deadline: Option<Instant>,
}

impl Call {
    /// Reads a query.
    pub(crate) fn read(
        query: &str,
        files: Files,
        args: &'static [Arg],
        options: &'static [Opt],
    ) -> Result<Self, Refusal> {
        let mut call = Self { args: Vec::new(), options: HashMap::new(), deadline: None };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == "arg" {
                call.args.push(value.into_owned());
            } else if let Some((long, _, kind)) = find(options, &name) {
                call.add_option(long, kind, value.into_owned())?;
            }
        }
        call.check_args(args, files)?;
        call.deadline = match call.text("timeout") {
            Some(text) => Some(Instant::now() + duration(text)?),
            None => None,
        };
        Ok(call)
    }

    fn add_option(&mut self, name: &'static str, kind: Kind, value: String) -> Result<(), Refusal> {
        let (is_right, type_name) = match kind {
            Kind::Flag => (read_flag(&value).is_some(), "bool"),
            Kind::Int => (value.parse::<i64>().is_ok(), "int"),
            Kind::Long => (value.parse::<i64>().is_ok(), "int64"),
            Kind::Uint => (value.parse::<u64>().is_ok(), "uint"),
            Kind::Text | Kind::Texts => (true, "string"),
        };
        if !is_right {
            let what = format!("could not convert value {value:?} to type {type_name:?} (for option \"-{name}\")");
            return Err(Refusal::unreadable(what));
        }
        let values = self.options.entry(name).or_default();
        values.push(value);
        if values.len() > 1 && kind != Kind::Texts {
            let all = values.join(" ");
            let what = format!("expected key {name} to have only a single value, received [{all}]");
            return Err(Refusal::unreadable(what));
        }
        Ok(())
    }

    fn check_args(&self, declared: &'static [Arg], files: Files) -> Result<(), Refusal> {
        let (mut least, mut most) = (0, 0usize);
        for arg in declared {
            match arg {
                Arg::One(name) | Arg::Many(name) if self.args.len() <= least => {
                    return Err(Refusal::unreadable(format!("argument \"{name}\" is required")));
                }
                Arg::File(name) if files == Files::None => {
                    return Err(Refusal::unreadable(format!("file argument '{name}' is required")));
                }
                Arg::One(_) => (least, most) = (least + 1, most.saturating_add(1)),
                Arg::Maybe(_) => most = most.saturating_add(1),
                Arg::Many(_) | Arg::Any(_) => most = usize::MAX,
                Arg::File(_) => {}
            }
        }
        if self.args.len() > most {
            let names: Vec<_> = declared.iter().map(Arg::name).collect();
            let (received, names) = (self.args.len(), names.join(", "));
            let what = format!("too many arguments: expected at most {most} ({names}), received {received}");
            return Err(Refusal::unreadable(what));
        }
        Ok(())
    }

    /// All arguments.
    pub(crate) fn args(&self) -> &[String] {
        &self.args
    }

    /// An argument that the command declares as required.
    pub(crate) fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }

    /// A flag; `None` when it was not given.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).and_then(read_flag)
    }

    /// A flag that is off unless given.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.flag(name).unwrap_or(false)
    }

    /// An option as it was given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.options.get(name).and_then(|values| values.last()).map(String::as_str)
    }

    /// A number; `None` when it was not given.
    pub(crate) fn number<N: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<N>, Refusal> {
        let parse = |text: &str| {
            text.parse().map_err(|error| Refusal::client(format!("option {name:?} has value {text:?}: {error}")))
        };
        self.text(name).map(parse).transpose()
    }

    /// Until when the caller waits, if it said so.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Refuses to go on after the time that the caller gave.
    pub(crate) fn check_time(&self) -> Result<(), Refusal> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Refusal::timed_out()),
            _ => Ok(()),
        }
    }
}

fn find(options: &'static [Opt], name: &str) -> Option<Opt> {
    let known =
        options.iter().chain(GLOBAL).find(|(long, short, _)| *long == name || (!short.is_empty() && *short == name));
    known.copied()
}

/// What Go reads as a bool.
fn read_flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" | "" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// What Go reads as a duration: `1h30m`, `1.5s`, `300ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, Refusal> {
    let wrong = || Refusal::unreadable(format!("time: invalid duration {text:?}"));
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while rest != "0" && !rest.is_empty() {
        let number_end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..number_end].parse().map_err(|_| wrong())?;
        rest = &rest[number_end..];
        let unit_end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        seconds += number * unit_seconds(&rest[..unit_end]).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[Opt] = &[("pin", "", Kind::Flag), ("quiet", "q", Kind::Flag), ("offset", "o", Kind::Int)];

    fn read(query: &str) -> Result<Call, Refusal> {
        Call::read(query, Files::None, &[Arg::One("path"), Arg::Any("more")], OPTIONS)
    }

    #[test]
    fn arguments_and_options_are_read_as_go_reads_them() {
        let call = read("arg=a+b%2Fc&arg=d&pin=False&q=1&offset=-7&unheard-of=x").unwrap();
        assert_eq!(call.args(), ["a b/c", "d"]);
        assert_eq!((call.flag("pin"), call.is_on("quiet"), call.flag("stream")), (Some(false), true, None));
        assert_eq!(call.number::<i64>("offset"), Ok(Some(-7)));
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_kubos_words() {
        assert_eq!(read("").unwrap_err().message, "argument \"path\" is required");
        let wrong = read("arg=x&pin=maybe").unwrap_err();
        assert_eq!(wrong.message, "could not convert value \"maybe\" to type \"bool\" (for option \"-pin\")");
        assert_eq!(wrong.status(), 400);
        let twice = read("arg=x&pin=1&pin=0").unwrap_err();
        assert_eq!(twice.message, "expected key pin to have only a single value, received [1 0]");
    }

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        for wrong in ["", "5", "s", "-1s", "1x", "1..5s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_call_ends_with_its_time() {
        assert!(read("arg=x&timeout=1h").unwrap().check_time().is_ok());
        let late = read("arg=x&timeout=0s").unwrap().check_time();
        assert_eq!(late.unwrap_err().message, "context deadline exceeded");
    }
}
