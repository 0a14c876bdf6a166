//! What the daemon is and how it is: `id`, `version`, `diag/healthy`, `repo/stat`.

use serde::Deserialize;
use unixfs::Cid;

use super::{Kubo, RpcError, call::Call, wait::Work};

/// What the daemon says it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Agent {
    /// The peer's name on the network.
    #[serde(rename = "ID")]
    pub peer: String,
    /// Program and version, `kubo/0.43.0/`.
    #[serde(rename = "AgentVersion")]
    pub agent: String,
}

/// How much the daemon stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RepoSize {
    /// Bytes in use.
    #[serde(rename = "RepoSize")]
    pub repo_bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Peers {
    #[serde(default)]
    peers: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
}

impl Kubo {
    /// Asks for the daemon's name and program.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn id(&self) -> Result<Agent, RpcError> {
        self.measured(Call::new("id", Work::Brief), |answer| answer.only()).await
    }

    /// Asks for the version of the RPC, which is Kubo's: `0.43.0`.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn version(&self) -> Result<String, RpcError> {
        let version = |version: Version| version.version;
        self.measured(Call::new("version", Work::Brief), |answer| answer.only()).await.map(version)
    }

    /// Asks whether the daemon works down to its disk, which `id` and `version` would not show.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn check_health(&self) -> Result<(), RpcError> {
        match self.measured(Call::new("diag/healthy", Work::Brief), |answer| answer.end()).await {
            // Kubo before 0.42 does not know the call; reading the folder that every daemon has does the same.
            Err(error) if error.is_unknown_call() => self.has_block(&empty_folder()).await.map(drop),
            checked => checked,
        }
    }

    /// Asks with how many peers it is connected.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn peers(&self) -> Result<u64, RpcError> {
        let answer = self.measured(Call::new("swarm/peers", Work::Brief), |answer| answer.bytes(PEERS_BYTES)).await?;
        let nonsense =
            |cause: serde_json::Error| RpcError::Nonsense { endpoint: "swarm/peers", found: cause.to_string() };
        let told: Peers = serde_json::from_slice(&answer).map_err(nonsense)?;
        Ok(told.peers.map_or(0, |peers| peers.len() as u64))
    }

    /// Asks how much is stored, without having every block counted.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn repo_size(&self) -> Result<RepoSize, RpcError> {
        let call = Call::new("repo/stat", Work::Brief).option("size-only", "true");
        self.measured(call, |answer| answer.only()).await
    }
}

/// The list of peers is longer than a line may be elsewhere.
const PEERS_BYTES: usize = 4 * 1024 * 1024;

/// Kubo pins the empty folder of the old profile when it makes its repository.
fn empty_folder() -> Cid {
    unixfs::cid_dag_pb(unixfs::Version::V0, &[0x0a, 0x02, 0x08, 0x01])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_empty_folder_is_the_one_that_kubo_pins() {
        assert_eq!(super::empty_folder().to_string(), "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
    }
}
