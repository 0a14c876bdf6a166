/** Numbers and fields as CARs, CIDs and protobuf write them. */

/** What every reader of bytes throws when they are not what they should be. */
export class Damage extends Error {}

/** LEB128. @returns {[number, number]} the number, and where the next thing begins */
export function readVarint(bytes, at) {
  let [value, scale] = [0, 1];
  for (let next = at; next < Math.min(bytes.length, at + 8); next += 1) {
    value += (bytes[next] & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) break;
    if (bytes[next] < 0x80) return [value, next + 1];
    scale *= 128;
  }
  throw new Damage('a number is cut off or too large');
}

/** @returns {Generator<[number, number | Uint8Array]>} number and value of each field of a protobuf message */
export function* readFields(bytes) {
  for (let at = 0, tag, value; at < bytes.length; ) {
    [tag, at] = readVarint(bytes, at);
    [value, at] = readVarint(bytes, at);
    const wire = tag % 8;
    if (wire !== 0 && wire !== 2) throw new Damage('a field of a node is of an unknown type');
    if (wire === 2) {
      if (at + value > bytes.length) throw new Damage('a field of a node is cut off');
      [value, at] = [bytes.subarray(at, at + value), at + value];
    }
    yield [(tag - wire) / 8, value];
  }
}
