/**
 * CIDs: what a block, a folder or a comment is called, made of the hash of its bytes. Only version 1 with SHA2-256 is
 * believed, because nothing else is checked.
 */
import { Damage, fromMultibase, toBase32, toHex } from '../codec.js'

export const RAW = 0x55
export const DAG_PB = 0x70
/** Version, codec, hash function (SHA2-256) and its length; then the hash. */
export const CID_BYTES = 36

/** @param {Uint8Array} bytes @param {number} start @returns {Cid} */
export function readCid(bytes, start) {
  const binary = bytes.subarray(start, start + CID_BYTES)
  const [version, codec, hash, size] = binary
  const isRight = version === 1 && codec < 0x80 && hash === 0x12 && size === 0x20 && binary.length === CID_BYTES
  if (!isRight) throw new Damage('a CID is not of SHA2-256')
  return { text: toBase32(binary), codec, digest: binary.subarray(4) }
}

/** @param {string} written an id as an author wrote it @returns {string | null} in the one spelling that is compared */
export function normalId(written) {
  if (/^[0-9a-f]{40}$/.test(written)) return written
  const bytes = fromMultibase(written.replace(/^.*?\/ipfs\//, ''))
  const isComment = bytes?.length === CID_BYTES && toHex(bytes.subarray(0, 4)) === '01551220'
  return isComment ? toBase32(bytes) : null
}
