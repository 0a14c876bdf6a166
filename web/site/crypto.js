/**
 * Hashes and signatures: by the browser where it does them, else by the vendored library. A page that was not served
 * over https has no `crypto.subtle`. A secret key is its seed, 64 hexadecimal digits.
 */
import { fromHex, toHex } from './codec.js'

const subtle = globalThis.crypto?.subtle
const digest = async (name, bytes) => new Uint8Array(await subtle.digest(name, bytes))

/** @param {Uint8Array} bytes @returns {Promise<Uint8Array>} */
export const sha256 = async (bytes) =>
  subtle ? digest('SHA-256', bytes) : (await import('./vendor/noble-hashes/sha2.js')).sha256(bytes)

/** Names files and topics; nothing is believed because of it. */
export const sha1 = async (bytes) => (subtle ? digest('SHA-1', bytes) : ownSha1(bytes))

/** FIPS 180-4. Of the library it would take a file of 10 KB that is mostly other hashes. @param {Uint8Array} bytes */
export function ownSha1(bytes) {
  const padded = new DataView(new ArrayBuffer(64 * Math.ceil((bytes.length + 9) / 64)))
  new Uint8Array(padded.buffer).set([...bytes, 0x80])
  padded.setUint32(padded.byteLength - 4, 8 * bytes.length)
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
  for (let block = 0; block < padded.byteLength; block += 64) {
    turn(
      state,
      Array.from({ length: 16 }, (_, word) => padded.getUint32(block + 4 * word)),
    )
  }
  state.forEach((word, at) => padded.setUint32(4 * at, word))
  return new Uint8Array(padded.buffer.slice(0, 20))
}

const CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]

function turn(state, words) {
  let [a, b, c, d, e] = state
  for (let t = 0; t < 80; t += 1) {
    if (t > 15) words[t] = left(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1)
    const part = Math.floor(t / 20)
    const mixed = part === 0 ? (b & c) | (~b & d) : part === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d
    const next = (left(a, 5) + mixed + e + CONSTANTS[part] + words[t]) | 0
    e = d
    d = c
    c = left(b, 30)
    b = a
    a = next
  }
  ;[a, b, c, d, e].forEach((word, at) => {
    state[at] = (state[at] + word) | 0
  })
}

const left = (word, bits) => (word << bits) | (word >>> (32 - bits))

const NAME = 'Ed25519'
/** A private key in PKCS #8 is these bytes and the seed. */
const PKCS8_HEAD = '302e020100300506032b657004220420'
/** The points whose multiples are few, sign bit aside: signatures by them fit many messages. */
const SMALL_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...['ec', 'ed', 'ee'].map((first) => `${first}${'ff'.repeat(30)}7f`),
]

/** @param {string} seed */
export const toPkcs8 = (seed) => fromHex(PKCS8_HEAD + seed, 48)

/** @param {Uint8Array} bytes @returns {string | undefined} the seed, if it is such a key */
export const fromPkcs8 = (bytes) => new RegExp(`^${PKCS8_HEAD}(.{64})$`).exec(toHex(bytes))?.[1]

export const newSeed = () => toHex(crypto.getRandomValues(new Uint8Array(32)))

/** @param {string} seed @returns {Promise<string>} the public key, as it stands in a comment */
export async function publicKey(seed) {
  const native = await browser()
  if (!native) return toHex((await library()).getPublicKey(fromHex(seed, 32)))
  const { x } = await native.exportKey('jwk', await privateKey(native, seed))
  return toHex(Uint8Array.from(atob(x.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0)))
}

export async function sign(seed, message) {
  const native = await browser()
  if (!native) return (await library()).sign(message, fromHex(seed, 32))
  return new Uint8Array(await native.sign(NAME, await privateKey(native, seed), message))
}

/** Strictly: no key or signature that fits more than one message. */
export async function verify(signature, message, key) {
  const bytes = fromHex(key, 32)
  if (isSmall(bytes) || isSmall(signature.subarray(0, 32))) return false
  const native = await browser()
  if (!native) return (await library()).verify(signature, message, bytes, { zip215: false })
  try {
    return await native.verify(NAME, await native.importKey('raw', bytes, NAME, false, ['verify']), signature, message)
  } catch {
    return false
  }
}

function isSmall(point) {
  const unsigned = Uint8Array.from(point)
  unsigned[31] &= 0x7f
  return SMALL_ORDER.includes(toHex(unsigned))
}

const privateKey = (native, seed) => native.importKey('pkcs8', toPkcs8(seed), NAME, true, ['sign'])

let asked
const browser = () => (asked ??= probe())

/** The browser's WebCrypto, if it does Ed25519. */
async function probe() {
  try {
    await subtle.sign(NAME, await privateKey(subtle, '9d'.repeat(32)), new Uint8Array(1))
    return subtle
  } catch {
    return null
  }
}

async function library() {
  const [noble, { sha512 }] = await Promise.all([
    import('./vendor/noble-ed25519/index.js'),
    import('./vendor/noble-hashes/sha2.js'),
  ])
  noble.hashes.sha512 = sha512
  return noble
}
