import assert from 'node:assert/strict'
import { createHash, createPrivateKey, verify as nodeVerify, createPublicKey } from 'node:crypto'
import { test } from 'node:test'

import { fromHex, toHex } from '../site/codec.js'
import { compose, readRecord } from '../site/comment.js'
import * as ours from '../site/crypto.js'
import { ownSha1, sha1, sha256 } from '../site/crypto.js'
import * as noble from '../site/vendor/noble-ed25519/index.js'
import { sha256 as nobleSha256, sha512 } from '../site/vendor/noble-hashes/sha2.js'
import { readKey, writeKey } from '../site/keep/names.js'
import { bytes } from './fixture.js'

/** RFC 8032, section 7.1, test 2. */
const SEED = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'
const KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const SIGNED =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'

test('keys and signatures are those of RFC 8032, by the browser and by the library', async () => {
  noble.hashes.sha512 = sha512
  assert.equal(await ours.publicKey(SEED), KEY)
  assert.equal(toHex(noble.getPublicKey(fromHex(SEED, 32))), KEY)
  assert.equal(toHex(await ours.sign(SEED, Uint8Array.of(0x72))), SIGNED)
  assert.equal(toHex(noble.sign(Uint8Array.of(0x72), fromHex(SEED, 32))), SIGNED)
  assert.ok(await ours.verify(fromHex(SIGNED, 64), Uint8Array.of(0x72), KEY))
})

test('a signature of other words, or of no real key, is wrong', async () => {
  const signature = fromHex(SIGNED, 64)
  assert.ok(!(await ours.verify(signature, Uint8Array.of(0x73), KEY)))
  assert.ok(!(await ours.verify(fromHex(SIGNED.replace(/^92/, '93'), 64), Uint8Array.of(0x72), KEY)))
  // Signed by the neutral element, this would fit every message.
  const anything = Uint8Array.from([1, ...Array(63).fill(0)])
  const neutral = `01${'00'.repeat(31)}`
  assert.ok(!(await ours.verify(anything, Uint8Array.of(0x72), neutral)))
  assert.ok(!(await ours.verify(anything, Uint8Array.of(0x72), `${neutral.slice(0, 62)}80`)))
  // The same signature with the group's order added to its second half.
  const order = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn
  const half = BigInt(`0x${SIGNED.slice(64).match(/../g).reverse().join('')}`) + order
  const malleable = SIGNED.slice(0, 64) + half.toString(16).padStart(64, '0').match(/../g).reverse().join('')
  assert.ok(!(await ours.verify(fromHex(malleable, 64), Uint8Array.of(0x72), KEY)))
})

test('hashes are the same by the browser and without it', async () => {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 16_384]) {
    const input = bytes('x'.repeat(size))
    const right = createHash('sha1').update(input).digest('hex')
    assert.equal(toHex(ownSha1(input)), right)
    assert.equal(toHex(await sha1(input)), right)
    assert.equal(toHex(await sha256(input)), toHex(nobleSha256(input)))
  }
})

test('a composed comment is signed, and reads back as what was meant', async () => {
  const author = { name: 'Kim Example', seed: SEED, key: KEY }
  const words = {
    topic: 'a'.repeat(40),
    parent: 'b'.repeat(40),
    date_ms: Date.UTC(2026, 10, 20),
    text: ' Hi\r\n\r\nyou\x07 ',
    edits: 'c'.repeat(40),
  }
  const record = readRecord(bytes(await compose(author, words)))
  assert.deepEqual(record.headers.slice(1), [
    ['Public-Key', KEY],
    ['Date', '2026-11-20T00:00:00.000Z'],
    ['User', 'Kim Example'],
    ['Topic', 'a'.repeat(40)],
    ['Parent', 'b'.repeat(40)],
    ['Edits', 'c'.repeat(40)],
  ])
  assert.equal(record.text, 'Hi\n\nyou')
  assert.ok(await ours.verify(record.signed.signature, record.signed.part, KEY))
})

test('an exported key is one that OpenSSL reads, and comes back as it was', () => {
  const text = writeKey({ name: 'Kim Ö.', seed: SEED, key: KEY })
  const key = createPrivateKey(text.slice(text.indexOf('-----')))
  assert.ok(nodeVerify(null, Uint8Array.of(0x72), createPublicKey(key), fromHex(SIGNED, 64)))
  assert.deepEqual(readKey(text), { name: 'Kim Ö.', seed: SEED })
  assert.deepEqual(readKey(` ${SEED}\n`), { name: '', seed: SEED })
  for (const wrong of ['', 'hello', text.replace('MC4C', 'MC5C'), SEED.slice(2)]) assert.ok(!readKey(wrong), wrong)
})
