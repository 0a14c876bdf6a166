//! `line`: one line of a log, as a human reads it. Boxes write JSON; anything else is shown as it is.

use std::fmt;

use serde_json::{Map, Value};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// RFC 3339 in UTC, so the order of texts is the order of times. A line without one belongs to the line before it.
    pub(super) time: String,
    name: String,
    pub(super) text: String,
}

/// Reads the lines of one log.
pub(super) fn parse<'a>(name: &str, lines: impl Iterator<Item = &'a str>) -> Vec<Line> {
    let mut time = String::new();
    let read = |line: &str| {
        let text = match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(mut event) => {
                time = take_text(&mut event, "timestamp").unwrap_or_else(|| time.clone());
                tell(event)
            }
            Err(_) => line.to_owned(),
        };
        Line { time: time.clone(), name: name.to_owned(), text }
    };
    lines.map(read).collect()
}

fn take_text(event: &mut Map<String, Value>, key: &str) -> Option<String> {
    match event.remove(key)? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// `WARN what happened  key=value …`, with long texts below.
fn tell(mut event: Map<String, Value>) -> String {
    let level = take_text(&mut event, "level").unwrap_or_default();
    let message = take_text(&mut event, "message").unwrap_or_default();
    event.remove("target");
    let span = event.remove("span");
    let mut told = format!("{level:<5} {message}");
    let mut below = String::new();
    let spanned = span.and_then(|span| span.as_object().cloned()).unwrap_or_default();
    for (key, value) in event.into_iter().chain(spanned.into_iter().filter(|(key, _)| key != "name")) {
        match value {
            Value::String(text) if text.contains('\n') => below += &format!("\n{text}"),
            Value::String(text) if text.is_empty() || text.contains(' ') => told += &format!(" {key}={text:?}"),
            Value::String(text) => told += &format!(" {key}={text}"),
            Value::Null => {}
            other => told += &format!(" {key}={other}"),
        }
    }
    told + &below.replace('\n', "\n    ")
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.get(..TIME_CHARS).unwrap_or(&self.time);
        let time = time.replacen('T', " ", 1);
        writeln!(f, "{time:<TIME_CHARS$} {:<14} {}", self.name, self.text)
    }
}

/// To the millisecond.
const TIME_CHARS: usize = "2026-01-01T00:00:00.000".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        parse("get-worker.0", text.lines()).iter().map(|line| line.to_string()).collect()
    }

    #[test]
    fn an_event_is_told_in_one_line_with_its_fields() {
        let json = r#"{"timestamp":"2026-11-20T22:50:01.123456Z","level":"INFO","message":"page sent","took_ms":3,"path":"/a b","reason":null,"target":"get_worker","span":{"name":"ask","request":"00ab"}}"#;
        let expected = "2026-11-20 22:50:01.123 get-worker.0   INFO  page sent path=\"/a b\" took_ms=3 request=00ab\n";
        assert_eq!(told(json), [expected]);
    }

    #[test]
    fn other_lines_stay_as_they_are_and_belong_to_the_event_before() {
        let text =
            "{\"timestamp\":\"2026-11-20T22:50:01.123456Z\",\"level\":\"INFO\",\"message\":\"m\"}\nthread 'x' panicked";
        assert_eq!(told(text)[1], "2026-11-20 22:50:01.123 get-worker.0   thread 'x' panicked\n");
        assert_eq!(told("plain")[0], "                        get-worker.0   plain\n");
    }

    #[test]
    fn a_stack_stands_below_its_event() {
        let json =
            r#"{"timestamp":"2026-11-20T22:50:01.123456Z","level":"ERROR","message":"aborted","stack":"0: a\n1: b"}"#;
        assert_eq!(told(json)[0], "2026-11-20 22:50:01.123 get-worker.0   ERROR aborted\n    0: a\n    1: b\n");
    }
}
