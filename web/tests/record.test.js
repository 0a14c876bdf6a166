import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Damage } from '../site/codec.js'
import { dateSeconds, readRecord } from '../site/comment.js'
import { bytes } from './fixture.js'

const read = (text) => readRecord(bytes(text))
const KEY = 'ab'.repeat(32)
const SIGNATURE = 'cd'.repeat(64)

test('headers end at the first blank line and the text is everything below', () => {
  const record = read('User: Kim\nX-Y: 1: 2\n\nHello\n\nSignature: no header any more\n')
  assert.deepEqual(record.headers, [
    ['User', 'Kim'],
    ['X-Y', '1: 2'],
  ])
  assert.equal(record.text, 'Hello\n\nSignature: no header any more\n')
  assert.equal(record.signed, null)
})

test('a signature covers every byte below its line', () => {
  const below = `Public-Key: ${KEY}\nUser: Zoë\nEdits: ${'e'.repeat(40)}\n\ntext`
  const record = read(`Postmark: ü\nSignature: ${SIGNATURE}\n${below}`)
  assert.equal(new TextDecoder().decode(record.signed.part), below)
  assert.equal(record.signed.key, KEY)
  assert.equal(record.edits, 'e'.repeat(40))
})

test('what the server refuses is damage here', () => {
  const signed = `Signature: ${SIGNATURE}\nPublic-Key: ${KEY}\n`
  const wrong = [
    'no headers',
    '\n\ntext',
    'A: b\n\n',
    'A: b\n\n \n\u3000',
    'A: b\nA: c\n\nx',
    'A: b\na: c\n\nx',
    'signature: b\n\nx',
    'A:b\n\nx',
    'A: \n\nx',
    'A:  b\n\nx',
    'A: b \n\nx',
    '-A: b\n\nx',
    'A--B: c\n\nx',
    'A: b\r\n\r\nx',
    'A: b\n\nbell\x07',
    'A: b\n\n\x85',
    'A: b\nnot a header\n\nx',
    `X: y\n${signed}\nx`,
    `Signature: ${SIGNATURE}\nA: b\n\nx`,
    `Signature: ff\nPublic-Key: ${KEY}\n\nx`,
    'Topic: none\n\nx',
    `Edits: ${'e'.repeat(40)}\n\nunsigned`,
    `${signed}Edits: ${'e'.repeat(40)}\nDeletes: ${'e'.repeat(40)}\n\nboth`,
    `${Array.from({ length: 65 }, (_, n) => `H${n}: v\n`).join('')}\nx`,
  ]
  for (const text of wrong) assert.throws(() => read(text), Damage, JSON.stringify(text))
  assert.throws(() => readRecord(Uint8Array.of(65, 58, 32, 66, 10, 10, 0xff)), Damage)
})

test('a header above the signature means nothing', () => {
  assert.equal(read(`Postmark: p\nSignature: ${SIGNATURE}\nPublic-Key: ${KEY}\n\nx`).topic, undefined)
})

test('a byte order mark is text like any other', () => {
  assert.equal(read('A: b\n\n\ufeff').text, '\ufeff')
  assert.deepEqual(read('A: \ufeffb\n\nx').headers, [['A', '\ufeffb']])
})

test('dates count in whole seconds, and what is no date counts nothing', () => {
  assert.equal(dateSeconds('2026-11-20T16:47:05.101Z'), 1795193225)
  assert.equal(dateSeconds('1970-01-01T00:00:01Z'), 1)
  assert.equal(dateSeconds('2024-02-29T00:00:00Z'), 1709164800)
  const none = [
    undefined,
    '',
    'yesterday',
    '2023-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00.Z',
    '2026-01-01 00:00:00Z',
    '1969-12-31T23:59:59Z',
    '0001-01-01T00:00:00Z',
  ]
  for (const value of none) assert.equal(dateSeconds(value), 0, value)
})
