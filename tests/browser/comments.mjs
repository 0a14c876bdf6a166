// Comments as docs/comments.md describes them, written without the site's own code, and what other clients do with them.

import { createHash, generateKeyPairSync, sign } from 'node:crypto'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** The topic of a page's address. */
export function topicOf(address) {
  return createHash('sha1').update(address).digest('hex')
}

/** The id of a comment: the CIDv1 (raw, sha2-256) of its bytes. */
export function idOf(blob) {
  const digest = createHash('sha256').update(blob).digest()
  return cidText(Buffer.concat([Buffer.from([0x01, 0x55, 0x12, 0x20]), digest]))
}

/** A binary CID as text. */
export function cidText(cid) {
  const bits = [...cid].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const groups = bits.match(/.{1,5}/g).map((group) => BASE32[parseInt(group.padEnd(5, '0'), 2)])
  return `b${groups.join('')}`
}

/** Somebody with a key. */
export class Author {
  #key

  constructor(name) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.name = name
    this.#key = privateKey
    this.publicKey = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url').toString('hex')
  }

  /** A signed comment. `more` are headers beside the usual ones. */
  says(topic, text, more = {}) {
    const headers = { Date: new Date().toISOString(), User: this.name, Parent: topic, ...more }
    const lines = Object.entries({ 'Public-Key': this.publicKey, ...headers }).map(([name, value]) => `${name}: ${value}\n`)
    const signed = Buffer.from(`${lines.join('')}\n${text}`)
    const signature = sign(null, signed, this.#key).toString('hex')
    return Buffer.concat([Buffer.from(`Signature: ${signature}\n`), signed])
  }
}

/** An unsigned comment. */
export function unsigned(topic, text, more = {}) {
  const headers = { Date: new Date().toISOString(), User: 'Nobody', Parent: topic, ...more }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  return Buffer.from(`${lines.join('')}\n${text}`)
}

/** Posts a comment and returns its id. */
export async function post(front, topic, blob) {
  const answer = await fetch(`${front}/${topic}`, { method: 'POST', body: blob })
  const receipt = await answer.json()
  if (![200, 201].includes(answer.status)) throw new Error(`POST: ${answer.status} ${JSON.stringify(receipt)}`)
  if (receipt.id !== idOf(blob)) throw new Error(`the receipt is for ${receipt.id}`)
  return receipt.id
}

/** The first page of a thread. */
export async function thread(front, topic) {
  const answer = await fetch(`${front}/${topic}?limit=1000`, { headers: { Accept: 'application/json' } })
  if (answer.status !== 200) throw new Error(`GET: ${answer.status} ${await answer.text()}`)
  return answer.json()
}
