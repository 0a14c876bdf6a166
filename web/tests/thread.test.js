import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Thread } from '../site/thread/thread.js'
import { DEPTH, arrange } from '../site/thread/tree.js'
import { pageFrom, readHash, topicOf, writeHash } from '../site/thread/address.js'
import { page } from './fixture.js'

const TOPIC = 'f'.repeat(40)
const entry = (seq, parent = TOPIC) => ({
  id: `id${seq}`,
  legacy_id: `legacy${seq}`,
  seq,
  headers: [['Parent', parent]],
  text: 't',
  edited_by: null,
})
const shape = (branches) =>
  branches.map(({ entry: { seq }, replies }) => (replies.length ? [seq, shape(replies)] : seq))

test('answers stand under what they answer, named by either id', () => {
  const tree = arrange([entry(3, 'legacy1'), entry(1), entry(2), entry(4, 'id3')], 'oldest', TOPIC)
  assert.deepEqual(shape(tree), [[1, [[3, [4]]]], 2])
})

test('newest first turns the roots around and leaves the answers', () => {
  const tree = arrange([entry(1), entry(2), entry(3, 'id1'), entry(4, 'id1')], 'newest', TOPIC)
  assert.deepEqual(shape(tree), [2, [1, [3, 4]]])
})

test('an answer to an unknown comment stands at the root and says so', () => {
  const [orphan, root] = arrange([entry(1, 'id99'), entry(2)], 'oldest', TOPIC)
  assert.deepEqual([orphan.isOrphan, root.isOrphan], [true, false])
})

test('ids that name one another in a circle hide nothing', () => {
  assert.deepEqual(shape(arrange([entry(1, 'id2'), entry(2, 'id1'), entry(3, 'id3')], 'oldest', TOPIC)), [3, [1, [2]]])
})

test('a chain of thousands is no staircase, and stays in order', () => {
  const chain = Array.from({ length: 5_000 }, (_, at) => entry(at + 1, at ? `id${at}` : TOPIC))
  let [level, branches] = [0, arrange(chain, 'oldest', TOPIC)]
  for (; branches[0].replies.length; level += 1) branches = branches[0].replies
  assert.equal(level, DEPTH)
  assert.deepEqual(
    branches.map(({ entry: { seq } }) => seq),
    chain.slice(DEPTH).map(({ seq }) => seq),
  )
  assert.ok(branches.slice(1).every(({ isFlat, parent }) => isFlat && parent))
})

test('flat answers stand right behind what they answer', () => {
  const deep = Array.from({ length: DEPTH + 1 }, (_, at) => entry(at + 1, at ? `id${at}` : TOPIC))
  const last = DEPTH + 1
  let branches = arrange([...deep, entry(10, `id${DEPTH}`), entry(11, `id${last}`), entry(12, 'id11')], 'oldest', TOPIC)
  while (branches[0].replies.length) branches = branches[0].replies
  assert.deepEqual(
    branches.map(({ entry: { seq } }) => seq),
    [last, 11, 12, 10],
  )
})

test('an event moves the thread on, and one that was overtaken does not move it back', () => {
  const thread = new Thread()
  thread.addPage(page())
  const { last_seq, count, epoch } = page()
  assert.equal(thread.cursor, `${epoch}-${last_seq}`)
  const isNew = thread.addEvent({
    seq: last_seq + 2,
    count: count + 1,
    folder: 'bafynew',
    comment: entry(last_seq + 2),
  })
  assert.deepEqual([isNew, thread.count, thread.folder], [true, count + 1, 'bafynew'])
  thread.addEvent({ seq: last_seq + 1, count, folder: 'bafyold', comment: { ...entry(last_seq + 2), text: 'old' } })
  assert.deepEqual([thread.folder, thread.entries.get(`id${last_seq + 2}`).text], ['bafynew', 't'])
})

test('a page of another epoch begins anew', () => {
  const thread = new Thread()
  thread.addPage(page())
  thread.addPage({ ...page(), epoch: 1, comments: [entry(1)] })
  assert.deepEqual([...thread.entries.keys()], ['id1'])
})

test('loading again forgets what is gone', () => {
  const thread = new Thread()
  thread.addPage(page())
  thread.replace([{ ...page(), comments: page().comments.slice(1) }])
  assert.ok(!thread.entries.has(page().comments[0].id))
})

test('a twin that is shown in the place of another takes it away', () => {
  const thread = new Thread()
  thread.addPage(page())
  const [old] = page().comments
  const seq = thread.last_seq + 1
  thread.addEvent({
    seq,
    count: thread.count,
    folder: null,
    comment: { ...old, id: 'bafkrei-smaller', seq },
    replaces: old.id,
  })
  assert.ok(thread.entries.has('bafkrei-smaller') && !thread.entries.has(old.id))
})

test('an address is hashed as it stands, and a topic is itself', async () => {
  assert.equal(await topicOf('https://example.com/'), 'b559c7edd3fb67374c1a25e739cdd7edd1d79949')
  assert.equal(await topicOf(TOPIC), TOPIC)
})

test('an address after the hash is read back, with its comment and the origin around it', () => {
  const id = `bafkrei${'a'.repeat(52)}`
  const address = 'https://example.com/a?b=c&d=%20#e'
  assert.deepEqual(readHash(writeHash(address, id)), { page: address, comment: id, origin: null, scheme: null })
  assert.deepEqual(readHash(`#${address}&c=${TOPIC}&o=https://host.example&s=dark`), {
    page: address,
    comment: TOPIC,
    origin: 'https://host.example',
    scheme: 'dark',
  })
  assert.deepEqual(readHash(''), { page: '', comment: null, origin: null, scheme: null })
  assert.equal(readHash(`#${address}&c=other`).page, `${address}&c=other`)
})

test('what a visitor types becomes the address that a browser would show', () => {
  assert.equal(pageFrom(' example.com '), 'https://example.com/')
  assert.equal(pageFrom('https://example.com/ü'), 'https://example.com/%C3%BC')
  assert.equal(pageFrom(TOPIC), TOPIC)
  assert.equal(pageFrom('anything else'), 'anything else')
})
