/** DAG-CBOR, as far as the header of a CAR uses it: maps, arrays, text, numbers, and CIDs as tag 42. */
import { Damage } from './damage.js';

const DEPTH_LIMIT = 8;

/**
 * Reads one value that fills all the bytes.
 * @param {Uint8Array} bytes
 */
export function readCbor(bytes) {
  const [value, end] = readValue(bytes, 0, 0);
  if (end !== bytes.length) throw new Damage('something stands behind the header');
  return value;
}

/** @returns {[any, number]} the value, and where the next one begins */
function readValue(bytes, at, depth) {
  if (depth > DEPTH_LIMIT) throw new Damage('the header is nested too deeply');
  const [major, count, start] = readHead(bytes, at);
  switch (major) {
    case 0: return [count, start];
    case 2: return [take(bytes, start, count), start + count];
    case 3: return [new TextDecoder().decode(take(bytes, start, count)), start + count];
    case 4: return readMany(bytes, start, count, depth);
    case 5: return readMap(bytes, start, count, depth);
    // The bytes of a CID stand behind a zero, the prefix of multibase for bytes as they are.
    case 6: return readTagged(bytes, start, depth);
    default: throw new Damage('the header holds a value of an unknown type');
  }
}

function readHead(bytes, at) {
  if (at >= bytes.length) throw new Damage('the header is cut off');
  const [major, low] = [bytes[at] >> 5, bytes[at] & 31];
  if (low < 24) return [major, low, at + 1];
  const size = { 24: 1, 25: 2, 26: 4 }[low];
  if (!size) throw new Damage('the header holds a length that is too large');
  const count = take(bytes, at + 1, size).reduce((sum, byte) => sum * 256 + byte, 0);
  return [major, count, at + 1 + size];
}

function take(bytes, start, count) {
  if (start + count > bytes.length) throw new Damage('the header is cut off');
  return bytes.subarray(start, start + count);
}

function readMany(bytes, at, count, depth) {
  const values = [];
  for (let read = 0, value; read < count; read += 1) {
    [value, at] = readValue(bytes, at, depth + 1);
    values.push(value);
  }
  return [values, at];
}

function readMap(bytes, at, count, depth) {
  const [flat, end] = readMany(bytes, at, 2 * count, depth);
  return [Object.fromEntries(Array.from({ length: count }, (_, pair) => [flat[2 * pair], flat[2 * pair + 1]])), end];
}

function readTagged(bytes, at, depth) {
  const [value, end] = readValue(bytes, at, depth + 1);
  if (!(value instanceof Uint8Array) || value[0] !== 0) throw new Damage('a CID in the header has no zero before it');
  return [value.subarray(1), end];
}
