// A server that lies: it passes everything on to an honest one, and changes some answers on the way.

import { createHash } from 'node:crypto'
import http from 'node:http'

import { cidText } from './comments.mjs'

const RAW = 0x55
const DAG_PB = 0x70

/**
 * Starts a liar before the server `front`. `lies` say what is changed: `page(json)` a page of the thread, `blocks(list)`
 * the blocks of a CAR, as `{cid, bytes}` with the CID as text, `event(json)` what live events tell.
 */
export async function startLiar(front, lies) {
  const server = http.createServer((request, response) => passOn(front, lies, request, response))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, address: `http://127.0.0.1:${server.address().port}` }
}

function passOn(front, lies, request, response) {
  const { hostname, port } = new URL(front)
  // What is compressed could not be changed; what the visitor has already was changed before.
  const { 'accept-encoding': _, 'if-none-match': __, ...headers } = request.headers
  const options = { hostname, port, method: request.method, path: request.url, headers }
  const asked = http.request(options, (answer) => passBack(lies, answer, response))
  asked.on('error', () => response.destroy())
  response.on('close', () => asked.destroy())
  request.pipe(asked)
}

function passBack(lies, answer, response) {
  const lie = lieFor(lies, answer)
  if (!lie) {
    response.writeHead(answer.statusCode, answer.headers)
    answer.on('error', () => response.destroy())
    answer.pipe(response)
    return
  }
  const chunks = []
  answer.on('data', (chunk) => chunks.push(chunk))
  answer.on('error', () => response.destroy())
  answer.on('end', () => {
    const told = lie(Buffer.concat(chunks))
    const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers
    response.writeHead(answer.statusCode, { ...headers, 'content-length': told.length })
    response.end(told)
  })
}

function lieFor(lies, answer) {
  const kind = answer.headers['content-type'] ?? ''
  const is = (wanted) => answer.statusCode === 200 && kind.startsWith(wanted)
  if (lies.page && is('application/json')) return (body) => Buffer.from(JSON.stringify(lies.page(JSON.parse(body))))
  if (lies.blocks && is('application/vnd.ipld.car')) return (body) => writeCar(lies.blocks, body)
  return undefined
}

/** Takes a CAR apart, lets `change` have the blocks, and puts it together again. */
function writeCar(change, car) {
  const [header, ...sections] = [...split(car)]
  const blocks = sections.map((section) => {
    const length = cidLength(section)
    return { binary: section.subarray(0, length), cid: cidText(section.subarray(0, length)), bytes: section.subarray(length) }
  })
  const changed = change(blocks)
  const told = changed.map(({ binary, bytes }) => Buffer.concat([binary, bytes]))
  // The header names the root, which is the first block; a CID is as long as another.
  const named = replaced(header, blocks[0].binary, changed[0].binary)
  return Buffer.concat([named, ...told].flatMap((section) => [varint(section.length), section]))
}

/**
 * Makes a folder of one block anew in which one file says something else, with every hash right.
 *
 * Files stand in the order of their names, which are hashes: the new words are varied until theirs fits the old place.
 */
export function forgeFolder([root, ...leaves], blob, words) {
  const old = { binary: cid(RAW, blob), name: sha1(blob) }
  const names = [...root.bytes.toString('latin1').matchAll(/\x12\x28([0-9a-f]{40})/g)].map(([, name]) => name)
  const place = names.indexOf(old.name)
  for (let variant = 0x21; variant < 0x7f; variant++) {
    const text = words.slice(0, -1) + String.fromCharCode(variant)
    const forged = Buffer.concat([blob.subarray(0, blob.length - text.length), Buffer.from(text)])
    const fits = names.with(place, sha1(forged))
    if (fits.toSorted().join() !== fits.join()) continue
    const binary = cid(RAW, forged)
    const bytes = replaced(replaced(root.bytes, old.binary, binary), Buffer.from(old.name), Buffer.from(sha1(forged)))
    const folder = cid(DAG_PB, bytes)
    const kept = leaves.map((leaf) => (leaf.binary.equals(old.binary) ? { binary, cid: cidText(binary), bytes: forged } : leaf))
    const blocks = [{ binary: folder, cid: cidText(folder), bytes }, ...kept]
    return { blocks, folder: cidText(folder), id: cidText(binary), legacy_id: sha1(forged), text }
  }
  throw new Error('no variant fits the place of the old file')
}

function cid(codec, bytes) {
  return Buffer.concat([Buffer.from([0x01, codec, 0x12, 0x20]), createHash('sha256').update(bytes).digest()])
}

function sha1(bytes) {
  return createHash('sha1').update(bytes).digest('hex')
}

/** Bytes with a part exchanged for another of its length; as they are when they do not have it. */
function replaced(bytes, from, to) {
  const at = bytes.indexOf(from)
  return at < 0 ? bytes : Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)])
}

function* split(car) {
  for (let at = 0; at < car.length; ) {
    const [length, begin] = readVarint(car, at)
    yield car.subarray(begin, begin + length)
    at = begin + length
  }
}

/** Version, codec, hash function and length of the hash are numbers; the hash follows. */
function cidLength(section) {
  let at = 0
  let value = 0
  for (let number = 0; number < 4; number++) [value, at] = readVarint(section, at)
  return at + value
}

function readVarint(bytes, from) {
  let value = 0
  for (let at = from, shift = 0; ; at++, shift += 7) {
    value += (bytes[at] & 0x7f) * 2 ** shift
    if (bytes[at] < 0x80) return [value, at + 1]
  }
}

function varint(value) {
  const bytes = []
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80)
  return Buffer.from([...bytes, value])
}
