/**
 * Ed25519: by the browser where it does it, else by the vendored library. A secret key is its seed, 64 hexadecimal digits.
 */
import { fromHex, toHex } from '../codec.js';

const NAME = 'Ed25519';
/** A private key in PKCS #8 is these bytes and the seed. */
const PKCS8_HEAD = '302e020100300506032b657004220420';
/** The points whose multiples are few, sign bit aside: signatures by them fit many messages. */
const SMALL_ORDER = [
  '00'.repeat(32), `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...['ec', 'ed', 'ee'].map((first) => `${first}${'ff'.repeat(30)}7f`),
];

/** @param {string} seed */
export const toPkcs8 = (seed) => fromHex(PKCS8_HEAD + seed, 48);

/** @param {Uint8Array} bytes @returns {string | undefined} the seed, if it is such a key */
export const fromPkcs8 = (bytes) => new RegExp(`^${PKCS8_HEAD}(.{64})$`).exec(toHex(bytes))?.[1];

export const newSeed = () => toHex(crypto.getRandomValues(new Uint8Array(32)));

/** @param {string} seed @returns {Promise<string>} the public key, as it stands in a comment */
export async function publicKey(seed) {
  const native = await browser();
  if (!native) return toHex((await library()).getPublicKey(fromHex(seed, 32)));
  const { x } = await native.exportKey('jwk', await privateKey(native, seed));
  return toHex(Uint8Array.from(atob(x.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0)));
}

export async function sign(seed, message) {
  const native = await browser();
  if (!native) return (await library()).sign(message, fromHex(seed, 32));
  return new Uint8Array(await native.sign(NAME, await privateKey(native, seed), message));
}

/** Strictly: no key or signature that fits more than one message. */
export async function verify(signature, message, key) {
  const bytes = fromHex(key, 32);
  if (isSmall(bytes) || isSmall(signature.subarray(0, 32))) return false;
  const native = await browser();
  if (!native) return (await library()).verify(signature, message, bytes, { zip215: false });
  try {
    return await native.verify(NAME, await native.importKey('raw', bytes, NAME, false, ['verify']), signature, message);
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
const browser = () => (asked ??= probe());

/** The browser's WebCrypto, if it does Ed25519. */
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
  const [noble, { sha512 }] = await Promise.all([import('../vendor/noble-ed25519/index.js'), import('../vendor/noble-hashes/sha2.js')]);
  noble.hashes.sha512 = sha512;
  return noble;
}
