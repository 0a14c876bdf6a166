/**
 * One check: fetch the folder unless it is at hand, inspect it, compare it with what is shown. Asked by `worker.js`, or
 * by `prover.js` where there are no module workers. Keeps the last folder.
 */
import { Damage } from '../codec.js'
import { compare } from './compare.js'
import { inspect } from './inspect.js'

const CAR_TYPE = 'application/vnd.ipld.car'
/** Some 20,000 comments: what a browser can be asked to keep for a moment. */
const CAR_LIMIT_MIB = 16
/** A topic that nobody has commented on. */
const NOTHING = { root: null, thread: new Map(), idle: [], signatures: 0, findings: [] }

/** The folder cannot be checked now. Nobody is blamed. */
class Unchecked extends Error {}

/** @returns {(question: Question) => Promise<Verdict>} */
export function checker() {
  const known = new Set()
  let held = NOTHING
  return async (question) => {
    try {
      if (held.root !== question.folder || held.findings.length) held = await load(question, known)
      return held.root === question.folder ? verdict(held, compare(held, question)) : { kind: 'moved' }
    } catch (cause) {
      if (cause instanceof Damage) return { kind: 'unchecked', why: `the folder is not readable: ${cause.message}` }
      if (cause instanceof Unchecked) return { kind: 'unchecked', why: cause.message }
      throw cause
    }
  }
}

async function load({ url, topic }, known) {
  const answer = await fetch(url, { headers: { Accept: CAR_TYPE }, cache: 'no-cache' }).catch(() => {
    throw new Unchecked('the server cannot be reached')
  })
  if (answer.status === 404) return NOTHING
  const isCar = answer.ok && answer.headers.get('Content-Type')?.startsWith(CAR_TYPE)
  if (!isCar) throw new Unchecked('the server does not hand out the folder')
  return inspect(await readAll(answer.body.getReader()), topic, known)
}

async function readAll(reader) {
  const chunks = []
  let size_bytes = 0
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Unchecked('the folder arrived incomplete')
    })
    if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer())
    chunks.push(value)
    size_bytes += value.length
    if (size_bytes <= CAR_LIMIT_MIB * 2 ** 20) continue
    reader.cancel()
    throw new Unchecked(`the folder has more than ${CAR_LIMIT_MIB} MiB, too much for a browser`)
  }
}

/** @returns {Verdict} */
function verdict({ root, thread, signatures }, findings) {
  const live = [...thread].filter(([, { isDeleted }]) => !isDeleted)
  const edits = Object.fromEntries(
    live.filter(([, { edit }]) => edit).map(([id, { edit }]) => [id, edit.record.date_s]),
  )
  return { kind: 'done', root, findings, comments: live.length, signatures, edits }
}
