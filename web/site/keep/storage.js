/**
 * What the browser keeps for this site: names with their keys, drafts, the order of reading. A frame may be denied it;
 * then things last as long as the page, and `isLasting` says so.
 */

const PREFIX = 'rookery:'
const passing = new Map()
const lasting = probe()

function probe() {
  try {
    localStorage.setItem(`${PREFIX}probe`, '1')
    localStorage.removeItem(`${PREFIX}probe`)
    return localStorage
  } catch {
    return null
  }
}

export const isLasting = Boolean(lasting)

/** @param {string} name @returns {any} what was put there; null when there is nothing, or nothing readable */
export function recall(name) {
  try {
    return JSON.parse((lasting ? lasting.getItem(PREFIX + name) : passing.get(name)) ?? 'null')
  } catch {
    return null
  }
}

/** @param {string} name @param {any} value null forgets it @returns {boolean} whether it will last */
export function remember(name, value) {
  const text = JSON.stringify(value)
  passing.set(name, text)
  try {
    if (value === null) lasting?.removeItem(PREFIX + name)
    else lasting?.setItem(PREFIX + name, text)
    return isLasting
  } catch {
    return false
  }
}

/**
 * Words not yet posted. Once signed, their blob is kept too: posting the same bytes again is safe, signing the words
 * again would make a second comment.
 */
export const readDraft = (name) => recall(name) ?? { text: '' }

export const keepDraft = (name, draft) => remember(name, draft.text ? draft : null)
