// What a visit costs: all of the site and a short thread, proven, in less than 60 KB; the second time next to nothing.

import { Author, post, topicOf } from './comments.mjs'
import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/light'
const FIRST_BYTES = 60_000
// Some forty answers that say: you have it. Their headers are most of it.
const SECOND_BYTES = 20_000

await scenario(async (stage) => {
  await post(stage.front, topicOf(PAGE), new Author('Ada').says(topicOf(PAGE), 'Light as a feather.'))
  const visitor = await stage.visitor()
  const thread = await ThreadPage.open(visitor, stage.front, PAGE)
  await thread.becomes('verified')
  const first = await transferred(visitor.page)
  await visitor.page.reload()
  await thread.sees('Light as a feather.')
  await thread.becomes('verified')
  const second = await transferred(visitor.page)
  console.log(`first ${first.body_bytes} bytes in ${first.answers} answers, then ${second.all_bytes} with their headers`)
  if (first.answers < 10 || first.body_bytes > FIRST_BYTES) throw new Error(`the first visit took ${first.body_bytes} bytes`)
  if (second.all_bytes > SECOND_BYTES) throw new Error(`the second visit took ${second.all_bytes} bytes`)
})

/** What came since the page was loaded, as it was sent: compressed. */
function transferred(page) {
  return page.evaluate(() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    const sum = (part) => all.reduce((bytes, answer) => bytes + answer[part], 0)
    return { answers: all.length, body_bytes: sum('encodedBodySize'), all_bytes: sum('transferSize') }
  })
}
