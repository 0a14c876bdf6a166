/**
 * Asks for proof of what is shown, again after each change, and follows the server when it has moved on meanwhile.
 * Asked by `app.js`. Keeps at most one question under way.
 *
 * @typedef {{ state: 'checking' | 'unverified' | 'verified' | 'lying', why?: string, comments?: number,
 *             signatures?: number, folder?: string, findings?: import('./inspect.js').Finding[] }} Proof
 */

/** So often in a row the server may name one folder and hand out another before it is called a liar. */
const DIFFERED_LIMIT = 4;
const ROUNDS_LIMIT = 20;
const PAUSE_MS = 250;
const AGAIN_MS = 15_000;

export class Prover {
  /**
   * @param {() => import('./check.js').Question} question what is shown now
   * @param {() => Promise<void>} refresh reads again which folder the server names
   * @param {(proof: Proof, edits?: Record<string, number>) => void} tell
   */
  constructor(question, refresh, tell) {
    Object.assign(this, { question, refresh, tell, check: askWorker(), timer: 0, isBusy: false, isStale: false });
  }

  /** Something has changed. @param {number} [wait_ms] */
  soon(wait_ms = PAUSE_MS) {
    if (this.isBusy) {
      this.isStale = true;
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.prove(), wait_ms);
  }

  stop() {
    clearTimeout(this.timer);
    this.isStopped = true;
    this.check.stop?.();
  }

  async prove() {
    this.isBusy = true;
    this.tell({ state: 'checking' });
    const began_ms = performance.now();
    const [proof, edits] = await this.settle().catch((cause) => [{ state: 'unverified', why: String(cause.message ?? cause) }]);
    this.isBusy = false;
    if (this.isStopped) return;
    const { isStale } = this;
    this.isStale = false;
    // A folder that takes long to check is checked less often.
    if (isStale) return this.soon(Math.max(PAUSE_MS, 4 * (performance.now() - began_ms)));
    this.tell(proof, edits);
    if (proof.state === 'unverified') this.soon(AGAIN_MS);
  }

  /** @returns {Promise<[Proof, Record<string, number>?]>} */
  async settle() {
    let differed = 0;
    for (let round = 0; round < ROUNDS_LIMIT && !this.isStopped; round += 1) {
      this.isStale = false;
      const question = this.question();
      if (!question.folder && !question.entries.length) return [{ state: 'unverified' }];
      const verdict = await this.check(question);
      if (verdict.kind === 'unchecked') return [{ state: 'unverified', why: verdict.why }];
      if (verdict.kind === 'done' && !this.isStale) return [conclude(verdict), verdict.edits];
      if (verdict.kind === 'moved') await this.refresh();
      // While comments arrive, a folder is handed out that is newer than the one named a moment before.
      differed = verdict.kind === 'moved' && this.question().folder === question.folder ? differed + 1 : 0;
      if (differed === DIFFERED_LIMIT) return [TWO_FOLDERS];
      await new Promise((done) => { setTimeout(done, PAUSE_MS * differed); });
    }
    return [{ state: 'unverified', why: 'the thread changes faster than it can be checked' }];
  }
}

/** @type {Proof} */
const TWO_FOLDERS = {
  state: 'lying', findings: [{ id: null, say: 'This server names one folder and hands out another.' }],
};

/** @returns {Proof} */
function conclude({ root, findings, comments, signatures }) {
  return { state: findings.length ? 'lying' : 'verified', folder: root, findings, comments, signatures };
}

/** @returns {(question: object) => Promise<import('./check.js').Verdict>} */
function askWorker() {
  const waiting = new Map();
  let asked = 0;
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data: [number, verdict] }) => {
    waiting.get(number)(verdict);
    waiting.delete(number);
  };
  const here = new Promise((fail) => { worker.onerror = fail; }).then(() => import('./check.js')).then((m) => m.checker());
  const ask = (question) => {
    const number = asked += 1;
    const answer = new Promise((done) => { waiting.set(number, done); });
    worker.postMessage([number, question]);
    // A browser without module workers does the work itself.
    return Promise.race([answer, here.then((check) => check(question))]);
  };
  ask.stop = () => worker.terminate();
  return ask;
}
