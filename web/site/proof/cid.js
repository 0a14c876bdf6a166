/**
 * CIDs: what a block, a folder or a comment is called, made of the hash of its bytes. Only version 1 with SHA2-256 is
 * believed, because nothing else is checked.
 */
import { fromMultibase, toBase32 } from '../codec/text.js';
import { Damage, readVarint } from '../codec/wire.js';

export const RAW = 0x55;
export const DAG_PB = 0x70;
const SHA2_256 = 0x12;
const DIGEST_BYTES = 32;

/** @returns {[Cid, number]} the CID, and where the next thing begins */
export function readCid(bytes, start) {
  const numbers = [];
  let at = start;
  for (let value; numbers.length < 4; numbers.push(value)) [value, at] = readVarint(bytes, at);
  const [version, codec, hash, size] = numbers;
  const end = at + DIGEST_BYTES;
  const isRight = version === 1 && hash === SHA2_256 && size === DIGEST_BYTES && end <= bytes.length;
  if (!isRight) throw new Damage('a CID is not of SHA2-256');
  return [{ text: toBase32(bytes.subarray(start, end)), codec, digest: bytes.subarray(at, end), bytes: end - start }, end];
}

/** @param {string} written an id as an author wrote it @returns {string | null} in the one spelling that is compared */
export function normalId(written) {
  if (/^[0-9a-f]{40}$/.test(written)) return written;
  try {
    const bytes = fromMultibase(written.replace(/^.*?\/ipfs\//, ''));
    const [cid, end] = readCid(bytes, 0);
    return end === bytes.length && cid.codec === RAW ? cid.text : null;
  } catch {
    return null;
  }
}
