//! Are blocks what their askers say they are? Nothing else reaches the daemon.

use proto::{
    Cid,
    blocks::{BATCH_BYTES, BlockError, PutBlocks},
};
use unixfs::Block;

use crate::kubo::{BLOCK_BYTES, BlockCodec};

/// A block that is what its CID says, and the codec that the daemon has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) codec: BlockCodec,
    pub(super) block: Block,
}

/// Takes a message apart and checks every block of it. Blocks that their CIDs carry within need no storing.
pub(super) fn checked(question: PutBlocks) -> Result<Vec<Checked>, BlockError> {
    check_size(&question)?;
    let PutBlocks { blocks, mut bytes } = question;
    let mut all = Vec::with_capacity(blocks.len());
    for (cid, block_bytes) in blocks {
        let bytes = bytes.split_to(block_bytes as usize);
        unixfs::verify(&cid.0, &bytes).map_err(|error| BlockError::Refused(error.to_string()))?;
        if unixfs::inline_block(&cid.0).is_none() {
            all.push(Checked { codec: codec(&cid)?, block: Block { cid: cid.0, bytes } });
        }
    }
    Ok(all)
}

fn check_size(question: &PutBlocks) -> Result<(), BlockError> {
    let promised: u64 = question.blocks.iter().map(|(_, block_bytes)| u64::from(*block_bytes)).sum();
    let came = question.bytes.len();
    if promised != came as u64 {
        return Err(BlockError::Refused(format!("the blocks should have {promised} bytes together, {came} came")));
    }
    if came > BATCH_BYTES {
        return Err(BlockError::Refused(format!("{came} bytes in one message; send at most {BATCH_BYTES}")));
    }
    match question.blocks.iter().find(|(_, block_bytes)| *block_bytes as usize > BLOCK_BYTES) {
        None => Ok(()),
        Some((cid, block_bytes)) => {
            Err(BlockError::Refused(format!("{cid} has {block_bytes} bytes; a block has at most {BLOCK_BYTES}")))
        }
    }
}

fn codec(cid: &Cid) -> Result<BlockCodec, BlockError> {
    let unknown = || format!("{cid} has codec {:#x}; put raw, dag-pb or dag-cbor", cid.0.codec());
    BlockCodec::of(&cid.0).ok_or_else(|| BlockError::Refused(unknown()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use proto::CommentId;

    use super::*;

    fn question(texts: &[&[u8]]) -> PutBlocks {
        let blocks = texts.iter().map(|text| (CommentId::of(text).cid(), text.len() as u32)).collect();
        PutBlocks { blocks, bytes: texts.concat().into() }
    }

    fn why(question: PutBlocks) -> String {
        match checked(question) {
            Err(BlockError::Refused(why)) => why,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn bytes_that_are_not_the_block_are_refused() {
        let mut wrong = question(&[b"one", b"two"]);
        wrong.bytes = Bytes::from_static(b"oneTWO");
        assert!(why(wrong).contains("do not hash to"));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        let mut short = question(&[b"one", b"two"]);
        short.bytes.truncate(5);
        assert_eq!(why(short), "the blocks should have 6 bytes together, 5 came");
    }

    #[test]
    fn more_than_a_message_may_hold_is_refused() {
        let large = vec![0; BATCH_BYTES];
        assert!(why(question(&[&large, b"x"])).contains("send at most"));
    }

    #[test]
    fn a_block_within_its_cid_needs_no_storing() {
        let hash = cid::multihash::Multihash::wrap(0, b"tiny").unwrap();
        let cid = Cid(cid::Cid::new_v1(0x55, hash));
        let question = PutBlocks { blocks: vec![(cid, 4)], bytes: Bytes::from_static(b"tiny") };
        assert_eq!(checked(question), Ok(Vec::new()));
    }

    #[test]
    fn a_codec_that_not_every_daemon_knows_is_refused() {
        let cid = Cid(cid::Cid::new_v1(0x78, *unixfs::cid_raw(b"x").hash()));
        let question = PutBlocks { blocks: vec![(cid, 1)], bytes: Bytes::from_static(b"x") };
        assert!(why(question).contains("codec 0x78"));
    }

    proptest! {
        #[test]
        fn blocks_come_out_as_they_went_in(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            let all = checked(question(&texts)).unwrap();
            prop_assert_eq!(all.len(), texts.len());
            for (checked, text) in all.iter().zip(texts) {
                prop_assert_eq!(&checked.block.bytes[..], text);
                prop_assert_eq!(checked.codec, BlockCodec::Raw);
            }
        }
    }
}
