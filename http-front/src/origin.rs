//! Under which address the outside world knows this server: what links that leave the front begin with.

use hyper::header::HOST;

use crate::front::Visit;

/// The address of the front, as this visitor wrote it, without a slash at the end: `https://comments.example.org`.
pub(crate) fn base_url(visit: &Visit) -> String {
    let authority = visit.uri.authority().map(hyper::http::uri::Authority::as_str);
    let host = authority.or_else(|| visit.headers.get(HOST)?.to_str().ok());
    let host = host.filter(|host| is_host(host)).unwrap_or("localhost");
    format!("http://{host}")
}

/// A name or an address, perhaps a port: nothing that could end an attribute or begin a path.
fn is_host(host: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(may)
}
