/**
 * One check: fetch the folder unless it is the one at hand, inspect it, compare it with what is shown.
 * Runs in `worker.js`; where there are no module workers, in the page itself. Keeps the last folder.
 *
 * @typedef {{ url: string, topic: string, folder: string | null } & import('./compare.js').Shown} Question
 * @typedef {{ kind: 'done', root: string | null, findings: import('./inspect.js').Finding[], comments: number,
 *             signatures: number, edits: Record<string, number> }
 *         | { kind: 'moved', root: string | null } | { kind: 'unchecked', why: string }} Verdict
 */
import { Damage } from '../codec/damage.js';
import { compare } from './compare.js';
import { Unchecked, fetchCar } from './fetch-car.js';
import { inspect } from './inspect.js';

/** A topic that nobody has commented on. */
const NOTHING = { root: null, thread: new Map(), idle: [], files: 0, signatures: 0, findings: [] };

/** @returns {(question: Question) => Promise<Verdict>} */
export function checker() {
  const known = new Set();
  let held = NOTHING;
  return async (question) => {
    try {
      if (held.root !== question.folder || held.findings.length) held = await load(question, known);
      if (held.root !== question.folder) return { kind: 'moved', root: held.root };
      return verdict(held, compare(held, question));
    } catch (cause) {
      if (cause instanceof Damage) return { kind: 'unchecked', why: `the folder is not readable: ${cause.message}` };
      if (cause instanceof Unchecked) return { kind: 'unchecked', why: cause.message };
      throw cause;
    }
  };
}

async function load({ url, topic }, known) {
  const car = await fetchCar(url);
  return car ? inspect(car, topic, known) : NOTHING;
}

/** @returns {Verdict} */
function verdict({ root, thread, signatures }, findings) {
  const places = [...thread].filter(([, { isDeleted }]) => !isDeleted);
  const edits = Object.fromEntries(places.filter(([, { edit }]) => edit).map(([id, { edit }]) => [id, edit.record.date_s]));
  return { kind: 'done', root, findings, comments: places.length, signatures, edits };
}
