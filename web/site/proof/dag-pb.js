/** DAG-PB nodes and the UnixFS message in them: how a folder is written down. Asked by `folder.js`. */
import { Damage } from '../codec/damage.js';
import { readFields } from '../codec/protobuf.js';
import { readCid } from './cid.js';

export const DIRECTORY = 1;
export const SHARD = 5;

/**
 * @typedef {{ name: string, cid: import('./cid.js').Cid }} Link
 * @typedef {{ links: Link[], kind: number, hash: number, fanout: number }} Node
 */

/**
 * @param {Uint8Array} bytes
 * @returns {Node}
 */
export function readNode(bytes) {
  const node = { links: [], kind: -1, hash: 0, fanout: 0 };
  for (const [field, value] of readFields(bytes)) {
    if (field === 2) node.links.push(readLink(value));
    if (field === 1) Object.assign(node, readUnixFs(value));
  }
  return node;
}

/** @returns {Link} */
function readLink(bytes) {
  const link = { name: '', cid: null };
  for (const [field, value] of readFields(bytes)) {
    if (field === 1) [link.cid] = readCid(value, 0);
    if (field === 2) link.name = new TextDecoder().decode(value);
  }
  if (!link.cid) throw new Damage('a link of a folder leads nowhere');
  return link;
}

function readUnixFs(bytes) {
  const names = { 1: 'kind', 5: 'hash', 6: 'fanout' };
  const known = [...readFields(bytes)].filter(([field]) => names[field]);
  return Object.fromEntries(known.map(([field, value]) => [names[field], value]));
}
