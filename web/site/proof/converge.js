/**
 * What a thread looks like, as a pure function of its comments: the rules by which all servers come to the same state.
 *
 * 1. Signed comments with the same signed part are one group, shown under the smallest id. An unsigned one is alone.
 * 2. An edit or a deletion applies to the groups of the comments it names, by either id, if the keys are the same.
 * 3. A group that a deletion applies to is deleted; otherwise the latest edit is shown, by (`Date`, id).
 *
 * @typedef {{ id: string, legacy: string, digest: string, record: import('../comment/record.js').Record,
 *             group: string }} Fact `digest` and `group` in hexadecimal, so that they sort as bytes do
 * @typedef {{ fact: Fact, edit: Fact | null, isDeleted: boolean }} Place
 */
import { normalId } from './cid.js';

/**
 * @param {Fact[]} facts
 * @returns {{ thread: Map<string, Place>, idle: Fact[] }} what is shown, by id, and the effects that name nothing known
 */
export function converge(facts) {
  const comments = facts.filter(({ record }) => !record.edits && !record.deletes);
  const groups = Map.groupBy ? Map.groupBy(comments, groupOf) : groupBy(comments, groupOf);
  const places = new Map([...groups].map(([name, members]) => [name, { fact: first(members), edit: null, isDeleted: false }]));
  const named = namesOf(comments);
  const idle = facts.filter((fact) => isEffect(fact) && !apply(fact, named, places));
  return { thread: new Map([...places.values()].map((place) => [place.fact.id, place])), idle };
}

const isEffect = ({ record }) => Boolean(record.edits || record.deletes);
const groupOf = (fact) => (fact.record.signed ? fact.group : fact.id);
const first = (members) => members.reduce((least, fact) => (fact.digest < least.digest ? fact : least));

function groupBy(facts, nameOf) {
  const groups = new Map();
  for (const fact of facts) groups.set(nameOf(fact), [...(groups.get(nameOf(fact)) ?? []), fact]);
  return groups;
}

/** Signed comments by both their ids. */
function namesOf(comments) {
  const signed = comments.filter(({ record }) => record.signed);
  return new Map(signed.flatMap((fact) => [[fact.id, fact], [fact.legacy, fact]]));
}

/** @returns {boolean} whether what it names is here and by the same author */
function apply(effect, named, places) {
  const { edits, deletes, signed } = effect.record;
  const target = named.get(normalId(edits ?? deletes));
  if (!target || target.record.signed.key !== signed.key) return false;
  const place = places.get(groupOf(target));
  if (deletes) place.isDeleted = true;
  else if (!place.edit || isLater(effect, place.edit)) place.edit = effect;
  return true;
}

function isLater(one, other) {
  const [a, b] = [one.record.date_s, other.record.date_s];
  return a === b ? one.digest > other.digest : a > b;
}
