/** CAR v1: blocks behind a header that names the root. Asked by `inspect.js`, which checks each block's hash. */
import { toHex } from '../codec/text.js';
import { Damage, readVarint } from '../codec/wire.js';
import { readCid } from './cid.js';

/** A header is DAG-CBOR, which has one form only: `{"roots": [CID], "version": 1}` is this, the CID, and that. */
const BEFORE = 'a265726f6f747381d82a582500';
const BEHIND = '6776657273696f6e01';

/** @returns {{ root: string, blocks: Generator<{ cid: Cid, bytes: Uint8Array }> }} */
export function readCar(bytes) {
  const [size, start] = readVarint(bytes, 0);
  const end = start + size;
  const [root, next] = readCid(bytes.subarray(0, end), start + BEFORE.length / 2);
  const header = toHex(bytes.subarray(start, next - root.bytes)) + toHex(bytes.subarray(next, end));
  if (header !== BEFORE + BEHIND) throw new Damage('it does not begin as a CAR with one root');
  return { root: root.text, blocks: readBlocks(bytes, end) };
}

function* readBlocks(bytes, start) {
  for (let at = start; at < bytes.length; ) {
    const [size, from] = readVarint(bytes, at);
    at = from + size;
    if (at > bytes.length) throw new Damage('the last block is cut off');
    const [cid, body] = readCid(bytes.subarray(0, at), from);
    yield { cid, bytes: bytes.subarray(body, at) };
  }
}
