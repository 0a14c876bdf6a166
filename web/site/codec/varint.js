/** Unsigned LEB128: the numbers in CARs, CIDs and protobuf. */
import { Damage } from './damage.js';

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @returns {[number, number]} the number, and where the next thing begins
 */
export function readVarint(bytes, at) {
  let [value, scale] = [0, 1];
  for (let next = at; next < bytes.length && next < at + 8; next += 1) {
    value += (bytes[next] & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) break;
    if (bytes[next] < 0x80) return [value, next + 1];
    scale *= 128;
  }
  throw new Damage('a number is cut off or too large');
}
