/** Lists a folder, flat or split into shards (HAMT), out of blocks whose hashes were checked. Asked by `inspect.js`. */
import { Damage, readFields } from '../codec.js'
import { DAG_PB, readCid } from './cid.js'

const DIRECTORY = 1
const SHARD = 5
const MURMUR3 = 0x22

/**
 * @param {string} root the folder's CID
 * @param {Map<string, Uint8Array>} blocks by CID
 * @returns {Map<string, Cid>} files by name
 */
export function listFolder(root, blocks) {
  const files = new Map()
  const waiting = [{ text: root, codec: DAG_PB, level: 0 }]
  while (waiting.length) {
    const { text, codec, level } = waiting.pop()
    const bytes = blocks.get(text)
    if (!bytes || codec !== DAG_PB) throw new Damage(`the block ${text} is missing`)
    for (const { name, cid, isShard } of entriesOf(readNode(bytes), level)) {
      if (isShard) waiting.push({ ...cid, level: level + 1 })
      else if (files.has(name) || !name) throw new Damage('a name stands twice, or is empty')
      else files.set(name, cid)
    }
  }
  return files
}

/** DAG-PB: links, and a UnixFS message that says what they are. */
function readNode(bytes) {
  const node = { links: [] }
  for (const [field, value] of readFields(bytes)) {
    if (field === 2) node.links.push(readLink(value))
    if (field === 1) node.content = Object.fromEntries(readFields(value))
  }
  const { 1: kind, 5: hash, 6: fanout } = node.content ?? {}
  return { ...node, kind, hash, fanout }
}

function readLink(bytes) {
  const { 1: cid, 2: name } = Object.fromEntries(readFields(bytes))
  const isRight = cid instanceof Uint8Array && (name === undefined || name instanceof Uint8Array)
  if (!isRight) throw new Damage('a link of a node is none')
  return { name: new TextDecoder().decode(name), cid: readCid(cid, 0) }
}

/** A shard of a shard has a name of slot digits alone; the slots of one shard stand in rising order. */
function entriesOf({ links, kind, hash, fanout }, level) {
  if (kind === DIRECTORY && level === 0) return links
  const bits = Math.log2(fanout)
  const isShard = kind === SHARD && hash === MURMUR3 && Number.isInteger(bits) && bits >= 3 && bits <= 10
  if (!isShard || (level + 1) * bits > 64) throw new Damage('a node of it is no folder')
  const digits = (fanout - 1).toString(16).length
  let before = -1
  return links.map(({ name, cid }) => {
    const slot = /^[0-9A-F]+$/.test(name.slice(0, digits)) ? parseInt(name.slice(0, digits), 16) : -1
    if (slot <= before || slot >= fanout) throw new Damage('a shard of it is out of order')
    before = slot
    return { name: name.slice(digits), cid, isShard: name.length === digits }
  })
}
