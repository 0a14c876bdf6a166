// Servers that show something else than what the folder holds, each in its own way, and one that does not.

import { Author, post, thread, topicOf } from './comments.mjs'
import { forgeFolder, startLiar } from './liar.mjs'
import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/lying'
const TOPIC = topicOf(PAGE)

const WORDS = 'The bridge is safe.'
const FORGED = 'The bridge is down.'

/** In each place of a JSON page: `change` has the entry that shows these words. */
const entry = (change) => (page) => ({ ...page, comments: page.comments?.map((one) => (one.text === WORDS ? { ...one, ...change } : one)) })
const without = (words) => (page) => ({ ...page, count: page.count - 1, comments: page.comments?.filter((one) => one.text !== words) })
const forged = (bytes) => Buffer.from(bytes.toString('latin1').replaceAll(WORDS, FORGED), 'latin1')
const blocks = (change) => (all) => all.map((block) => ({ ...block, bytes: change(block.bytes) }))

const LIARS = [
  ['swapped-in-json', { page: entry({ text: FORGED }) }],
  ['swapped-in-car', { blocks: blocks(forged) }],
  ['swapped-in-both', { page: entry({ text: FORGED }), blocks: blocks(forged) }],
  ['left-out-of-json', { page: without(WORDS) }],
  ['left-out-of-car', { blocks: (all) => all.filter(({ bytes }) => !bytes.includes(WORDS)) }],
  ['left-out-of-both', { page: without(WORDS), blocks: (all) => all.filter(({ bytes }) => !bytes.includes(WORDS)) }],
  ['another-name', { page: entry({ headers: [['User', 'Somebody else'], ['Parent', TOPIC]] }) }],
  ['unsigned-said-to-be-signed', { page: (page) => ({ ...page, comments: page.comments?.map((one) => ({ ...one, signature: 'valid' })) }) }],
  ['deletion-withheld', { page: (page) => ({ ...page, comments: page.comments?.map((one) => (one.deleted ? { ...one, deleted: false, text: 'I take nothing back.' } : one)) }) }],
  ['deletion-invented', { page: entry({ deleted: true, text: null, headers: [] }) }],
]

await scenario(async (stage) => {
  const ada = new Author('Ada')
  for (const words of ['One.', WORDS, 'Two.', 'Three.']) await post(stage.front, TOPIC, ada.says(TOPIC, words))
  const regretted = await post(stage.front, TOPIC, ada.says(TOPIC, 'I regret this.'))
  await post(stage.front, TOPIC, ada.says(TOPIC, 'gone', { Deletes: regretted }))
  await post(stage.front, TOPIC, Buffer.from(`Date: 2026-11-20T12:00:00Z\nUser: Nobody\nParent: ${TOPIC}\n\nUnsigned.`))

  // Passed on by the same stranger, but unchanged: what is found below is found because of the lie.
  const honest = await visit(stage, 'honest', {})
  await honest.becomes('verified')
  await stage.shot(honest.page, 'lying-not')
  for (const [name, lies] of LIARS) {
    const visited = await visit(stage, name, lies)
    await visited.becomes('lying').catch((failure) => {
      throw new Error(`${name}: ${failure.message}`)
    })
    await stage.shot(visited.page, `lying-${name}`)
  }
  await forgeTheFolderToo(stage)
  await lieWhileSomebodyWatches(stage, ada)
})

async function visit(stage, name, lies) {
  const { server, address } = await startLiar(stage.front, lies)
  stage.serves(server)
  const visitor = await stage.visitor({ name, origins: [address] })
  return ThreadPage.open(visitor, address, PAGE)
}

/** The whole folder is made anew around other words, so that every hash is right: the signature is all that is not. */
async function forgeTheFolderToo(stage) {
  const { comments } = await thread(stage.front, TOPIC)
  const names = comments.map(({ legacy_id }) => legacy_id)
  const blob = Buffer.from(await (await fetch(`${stage.front}/${TOPIC}/${comments.find(({ text }) => text === WORDS).id}`)).arrayBuffer())
  const told = {}
  const car = (all) => {
    Object.assign(told, forgeFolder(all, blob, FORGED))
    return told.blocks
  }
  // The folder is forged once for all: what the page says of it has to be known before it is asked for.
  await (await startAndAsk(stage, { blocks: car })).arrayBuffer()
  if (!told.folder || names.includes(told.legacy_id)) throw new Error('the folder was not forged')
  const page = (json) => ({
    ...json,
    folder: told.folder,
    comments: json.comments?.map((one) => (one.text === WORDS ? { ...one, id: told.id, legacy_id: told.legacy_id, text: told.text } : one)),
  })
  const visited = await visit(stage, 'forged-folder', { page, blocks: car })
  await visited.becomes('lying')
  await visited.page.locator('[data-verification]').filter({ hasText: /sign/i }).waitFor()
  await stage.shot(visited.page, 'lying-forged-folder')
}

async function startAndAsk(stage, lies) {
  const { server, address } = await startLiar(stage.front, lies)
  stage.serves(server)
  return fetch(`${address}/${TOPIC}`, { headers: { Accept: 'application/vnd.ipld.car' } })
}

/** What was read as true turns into a lie while it is on the screen. */
async function lieWhileSomebodyWatches(stage, ada) {
  const lies = {}
  const visited = await visit(stage, 'turncoat', lies)
  await visited.becomes('verified')
  lies.blocks = blocks(forged)
  await post(stage.front, TOPIC, ada.says(TOPIC, 'Something new, so that it is looked at again.'))
  await visited.becomes('lying')
}
