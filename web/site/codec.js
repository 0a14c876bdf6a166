/** What bytes say: as text (hexadecimal, multibase), and as the numbers and fields of CARs, CIDs and protobuf. */

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** Rookery writes base32 alone. What people write in a base that is not here is not read, and blamed on nobody. */
const ALPHABETS = { b: BASE32, B: BASE32.toUpperCase(), f: '0123456789abcdef' }

/** @param {Uint8Array} bytes */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** @returns {Uint8Array | null} null unless the text is so many bytes in lower case */
export function fromHex(text, bytes) {
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/.test(text)) return null
  return Uint8Array.from({ length: bytes }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16))
}

/** @param {Uint8Array} bytes */
export function toBase32(bytes) {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  return `b${bits
    .match(/.{1,5}/g)
    .map((group) => BASE32[parseInt(group.padEnd(5, '0'), 2)])
    .join('')}`
}

/** @param {string} text with its prefix @returns {Uint8Array | null} null when it is in no base that is read here */
export function fromMultibase(text) {
  const alphabet = ALPHABETS[text[0]] ?? ''
  const values = Array.from(text.slice(1), (character) => alphabet.indexOf(character))
  if (values.includes(-1) || values.length > 256) return null
  const width = Math.log2(alphabet.length)
  const bits = values.map((value) => value.toString(2).padStart(width, '0')).join('')
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, at) =>
    parseInt(bits.slice(8 * at, 8 * at + 8), 2),
  )
}

/** What every reader of bytes throws when they are not what they should be. */
export class Damage extends Error {}

/** LEB128. @returns {[number, number]} the number, and where the next thing begins */
export function readVarint(bytes, at) {
  let [value, scale] = [0, 1]
  for (let next = at; next < Math.min(bytes.length, at + 8); next += 1) {
    value += (bytes[next] & 0x7f) * scale
    if (value > Number.MAX_SAFE_INTEGER) break
    if (bytes[next] < 0x80) return [value, next + 1]
    scale *= 128
  }
  throw new Damage('a number is cut off or too large')
}

/** @returns {Generator<[number, number | Uint8Array]>} number and value of each field of a protobuf message */
export function* readFields(bytes) {
  for (let at = 0, tag, value; at < bytes.length;) {
    ;[tag, at] = readVarint(bytes, at)
    ;[value, at] = readVarint(bytes, at)
    const wire = tag % 8
    if (wire !== 0 && wire !== 2) throw new Damage('a field of a node is of an unknown type')
    if (wire === 2) {
      if (at + value > bytes.length) throw new Damage('a field of a node is cut off')
      ;[value, at] = [bytes.subarray(at, at + value), at + value]
    }
    yield [(tag - wire) / 8, value]
  }
}
