/**
 * Holds what the page shows against the folder that the server named, and says exactly what does not fit.
 * Pure. Asked by `worker.js`.
 *
 * @typedef {import('../thread/thread.js').Entry} Entry
 * @typedef {{ entries: Entry[], count: number, isWhole: boolean }} Shown `isWhole` once all pages are loaded
 */
import { normalId } from './cid.js';

/**
 * @param {import('./inspect.js').Folder} folder
 * @param {Shown} shown
 * @returns {import('./inspect.js').Finding[]} nothing when all is as it should be
 */
export function compare(folder, shown) {
  const findings = [...folder.findings];
  // The file of a damaged comment is not in the thread; that it is shown was said with what damaged it.
  const told = new Set(findings.map(({ id }) => id));
  const deletions = deletionsOf(folder);
  for (const entry of shown.entries.filter(({ id }) => !told.has(id))) {
    const finding = entry.deleted ? judgeDeleted(entry, folder, deletions) : judge(entry, folder.thread.get(entry.id));
    if (finding) findings.push({ id: entry.id, ...finding });
  }
  return [...findings, ...judgeCount(folder, shown)];
}

/** @returns {{ say: string, text?: string } | null} */
function judge(entry, place) {
  if (!place) return { say: 'This server shows a comment that is not in the folder it names.' };
  const { record, legacy } = place.fact;
  const right = (place.edit?.record ?? record).text;
  if (place.isDeleted) return { say: 'This server still shows a comment that its author deleted.' };
  if (entry.text !== right) return { say: 'This server shows other words than those in the folder it names.', text: right };
  if (JSON.stringify(entry.headers) !== JSON.stringify(record.headers) || entry.legacy_id !== legacy) {
    return { say: 'This server shows another name, date or header than the comment in the folder has.' };
  }
  if ((entry.edited_by ?? null) !== (place.edit?.id ?? null)) {
    return { say: 'This server names another edit than the latest one in the folder.' };
  }
  const signature = record.signed ? 'valid' : 'none';
  return entry.signature === signature ? null : { say: 'This server says of a comment that it is signed otherwise than it is.' };
}

/** A deleted comment has left the folder: what is left is the deletion that names it. */
function judgeDeleted(entry, folder, { named, spare }) {
  const isNamed = named.has(entry.id) || named.has(entry.legacy_id) || folder.thread.get(entry.id)?.isDeleted;
  // A deletion may have named a twin of the comment, which has left the folder too.
  if (isNamed || (!folder.thread.has(entry.id) && spare > 0)) return null;
  return { say: 'This server says that an author deleted a comment, but the folder holds no such deletion.' };
}

function deletionsOf({ idle }) {
  const ids = idle.filter(({ record }) => record.deletes).map(({ record }) => normalId(record.deletes));
  return { named: new Set(ids), spare: ids.length };
}

function judgeCount(folder, shown) {
  const live = [...folder.thread.values()].filter(({ isDeleted }) => !isDeleted);
  const ids = new Set(shown.entries.map(({ id }) => id));
  const missing = shown.isWhole ? live.filter(({ fact }) => !ids.has(fact.id)) : [];
  const findings = missing.map(({ fact, edit }) => {
    return { id: fact.id, say: 'This server holds back a comment that is in its folder.', text: (edit ?? fact).record.text };
  });
  const differs = !missing.length && shown.count !== live.length && !folder.findings.length;
  const say = `This server counts ${shown.count} comments; its folder holds ${live.length}.`;
  return differs ? [...findings, { id: null, say }] : findings;
}
