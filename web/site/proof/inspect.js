/**
 * Checks everything in a CAR: each block's hash, the way to each file, its name, its form, its signature. What is wrong
 * it says, and goes on. Asked by `check.js`.
 */
import { Damage, toHex } from '../codec.js'
import { readRecord } from '../comment.js'
import { sha1, sha256, verify } from '../crypto.js'
import { readCar } from './car.js'
import { RAW } from './cid.js'
import { converge } from './converge.js'
import { listFolder } from './folder.js'

/** After so many steps others get their turn. */
const STRIDE = 64

/**
 * @param {Uint8Array} car
 * @param {string} topic
 * @param {Set<string>} known comments whose signature was found right before; grows
 * @returns {Promise<Folder>}
 */
export async function inspect(car, topic, known) {
  const { root, blocks } = readCar(car)
  const [checked, findings, facts] = [new Map(), [], []]
  for await (const { cid, bytes } of unhurried(blocks)) {
    if (toHex(await sha256(bytes)) === toHex(cid.digest)) checked.set(cid.text, bytes)
    else findings.push({ id: cid.text, say: 'A block of the folder does not hash to its name.' })
  }
  for await (const [name, cid] of unhurried(listFiles(root, checked, findings))) {
    // Of a file with a wrong hash all is said.
    if (findings.some(({ id }) => id === cid.text)) continue
    try {
      facts.push(await readFile(name, cid, checked.get(cid.text), topic, known))
    } catch (cause) {
      findings.push({ id: cid.text, say: sentence(cause, 'A comment in the folder cannot be trusted') })
    }
  }
  return { root, ...converge(facts), findings, signatures: facts.filter(({ record }) => record.signed).length }
}

function listFiles(root, blocks, findings) {
  try {
    return listFolder(root, blocks)
  } catch (cause) {
    findings.push({ id: null, say: sentence(cause, 'The folder cannot be followed') })
    return new Map()
  }
}

function sentence(cause, what) {
  if (cause instanceof Damage) return `${what}: ${cause.message}.`
  throw cause
}

/** @returns {Promise<Fact>} */
async function readFile(name, cid, bytes, topic, known) {
  if (!bytes || cid.codec !== RAW) throw new Damage('the server withholds its bytes')
  const legacy = toHex(await sha1(bytes))
  if (legacy !== name) throw new Damage('its name is not the SHA-1 of its bytes')
  const record = readRecord(bytes)
  const { signed } = record
  if (record.topic && record.topic !== topic) throw new Damage('it was written for another page')
  const isRight = !signed || known.has(cid.text) || (await verify(signed.signature, signed.part, signed.key))
  if (!isRight) throw new Damage('its signature is wrong, so its author did not write it')
  known.add(cid.text)
  return {
    id: cid.text,
    legacy,
    digest: toHex(cid.digest),
    record,
    group: signed ? toHex(await sha256(signed.part)) : cid.text,
  }
}

async function* unhurried(items) {
  let step = 0
  for (const item of items) {
    if (++step % STRIDE === 0)
      await new Promise((done) => {
        setTimeout(done)
      })
    yield item
  }
}
