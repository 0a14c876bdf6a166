/**
 * SHA2-256 and SHA-1: by the browser where it does them. A page that was not served over https has no `crypto.subtle`.
 */

const subtle = globalThis.crypto?.subtle;
const digest = async (name, bytes) => new Uint8Array(await subtle.digest(name, bytes));

/** @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const sha256 = async (bytes) => (subtle ? digest('SHA-256', bytes) : (await import('../vendor/noble-hashes/sha2.js')).sha256(bytes));

/** Names files and topics; nothing is believed because of it. @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const sha1 = async (bytes) => (subtle ? digest('SHA-1', bytes) : ownSha1(bytes));

/** FIPS 180-4. Of the library it would take a file of 10 KB that is mostly other hashes. @param {Uint8Array} bytes */
export function ownSha1(bytes) {
  const padded = new DataView(new ArrayBuffer(64 * Math.ceil((bytes.length + 9) / 64)));
  new Uint8Array(padded.buffer).set([...bytes, 0x80]);
  padded.setUint32(padded.byteLength - 4, 8 * bytes.length);
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let block = 0; block < padded.byteLength; block += 64) {
    turn(state, Array.from({ length: 16 }, (_, word) => padded.getUint32(block + 4 * word)));
  }
  state.forEach((word, at) => padded.setUint32(4 * at, word));
  return new Uint8Array(padded.buffer.slice(0, 20));
}

const CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

function turn(state, words) {
  let [a, b, c, d, e] = state;
  for (let t = 0; t < 80; t += 1) {
    if (t > 15) words[t] = left(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    const part = Math.floor(t / 20);
    const mixed = part === 0 ? (b & c) | (~b & d) : part === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    const next = (left(a, 5) + mixed + e + CONSTANTS[part] + words[t]) | 0;
    e = d; d = c; c = left(b, 30); b = a; a = next;
  }
  [a, b, c, d, e].forEach((word, at) => { state[at] = (state[at] + word) | 0; });
}

const left = (word, bits) => (word << bits) | (word >>> (32 - bits));
