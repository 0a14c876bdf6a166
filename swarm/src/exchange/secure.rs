//! Connections to gateways: plain TCP for `http://`, TLS for `https://`, whose certificates have to be the web's.
//!
//! Asked by `gateway`. Keeps the roots that are believed.

use std::{io, sync::Arc};

use hyper::Uri;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::gateway::GatewayError;

/// A connection, whichever kind it is.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Who connects.
#[derive(Clone)]
pub(super) struct Secure(TlsConnector);

impl Secure {
    /// One that believes whom browsers believe.
    pub(super) fn web() -> Self {
        Self::believing(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()))
    }

    /// One that believes these roots.
    pub(super) fn believing(roots: RootCertStore) -> Self {
        // Named, because libp2p brings another provider along, and then there is no default.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the versions that rustls has");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Connects to the host of an address.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Box<dyn Wire>, GatewayError> {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(GatewayError::Address) };
        let host = host.trim_matches(['[', ']']);
        match scheme {
            "http" => Ok(Box::new(TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?)),
            "https" => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| GatewayError::Address)?;
                let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
                let secured = self.0.connect(name, stream).await.map_err(untrusted)?;
                Ok(Box::new(secured))
            }
            _ => Err(GatewayError::Address),
        }
    }
}

/// A failed handshake, apart from a connection that broke during it.
fn untrusted(error: io::Error) -> GatewayError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(_) => GatewayError::Untrusted(error),
        None => GatewayError::Unreachable(error),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use cid::Cid;
    use rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer},
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;
    use unixfs::cid_raw;

    use super::*;
    use crate::exchange::gateway::from_one;

    const BLOCK: &[u8] = b"on the web";

    /// A gateway that gives the same to everybody, under a certificate of its own for this name.
    async fn gateway(name: &str, gives: &'static [u8]) -> (SocketAddr, RootCertStore) {
        let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let certificate = CertificateDer::from(own.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(own.key_pair.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (acceptor, listener) =
            (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut question = [0; 1_024];
                let _ = stream.read(&mut question).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", gives.len());
                let _ = stream.write_all(&[head.as_bytes(), gives].concat()).await;
            }
        });
        (address, roots)
    }

    async fn ask(secure: &Secure, host: &str, address: SocketAddr, cid: &Cid) -> Result<bytes::Bytes, GatewayError> {
        from_one(secure, &format!("https://{host}:{}", address.port()), cid).await
    }

    #[tokio::test]
    async fn a_block_comes_over_tls_from_who_is_believed() {
        let (address, roots) = gateway("localhost", BLOCK).await;
        let given = ask(&Secure::believing(roots), "localhost", address, &cid_raw(BLOCK)).await;
        assert_eq!(given.unwrap(), BLOCK);
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_refused() {
        let (address, _) = gateway("localhost", BLOCK).await;
        let given = ask(&Secure::web(), "localhost", address, &cid_raw(BLOCK)).await;
        assert!(matches!(given, Err(GatewayError::Untrusted(_))), "{given:?}");
    }

    #[tokio::test]
    async fn a_certificate_for_another_name_is_refused() {
        let (address, roots) = gateway("gateway.example.org", BLOCK).await;
        let given = ask(&Secure::believing(roots), "localhost", address, &cid_raw(BLOCK)).await;
        assert!(matches!(given, Err(GatewayError::Untrusted(_))), "{given:?}");
    }

    #[tokio::test]
    async fn what_comes_over_tls_is_checked_too() {
        let (address, roots) = gateway("localhost", b"something else").await;
        let given = ask(&Secure::believing(roots), "localhost", address, &cid_raw(BLOCK)).await;
        assert!(matches!(given, Err(GatewayError::Wrong(_))), "{given:?}");
    }
}
