// Somebody writes and edits, and somebody reads, round after round, while the test kills boxes: neither meets an error, nothing is
// lost. Ends when it is told to (SIGTERM), and then looks at everything once more.

import { thread, topicOf } from './comments.mjs'
import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/killed'
// The test ends it long before; without the test it ends too.
const ROUNDS_LIMIT = 1_000

let over = false
process.on('SIGTERM', () => {
  over = true
})

await scenario(async (stage) => {
  // A browser says in its console that a connection broke, whatever the page makes of it.
  const expects = [/^console: Failed to load resource: /]
  const [writer, reader] = [await stage.visitor({ name: 'writer', expects }), await stage.visitor({ name: 'reader', expects })]
  const writes = await ThreadPage.open(writer, stage.front, PAGE)
  const reads = await ThreadPage.open(reader, stage.front, PAGE)
  const said = []
  for (let round = 0; round < ROUNDS_LIMIT && !over; round++) {
    await writes.post(`In round ${round}.`, round === 0 ? 'Kim' : undefined)
    await reads.sees(`In round ${round}.`)
    await writes.edit(`In round ${round}.`, `Edited in round ${round}.`)
    await reads.sees(`Edited in round ${round}.`)
    said.push(`Edited in round ${round}.`)
    for (const { page } of [writes, reads]) await assertContent(page)
    console.log(`round ${round}`)
  }
  await reads.becomes('verified')
  await stage.shot(reads.page, 'killed')
  const { comments } = await thread(stage.front, topicOf(PAGE))
  const kept = comments.map(({ text }) => text)
  if (JSON.stringify(kept) !== JSON.stringify(said)) throw new Error(`written: ${said}; kept: ${kept}`)
})

/** Nothing on the page speaks of trouble. */
async function assertContent(page) {
  const trouble = await page.locator('.note.wrong, [role=alert], [data-state=lying]').evaluateAll((all) => {
    return all.filter((one) => one.checkVisibility() && one.textContent.trim()).map((one) => one.textContent)
  })
  if (trouble.length > 0) throw new Error(`the visitor reads: ${trouble}`)
}
