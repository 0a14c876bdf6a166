/**
 * Takes a CAR apart and checks everything in it: each block's hash, the way from the root down to each file, each file's
 * name, each comment's form and signature. Asked by `worker.js`. What it finds wrong it says, and goes on.
 *
 * @typedef {{ id: string | null, say: string, text?: string }} Finding what is wrong, and with which comment
 * @typedef {{ root: string, thread: Map<string, import('./converge.js').Place>, idle: import('./converge.js').Fact[],
 *             files: number, signatures: number, findings: Finding[] }} Folder
 */
import { Damage } from '../codec/damage.js';
import { toHex } from '../codec/hex.js';
import { readRecord } from '../comment/record.js';
import { verify } from '../crypto/ed25519.js';
import { sha1, sha256 } from '../crypto/hash.js';
import { readCar } from './car.js';
import { RAW, commentId } from './cid.js';
import { converge } from './converge.js';
import { listFolder } from './folder.js';

/** After so many steps others get their turn. */
const STRIDE = 64;

/**
 * @param {Uint8Array} car
 * @param {string} topic
 * @param {Set<string>} known ids of comments whose signature was found right before; grows
 * @returns {Promise<Folder>}
 */
export async function inspect(car, topic, known) {
  const { root, blocks } = readCar(car);
  const checked = new Map();
  const findings = [];
  for await (const { cid, bytes } of unhurried(blocks)) {
    const isRight = toHex(await sha256(bytes)) === toHex(cid.digest);
    if (isRight) checked.set(cid.text, bytes);
    else findings.push({ id: cid.text, say: `The block ${cid.text} does not hash to its name.` });
  }
  const facts = [];
  for await (const [name, cid] of unhurried(listFiles(root, checked, findings))) {
    const fact = await readFile(name, cid, checked, topic, known, findings);
    if (fact) facts.push(fact);
  }
  const signatures = facts.filter(({ record }) => record.signed).length;
  return { root, ...converge(facts), files: facts.length, signatures, findings };
}

/** Missing blocks are the server's fault only when it did not say so already by a wrong one. */
function listFiles(root, blocks, findings) {
  try {
    return listFolder(root, blocks);
  } catch (cause) {
    if (!(cause instanceof Damage)) throw cause;
    findings.push({ id: null, say: `The folder cannot be followed: ${cause.message}.` });
    return new Map();
  }
}

/** @returns {Promise<import('./converge.js').Fact | null>} null when it is no comment; then `findings` says why */
async function readFile(name, cid, blocks, topic, known, findings) {
  const bytes = blocks.get(cid.text);
  const wrong = (say) => findings.push({ id: cid.text, say }) && null;
  if (!bytes) return findings.some(({ id }) => id === cid.text) ? null : wrong('A comment of the folder is withheld.');
  if (cid.codec !== RAW) return wrong('A file of the folder is too large for a comment.');
  const legacy = toHex(await sha1(bytes));
  if (legacy !== name) return wrong('A file of the folder has a name that is not the SHA-1 of its bytes.');
  try {
    const record = readRecord(bytes);
    const { signed } = record;
    if (record.topic && record.topic !== topic) return wrong('A comment was written for another page.');
    if (signed && !known.has(cid.text) && !await verify(signed.signature, signed.part, signed.key)) {
      return wrong('The signature of a comment is wrong: its author did not sign these words.');
    }
    known.add(cid.text);
    const group = signed ? toHex(await sha256(signed.part)) : '';
    return { id: commentId(cid.digest), legacy, digest: toHex(cid.digest), record, group };
  } catch (cause) {
    if (!(cause instanceof Damage)) throw cause;
    return wrong(`A file of the folder is no comment: ${cause.message}.`);
  }
}

async function* unhurried(items) {
  let step = 0;
  for (const item of items) {
    if (++step % STRIDE === 0) await new Promise((done) => { setTimeout(done); });
    yield item;
  }
}
