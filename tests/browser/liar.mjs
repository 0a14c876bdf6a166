// A server that lies: it passes everything on to an honest one, and changes some answers on the way.

import http from 'node:http'

import { cidText } from './comments.mjs'

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
  const told = change(blocks).map(({ binary, bytes }) => Buffer.concat([binary, bytes]))
  return Buffer.concat([header, ...told].flatMap((section) => [varint(section.length), section]))
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
