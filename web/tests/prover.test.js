import assert from 'node:assert/strict'
import { test } from 'node:test'

/** What the worker answers, one after the other; the last again and again. */
let verdicts = []
globalThis.Worker = class {
  postMessage() {
    const data = verdicts.length > 1 ? verdicts.shift() : verdicts[0]
    queueMicrotask(() => this.onmessage({ data }))
  }
  terminate() {}
}
const { Prover } = await import('../site/proof/prover.js')

const DONE = { kind: 'done', root: 'bafynew', findings: [], comments: 1, signatures: 1, edits: {} }
const question = (folder) => ({ folder, entries: [{}], count: 1, isWhole: true })

/** The proof that comes of these answers while the server names this folder, and `next` once it is asked again. */
async function settled(answers, folder, next = folder) {
  verdicts = answers
  let named = folder
  const refresh = async () => {
    named = next
  }
  const prover = new Prover(
    () => question(named),
    refresh,
    () => {},
  )
  const [proof] = await prover.settle()
  return proof
}

test('what fits is verified and what does not is a lie', async () => {
  assert.equal((await settled([DONE], 'bafynew')).state, 'verified')
  assert.equal((await settled([{ ...DONE, findings: [{ id: null, say: 'x' }] }], 'bafynew')).state, 'lying')
})

test('a server that has moved on is asked again, not accused', async () => {
  assert.equal((await settled([{ kind: 'moved' }, DONE], 'bafyold', 'bafynew')).state, 'verified')
})

test('a server that keeps naming one folder and handing out another is accused', async () => {
  const proof = await settled([{ kind: 'moved' }], 'bafyold')
  assert.equal(proof.state, 'lying')
  assert.match(proof.findings[0].say, /one folder and hands out another/)
})

test('what could not be checked is nobody’s lie', async () => {
  const proof = await settled([{ kind: 'unchecked', why: 'the server cannot be reached' }], 'bafynew')
  assert.deepEqual(proof, { state: 'unverified', why: 'the server cannot be reached' })
})

test('a change during the check is checked too', async () => {
  verdicts = [DONE]
  let asked = 0
  const prover = new Prover(
    () => (asked += 1) && question('bafynew'),
    async () => {},
    () => {},
  )
  prover.isBusy = true
  const settling = prover.settle()
  prover.changed()
  assert.equal((await settling)[0].state, 'verified')
  assert.equal(asked, 2)
})
