/** Writes a comment: its headers, a blank line, the text, and the signature above it all. Asked by `thread/post.js`. */
import { sign } from '../crypto/ed25519.js';
import { toHex } from '../codec.js';

/** What the server takes unless its operator says otherwise. */
export const COMMENT_BYTES = 16_384;
/** What the headers take at most, names of the usual length included. */
export const HEADER_BYTES = 700;

/**
 * @param {Name} author
 * @param {{ topic: string, parent: string, date_ms: number, text: string, edits?: string, deletes?: string }} words
 * @returns {Promise<string>} the blob, as it is posted
 */
export async function compose(author, words) {
  const headers = {
    'Public-Key': author.key, Date: new Date(words.date_ms).toISOString(), User: author.name, Topic: words.topic,
    Parent: words.parent, Edits: words.edits, Deletes: words.deletes,
  };
  const lines = Object.entries(headers).filter(([, value]) => value).map(([name, value]) => `${name}: ${value}\n`);
  const part = `${lines.join('')}\n${plain(words.text)}`;
  return `Signature: ${toHex(await sign(author.seed, new TextEncoder().encode(part)))}\n${part}`;
}

/** Lines end with a line feed alone, and other control characters have no business in a comment. */
export const plain = (text) => text.replace(/\r\n?/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '').trim();
