import assert from 'node:assert/strict'
import { test } from 'node:test'

import { takeApart } from '../site/text/links.js'
import { displayName, isVisible, paragraphsOf } from '../site/text/visible.js'
import { ago } from '../site/ui/time.js'

const linksOf = (text) =>
  takeApart(text)
    .filter(({ kind }) => kind === 'link')
    .map(({ text: link }) => link)
const whole = (text) =>
  takeApart(text)
    .map((piece) => piece.text)
    .join('')

test('addresses end before what belongs to the sentence', () => {
  const rows = {
    'See https://example.com/a.': ['https://example.com/a'],
    '(https://example.com/a_(b))': ['https://example.com/a_(b)'],
    'https://example.com/?q=1,2!': ['https://example.com/?q=1,2'],
    'http://a.example http://b.example': ['http://a.example', 'http://b.example'],
    '<https://example.com/x>': ['https://example.com/x'],
    'https://example.com/\u202egnp.exe': ['https://example.com/'],
    'javascript:alert(1) data:text/html,x ftp://x.example https:// https://': [],
    'https://[': [],
  }
  for (const [text, links] of Object.entries(rows)) assert.deepEqual(linksOf(text), links, text)
})

test('nothing of a text is lost or changed', () => {
  for (const text of [
    '',
    'plain',
    'https://example.com/ and <b>',
    'a\u202eb\u202dc',
    'x https://[ y https://ok.example.',
  ])
    assert.equal(whole(text), text)
})

test('characters that turn the text around stand alone', () => {
  assert.deepEqual(
    takeApart('a\u202eb').map(({ kind }) => kind),
    ['words', 'control', 'words'],
  )
})

test('a long wall of text is taken apart in no time', () => {
  const began_ms = performance.now()
  takeApart('https://'.repeat(2_048))
  takeApart(`https://a.example/${')'.repeat(16_000)}`)
  assert.ok(performance.now() - began_ms < 2_000)
})

test('a name is shown as it is unless it plays tricks', () => {
  assert.deepEqual(displayName('Kim Example'), { text: 'Kim Example', isPlain: true })
  assert.deepEqual(displayName('نور'), { text: 'نور', isPlain: true })
  assert.deepEqual(displayName('👩‍🚀 Ana'), { text: '👩‍🚀 Ana', isPlain: true })
  assert.deepEqual(displayName('Kim\u202eevE'), { text: 'KimevE', isPlain: false })
  assert.equal(displayName('\u200b\u2060\ufeff').text, 'Invisible name')
  assert.equal(displayName('').text, 'Anonymous')
  assert.ok(displayName(`Z${'\u0301'.repeat(50)}`).text.length < 6)
  assert.ok([...displayName('x'.repeat(5_000)).text].length <= 61)
})

test('what cannot be seen is not visible', () => {
  for (const text of ['', ' \n', '\u200b\u200d\ufeff', '\u3164', '\u2800', '\u{e0041}', '\u202e'])
    assert.ok(!isVisible(text), JSON.stringify(text))
  for (const text of ['a', '\u0301a', '你', '❤️']) assert.ok(isVisible(text), text)
})

test('times are said as people say them', () => {
  const now_ms = Date.UTC(2026, 10, 20)
  const rows = [
    [0, 'just now'],
    [-44, 'just now'],
    [-50, '50 seconds ago'],
    [-100, '2 minutes ago'],
    [-3_600, '1 hour ago'],
    [-86_400, 'yesterday'],
    [-3 * 86_400, '3 days ago'],
    [-8 * 86_400, 'last week'],
    [-60 * 86_400, '2 months ago'],
    [-800 * 86_400, '2 years ago'],
    [60, 'just now'],
  ]
  for (const [seconds, said] of rows) assert.equal(ago(now_ms + 1000 * seconds, now_ms, 'en'), said, String(seconds))
  assert.equal(ago(now_ms + 86_400_000, now_ms, 'en'), 'Nov 21, 2026')
})

test('empty lines part paragraphs, and a run of spaces costs no more than other words', () => {
  assert.deepEqual(paragraphsOf('\none\ntwo \n \n\n  three\n\u200b\n\nfour\n'), ['one\ntwo', '  three\n\u200b', 'four'])
  const hostile = `a${' '.repeat(16_000)}b`
  const began_ms = performance.now()
  for (let comment = 0; comment < 100; comment += 1) assert.deepEqual(paragraphsOf(hostile), [hostile])
  // They took twenty seconds.
  assert.ok(performance.now() - began_ms < 5_000)
})
