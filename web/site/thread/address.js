/** What is behind the `#`: `<page address or topic>`, `&c=<comment>`, in a frame `&o=<origin around it>&s=<scheme>`. */
import { toHex } from '../codec.js'
import { sha1 } from '../crypto.js'

const PARTS = /^#(.*?)(?:&c=(bafkrei[a-z2-7]{52}|[0-9a-f]{40}))?(?:&o=(https?:\/\/[^&/]+))?(?:&s=(light|dark))?$/
const TOPIC = /^[0-9a-f]{40}$/i

/** @param {string} hash with its `#` @returns {Place} */
export function readHash(hash) {
  const [, page = '', comment = null, origin = null, scheme = null] = PARTS.exec(hash) ?? []
  return { page, comment, origin, scheme }
}

/** @param {string} page @param {string} [comment] */
export const writeHash = (page, comment) => `#${page}${comment ? `&c=${comment}` : ''}`

/** Nothing is made of an address but its hash: every client has to come to the same topic. @param {string} page */
export const topicOf = async (page) => (TOPIC.test(page) ? page.toLowerCase() : toHex(await sha1(new TextEncoder().encode(page))))

/** @param {string} page @returns {URL | null} the page's address, if it is one that can be visited */
export function urlOf(page) {
  try {
    const url = new URL(page)
    return /^https?:$/.test(url.protocol) ? url : null
  } catch {
    return null
  }
}

/** @param {string} typed by a visitor @returns {string} as a browser would write it in its own address field */
export function pageFrom(typed) {
  const text = typed.trim()
  if (TOPIC.test(text)) return text.toLowerCase()
  const url = urlOf(text) ?? (/^[^\s/:]+\.[^\s/]+/.test(text) ? urlOf(`https://${text}`) : null)
  return url ? url.href : text
}
