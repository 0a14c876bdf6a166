/** Holds what the page shows against the folder that the server named. Pure. Asked by `check.js`. */
import { normalId } from './cid.js'

/** @param {Folder} folder @param {Shown} shown @returns {Finding[]} none when all fits */
export function compare(folder, shown) {
  const told = new Set(folder.findings.map(({ id }) => id))
  const deletions = deletionsOf(folder, shown)
  const wrong = shown.entries
    .filter(({ id }) => !told.has(id))
    .flatMap((entry) => {
      const finding = entry.deleted ? judgeDeleted(entry, folder, deletions) : judge(entry, folder)
      return finding ? [{ id: entry.id, ...finding }] : []
    })
  return [...folder.findings, ...wrong, ...judgeCount(folder, shown)]
}

/** @returns {Omit<Finding, 'id'> | null} */
function judge(entry, { thread, idle }) {
  const place = thread.get(entry.id)
  if (!place) return { say: 'This server shows a comment that is not in the folder it names.' }
  const { record, legacy } = place.fact
  const edit = idle.find((effect) => effect.id === entry.edited_by && isUnread(effect, record)) ?? place.edit
  const { text } = edit?.record ?? record
  if (place.isDeleted) return { say: 'This server still shows a comment that its author deleted.' }
  if (entry.text !== text) return { say: 'This server shows other words than those in the folder it names.', text }
  const right = [record.headers, legacy, edit?.id ?? null, record.signed ? 'valid' : 'none']
  const { headers, legacy_id, edited_by, signature } = entry
  if (JSON.stringify([headers, legacy_id, edited_by, signature]) === JSON.stringify(right)) return null
  return { say: 'This server shows another name, date or header than the comment in the folder has.' }
}

/** An edit by the same author that names its target in a base which the server reads and this does not. */
const isUnread = ({ record: { edits, signed } }, target) =>
  edits && !normalId(edits) && signed.key === target.signed?.key

/** A deleted comment has left the folder; what is left is the deletion that names it. */
function judgeDeleted(entry, { thread }, { named, isSpare }) {
  const place = thread.get(entry.id)
  // Of one that is still there it is known who wrote it: what others ask for does not count.
  const isRight = place ? place.isDeleted : named.has(entry.id) || named.has(entry.legacy_id) || isSpare
  if (isRight) return null
  return { say: 'This server says that an author deleted a comment, but the folder holds no such deletion.' }
}

/** One that names nothing known may have named a twin of the comment, which has left the folder too. */
function deletionsOf({ idle }, { entries }) {
  const named = new Set(idle.filter(({ record }) => record.deletes).map(({ record }) => normalId(record.deletes)))
  const shown = new Set(entries.filter(({ deleted }) => deleted).flatMap(({ id, legacy_id }) => [id, legacy_id]))
  return { named, isSpare: [...named].some((id) => !shown.has(id)) }
}

function judgeCount({ thread, findings }, { entries, count, isWhole }) {
  const live = [...thread.values()].filter(({ isDeleted }) => !isDeleted)
  const ids = new Set(entries.map(({ id }) => id))
  const missing = isWhole ? live.filter(({ fact }) => !ids.has(fact.id)) : []
  if (missing.length || findings.length || count === live.length) {
    const say = 'This server holds back a comment that is in its folder.'
    return missing.map(({ fact, edit }) => ({ id: fact.id, say, text: (edit ?? fact).record.text }))
  }
  return [{ id: null, say: `This server counts ${count} comments; its folder holds ${live.length}.` }]
}
