import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Refused, postUntilKept, readPage } from '../site/thread/server.js'

const TOPIC = 'a'.repeat(40)
const RECEIPT = { id: 'bafkrei', legacy_id: 'b', seq: 1, epoch: 2 }
const answer = (status, body, headers) => () =>
  new Response(status === 304 ? null : JSON.stringify(body), { status, headers })
const lost = () => {
  throw new TypeError('network')
}

/** The server gives these answers, one after the other; what it was asked is remembered. */
function serve(...answers) {
  const asked = []
  globalThis.fetch = async (url, options) => {
    asked.push({ url, ...options })
    return answers.shift()()
  }
  return asked
}

const post = (waits = () => {}) => postUntilKept(TOPIC, 'blob', { signal: new AbortController().signal, waits })

test('a comment is posted until it is kept, the same bytes each time', async () => {
  const asked = serve(lost, answer(503, { title: 'busy' }), answer(201, RECEIPT))
  const told = []
  assert.deepEqual(await post((why) => told.push(why)), RECEIPT)
  assert.deepEqual(
    asked.map(({ body }) => body),
    ['blob', 'blob', 'blob'],
  )
  assert.deepEqual(told, ['the server cannot be reached', 'busy'])
})

test('a refusal is final and says what the server said', async () => {
  const asked = serve(answer(400, { title: 'not a header line', detail: 'line 2' }))
  await assert.rejects(post(), (cause) => cause instanceof Refused && cause.message === 'not a header line: line 2')
  assert.equal(asked.length, 1)
})

test('who cancels waits no longer', async () => {
  serve(answer(429, {}, { 'Retry-After': '3600' }))
  const aborter = new AbortController()
  const waits = (_, wait_ms) => {
    assert.equal(wait_ms, 3_600_000)
    queueMicrotask(() => aborter.abort(new Error('cancelled')))
  }
  await assert.rejects(postUntilKept(TOPIC, 'blob', { signal: aborter.signal, waits }), /cancelled/)
})

test('a page that has not changed is not sent again', async () => {
  const asked = serve(answer(200, { comments: [] }, { ETag: '"x"' }), answer(304))
  assert.deepEqual(await readPage(TOPIC, { limit: 25 }), { comments: [], etag: '"x"' })
  assert.equal(await readPage(TOPIC, { limit: 25 }, '"x"'), null)
  assert.equal(asked[1].headers['If-None-Match'], '"x"')
  assert.ok(asked[0].url.endsWith(`/${TOPIC}?limit=25`))
})
