/**
 * A name's key as text: what is exported and imported. Below two lines for people it is PEM, so OpenSSL reads it too.
 */
import { fromPkcs8, toPkcs8 } from '../crypto/ed25519.js';
import { cleanName } from './names.js';

const PEM = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/;

/** @param {import('./names.js').Name} name */
export function writeKey({ name, seed, key }) {
  const body = btoa(String.fromCharCode(...toPkcs8(seed)));
  return `Name: ${name}\nPublic-Key: ${key}\n\n-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

/**
 * @param {string} text an exported key, a PEM, or the 64 digits of a seed
 * @returns {{ name: string, seed: string } | null} null when it holds no key of Ed25519
 */
export function readKey(text) {
  const name = cleanName(/^Name: (.+)$/m.exec(text)?.[1] ?? '');
  const bare = /^\s*([0-9a-f]{64})\s*$/.exec(text)?.[1];
  if (bare) return { name, seed: bare };
  try {
    const body = atob(PEM.exec(text)[1].replace(/\s/g, ''));
    const seed = fromPkcs8(Uint8Array.from(body, (character) => character.charCodeAt(0)));
    return seed && { name, seed };
  } catch {
    return null;
  }
}
