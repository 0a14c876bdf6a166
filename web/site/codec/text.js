/** Bytes as text: hexadecimal for topics and keys, multibase for CIDs. */

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
/** Rookery writes base32 alone; these are the spellings that people use beside it. */
const ALPHABETS = { b: BASE32, B: BASE32.toUpperCase(), f: '0123456789abcdef', F: '0123456789ABCDEF', z: BASE58 };

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
  const alphabet = ALPHABETS[text[0]] ?? '';
  const values = Array.from(text.slice(1), (character) => alphabet.indexOf(character));
  if (values.includes(-1) || values.length > 256) return null;
  let number = values.reduce((sum, value) => sum * BigInt(alphabet.length) + BigInt(value), 0n);
  // Of whole bytes only the last bits may be left over, and they are zero.
  if (alphabet.length === 32) number >>= BigInt((5 * values.length) % 8);
  const bytes = [];
  for (; number > 0n; number >>= 8n) bytes.unshift(Number(number & 0xffn));
  return Uint8Array.from(bytes);
}
