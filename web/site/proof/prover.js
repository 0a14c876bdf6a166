/**
 * Asks for proof of what is shown, again after each change, and follows the server when it has moved on meanwhile.
 * Keeps at most one question under way.
 */

/** So often in a row the server may name one folder and hand out another before it is called a liar. */
const DIFFERED_LIMIT = 4
const ROUNDS_LIMIT = 20
const PAUSE_MS = 250
const AGAIN_MS = 15_000

/** @type {Proof} */
const TWO_FOLDERS = {
  state: 'lying',
  findings: [{ id: null, say: 'This server names one folder and hands out another.' }],
}

const sleep = (wait_ms) =>
  new Promise((done) => {
    setTimeout(done, wait_ms)
  })

export class Prover {
  /** `question` says what is shown now; `refresh` reads again which folder the server names. */
  constructor(question, refresh, tell) {
    Object.assign(this, { question, refresh, tell, check: askWorker() })
  }

  /** Something has changed: what was proven before is not what is shown now. */
  changed() {
    this.tell({ state: 'checking' })
    this.isStale = this.isBusy
    if (!this.isBusy) this.soon(PAUSE_MS)
  }

  soon(wait_ms) {
    clearTimeout(this.timer)
    if (!this.isStopped) this.timer = setTimeout(() => this.prove(), wait_ms)
  }

  stop() {
    clearTimeout(this.timer)
    this.isStopped = true
    this.check.stop()
  }

  async prove() {
    this.isBusy = true
    this.tell({ state: 'checking' })
    const began_ms = performance.now()
    const [proof, edits] = await this.settle().catch((cause) => [{ state: 'unverified', why: cause.message }])
    this.isBusy = false
    if (this.isStopped) return
    // A folder that takes long to check is checked less often.
    if (this.isStale) return this.soon(Math.max(PAUSE_MS, 4 * (performance.now() - began_ms)))
    this.tell(proof, edits)
    if (proof.why) this.soon(AGAIN_MS)
  }

  async settle() {
    let differed = 0
    for (let round = 0; round < ROUNDS_LIMIT && !this.isStopped; round += 1) {
      this.isStale = false
      const question = this.question()
      if (!question.folder && !question.entries.length) return [{ state: 'unverified' }]
      const verdict = await this.check(question)
      if (verdict.kind === 'unchecked') return [{ state: 'unverified', why: verdict.why }]
      if (verdict.kind === 'done' && !this.isStale) {
        return [{ state: verdict.findings.length ? 'lying' : 'verified', ...verdict }, verdict.edits]
      }
      if (verdict.kind === 'moved') await this.refresh()
      // While comments arrive, a folder is handed out that is newer than the one named a moment before.
      differed = verdict.kind === 'moved' && this.question().folder === question.folder ? differed + 1 : 0
      if (differed === DIFFERED_LIMIT) return [TWO_FOLDERS]
      await sleep(PAUSE_MS * differed)
    }
    return [{ state: 'unverified', why: 'the thread changes faster than it can be checked' }]
  }
}

/** @returns {(question: object) => Promise<Verdict>} */
function askWorker() {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  // A browser without module workers does the work itself.
  const here = new Promise((failed) => {
    worker.onerror = failed
  })
    .then(() => import('./check.js'))
    .then((check) => check.checker())
  const ask = (question) => {
    const there = new Promise((done) => {
      worker.onmessage = ({ data }) => done(data)
    })
    worker.postMessage(question)
    return Promise.race([there, here.then((check) => check(question))])
  }
  ask.stop = () => worker.terminate()
  return ask
}
