//! HTTP/2 frame by frame, for those who break its rules: RFC 9113.

/// What a connection begins with: the preface and settings that change nothing.
pub const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A kind of frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A request's header.
    Headers = 1,
    /// The end of a stream by force.
    Reset = 3,
    /// How a client wants to be spoken to.
    Settings = 4,
    /// Whether the other end lives.
    Ping = 6,
    /// More of a header.
    Continuation = 9,
}

/// No flag.
pub const NONE: u8 = 0;
/// Nothing follows in this stream, of a header.
pub const END_STREAM: u8 = 1;
/// Nothing follows of this header.
pub const END_HEADERS: u8 = 4;

/// The bytes of a frame.
#[must_use]
pub fn frame(kind: Kind, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[length[1], length[2], length[3], kind as u8, flags][..], &stream.to_be_bytes(), content].concat()
}

/// The header of a `GET` that wants JSON, without a table of headers: RFC 7541. For paths of less than 127 bytes.
#[must_use]
pub fn get(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len() & 0x7f).unwrap_or(0)], text.as_bytes()].concat();
    let (method, scheme, path_is, authority_is, accept_is) = (0x82, 0x86, 0x04, 0x01, [0x0f, 0x04]);
    let mut block = vec![method, scheme, path_is];
    block.extend(text(path));
    block.push(authority_is);
    block.extend(text("test"));
    block.extend(accept_is);
    block.extend(text("application/json"));
    block
}

/// A setting that lets nothing be sent: a window of no bytes.
#[must_use]
pub fn no_window() -> Vec<u8> {
    frame(Kind::Settings, NONE, 0, &[0, 4, 0, 0, 0, 0])
}
