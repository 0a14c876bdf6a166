/**
 * Ed25519: by the browser where it does it, else by the vendored library. A key is kept as its seed, 64 hex digits.
 * Asked by the proof (verify), by `comment/compose.js` (sign) and by `keep/names.js` (keys).
 */
import { fromHex, toHex } from '../codec/text.js';

const NAME = 'Ed25519';
/** A private key of Ed25519 in PKCS #8 is these bytes and the seed. */
const PKCS8_HEAD = fromHex('302e020100300506032b657004220420', 16);
/** The points whose multiples are few, sign bit aside: signatures by them fit many messages. */
const SMALL_ORDER = [
  '00'.repeat(32), `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...['ec', 'ed', 'ee'].map((first) => `${first}${'ff'.repeat(30)}7f`),
];

/** @param {string} seed */
export const toPkcs8 = (seed) => Uint8Array.from([...PKCS8_HEAD, ...fromHex(seed, 32)]);

/** @param {Uint8Array} bytes @returns {string | null} the seed, null when it is no such key */
export function fromPkcs8(bytes) {
  const isKey = bytes.length === 48 && PKCS8_HEAD.every((byte, at) => bytes[at] === byte);
  return isKey ? toHex(bytes.subarray(16)) : null;
}

/** @returns {string} a new seed */
export const newSeed = () => toHex(crypto.getRandomValues(new Uint8Array(32)));

/** @param {string} seed @returns {Promise<string>} the public key, as it stands in a comment */
export async function publicKey(seed) {
  const native = await browser();
  if (!native) return toHex((await library()).getPublicKey(fromHex(seed, 32)));
  const { x } = await native.exportKey('jwk', await privateKey(native, seed));
  return toHex(Uint8Array.from(atob(x.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0)));
}

/** @param {string} seed @param {Uint8Array} message @returns {Promise<Uint8Array>} */
export async function sign(seed, message) {
  const native = await browser();
  if (!native) return (await library()).sign(message, fromHex(seed, 32));
  return new Uint8Array(await native.sign(NAME, await privateKey(native, seed), message));
}

/**
 * Whether a signature is right, strictly: no keys or signatures that fit more than one message.
 * @param {Uint8Array} signature @param {Uint8Array} message @param {string} key
 * @returns {Promise<boolean>}
 */
export async function verify(signature, message, key) {
  const bytes = fromHex(key, 32);
  if (isSmall(bytes) || isSmall(signature.subarray(0, 32))) return false;
  const native = await browser();
  if (!native) return (await library()).verify(signature, message, bytes, { zip215: false });
  try {
    const imported = await native.importKey('raw', bytes, NAME, false, ['verify']);
    return await native.verify(NAME, imported, signature, message);
  } catch {
    return false;
  }
}

function isSmall(point) {
  const unsigned = Uint8Array.from(point);
  unsigned[31] &= 0x7f;
  return SMALL_ORDER.includes(toHex(unsigned));
}

const privateKey = (native, seed) => native.importKey('pkcs8', toPkcs8(seed), NAME, true, ['sign']);

let asked;
/** The browser's WebCrypto if it does Ed25519, as one signature shows. */
const browser = () => (asked ??= probe());

async function probe() {
  const native = globalThis.crypto?.subtle;
  try {
    await native.sign(NAME, await privateKey(native, '9d'.repeat(32)), new Uint8Array(1));
    return native;
  } catch {
    return null;
  }
}

async function library() {
  const [noble, { sha512 }] = await Promise.all([
    import('../vendor/noble-ed25519/index.js'), import('../vendor/noble-hashes/sha2.js'),
  ]);
  noble.hashes.sha512 = sha512;
  return noble;
}
