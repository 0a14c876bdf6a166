/**
 * Lists a folder, flat or split into shards (HAMT), out of blocks whose hashes were checked before.
 * Asked by `inspect.js`.
 */
import { Damage } from '../codec/damage.js';
import { DAG_PB } from './cid.js';
import { DIRECTORY, SHARD, readNode } from './dag-pb.js';

const MURMUR3 = 0x22;

/**
 * @param {string} root the folder's CID
 * @param {Map<string, Uint8Array>} blocks by CID
 * @returns {Map<string, import('./cid.js').Cid>} files by name
 */
export function listFolder(root, blocks) {
  const files = new Map();
  const waiting = [{ text: root, codec: DAG_PB, level: 0 }];
  while (waiting.length) {
    const { text, codec, level } = waiting.pop();
    const node = codec === DAG_PB ? readNode(blockOf(text, blocks)) : { kind: -1, links: [] };
    for (const { name, cid, isShard } of entriesOf(node, level)) {
      if (isShard) waiting.push({ ...cid, level: level + 1 });
      else if (files.has(name) || !name) throw new Damage('the folder has a name twice, or an empty one');
      else files.set(name, cid);
    }
  }
  return files;
}

/** @returns {Uint8Array} */
function blockOf(text, blocks) {
  const bytes = blocks.get(text);
  if (!bytes) throw new Damage(`the block ${text} of the folder is missing`);
  return bytes;
}

/** A shard of a shard has a name of slot digits alone; the slots of one shard stand in rising order. */
function entriesOf(node, level) {
  if (node.kind === DIRECTORY && level === 0) return node.links;
  const bits = Math.log2(node.fanout ?? 0);
  const isShard = node.kind === SHARD && node.hash === MURMUR3 && bits >= 3 && bits <= 10 && Number.isInteger(bits);
  if (!isShard || (level + 1) * bits > 64) throw new Damage('a node of the folder is no folder');
  const digits = (node.fanout - 1).toString(16).length;
  let before = -1;
  return node.links.map(({ name, cid }) => {
    const slot = /^[0-9A-F]+$/.test(name.slice(0, digits)) ? parseInt(name.slice(0, digits), 16) : -1;
    if (slot <= before || slot >= node.fanout) throw new Damage('a shard of the folder is out of order');
    before = slot;
    return { name: name.slice(digits), cid, isShard: name.length === digits };
  });
}
