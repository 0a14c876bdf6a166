/**
 * CIDs: what a block, a folder or a comment is called, made of the hash of its bytes.
 *
 * Version 1 with SHA2-256 is all that Rookery writes; nothing else is believed here, because nothing else is checked.
 *
 * @typedef {{ text: string, codec: number, digest: Uint8Array }} Cid
 */
import { Damage } from '../codec/damage.js';
import { fromMultibase, toBase32 } from '../codec/multibase.js';
import { readVarint } from '../codec/varint.js';

export const RAW = 0x55;
export const DAG_PB = 0x70;
const SHA2_256 = 0x12;
const DIGEST_BYTES = 32;

/**
 * @param {Uint8Array} bytes
 * @param {number} start
 * @returns {[Cid, number]} the CID, and where the next thing begins
 */
export function readCid(bytes, start) {
  const numbers = [];
  let at = start;
  for (let value; numbers.length < 4; numbers.push(value)) [value, at] = readVarint(bytes, at);
  const [version, codec, hash, size] = numbers;
  if (version !== 1 || hash !== SHA2_256 || size !== DIGEST_BYTES) throw new Damage('a CID is not of SHA2-256');
  const end = at + size;
  if (end > bytes.length) throw new Damage('a CID is cut off');
  return [{ text: toBase32(bytes.subarray(start, end)), codec, digest: bytes.subarray(at, end) }, end];
}

/** @param {Uint8Array} digest the SHA2-256 of a comment @returns {string} its id */
export const commentId = (digest) => toBase32(Uint8Array.from([1, RAW, SHA2_256, DIGEST_BYTES, ...digest]));

/**
 * Reads a comment's id as an author wrote it: a legacy id, or a CID in any spelling.
 * @param {string} written
 * @returns {string | null} the one spelling that is compared here; null when it is not readable
 */
export function normalId(written) {
  if (/^[0-9a-f]{40}$/.test(written)) return written;
  const path = written.indexOf('/ipfs/');
  const bytes = fromMultibase(path < 0 ? written : written.slice(path + 6));
  if (!bytes) return null;
  try {
    const [cid, end] = readCid(bytes, 0);
    return end === bytes.length && cid.codec === RAW ? cid.text : null;
  } catch {
    return null;
  }
}
