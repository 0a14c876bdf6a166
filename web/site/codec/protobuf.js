/** The wire format of protobuf, as far as DAG-PB and UnixFS use it. Asked by `proof/dag-pb.js`. */
import { Damage } from './damage.js';
import { readVarint } from './varint.js';

/** How many bytes the fields of fixed size have, by wire type. */
const FIXED_BYTES = { 1: 8, 5: 4 };

/**
 * @param {Uint8Array} bytes
 * @returns {Generator<[number, number | Uint8Array]>} each field's number and value
 */
export function* readFields(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const [tag, value] = readVarint(bytes, at);
    const wire = tag % 8;
    let [size, start] = [FIXED_BYTES[wire], value];
    if (wire === 0 || wire === 2) [size, start] = readVarint(bytes, value);
    else if (!size) throw new Damage('a field of a node is of an unknown type');
    at = wire === 0 ? start : start + size;
    if (at > bytes.length) throw new Damage('a field of a node is cut off');
    yield [(tag - wire) / 8, wire === 0 ? size : bytes.subarray(start, at)];
  }
}
