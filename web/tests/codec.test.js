import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Damage, fromHex, readFields, readVarint, toBase32, toHex } from '../site/codec.js'
import { normalId, readCid } from '../site/proof/cid.js'
import { bytes, cidOf } from './fixture.js'

const ID = 'bafkreiepinbumzepnoln7co5vea4kf3lcctnqolb3u6bvsellgznymt2uq'

test('hexadecimal is read in lower case and full length only', () => {
  assert.equal(toHex(fromHex('00ff7f', 3)), '00ff7f')
  for (const wrong of ['00FF7F', '00ff', '00ff7f00', '00fg7f']) assert.equal(fromHex(wrong, 3), null)
})

test('a CID is the text that every IPFS software makes of it', () => {
  assert.equal(toBase32(cidOf(bytes('hi'), 0x55)), ID)
  assert.equal(readCid(cidOf(bytes('hi'), 0x55), 0).text, ID)
})

test('an id in any spelling is the same id', () => {
  const binary = cidOf(bytes('hi'), 0x55)
  const spellings = [ID, ID.toUpperCase(), `f${toHex(binary)}`, `/ipfs/${ID}`]
  for (const spelling of spellings) assert.equal(normalId(spelling), ID, spelling)
  assert.equal(normalId('a'.repeat(40)), 'a'.repeat(40))
  for (const wrong of ['', 'b', 'bafy', 'A'.repeat(40), 'Qm', '!']) assert.equal(normalId(wrong), null, wrong)
})

test('a number ends where its last byte says, and nowhere else', () => {
  assert.deepEqual(readVarint([0xac, 0x02, 9], 0), [300, 2])
  for (const wrong of [[], [0x80], Array(9).fill(0xff)]) assert.throws(() => readVarint(wrong, 0), Damage)
})

test('a field that is cut off is no field', () => {
  assert.deepEqual(
    [...readFields(Uint8Array.of(0x08, 5, 0x12, 1, 65))],
    [
      [1, 5],
      [2, Uint8Array.of(65)],
    ],
  )
  for (const wrong of [[0x12, 2, 65], [0x0d, 0, 0, 0, 0], [0x08]])
    assert.throws(() => [...readFields(Uint8Array.from(wrong))], Damage)
})
