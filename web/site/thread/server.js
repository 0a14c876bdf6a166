/** The server's HTTP surface, as far as the site uses it. Below this file's own address, so any reverse proxy will do. */

const BASE = new URL('../../', import.meta.url)
/** What takes longer is lost. */
const ANSWER_WAIT_MS = 20_000
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000
const TRIES_LIMIT = 100

/** No answer came: the same again is safe. */
export class Unreachable extends Error {}

/** The answer was no. */
export class Refused extends Error {
  /** `wait_ms` is how long the server asks to wait. */
  constructor(status, say, wait_ms) {
    super(say)
    Object.assign(this, { status, wait_ms })
  }

  /** Whether the same again may be answered otherwise. */
  get isPassing() {
    return this.status >= 500 || [408, 425, 429].includes(this.status)
  }
}

/** @param {string} path */
export const addressOf = (path) => new URL(path, BASE).href

/** A page of a thread, or null when the one with this tag is still right. */
export async function readPage(topic, { after, limit }, etag) {
  const query = new URLSearchParams(Object.entries({ after, limit }).filter(([, value]) => value))
  const headers = { Accept: 'application/json', ...(etag && { 'If-None-Match': etag }) }
  const answer = await ask(`${topic}?${query}`, { headers, cache: etag ? 'no-store' : 'no-cache' })
  return answer.status === 304 ? null : { ...(await json(answer)), etag: answer.headers.get('ETag') }
}

const postComment = async (topic, blob) => json(await ask(topic, { method: 'POST', body: blob }))

async function json(answer) {
  return answer.json().catch((cause) => {
    throw new Unreachable('the answer was cut off', { cause })
  })
}

async function ask(path, options) {
  const signal = AbortSignal.timeout?.(ANSWER_WAIT_MS)
  const answer = await fetch(addressOf(path), { ...options, signal, credentials: 'omit' }).catch((cause) => {
    throw new Unreachable('the server cannot be reached', { cause })
  })
  if (answer.ok || answer.status === 304) return answer
  const problem = await answer.json().catch(() => ({}))
  const say = [problem.title, problem.detail].filter(Boolean).join(': ') || `the server answered ${answer.status}`
  throw new Refused(answer.status, say, 1000 * (Number(answer.headers.get('Retry-After')) || 0))
}

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
      return await postComment(topic, blob)
    } catch (cause) {
      const isFinal = cause instanceof Refused && !cause.isPassing
      if (isFinal || tries === TRIES_LIMIT || signal.aborted) throw cause
      const pause_ms = Math.max(cause.wait_ms ?? 0, wait_ms)
      waits(cause.message, pause_ms)
      await sleep(pause_ms, signal)
    }
    wait_ms = Math.min(2 * wait_ms, LONGEST_WAIT_MS)
  }
}

const sleep = (wait_ms, signal) =>
  new Promise((done, fail) => {
    const timer = setTimeout(done, wait_ms)
    const leave = () => {
      clearTimeout(timer)
      fail(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
  })
