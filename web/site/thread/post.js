/**
 * Posts a comment until it is kept. The same bytes may be posted again at any time, so an answer that was lost costs
 * nothing. Asked by `app.js`.
 */
import { Refused, postComment } from './server.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const TRIES_LIMIT = 100;

/**
 * @param {string} topic
 * @param {string} blob
 * @param {{ signal: AbortSignal, waits: (why: string, wait_ms: number) => void }} options
 * @returns {Promise<{ id: string }>} the receipt
 * @throws {Refused} when the answer was no, and would be again
 */
export async function postUntilKept(topic, blob, { signal, waits }) {
  for (let tries = 0, wait_ms = FIRST_WAIT_MS; ; tries += 1) {
    try {
      return await postComment(topic, blob);
    } catch (cause) {
      const isFinal = cause instanceof Refused && !cause.isPassing;
      if (isFinal || tries === TRIES_LIMIT || signal.aborted) throw cause;
      const pause_ms = Math.max(cause.wait_ms ?? 0, wait_ms);
      waits(cause.message, pause_ms);
      await sleep(pause_ms, signal);
    }
    wait_ms = Math.min(2 * wait_ms, LONGEST_WAIT_MS);
  }
}

const sleep = (wait_ms, signal) => new Promise((done, fail) => {
  signal.addEventListener('abort', () => fail(signal.reason), { once: true });
  setTimeout(done, wait_ms);
});
