/**
 * What a page is called: `/#<page address or topic>`, perhaps with `&c=<comment>`. Asked by `app.js` and `embed-page.js`.
 *
 * @typedef {{ page: string, comment: string | null }} Place
 */
import { toHex } from '../codec/hex.js';
import { sha1 } from '../crypto/hash.js';

const COMMENT = /&c=(bafkrei[a-z2-7]{52}|[0-9a-f]{40})$/;
const TOPIC = /^[0-9a-f]{40}$/;

/** @param {string} hash with its `#` @returns {Place} */
export function readHash(hash) {
  const whole = hash.slice(1);
  const comment = COMMENT.exec(whole);
  return { page: comment ? whole.slice(0, comment.index) : whole, comment: comment?.[1] ?? null };
}

/** @param {Place} place */
export const writeHash = ({ page, comment }) => `#${page}${comment ? `&c=${comment}` : ''}`;

/** Nothing is made of an address but its hash: every client has to come to the same topic. @param {string} page */
export const topicOf = async (page) => (TOPIC.test(page) ? page : toHex(await sha1(new TextEncoder().encode(page))));

/** @param {string} page @returns {URL | null} the page's address, if it is one that can be visited */
export function urlOf(page) {
  try {
    const url = new URL(page);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** @param {string} typed by a visitor @returns {string} as a browser would write it in its own address field */
export function pageFrom(typed) {
  const text = typed.trim();
  if (TOPIC.test(text)) return text;
  const url = urlOf(text) ?? (/^[^\s/:]+\.[^\s/]+/.test(text) ? urlOf(`https://${text}`) : null);
  return url ? url.href : text;
}
