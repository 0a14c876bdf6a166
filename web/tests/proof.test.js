import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Damage } from '../site/codec.js'
import { compose } from '../site/comment.js'
import { publicKey } from '../site/crypto.js'
import { readCar } from '../site/proof/car.js'
import { compare } from '../site/proof/compare.js'
import { listFolder } from '../site/proof/folder.js'
import { inspect } from '../site/proof/inspect.js'
import { FOLDER, SHARD, bytes, car, cidOf, cidText, folderCar, page, sha1Hex, writeCar, writeNode } from './fixture.js'

const shownOf = ({ comments, count }) => ({ entries: comments, count, isWhole: true })
const inspected = (topic = page().topic) => inspect(car(), topic, new Set())
const says = (findings) => findings.map(({ say }) => say).join('\n')

test('a thread as a tree hands it out is right in every way', async () => {
  const folder = await inspected()
  assert.equal(folder.root, page().folder)
  assert.deepEqual(folder.findings, [])
  assert.equal(folder.thread.size, page().count)
  assert.deepEqual(compare(folder, shownOf(page())), [])
})

test('a part of a thread is right as long as the count is', async () => {
  const folder = await inspected()
  const part = { ...shownOf(page()), entries: page().comments.slice(0, 5), isWhole: false }
  assert.deepEqual(compare(folder, part), [])
  assert.match(says(compare(folder, { ...part, count: part.count + 1 })), /counts 15 comments; its folder holds 14/)
})

/** How a server may lie about the page, and what is said about it. */
const LIES = {
  'other words': [
    (shown) => {
      shown[0].text = 'I agree.'
    },
    /other words/,
  ],
  'another name': [
    (shown) => {
      shown[0].headers[3][1] = 'Kim'
    },
    /another name, date or header/,
  ],
  'the words before an edit': [
    (shown) => {
      Object.assign(
        shown.find((one) => one.edited_by),
        { edited_by: null },
      )
    },
    /another name/,
  ],
  'a signature that is none': [
    (shown) => {
      shown.at(-1).signature = 'valid'
    },
    /another name/,
  ],
  'a comment of its own': [
    (shown) => {
      shown[0].id = cidText(bytes('x'), 0x55)
    },
    /not in the folder/,
  ],
  'a deletion that nobody asked for': [
    (shown) => {
      Object.assign(shown[0], { deleted: true, text: null, headers: [] })
    },
    /no such deletion/,
  ],
  'a deleted comment': [
    (shown) => {
      Object.assign(
        shown.find((one) => one.deleted),
        { deleted: false, text: 'Wrong page' },
      )
    },
    /not in the folder/,
  ],
  'one comment less': [
    (shown) => {
      shown.splice(2, 1)
    },
    /holds back/,
  ],
}
for (const [lie, [tell, said]] of Object.entries(LIES)) {
  test(`a server that shows ${lie} is caught`, async () => {
    const lying = page()
    tell(lying.comments)
    assert.match(says(compare(await inspected(), shownOf(lying))), said)
  })
}

test('a block with one other bit is named', async () => {
  const bent = car()
  bent[bent.length - 10] ^= 1
  const folder = await inspect(bent, page().topic, new Set())
  assert.match(says(folder.findings), /does not hash to its name/)
  assert.equal(folder.findings.length, 1)
})

test('a CAR that is cut off, or begins as something else, is damage', async () => {
  assert.throws(() => [...readCar(car().subarray(0, 900)).blocks], Damage)
  assert.throws(() => readCar(car().subarray(1)), Damage)
  assert.throws(() => readCar(new Uint8Array()), Damage)
  assert.throws(() => readCar(car().subarray(0, 40)), Damage)
})

test('a comment for another page is named', async () => {
  assert.match(says((await inspected('0'.repeat(40))).findings), /written for another page/)
})

test('a file under a wrong name, a withheld block and a forged signature are named', async () => {
  const blob = bytes('User: Kim\n\nHello')
  assert.match(
    says(
      (
        await inspect(
          folderCar([blob], () => 'f'.repeat(40)),
          '',
          new Set(),
        )
      ).findings,
    ),
    /not the SHA-1/,
  )
  const node = writeNode([{ name: sha1Hex(blob), cid: cidOf(blob, 0x55) }], FOLDER)
  const withheld = writeCar(cidOf(node, 0x70), [{ cid: cidOf(node, 0x70), block: node }])
  assert.match(says((await inspect(withheld, '', new Set())).findings), /withholds/)
  const author = await kim(1)
  const forged = bytes((await compose(author, words('Yes.'))).replace('Yes.', 'No.'))
  assert.match(says((await inspect(folderCar([forged]), TOPIC, new Set())).findings), /signature is wrong/)
})

test('a folder that is split into shards is listed to the last file', () => {
  const [one, other] = [bytes('1'), bytes('2')].map((blob) => cidOf(blob, 0x55))
  const inner = writeNode([{ name: '07one', cid: one }], SHARD)
  const outer = writeNode(
    [
      { name: '03', cid: cidOf(inner, 0x70) },
      { name: 'FFother', cid: other },
    ],
    SHARD,
  )
  const blocks = new Map([inner, outer].map((block) => [cidText(block, 0x70), block]))
  assert.deepEqual([...listFolder(cidText(outer, 0x70), blocks).keys()].sort(), ['one', 'other'])
  blocks.delete(cidText(inner, 0x70))
  assert.throws(() => listFolder(cidText(outer, 0x70), blocks), Damage)
})

