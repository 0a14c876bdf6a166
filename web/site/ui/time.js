/** Times as people say them, kept true while the page stays open. */
import { el } from './dom.js'

const STEPS = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 7],
  ['week', 4.35],
  ['month', 12],
  ['year', Infinity],
]
/** Clocks differ by this much without anybody noticing. */
const SKEW_MS = 120_000
const TICK_MS = 20_000
const LANGUAGE = globalThis.document?.documentElement.lang || 'en'

/** @param {number} then_ms @param {number} now_ms @param {string} language */
export function ago(then_ms, now_ms, language) {
  // A clock that is ahead says the date, not "in three years".
  if (then_ms > now_ms + SKEW_MS) return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(then_ms)
  let count = Math.min(then_ms - now_ms, 0) / 1000
  if (count > -45) return 'just now'
  for (const [unit, size] of STEPS) {
    if (Math.abs(count) < size - 0.5 || size === Infinity) {
      return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.round(count), unit)
    }
    count /= size
  }
}

/** @param {number} then_ms */
export function timeElement(then_ms) {
  const title = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'full', timeStyle: 'medium' }).format(then_ms)
  return el('time', { datetime: new Date(then_ms).toISOString(), title }, ago(then_ms, Date.now(), LANGUAGE))
}

/** One timer for all times of the page. */
export function keepTime() {
  setInterval(() => {
    for (const time of document.querySelectorAll('time')) {
      const text = ago(Date.parse(time.dateTime), Date.now(), LANGUAGE)
      if (time.textContent !== text) time.textContent = text
    }
  }, TICK_MS)
}
