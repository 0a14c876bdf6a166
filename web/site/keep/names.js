/**
 * The names a visitor writes under, each with a key of its own, kept in the browser.
 * Asked by the composer and the panel of names.
 */
import { fromPkcs8, newSeed, publicKey, toPkcs8 } from '../crypto.js'
import { plain } from '../comment.js'
import { recall, remember } from './storage.js'

const NAME_LENGTH = 60
const PEM = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/

/** @returns {Name[]} */
export const allNames = () => recall('names') ?? []

/** @returns {Name | null} the one to write under */
export const currentName = () => allNames().find(({ key }) => key === recall('name')) ?? allNames()[0] ?? null

/** @param {string} key */
export const chooseName = (key) => remember('name', key)

/** @param {string} key @returns {Name | undefined} */
export const nameOfKey = (key) => allNames().find((name) => name.key === key)

/** @param {string} typed @returns {string} as it may stand in a header, perhaps empty */
export const cleanName = (typed) => plain(typed.replace(/\s+/g, ' ')).slice(0, NAME_LENGTH).trim()

/**
 * Keeps a name, with a new key unless one is given, and chooses it.
 * @param {string} name @param {string} [seed] @returns {Promise<Name>}
 */
export async function addName(name, seed = newSeed()) {
  const added = { name, seed, key: await publicKey(seed) }
  remember('names', [...allNames().filter(({ key }) => key !== added.key), added])
  chooseName(added.key)
  return added
}

/** @param {string} key the secret is gone with it */
export const dropName = (key) =>
  remember(
    'names',
    allNames().filter((name) => name.key !== key),
  )

/** A key as text: two lines for people, and PEM, so that OpenSSL reads it too. @param {Name} name */
export function writeKey({ name, seed, key }) {
  const body = btoa(String.fromCharCode(...toPkcs8(seed)))
  return `Name: ${name}\nPublic-Key: ${key}\n\n-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`
}

/**
 * @param {string} text an exported key, a PEM, or the 64 digits of a seed
 * @returns {{ name: string, seed: string } | null} null when it holds no key of Ed25519
 */
export function readKey(text) {
  const name = cleanName(/^Name: (.+)$/m.exec(text)?.[1] ?? '')
  const bare = /^\s*([0-9a-f]{64})\s*$/.exec(text)?.[1]
  if (bare) return { name, seed: bare }
  try {
    const body = atob(PEM.exec(text)[1].replace(/\s/g, ''))
    const seed = fromPkcs8(Uint8Array.from(body, (character) => character.charCodeAt(0)))
    return seed && { name, seed }
  } catch {
    return null
  }
}
