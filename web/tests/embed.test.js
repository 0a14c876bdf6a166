import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { readHash, topicOf } from '../site/thread/address.js'

const HERE = new URL('..', import.meta.url)
const SOURCE = readFileSync(new URL('site/embed.js', HERE), 'utf8')

/** Runs the script in an article: the page that its frame shows, and the topics that it counts. */
async function embedded({ origin, page, badge }) {
  let say
  const said = new Promise((done) => {
    say = done
  })
  const frame = { style: {} }
  const script = { src: new URL('embed.js', HERE).href, dataset: { page }, parentElement: {}, after() {} }
  const counter = { dataset: { rookeryCount: badge }, matches: () => false }
  const around = {
    document: {
      currentScript: script,
      readyState: 'complete',
      createElement: () => frame,
      querySelector: () => null,
      querySelectorAll: () => (badge ? [counter] : []),
    },
    location: { origin, href: `${origin}/article` },
    getComputedStyle: () => ({ color: 'rgb(0, 0, 0)' }),
    addEventListener() {},
    fetch: async (_, { body }) => {
      say(JSON.parse(body))
      return { ok: false }
    },
  }
  new Function(...Object.keys(around), SOURCE)(...Object.values(around))
  return { shown: readHash(new URL(frame.src).hash), counted: badge ? await said : [] }
}

test('a badge counts the thread that the frame of the same address shows', async () => {
  for (const page of ['https://example.com/a', 'https://example.com/ä b', 'https://example.com/?q="x"']) {
    const { shown, counted } = await embedded({ origin: 'https://blog.example', page, badge: page })
    assert.deepEqual(counted, [await topicOf(shown.page)], page)
    assert.equal(shown.origin, 'https://blog.example')
  }
})

test('an article without an origin shows its own thread too', async () => {
  const page = 'https://example.com/a'
  const { shown } = await embedded({ origin: 'null', page })
  assert.deepEqual(shown, { page, comment: null, origin: null, scheme: 'light' })
})
