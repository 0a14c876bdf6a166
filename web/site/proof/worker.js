/** The proof beside the page: a worker, so that hashing never holds up a visitor. Asked by `prover.js`. */
import { checker } from './check.js';

const check = checker();
// One after the other: the last folder is kept for the next question.
let before = Promise.resolve();

addEventListener('message', ({ data: [number, question] }) => {
  before = before.then(async () => postMessage([number, await check(question)]));
});
