/** Takes a text apart into words, addresses, and characters that would turn the words around them. Pure. */

const ADDRESS = /https?:\/\/[^\s<>"\u0000-\u001f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/giu
/** The two that override the direction of what follows; the milder ones end with their paragraph. */
const OVERRIDE = /([\u202d\u202e])/u
const PAIRS = { ')': '(', ']': '[', '}': '{' }

/** @param {string} text @returns {Piece[]} */
export function takeApart(text) {
  const pieces = []
  let at = 0
  for (const found of text.matchAll(ADDRESS)) {
    const link = trimmed(found[0])
    const href = hrefOf(link)
    if (!href) continue
    pieces.push(...words(text.slice(at, found.index)), { kind: 'link', text: link, href })
    at = found.index + link.length
  }
  return [...pieces, ...words(text.slice(at))]
}

/** A full stop ends the sentence, not the address; a bracket belongs to it only if it opened in it. */
function trimmed(link) {
  const count = (character) => link.split(character).length
  const loose = Object.fromEntries(Object.entries(PAIRS).map(([close, open]) => [close, count(close) - count(open)]))
  let end = link.length
  for (let last; end > 0; end -= 1) {
    last = link[end - 1]
    if (loose[last] > 0) loose[last] -= 1
    else if (!/[.,;:!?'*_~…]/.test(last)) break
  }
  return link.slice(0, end)
}

function hrefOf(link) {
  try {
    const { protocol, hostname, href } = new URL(link)
    return hostname && /^https?:$/.test(protocol) ? href : null
  } catch {
    return null
  }
}

/** @returns {Piece[]} */
function words(text) {
  const parts = text.split(OVERRIDE).filter(Boolean)
  return parts.map((part) => ({ kind: OVERRIDE.test(part) ? 'control' : 'words', text: part }))
}
