//! Blocks: `block/put`, `block/get`, `block/stat`.

use bytes::Bytes;
use serde::Deserialize;
use unixfs::{Block, Cid};

use super::{Kubo, RpcError, answer::Answer, call::Call, upload::Files, wait::Work};

/// The most bytes of a block; what is larger does not travel between IPFS daemons.
pub const BLOCK_BYTES: usize = 2 * 1024 * 1024;

/// What a block is, for a daemon that is to name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BlockCodec {
    /// Plain bytes.
    Raw,
    /// A node of files and folders.
    DagPb,
    /// A node of anything.
    DagCbor,
}

impl BlockCodec {
    /// The codec of a CID, if it is one that every daemon knows.
    #[must_use]
    pub fn of(cid: &Cid) -> Option<Self> {
        match cid.codec() {
            unixfs::CODEC_RAW => Some(Self::Raw),
            unixfs::CODEC_DAG_PB => Some(Self::DagPb),
            unixfs::CODEC_DAG_CBOR => Some(Self::DagCbor),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::DagPb => "dag-pb",
            Self::DagCbor => "dag-cbor",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    key: String,
}

impl Kubo {
    /// Puts blocks of one codec, in one call, and checks that the daemon gives them the names that they have here.
    ///
    /// # Errors
    ///
    /// As every call. Some of the blocks may have been stored; putting all of them again is harmless.
    pub async fn put_blocks(&self, codec: BlockCodec, blocks: &[Block]) -> Result<(), RpcError> {
        let mut files = Files::new();
        for block in blocks {
            files.push([block.bytes.clone()]);
        }
        self.measured(put(codec, files), |answer| check_names(answer, blocks)).await
    }

    /// Puts blocks of one codec, in one call, and gives the names that the daemon gave them.
    ///
    /// # Errors
    ///
    /// As [`Kubo::put_blocks`].
    pub async fn name_blocks(&self, codec: BlockCodec, blocks: Vec<Bytes>) -> Result<Vec<Cid>, RpcError> {
        let (mut files, count) = (Files::new(), blocks.len());
        for block in blocks {
            files.push([block]);
        }
        self.measured(put(codec, files), |answer| read_names(answer, count)).await
    }

    /// Reads a block that the daemon has, and checks it. `None` when the daemon lacks it.
    ///
    /// # Errors
    ///
    /// As every call; `Corrupt` when the bytes are not the block.
    pub async fn get_block(&self, cid: &Cid) -> Result<Option<Bytes>, RpcError> {
        let call = Call::new("block/get", Work::Brief).cid(cid).offline();
        let read = self.measured(call, |answer| answer.bytes(BLOCK_BYTES)).await;
        let Some(bytes) = present(read)? else { return Ok(None) };
        unixfs::verify(cid, &bytes).map_err(RpcError::Corrupt)?;
        Ok(Some(bytes))
    }

    /// Asks whether the daemon has a block.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn has_block(&self, cid: &Cid) -> Result<bool, RpcError> {
        let call = Call::new("block/stat", Work::Brief).cid(cid).offline();
        let found = self.measured(call, |answer| answer.only::<Stored>()).await;
        Ok(present(found)?.is_some())
    }
}

/// Nothing is acknowledged to anybody before a root above the blocks is pinned, which is durable with all below it. So our
/// own node may keep them where the death of a process does no harm and need not wait for the disk; Kubo, which does not
/// know the option, ignores it.
fn put(codec: BlockCodec, files: Files) -> Call {
    let call = Call::new("block/put", Work::Import).option("cid-codec", codec.name());
    call.option("sync", "false").files(files)
}

/// That a block is not there is an answer, not a failure.
fn present<T>(asked: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing_block() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn check_names(mut answer: Answer, blocks: &[Block]) -> Result<(), RpcError> {
    for block in blocks {
        let line: Option<Stored> = answer.line().await?;
        let key = line.map(|stored| stored.key).unwrap_or_default();
        // The hash is what counts: a CIDv0 and a CIDv1 of one block have different text.
        let same = Cid::try_from(key.as_str()).is_ok_and(|named| named.hash() == block.cid.hash());
        if !same {
            return Err(answer.nonsense(format!("`{key}` for the block {}", block.cid)));
        }
    }
    answer.end().await
}

async fn read_names(mut answer: Answer, count: usize) -> Result<Vec<Cid>, RpcError> {
    let mut names = Vec::with_capacity(count);
    while names.len() < count {
        let key = answer.line::<Stored>().await?.map(|stored| stored.key).unwrap_or_default();
        match Cid::try_from(key.as_str()) {
            Ok(name) => names.push(name),
            Err(_) => return Err(answer.nonsense(format!("`{key}` as the name of a block"))),
        }
    }
    answer.end().await?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_not_every_daemon_knows_has_no_name() {
        let of = |codec| BlockCodec::of(&Cid::new_v1(codec, *unixfs::cid_raw(b"x").hash()));
        assert_eq!(of(0x55).map(BlockCodec::name), Some("raw"));
        assert_eq!(of(0x70).map(BlockCodec::name), Some("dag-pb"));
        assert_eq!(of(0x71).map(BlockCodec::name), Some("dag-cbor"));
        assert_eq!(of(0x78), None);
    }
}
