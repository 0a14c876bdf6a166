//! The rules of a `_redirects` file: which paths that lead nowhere lead elsewhere.
//!
//! Asked by `rules`, which reads the file and obeys. Keeps nothing.

use http::StatusCode;
use thiserror::Error;

/// A file that is larger is refused.
pub(super) const FILE_BYTES_MAX: usize = 64 << 10;
/// No address is longer; a rule that names a placeholder over and over must not make one.
const TO_BYTES_MAX: usize = 16 << 10;

/// Why a file cannot be obeyed. Nothing of it is: half of the rules may be worse than none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// More than anyone needs.
    #[error("redirects file size cannot exceed {FILE_BYTES_MAX} bytes")]
    Large,
    /// It is no text.
    #[error("it is not UTF-8")]
    Text,
    /// A line that is no rule.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    from: String,
    to: String,
    pub(super) status: StatusCode,
}

/// Reads a file.
pub(super) fn read(file: &[u8]) -> Result<Vec<Rule>, RulesError> {
    if file.len() > FILE_BYTES_MAX {
        return Err(RulesError::Large);
    }
    let text = std::str::from_utf8(file).map_err(|_| RulesError::Text)?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let rules = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rules.map(|(line, text)| Rule::read(text).map_err(|what| RulesError::Line { line, what })).collect()
}

impl Rule {
    fn read(line: &str) -> Result<Self, &'static str> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (from, to, status) = match fields[..] {
            [from, to] => (from, to, None),
            [from, to, status] => (from, to, Some(status)),
            [_] | [] => return Err("missing 'to' path"),
            _ => return Err("must match format 'from to [status]'"),
        };
        check_from(from)?;
        check_to(to)?;
        let status = status.map_or(Ok(StatusCode::MOVED_PERMANENTLY), read_status)?;
        Ok(Self { from: from.to_owned(), to: to.to_owned(), status })
    }

    /// Where this path leads by this rule, if the rule is about it.
    pub(super) fn lead(&self, path: &str) -> Option<String> {
        let (mut named, splat) = self.matches(path)?;
        // The longer names first: `:month` is not `:mon` and more.
        named.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut to = self.to.clone();
        for (name, value) in named.iter().chain([&("splat", splat)]) {
            to = put(&to, &format!(":{name}"), value)?;
        }
        Some(to)
    }

    /// What the placeholders stand for, and what the asterisk does.
    fn matches<'p>(&self, path: &'p str) -> Option<(Vec<(&str, &'p str)>, &'p str)> {
        let from = self.from.strip_suffix('/').unwrap_or(&self.from);
        let (from, has_splat) = from.strip_suffix("/*").map_or((from, false), |from| (from, true));
        let mut named = Vec::new();
        let mut rest = Some(path);
        for segment in from.split('/') {
            let (here, after) = match rest?.split_once('/') {
                Some((here, after)) => (here, Some(after)),
                None => (rest?, None),
            };
            match segment.strip_prefix(':') {
                Some(name) => named.push((name, here)),
                None if segment != here => return None,
                None => {}
            }
            rest = after;
        }
        match (has_splat, rest) {
            (true, Some(splat)) => Some((named, splat)),
            (false, None) => Some((named, "")),
            _ => None,
        }
    }
}

/// Puts the value in the place of the name, wherever it stands.
fn put(to: &str, name: &str, value: &str) -> Option<String> {
    let bytes = to.len() + to.matches(name).count() * value.len();
    (bytes <= TO_BYTES_MAX).then(|| to.replace(name, value))
}

fn check_from(from: &str) -> Result<(), &'static str> {
    match from.find('*') {
        _ if !from.starts_with('/') => Err("'from' path must begin with '/'"),
        Some(at) if at + 1 != from.len() => Err("'from' path must end with asterisk, and have at most one"),
        _ => Ok(()),
    }
}

