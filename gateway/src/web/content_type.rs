//! The content type of a file: by the extension of its name, or by its first bytes.
//!
//! Asked by `file`. Keeps nothing.

/// So many first bytes are looked at.
pub(super) const LOOK_BYTES: u64 = 3072;

/// The type that the extension of a name tells, if it tells one.
pub(super) fn by_name(name: &str) -> Option<String> {
    let kind = mime_guess::from_path(name).first()?;
    // Not what the table says of text that may be anything: the bytes say that better.
    let kind = match kind.essence_str() {
        "text/plain" => return None,
        "application/javascript" => "text/javascript",
        kind => kind,
    };
    Some(with_charset(kind))
}

/// The type that the first bytes tell.
pub(super) fn by_bytes(bytes: &[u8]) -> String {
    if let Some(kind) = infer::get(bytes) {
        return with_charset(kind.mime_type());
    }
    let kind = match bytes {
        [] => "text/plain",
        [0xff, 0xfe, ..] => "text/plain; charset=utf-16le",
        [0xfe, 0xff, ..] => "text/plain; charset=utf-16be",
        _ if is_text(bytes) => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    kind.to_owned()
}

/// Text is UTF-8; a page says itself what it is.
fn with_charset(kind: &str) -> String {
    match kind {
        "text/html" => kind.to_owned(),
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    }
}

/// UTF-8, but for a letter that is cut at the end, and without what only programs write.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.bytes().any(|byte| matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_extension_tells_the_type() {
        for (name, kind) in [
            ("a.html", "text/html"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.JSON", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.webp", "image/webp"),
        ] {
            assert_eq!(by_name(name).as_deref(), Some(kind), "{name}");
        }
        assert_eq!((by_name("a.txt"), by_name("LICENSE"), by_name("a.unheard-of")), (None, None, None));
    }

    #[test]
    fn the_first_bytes_tell_the_type_where_the_name_does_not() {
        for (bytes, kind) in [
            (&b"hello"[..], "text/plain; charset=utf-8"),
            (b"", "text/plain"),
            ("Zo\u{eb}".as_bytes(), "text/plain; charset=utf-8"),
            (b"Zo\xc3", "text/plain; charset=utf-8"),
            (b"\xff\xfeZ\0", "text/plain; charset=utf-16le"),
            (b"\xfb\xfe\x00\x01", "application/octet-stream"),
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"<!DOCTYPE html><p>", "text/html"),
        ] {
            assert_eq!(by_bytes(bytes), kind, "{bytes:?}");
        }
    }
}
