//! Which daemon this tree has, and what it asks for of those who call it: from the configuration to a [`Place`].

use std::{fs, io, path::Path};

use daemon::Failure;
use hyper::header::HeaderValue;
use proto::config::{Ipfs, IpfsDaemon};

use crate::{
    kubo::{CommandLine, Kubo, Place, Waits},
    metrics::Metrics,
};

/// A secret is a line; whatever is longer is another file.
const SECRET_BYTES: usize = 4_096;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error(
        "cannot read {path}; name a file that this user may read, with one line: bearer:TOKEN or basic:USER:PASSWORD"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The file holds something else.
    #[error("{path} holds no secret; expected one line: bearer:TOKEN or basic:USER:PASSWORD")]
    NoSecret {
        /// The file.
        path: String,
    },
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::config("[ipfs] a secret cannot be used").because(error)
    }
}

/// The folder in which the daemon of this tree has its repository.
#[must_use]
pub fn repository(daemon: IpfsDaemon) -> &'static str {
    match daemon {
        IpfsDaemon::Embedded | IpfsDaemon::Remote => "ipfs",
        IpfsDaemon::Kubo => "kubo",
    }
}

/// The daemon, over its RPC or its command line.
///
/// # Errors
///
/// When it asks for a secret that cannot be read.
pub fn kubo(config: &Ipfs, repository: &Path, waits: Waits, metrics: &Metrics) -> Result<Kubo, SecretError> {
    let program = CommandLine::configured(config, repository.to_owned());
    Ok(Kubo::new(place(config, repository)?, waits, metrics.clone()).with_command_line(program))
}

/// Where the daemon's RPC is.
///
/// # Errors
///
/// When it asks for a secret that cannot be read.
pub fn place(config: &Ipfs, repository: &Path) -> Result<Place, SecretError> {
    match (config.daemon, &config.remote) {
        (IpfsDaemon::Remote, Some(address)) => {
            Ok(Place::At { address: address.clone(), secret: secret(config.remote_secret_file.as_deref())? })
        }
        _ => Ok(Place::File(repository.join("api"))),
    }
}

/// The header that a secret stands for; none when there is no file.
///
/// # Errors
///
/// When the file cannot be read, or holds something else.
pub fn secret(file: Option<&Path>) -> Result<Option<HeaderValue>, SecretError> {
    let Some(file) = file else { return Ok(None) };
    let path = file.display().to_string();
    let text = fs::read(file).map_err(|cause| SecretError::Unreadable { path: path.clone(), cause })?;
    let header = (text.len() <= SECRET_BYTES).then(|| String::from_utf8_lossy(&text).trim().to_owned());
    header.as_deref().and_then(authorization).map(Some).ok_or(SecretError::NoSecret { path })
}

/// `bearer:T` → `Bearer T`, `basic:u:p` → `Basic dTpw`.
fn authorization(text: &str) -> Option<HeaderValue> {
    let (kind, secret) = text.split_once(':')?;
    let line = match kind {
        _ if secret.is_empty() => return None,
        "bearer" => format!("Bearer {secret}"),
        "basic" if secret.contains(':') => format!("Basic {}", base64(secret.as_bytes())),
        _ => return None,
    };
    let mut header = HeaderValue::try_from(line).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The standard alphabet, padded: what `Basic` wants.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        let digit = move |at: usize| char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]);
        let filled = three.len() + 1;
        (0..4).map(move |at| if at < filled { digit(at) } else { '=' })
    };
    bytes.chunks(3).flat_map(four).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_the_form_that_kubo_gives_them() {
        let header = |text: &str| authorization(text).map(|header| header.to_str().unwrap().to_owned());
        assert_eq!(header("bearer:token").as_deref(), Some("Bearer token"));
        for (pair, coded) in [("u:p", "dTpw"), ("user:pass", "dXNlcjpwYXNz"), ("a:", "YTo="), ("ab:c", "YWI6Yw==")] {
            assert_eq!(header(&format!("basic:{pair}")), Some(format!("Basic {coded}")));
        }
        for text in ["", "token", "bearer:", "basic:nobody", "digest:a:b", "bearer:a\nb"] {
            assert_eq!(header(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_says_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        assert!(secret(Some(&file)).unwrap_err().to_string().contains("basic:USER:PASSWORD"));
        fs::write(&file, "nonsense").unwrap();
        assert!(secret(Some(&file)).unwrap_err().to_string().contains("holds no secret"));
        fs::write(&file, "bearer:x\n").unwrap();
        assert!(secret(Some(&file)).unwrap().is_some_and(|header| header.is_sensitive()));
        assert!(secret(None).unwrap().is_none());
    }
}