fn check_to(to: &str) -> Result<(), &'static str> {
    let schemes = ["http://", "https://", "ipfs://", "ipns://"];
    let is_known = to.starts_with('/') || schemes.iter().any(|scheme| to.starts_with(scheme));
    if is_known { Ok(()) } else { Err("'to' must be a path or an address of http, https, ipfs or ipns") }
}

fn read_status(text: &str) -> Result<StatusCode, &'static str> {
    match text {
        _ if text.ends_with('!') => Err("forced redirects (or \"shadowing\") are not supported"),
        "200" | "301" | "302" | "303" | "307" | "308" | "404" | "410" | "451" => {
            text.parse().map_err(|_| "status code is not supported")
        }
        _ => Err("status code is not supported"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lead(rule: &str, path: &str) -> Option<String> {
        read(rule.as_bytes()).unwrap()[0].lead(path)
    }

    #[test]
    fn status_defaults_to_301() {
        let rules = read(b"# home\n\n/home /index.html\n/gone /gone.html 410").unwrap();
        assert_eq!(rules.iter().map(|rule| rule.status.as_u16()).collect::<Vec<_>>(), [301, 410]);
    }

    #[test]
    fn placeholders_match_one_segment_and_are_put_into_to() {
        let rule = "/posts/:month/:year/:title /articles/:year/:month/:title";
        assert_eq!(lead(rule, "/posts/06/2022/hello").as_deref(), Some("/articles/2022/06/hello"));
        assert_eq!(lead(rule, "/posts/06/2022"), None);
        assert_eq!(lead(rule, "/posts/06/2022/a/b"), None);
        assert_eq!(lead("/:a/:ab /:ab/:a", "/x/y").as_deref(), Some("/y/x"));
    }

    #[test]
    fn a_splat_matches_the_rest_of_the_path() {
        assert_eq!(lead("/posts/* /articles/:splat", "/posts/a/b").as_deref(), Some("/articles/a/b"));
        assert_eq!(lead("/posts/* /articles/:splat", "/posts/").as_deref(), Some("/articles/"));
        assert_eq!(lead("/posts/* /articles/:splat", "/posts"), None);
        assert_eq!(lead("/* /index.html 200", "/any/thing").as_deref(), Some("/index.html"));
    }

    #[test]
    fn a_from_without_placeholders_matches_itself_with_or_without_a_slash() {
        assert_eq!(lead("/home/ /x", "/home").as_deref(), Some("/x"));
        assert_eq!(lead("/home /x", "/home").as_deref(), Some("/x"));
        assert_eq!(lead("/home /x", "/homes"), None);
        assert_eq!(lead("/a https://example.org/:splat", "/a").as_deref(), Some("https://example.org/"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for file in [
            "/a",
            "/a /b 301 more",
            "a /b",
            "/a b",
            "/a ftp://x/",
            "/a/*/b /c",
            "/a/** /c",
            "/a /b 200!",
            "/a /b 418",
            "/a /b x",
        ] {
            assert!(matches!(read(file.as_bytes()), Err(RulesError::Line { line: 1, .. })), "{file}");
        }
        assert_eq!(read(&[0xff]), Err(RulesError::Text));
    }

    #[test]
    fn a_file_over_64_kib_is_refused() {
        let line = b"/a /b\n";
        let file = line.repeat(FILE_BYTES_MAX / line.len() + 1);
        assert_eq!(read(&file), Err(RulesError::Large));
        assert!(read(&file[..FILE_BYTES_MAX / line.len() * line.len()]).is_ok());
    }

    proptest! {
        #[test]
        fn any_file_is_read_without_a_panic(file in proptest::collection::vec(any::<u8>(), 0..200), path in "/.{0,30}") {
            for rule in read(&file).unwrap_or_default() {
                let _ = rule.lead(&path);
            }
        }

        #[test]
        fn any_rule_is_followed_without_a_panic(from in "(/[a-z:*]{0,3}){1,3}", to in "/[a-z:/]{0,9}", path in "(/[a-z]{0,3}){0,4}") {
            for rule in read(format!("{from} {to}").as_bytes()).unwrap_or_default() {
                let _ = rule.lead(&path);
            }
        }
    }
}
