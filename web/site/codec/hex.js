/** Bytes as lower-case hexadecimal digits: topics, legacy ids, keys, signatures. */

/** @param {Uint8Array} bytes */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * @param {string} text
 * @param {number} bytes how many there have to be
 * @returns {Uint8Array | null} null when the text is anything but that many bytes in lower case
 */
export function fromHex(text, bytes) {
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: bytes }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}