test('a node that is no folder, or out of order, is damage', () => {
  const cid = cidOf(bytes('1'), 0x55)
  const wrong = [
    writeNode([], [0x08, 2]),
    writeNode(
      [
        { name: '03a', cid },
        { name: '03b', cid },
      ],
      SHARD,
    ),
    writeNode([{ name: 'zz', cid }], SHARD),
    writeNode(
      [
        { name: 'a', cid },
        { name: 'a', cid },
      ],
      FOLDER,
    ),
    // Numbers where bytes should be: the link's CID, then its name.
    Uint8Array.from([0x12, 2, 0x08, 1, 0x0a, 2, ...FOLDER]),
    Uint8Array.from([0x12, 40, 0x0a, 36, ...cid, 0x10, 1, 0x0a, 2, ...FOLDER]),
  ]
  for (const block of wrong)
    assert.throws(() => listFolder(cidText(block, 0x70), new Map([[cidText(block, 0x70), block]])), Damage)
})

const TOPIC = 'a'.repeat(40)
const words = (text, more = {}) => ({ topic: TOPIC, parent: TOPIC, date_ms: Date.UTC(2026, 10, 20), text, ...more })
async function kim(number) {
  const seed = String(number).padStart(64, '0')
  return { name: 'Kim', seed, key: await publicKey(seed) }
}

/** What comes of a set of comments, whatever their order. */
async function seen(blobs) {
  const folder = await inspect(folderCar(blobs.map(bytes)), TOPIC, new Set())
  assert.deepEqual(folder.findings, [])
  return [...folder.thread.values()]
    .map(({ fact, edit, isDeleted }) => (isDeleted ? null : (edit ?? fact).record.text))
    .sort()
}

test('of several edits the latest counts, and of two in a second the one with the greater id', async () => {
  const author = await kim(1)
  const first = await compose(author, words('first'))
  const edits = cidText(bytes(first), 0x55)
  const later = (text, second) => compose(author, words(text, { edits, date_ms: Date.UTC(2026, 10, 21, 0, 0, second) }))
  const [a, b, c] = [await later('a', 2), await later('b', 1), await later('c', 2)]
  const greater = Buffer.compare(cidOf(bytes(a), 0x55), cidOf(bytes(c), 0x55)) > 0 ? 'a' : 'c'
  assert.deepEqual(await seen([first, a, b, c]), [greater])
  assert.deepEqual(await seen([c, b, a, first]), [greater])
})

test('nobody edits or deletes what another wrote', async () => {
  const mine = await compose(await kim(1), words('mine'))
  const id = cidText(bytes(mine), 0x55)
  const others = [
    await compose(await kim(2), words('theirs', { edits: id })),
    await compose(await kim(2), words('gone', { deletes: sha1Hex(mine) })),
  ]
  assert.deepEqual(await seen([mine, ...others]), ['mine'])
})

test('a server that hides a comment behind the deletion of a stranger is caught', async () => {
  const mine = await compose(await kim(1), words('mine'))
  const id = cidText(bytes(mine), 0x55)
  const stranger = await compose(await kim(2), words('gone', { deletes: id }))
  const folder = await inspect(folderCar([mine, stranger].map(bytes)), TOPIC, new Set())
  const entry = { id, legacy_id: sha1Hex(mine), headers: [], text: null, signature: 'none', edited_by: null }
  const shown = { entries: [{ ...entry, deleted: true }], count: 1, isWhole: true }
  assert.match(says(compare(folder, shown)), /no such deletion/)
  // It is gone from the folder: that somebody asked for it is all that is left to be seen.
  const left = await inspect(folderCar([bytes(stranger)]), TOPIC, new Set())
  assert.deepEqual(compare(left, { ...shown, count: 0 }), [])
})

test('a comment under two postmarks is one comment, and a deletion of either removes it', async () => {
  const author = await kim(1)
  const plain = await compose(author, words('once'))
  const twin = `Postmark: other\n${plain}`
  assert.deepEqual(await seen([plain, twin]), ['once'])
  assert.deepEqual(await seen([plain, twin, await compose(author, words('gone', { deletes: sha1Hex(twin) }))]), [null])
})

test('edits and deletions cannot be edited or deleted', async () => {
  const author = await kim(1)
  const mine = await compose(author, words('mine'))
  const edit = await compose(author, words('edited', { edits: sha1Hex(mine) }))
  assert.deepEqual(await seen([mine, edit, await compose(author, words('gone', { deletes: sha1Hex(edit) }))]), [
    'edited',
  ])
})

test('an edit whose target is spelled in a way that only the server reads accuses nobody', async () => {
  const author = await kim(1)
  const mine = await compose(author, words('mine'))
  const decimal = `9${BigInt(`0x${Buffer.from(cidOf(bytes(mine), 0x55)).toString('hex')}`)}`
  const edit = await compose(author, words('edited', { edits: decimal }))
  const folder = await inspect(folderCar([mine, edit].map(bytes)), TOPIC, new Set())
  const { fact } = [...folder.thread.values()][0]
  const entry = {
    id: fact.id,
    legacy_id: fact.legacy,
    headers: fact.record.headers,
    text: 'edited',
    signature: 'valid',
    edited_by: cidText(bytes(edit), 0x55),
    deleted: false,
  }
  assert.deepEqual(compare(folder, { entries: [entry], count: 1, isWhole: true }), [])
  assert.match(
    says(compare(folder, { entries: [{ ...entry, text: 'other' }], count: 1, isWhole: true })),
    /other words/,
  )
})
