//! How a connection is encrypted: TLS first, as Kubo has it; Noise with those who know no TLS.

use std::{future::Future, io, pin::Pin};

use libp2p::{
    PeerId,
    core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
    futures::{AsyncRead, AsyncWrite, future::Either},
    identity::Keypair,
    noise, tls,
};

use crate::errors::StartError;

type Encrypted<C> = Either<tls::TlsStream<C>, noise::Output<C>>;
type Shake<C> = Pin<Box<dyn Future<Output = io::Result<(PeerId, Encrypted<C>)>> + Send>>;

/// TLS or Noise, whichever both sides know.
#[derive(Clone)]
pub(super) struct Security {
    tls: tls::Config,
    noise: noise::Config,
}

/// What was agreed on.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Tls,
    Noise,
}

impl AsRef<str> for Kind {
    fn as_ref(&self) -> &str {
        match self {
            Self::Tls => "/tls/1.0.0",
            Self::Noise => "/noise",
        }
    }
}

impl Security {
    pub(super) fn new(key: &Keypair) -> Result<Self, StartError> {
        let tls = tls::Config::new(key).map_err(|cause| StartError::Key(Box::new(cause)))?;
        let noise = noise::Config::new(key).map_err(|cause| StartError::Key(Box::new(cause)))?;
        Ok(Self { tls, noise })
    }
}

impl UpgradeInfo for Security {
    type Info = Kind;
    type InfoIter = [Kind; 2];

    fn protocol_info(&self) -> [Kind; 2] {
        [Kind::Tls, Kind::Noise]
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + Send + 'static> InboundConnectionUpgrade<C> for Security {
    type Output = (PeerId, Encrypted<C>);
    type Error = io::Error;
    type Future = Shake<C>;

    fn upgrade_inbound(self, socket: C, kind: Kind) -> Shake<C> {
        match kind {
            Kind::Tls => shake(self.tls.upgrade_inbound(socket, "/tls/1.0.0"), Either::Left),
            Kind::Noise => shake(self.noise.upgrade_inbound(socket, "/noise"), Either::Right),
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + Send + 'static> OutboundConnectionUpgrade<C> for Security {
    type Output = (PeerId, Encrypted<C>);
    type Error = io::Error;
    type Future = Shake<C>;

    fn upgrade_outbound(self, socket: C, kind: Kind) -> Shake<C> {
        match kind {
            Kind::Tls => shake(self.tls.upgrade_outbound(socket, "/tls/1.0.0"), Either::Left),
            Kind::Noise => shake(self.noise.upgrade_outbound(socket, "/noise"), Either::Right),
        }
    }
}

fn shake<C, S, E>(
    shaking: impl Future<Output = Result<(PeerId, S), E>> + Send + 'static,
    wrap: fn(S) -> Encrypted<C>,
) -> Shake<C>
where
    C: 'static,
    S: 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    Box::pin(async move {
        let (peer, stream) = shaking.await.map_err(io::Error::other)?;
        Ok((peer, wrap(stream)))
    })
}
