/**
 * SHA-1 and SHA2-256: by the browser where it does them, else by the vendored library.
 * A page that was not served over https has no `crypto.subtle`.
 */

const subtle = globalThis.crypto?.subtle;

/** @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const sha256 = async (bytes) => subtle
  ? new Uint8Array(await subtle.digest('SHA-256', bytes))
  : (await import('../vendor/noble-hashes/sha2.js')).sha256(bytes);

/** Names files and topics; nothing is believed because of it. @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const sha1 = async (bytes) => subtle
  ? new Uint8Array(await subtle.digest('SHA-1', bytes))
  : (await import('../vendor/noble-hashes/legacy.js')).sha1(bytes);
