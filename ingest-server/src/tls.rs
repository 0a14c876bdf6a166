//! The certificate that this box shows to clients who ask for TLS: configured, or made here once and kept.
//!
//! Asked by `main`. Keeps, if it made it, `<data_dir>/ingest-server/tls/` with the certificate, its key and its fingerprint.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use daemon::{Boot, Failure};
use proto::wiring::IngestServer;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    version::TLS13,
};

use crate::wire::Fingerprint;

/// Below the folder of all data.
const FOLDER: &str = "ingest-server/tls";
/// The name that a certificate made here is for. Clients know it by its fingerprint, not by its name.
const NAME: &str = "rookery-ingest";

/// Where the certificate is.
#[derive(Debug, Clone)]
pub enum Source {
    /// In these files, in PEM.
    Configured {
        /// The certificate, and those that vouch for it.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// Made here, and kept in this folder.
    SelfMade(PathBuf),
}

/// What TLS connections go by, and what clients have to know.
#[derive(Debug, Clone)]
pub struct Identity {
    /// For connections.
    pub config: Arc<ServerConfig>,
    /// Of the certificate.
    pub fingerprint: Fingerprint,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("cannot read or write {path}; check that it exists and who may use it")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// What is in it.
    #[error("{path} holds no certificate or key in PEM; check tls_certificate and tls_key")]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// The two do not fit, or are of no kind that is known.
    #[error("the certificate and its key cannot be used; check that they belong together")]
    Unusable(#[from] rustls::Error),
    /// None could be made.
    #[error("cannot make a certificate; configure tls_certificate and tls_key")]
    Make(#[from] rcgen::Error),
}

/// Says what will be needed of the disk; none: nobody is served within TLS.
#[must_use]
pub fn declare(boot: &Boot<IngestServer>) -> Option<Source> {
    let config = boot.config();
    if !config.tls {
        return None;
    }
    boot.holds_private_key();
    Some(match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            let _declared = [certificate, key].map(|path| boot.reads(path.clone()));
            Source::Configured { certificate: certificate.clone(), key: key.clone() }
        }
        _ => {
            let folder = boot.places().data_dir.join(FOLDER);
            let _declared = boot.writes(folder.clone());
            Source::SelfMade(folder)
        }
    })
}

/// What TLS connections go by, if there are any. Says in the log how clients can know it.
///
/// # Errors
///
/// As [`Identity::open`]; the box should be held.
pub fn open(source: Option<Source>) -> Result<Option<Arc<ServerConfig>>, Failure> {
    let Some(source) = source else { return Ok(None) };
    let failed = |error: TlsError| Failure::config("cannot serve within TLS; see [ingest-server] tls").because(error);
    let Identity { config, fingerprint } = Identity::open(&source).map_err(failed)?;
    tracing::info!(%fingerprint, "clients are served within TLS if they ask for it");
    Ok(Some(config))
}

impl Identity {
    /// Reads the certificate, or makes one if it should be made and is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be read, written or used.
    pub fn open(source: &Source) -> Result<Self, TlsError> {
        let (chain, key) = match source {
            Source::Configured { certificate, key } => read(certificate, key)?,
            Source::SelfMade(folder) => self_made(folder)?,
        };
        let fingerprint = Fingerprint::of(chain.first().map(AsRef::as_ref).unwrap_or_default());
        if let Source::SelfMade(folder) = source {
            write(&folder.join("fingerprint"), format!("{fingerprint}\n").as_bytes())?;
        }
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // They would be the first thing that a client sees, which looks whether it was refused; and nobody comes back.
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), fingerprint })
    }
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(certificate: &Path, key: &Path) -> Result<Pair, TlsError> {
    let unreadable = |path: &Path, cause| TlsError::Pem { path: path.to_owned(), cause };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|cause| unreadable(certificate, cause))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|cause| unreadable(certificate, cause))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| unreadable(key, cause))?;
    Ok((chain, key))
}

fn self_made(folder: &Path) -> Result<Pair, TlsError> {
    let (certificate, key) = (folder.join("certificate.der"), folder.join("key.der"));
    let both = fs::read(&certificate).and_then(|found| Ok((found, fs::read(&key)?)));
    let (certificate, key) = match both {
        Ok(both) => both,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|cause| TlsError::File { path: folder.to_owned(), cause })?;
            make(&certificate, &key)?
        }
        Err(cause) => return Err(TlsError::File { path: folder.to_owned(), cause }),
    };
    Ok((vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into()))
}

/// The key first: a certificate whose key is missing would be a fingerprint that nobody can prove.
fn make(certificate: &Path, key: &Path) -> Result<(Vec<u8>, Vec<u8>), TlsError> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let (certificate_der, key_der) = (made.cert.der().to_vec(), made.key_pair.serialize_der());
    write(key, &key_der)?;
    write(certificate, &certificate_der)?;
    Ok((certificate_der, key_der))
}

/// Writes a file that only this user may read, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let failed = |cause| TlsError::File { path: path.to_owned(), cause };
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&fresh, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_certificate_that_was_made_here_is_kept_with_its_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::SelfMade(folder.path().to_owned());
        let first = Identity::open(&source).unwrap();
        assert_eq!(Identity::open(&source).unwrap().fingerprint, first.fingerprint);
        assert_eq!(
            fs::read_to_string(folder.path().join("fingerprint")).unwrap().trim(),
            first.fingerprint.to_string()
        );
        assert_eq!(fs::metadata(folder.path().join("key.der")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Fingerprint::of(&fs::read(folder.path().join("certificate.der")).unwrap()), first.fingerprint);
    }

    #[test]
    fn a_certificate_from_somewhere_else_is_read_and_a_wrong_one_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let made = rcgen::generate_simple_self_signed(["example.org".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.key_pair.serialize_pem()).unwrap();
        let source = Source::Configured { certificate: certificate.clone(), key: key.clone() };
        assert_eq!(Identity::open(&source).unwrap().fingerprint, Fingerprint::of(made.cert.der()));
        fs::write(&key, "no key").unwrap();
        assert!(Identity::open(&source).unwrap_err().to_string().contains("tls_key"));
    }
}
