/**
 * Orders a thread: who answers whom. Pure. Asked by `discussion.js`.
 *
 * A comment whose parent is not here stands at the root. Below a certain depth answers stand under one another, and say
 * whom they answer; otherwise a long exchange would be a staircase out of the window.
 */
import { headerOf } from './thread.js'

/** Levels of answers that are indented. */
export const DEPTH = 4

/** @param {Iterable<Entry>} entries @param {Order} order @param {string} topic @returns {Branch[]} */
export function arrange(entries, order, topic) {
  const sorted = [...entries].sort((a, b) => a.seq - b.seq)
  const byId = new Map(sorted.flatMap((entry) => namesOf(entry).map((name) => [name, entry])))
  const children = new Map(sorted.map((entry) => [entry, []]))
  const roots = []
  for (const entry of sorted) {
    const parent = parentOf(entry, byId)
    ;(parent ? children.get(parent) : roots).push(entry)
  }
  const placed = new Set()
  const branches = roots.map((root) => grow(root, children, placed, topic))
  // Only made-up ids can name one another in a circle; nobody may hide comments that way.
  for (const entry of sorted) if (!placed.has(entry)) branches.push(grow(entry, children, placed, topic))
  return order === 'newest' ? branches.reverse() : branches
}

const namesOf = (entry) => [entry.id, entry.legacy_id, entry.edited_by].filter(Boolean)

function parentOf(entry, byId) {
  const parent = byId.get(headerOf(entry, 'Parent'))
  return parent === entry ? null : parent
}

/** Depth first without recursion: a thread may be a chain of thousands. */
function grow(root, children, placed, topic) {
  const named = headerOf(root, 'Parent')
  const isOrphan = Boolean(named) && named !== topic
  const trunk = { entry: root, parent: null, isFlat: false, isOrphan, replies: [], depth: 0 }
  const waiting = [trunk]
  placed.add(root)
  while (waiting.length) {
    const branch = waiting.pop()
    const answers = children.get(branch.entry).filter((answer) => !placed.has(answer))
    answers.forEach((answer) => placed.add(answer))
    const grown = answers.map((entry) => ({ entry, parent: branch.entry, isFlat: false, isOrphan: false, replies: [] }))
    attach(branch, grown)
    waiting.push(...grown.reverse())
  }
  return trunk
}

/** Too deep for a level of its own: behind the branch itself, in the list that it stands in. */
function attach(branch, grown) {
  const isFlat = branch.depth >= DEPTH
  const host = isFlat ? branch.host : branch
  grown.forEach((answer) => Object.assign(answer, { isFlat, host, depth: isFlat ? branch.depth : branch.depth + 1 }))
  const behind = isFlat ? host.replies.indexOf(branch) + 1 : host.replies.length
  host.replies.splice(behind, 0, ...grown)
}
