/** The proof beside the page, so that hashing never holds up a visitor. Asked by `prover.js`. */
import { checker } from './check.js'

const check = checker()
addEventListener('message', async ({ data }) => postMessage(await check(data)))
