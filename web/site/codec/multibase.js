/**
 * Bytes as text, in the spellings of multibase: how CIDs are written.
 *
 * Rookery writes base32 alone, but a comment may name another by any of these, so all common ones are read.
 */

const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const BASE32 = `${LETTERS}234567`;
const BASE32_HEX = `${DIGITS}${LETTERS.slice(0, 22)}`;
const BASE36 = `${DIGITS}${LETTERS}`;
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BASE64 = `${LETTERS.toUpperCase()}${LETTERS}${DIGITS}+/`;
const BASE64_URL = `${BASE64.slice(0, 62)}-_`;

/** By prefix; the upper-case prefixes of 16, 32 and 36 are added below. */
const ALPHABETS = {
  0: '01', 7: '01234567', 9: DIGITS, f: BASE36.slice(0, 16), b: BASE32, c: BASE32, v: BASE32_HEX, t: BASE32_HEX,
  h: 'ybndrfg8ejkmcpqxot1uwisza345h769', k: BASE36, z: BASE58,
  Z: '123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ',
  m: BASE64, M: BASE64, u: BASE64_URL, U: BASE64_URL,
};
for (const prefix of 'fbcvtk') ALPHABETS[prefix.toUpperCase()] = ALPHABETS[prefix].toUpperCase();

/** @param {Uint8Array} bytes */
export function toBase32(bytes) {
  let [text, bits, held] = ['b', 0, 0];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (held += 8; held >= 5; held -= 5) text += BASE32[(bits >> (held - 5)) & 31];
  }
  return held ? text + BASE32[(bits << (5 - held)) & 31] : text;
}

/**
 * @param {string} text with its prefix
 * @returns {Uint8Array | null} null when it is not multibase, or in a base that is not read here
 */
export function fromMultibase(text) {
  const alphabet = ALPHABETS[text[0]];
  if (!alphabet || text.length > 256) return null;
  const values = Array.from(text.slice(1).replace(/=+$/, ''), (character) => alphabet.indexOf(character));
  if (values.includes(-1)) return null;
  const bits = Math.log2(alphabet.length);
  return Number.isInteger(bits) ? fromBits(values, bits) : fromNumber(values, alphabet.length);
}

/** @param {number[]} values @param {number} width */
function fromBits(values, width) {
  const bytes = [];
  let [bits, held] = [0, 0];
  for (const value of values) {
    bits = ((bits << width) | value) & 0xffff;
    held += width;
    if (held >= 8) bytes.push((bits >> (held -= 8)) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** @param {number[]} values @param {number} base */
function fromNumber(values, base) {
  let number = values.reduce((sum, value) => sum * BigInt(base) + BigInt(value), 0n);
  const bytes = [];
  for (; number > 0n; number >>= 8n) bytes.unshift(Number(number & 0xffn));
  const zeros = values.findIndex((value) => value !== 0);
  return Uint8Array.from([...Array(Math.max(zeros, 0)).fill(0), ...bytes]);
}
