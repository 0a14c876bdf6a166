/** Times on the page, kept true while it stays open. */
import { ago, inFull } from '../text/time.js';
import { el } from './dom.js';

const LANGUAGE = document.documentElement.lang || 'en';
const TICK_MS = 20_000;

/** @param {number} then_ms */
export function timeElement(then_ms) {
  const title = inFull(then_ms, LANGUAGE);
  return el('time', { datetime: new Date(then_ms).toISOString(), title }, ago(then_ms, Date.now(), LANGUAGE));
}

/** One timer for all times of the page. */
export function keepTime() {
  setInterval(() => {
    for (const time of document.querySelectorAll('time')) {
      const text = ago(Date.parse(time.dateTime), Date.now(), LANGUAGE);
      if (time.textContent !== text) time.textContent = text;
    }
  }, TICK_MS);
}
