//! The repository itself: its files, for the tests of what may stand where.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 4] = ["target", ".git", "node_modules", ".venv"];

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate is in a folder of the repository").to_owned()
}

/// All files whose names end like this, in the order of their paths.
#[must_use]
pub fn files(ending: &str) -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let wanted = paths.into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    wanted
        .filter_map(|path| Some(Source { text: fs::read_to_string(&path).ok()?, path: below(&root, &path) }))
        .collect()
}

/// All configurations of Rookery in the repository: files of TOML that are not some tool's.
#[must_use]
pub fn configurations() -> Vec<Source> {
    const TOOLS: [&str; 6] =
        ["Cargo.toml", "clippy.toml", "deny.toml", "rustfmt.toml", "rust-toolchain.toml", "schemathesis.toml"];
    let is_ours = |source: &Source| !TOOLS.iter().any(|name| source.path.ends_with(name));
    files(".toml").into_iter().filter(is_ours).collect()
}

/// All Rust of the repository.
#[must_use]
pub fn rust() -> Vec<Source> {
    files(".rs")
}

impl Source {
    /// The crate that it belongs to: its first folder.
    #[must_use]
    pub fn of_crate(&self) -> &str {
        self.path.split_once('/').map_or("", |(first, _)| first)
    }

    /// Whether it is there for tests or benches only.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let named = self.path.ends_with("/tests.rs") || self.path.ends_with("/proof.rs");
        named || self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
    }

    /// Its lines of code with their numbers: no comment, and no test at its end.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() { 0 } else { self.first_test() };
        self.text.lines().take(end).enumerate().map(|(at, line)| (at + 1, without_comment(line)))
    }

    /// Its lines of tests with their numbers.
    pub fn tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let begin = if self.is_test() { 0 } else { self.first_test() };
        self.text.lines().enumerate().skip(begin).map(|(at, line)| (at + 1, without_comment(line)))
    }

    /// Where the module of tests begins that stands at the end of a file.
    fn first_test(&self) -> usize {
        let mut pairs = self.text.lines().zip(self.text.lines().skip(1));
        let module =
            |(line, next): (&str, &str)| line == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{');
        pairs.position(module).unwrap_or(usize::MAX)
    }
}

fn without_comment(line: &str) -> &str {
    match line.find("//") {
        // `http://` is no comment.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    }
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the repository can be read").flatten() {
        let name = entry.file_name();
        let foreign = FOREIGN.iter().any(|foreign| name == *foreign);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !foreign => walk(&entry.path(), paths),
            Ok(kind) if kind.is_file() => paths.push(entry.path()),
            _ => {}
        }
    }
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// The text of every fenced block of a kind in a page of Markdown, with the number of its first line.
#[must_use]
pub fn fences<'a>(page: &'a str, kind: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Vec<&'a str>)> = None;
    for (at, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(named)) if named == kind => open = Some((at + 2, Vec::new())),
            (None, _) => {}
            (Some(_), Some(_)) => found.extend(open.take().map(|(at, lines)| (at, lines.join("\n") + "\n"))),
            (Some((_, lines)), None) => lines.push(line),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_found() {
        assert!(rust().iter().any(|source| source.path == "tests/src/sources.rs"));
    }

    #[test]
    fn a_fence_is_read_with_its_line() {
        let page = "a\n```toml\n[common]\n```\n```sh\nx\n```\n";
        assert_eq!(fences(page, "toml"), [(3, "[common]\n".to_owned())]);
    }

    #[test]
    fn a_comment_is_no_code() {
        assert_eq!(without_comment("a(); // b"), "a(); ");
        assert_eq!(without_comment("get(\"http://x\")"), "get(\"http://x\")");
    }
}
