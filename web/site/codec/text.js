/** Bytes as text: hexadecimal for topics and keys, multibase for CIDs. */

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** Rookery writes base32 alone. What people write in a base that is not here is not read, and blamed on nobody. */
const ALPHABETS = { b: BASE32, B: BASE32.toUpperCase(), f: '0123456789abcdef' };

/** @param {Uint8Array} bytes */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @returns {Uint8Array | null} null unless the text is so many bytes in lower case */
export function fromHex(text, bytes) {
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: bytes }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** @param {Uint8Array} bytes */
export function toBase32(bytes) {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return `b${bits.match(/.{1,5}/g).map((group) => BASE32[parseInt(group.padEnd(5, '0'), 2)]).join('')}`;
}

/** @param {string} text with its prefix @returns {Uint8Array | null} null when it is in no base that is read here */
export function fromMultibase(text) {
  const alphabet = ALPHABETS[text[0]] ?? '';
  const values = Array.from(text.slice(1), (character) => alphabet.indexOf(character));
  if (values.includes(-1) || values.length > 256) return null;
  const width = Math.log2(alphabet.length);
  const bits = values.map((value) => value.toString(2).padStart(width, '0')).join('');
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, at) => parseInt(bits.slice(8 * at, 8 * at + 8), 2));
}
