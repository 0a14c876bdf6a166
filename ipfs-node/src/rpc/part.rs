//! What a part of an upload is: a file, a folder, a symbolic link, and the path it goes by.
//!
//! Asked by the commands that take files. The rules are those of Kubo's clients.

use multipart::Header;
use percent_encoding::percent_decode_str;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    File,
    Folder,
    Symlink,
}

/// A part's kind and its path, which has no empty, `.` or `..` segments; empty when it has no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartName {
    pub(crate) kind: PartKind,
    pub(crate) path: String,
}

impl PartName {
    /// As the part's header says.
    pub(crate) fn of(header: &Header) -> Self {
        let content_type = header.get("content-type").unwrap_or_default();
        let kind = match content_type.split(';').next().unwrap_or_default().trim() {
            "application/x-directory" | "multipart/form-data" => PartKind::Folder,
            "application/symlink" => PartKind::Symlink,
            _ => PartKind::File,
        };
        let name = header.disposition("filename").unwrap_or_default();
        // As Go's QueryUnescape: a plus is a space, and what does not decode is taken as it is.
        let spaced = name.replace('+', " ");
        let path = percent_decode_str(&spaced).decode_utf8().map_or_else(|_| name.clone(), |path| path.into_owned());
        Self { kind, path: clean(&path) }
    }
}

fn clean(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            name => segments.push(name),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_their_folder() {
        assert_eq!(clean("../../etc/passwd"), "etc/passwd");
        assert_eq!(clean("/a//./b/../c/"), "a/c");
        assert_eq!(clean("/"), "");
    }
}
