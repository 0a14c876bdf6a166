/** Bytes as text: hexadecimal for topics and keys, multibase for CIDs. */

const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const BASE32 = `${LETTERS}234567`;
const BASE64 = `${LETTERS.toUpperCase()}${LETTERS}${DIGITS}`;

/** Rookery writes base32 alone (`b`); but an author may name a comment in any of these. */
const ALPHABETS = {
  f: DIGITS + LETTERS.slice(0, 6), b: BASE32, c: BASE32, v: DIGITS + LETTERS.slice(0, 22), k: DIGITS + LETTERS,
  m: `${BASE64}+/`, u: `${BASE64}-_`, z: '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz',
};
Object.assign(ALPHABETS, { t: ALPHABETS.v, M: ALPHABETS.m, U: ALPHABETS.u });
for (const prefix of 'fbcvtk') ALPHABETS[prefix.toUpperCase()] = ALPHABETS[prefix].toUpperCase();

/** @param {Uint8Array} bytes */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @returns {Uint8Array | null} null unless the text is so many bytes in lower case */
export function fromHex(text, bytes) {
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: bytes }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** @param {Uint8Array} bytes */
export function toBase32(bytes) {
  let [text, bits, held] = ['b', 0, 0];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (held += 8; held >= 5; held -= 5) text += BASE32[(bits >> (held - 5)) & 31];
  }
  return held ? text + BASE32[(bits << (5 - held)) & 31] : text;
}

/** @param {string} text with its prefix @returns {Uint8Array | null} null when it is in no base that is read here */
export function fromMultibase(text) {
  const alphabet = ALPHABETS[text[0]];
  if (!alphabet || text.length > 256) return null;
  const values = Array.from(text.slice(1).replace(/=+$/, ''), (character) => alphabet.indexOf(character));
  if (values.includes(-1)) return null;
  const bits = Math.log2(alphabet.length);
  return Uint8Array.from(Number.isInteger(bits) ? fromBits(values, bits) : fromNumber(values, alphabet.length));
}

function* fromBits(values, width) {
  let [bits, held] = [0, 0];
  for (const value of values) {
    bits = ((bits << width) | value) & 0xffff;
    held += width;
    if (held >= 8) yield (bits >> (held -= 8)) & 0xff;
  }
}

function fromNumber(values, base) {
  let number = values.reduce((sum, value) => sum * BigInt(base) + BigInt(value), 0n);
  const bytes = [];
  for (; number > 0n; number >>= 8n) bytes.unshift(Number(number & 0xffn));
  return bytes;
}
