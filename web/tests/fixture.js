/** The recorded thread, and what tests do to bytes. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { toBase32 } from '../site/codec.js'

const read = (name) => readFileSync(new URL(`fixtures/${name}`, import.meta.url))

export const car = () => new Uint8Array(read('thread.car'))
export const page = () => JSON.parse(read('thread.json'))
export const bytes = (text) => new TextEncoder().encode(text)
export const sha1Hex = (blob) => createHash('sha1').update(blob).digest('hex')

/** The binary CID of a block. */
export function cidOf(block, codec) {
  return Uint8Array.from([1, codec, 0x12, 0x20, ...createHash('sha256').update(block).digest()])
}

export const cidText = (block, codec) => toBase32(cidOf(block, codec))

export function varint(number) {
  return number < 128 ? [number] : [(number % 128) | 0x80, ...varint(Math.floor(number / 128))]
}

/** A CAR of these blocks. `root` is a binary CID. */
export function writeCar(root, blocks) {
  const header = [
    ...Buffer.from('a265726f6f747381d82a582500', 'hex'),
    ...root,
    ...Buffer.from('6776657273696f6e01', 'hex'),
  ]
  const sections = blocks.map(({ cid, block }) => [...cid, ...block])
  return Uint8Array.from([header, ...sections].flatMap((section) => [...varint(section.length), ...section]))
}

/** A DAG-PB node of a folder, or of a shard of one. */
export function writeNode(links, unixfs) {
  const field = (number, content) => [(number << 3) | 2, ...varint(content.length), ...content]
  const written = links.map(({ name, cid }) =>
    field(2, [...field(1, [...cid]), ...field(2, [...bytes(name)]), 0x18, 0]),
  )
  return Uint8Array.from([...written.flat(), ...field(1, unixfs)])
}

/** UnixFS messages: a folder, and a shard with murmur3 and 256 slots. */
export const FOLDER = [0x08, 1]
export const SHARD = [0x08, 5, 0x28, 0x22, 0x30, 0x80, 0x02]

/** A folder of comments as a CAR. */
export function folderCar(blobs, nameOf = sha1Hex) {
  const files = blobs.map((blob) => ({ name: nameOf(blob), cid: cidOf(blob, 0x55), block: blob }))
  files.sort((a, b) => (a.name < b.name ? -1 : 1))
  const block = writeNode(files, FOLDER)
  const cid = cidOf(block, 0x70)
  return writeCar(cid, [{ cid, block }, ...files])
}
