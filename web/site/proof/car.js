/** CAR v1: blocks behind a header that names the root. Asked by `inspect.js`, which checks each block's hash. */
import { Damage, fromHex, readVarint, toHex } from '../codec.js'
import { CID_BYTES, readCid } from './cid.js'

/** `{"roots": [CID], "version": 1}` in DAG-CBOR, which has one form only. */
const HEADER = /^a265726f6f747381d82a582500(.{72})6776657273696f6e01$/

/** @returns {{ root: string, blocks: Generator<{ cid: Cid, bytes: Uint8Array }> }} */
export function readCar(bytes) {
  const [size, start] = readVarint(bytes, 0)
  const root = HEADER.exec(toHex(bytes.subarray(start, start + size)))?.[1]
  if (!root) throw new Damage('it does not begin as a CAR with one root')
  return { root: readCid(fromHex(root, CID_BYTES), 0).text, blocks: readBlocks(bytes, start + size) }
}

function* readBlocks(bytes, start) {
  for (let at = start; at < bytes.length;) {
    const [size, from] = readVarint(bytes, at)
    at = from + size
    if (at > bytes.length) throw new Damage('the last block is cut off')
    yield { cid: readCid(bytes.subarray(0, at), from), bytes: bytes.subarray(from + CID_BYTES, at) }
  }
}
