/**
 * What a thread looks like, as a pure function of its comments: the rules by which all servers come to the same state.
 *
 * 1. Signed comments with the same signed part are one group, shown under the smallest id. An unsigned one is alone.
 * 2. An edit or a deletion applies to the groups of the comments it names, by either id, if the keys are the same.
 * 3. A group that a deletion applies to is deleted; otherwise the latest edit is shown, by (`Date`, id).
 */
import { normalId } from './cid.js'

/**
 * @param {Fact[]} facts
 * @returns {{ thread: Map<string, Standing>, idle: Fact[] }} what is shown, and the effects that name nothing known
 */
export function converge(facts) {
  const isEffect = ({ record }) => Boolean(record.edits || record.deletes)
  const comments = facts.filter((fact) => !isEffect(fact))
  const [groups, named] = [new Map(), new Map()]
  for (const fact of comments) {
    const least = groups.get(fact.group)?.fact ?? fact
    groups.set(fact.group, { fact: fact.digest < least.digest ? fact : least, edit: null, isDeleted: false })
    if (fact.record.signed) named.set(fact.id, fact).set(fact.legacy, fact)
  }
  const idle = facts.filter((fact) => isEffect(fact) && !apply(fact, named, groups))
  return { thread: new Map([...groups.values()].map((place) => [place.fact.id, place])), idle }
}

/** @returns {boolean} whether what it names is here and by the same author */
function apply(effect, named, groups) {
  const { edits, deletes, signed } = effect.record
  const target = named.get(normalId(edits ?? deletes))
  if (target?.record.signed.key !== signed.key) return false
  const place = groups.get(target.group)
  if (deletes) place.isDeleted = true
  else if (!place.edit || isLater(effect, place.edit)) place.edit = effect
  return true
}

function isLater(one, other) {
  const [a, b] = [one.record.date_s, other.record.date_s]
  return a === b ? one.digest > other.digest : a > b
}
