/**
 * A comment: header lines, a blank line, text. Read by the server's rules, so that both see the same in the same bytes;
 * what the server would have refused is `Damage`.
 */
import { Damage, fromHex, toHex } from './codec.js'
import { sign } from './crypto.js'

/** What the server takes unless its operator says otherwise. */
export const COMMENT_BYTES = 16_384
/** What the headers take at most. */
export const HEADER_BYTES = 700

const KNOWN = ['Postmark', 'Signature', 'Public-Key', 'Date', 'Topic', 'Edits', 'Deletes']
const LINES_LIMIT = 64
const NAME = /^[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*$/
/** White space to everybody; to JavaScript alone the byte order mark is some too. */
const SPACE_AROUND = /^[^\S\ufeff]|[^\S\ufeff]$/

/**
 * @param {Uint8Array} bytes
 * @returns {Record} its signature is not checked yet
 */
export function readRecord(bytes) {
  const whole = plainText(bytes)
  const blank = whole.indexOf('\n\n')
  if (blank < 1) throw new Damage('there are no headers, or no blank line below them')
  const text = whole.slice(blank + 2)
  if (!/[\S\ufeff]/.test(text)) throw new Damage('there is no text')
  const headers = whole.slice(0, blank).split('\n').map(readLine)
  checkNames(headers.map(([name]) => name))
  return withMeaning({ headers, text, signed: findSigned(bytes, headers) })
}

function plainText(bytes) {
  let text
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Damage('it is not UTF-8')
  }
  if (/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(text)) throw new Damage('it holds a control character')
  return text
}

/** @returns {[string, string]} */
function readLine(line) {
  const at = line.indexOf(': ')
  const [name, value] = [line.slice(0, at), line.slice(at + 2)]
  if (at < 0 || !NAME.test(name) || !value || SPACE_AROUND.test(value)) throw new Damage('a line is no header')
  return [name, value]
}

function checkNames(names) {
  const folded = new Set(names.map((name) => name.toLowerCase()))
  const isOdd = (name) => KNOWN.some((known) => known !== name && known.toLowerCase() === name.toLowerCase())
  const isRight = names.length <= LINES_LIMIT && folded.size === names.length && !names.some(isOdd)
  if (!isRight) throw new Damage('a header stands twice, or is spelled in another way')
}

/** @returns {Signed | null} */
function findSigned(bytes, headers) {
  const at = headers.findIndex(([name]) => name === 'Signature')
  if (at < 0) return null
  if (headers.slice(0, at).some(([name]) => name !== 'Postmark'))
    throw new Damage('a header stands above the signature')
  const key = valueOf(headers.slice(at + 1), 'Public-Key') ?? ''
  const signature = fromHex(headers[at][1], 64)
  if (!signature || !fromHex(key, 32)) throw new Damage('the signature or the key is not hexadecimal')
  let end = 0
  for (let line = 0; line <= at; line += 1) end = bytes.indexOf(10, end) + 1
  return { key, signature, part: bytes.subarray(end) }
}

/** Of a signed comment only what stands below the signature counts. */
function withMeaning(record) {
  const from = record.headers.findIndex(([name]) => name === 'Signature') + 1
  const value = (name) => valueOf(record.headers.slice(from), name)
  const [topic, edits, deletes] = ['Topic', 'Edits', 'Deletes'].map(value)
  if (topic && !fromHex(topic, 20)) throw new Damage('its Topic is none')
  if (edits && deletes) throw new Damage('it both edits and deletes')
  if ((edits || deletes) && !record.signed) throw new Damage('it is an edit or a deletion without a signature')
  return { ...record, topic, edits, deletes, date_s: dateSeconds(value('Date')) }
}

const valueOf = (headers, name) => headers.find((header) => header[0] === name)?.[1]

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z$/

/**
 * @param {string | undefined} value a `Date`
 * @returns {number} whole seconds since 1970, as they count between edits; 0 for what is earlier or no date
 */
export function dateSeconds(value) {
  const [year, month, day, hour, minute, second] =
    DATE.exec(value ?? '')
      ?.slice(1, 7)
      .map(Number) ?? []
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  const isReal =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  return isReal && year >= 1970 ? date.getTime() / 1000 : 0
}

/** @param {Name} author @param {Words} words @returns {Promise<string>} the signed blob, as it is posted */
export async function compose(author, words) {
  const headers = {
    'Public-Key': author.key,
    Date: new Date(words.date_ms).toISOString(),
    User: author.name,
    Topic: words.topic,
    Parent: words.parent,
    Edits: words.edits,
    Deletes: words.deletes,
  }
  const lines = Object.entries(headers)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value}\n`)
  const part = `${lines.join('')}\n${plain(words.text)}`
  return `Signature: ${toHex(await sign(author.seed, new TextEncoder().encode(part)))}\n${part}`
}

/** Lines end with a line feed alone, and other control characters have no business in a comment. */
export const plain = (text) =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
    .trim()
