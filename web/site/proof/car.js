/**
 * CAR v1: a stream of blocks behind a header that names the root. What the server hands out a folder as.
 * Asked by `inspect.js`, which checks each block's hash; this only takes the bytes apart.
 */
import { readCbor } from '../codec/cbor.js';
import { Damage } from '../codec/damage.js';
import { readVarint } from '../codec/varint.js';
import { readCid } from './cid.js';

/**
 * @param {Uint8Array} bytes
 * @returns {{ root: string, blocks: Generator<{ cid: import('./cid.js').Cid, bytes: Uint8Array }> }}
 */
export function readCar(bytes) {
  const [size, start] = readVarint(bytes, 0);
  if (start + size > bytes.length) throw new Damage('the header is cut off');
  const header = readCbor(bytes.subarray(start, start + size));
  const isHeader = header.version === 1 && Array.isArray(header.roots) && header.roots.length === 1;
  if (!isHeader || !(header.roots[0] instanceof Uint8Array)) throw new Damage('the header names no single root');
  return { root: readCid(header.roots[0], 0)[0].text, blocks: readBlocks(bytes, start + size) };
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
