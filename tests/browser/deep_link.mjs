// A link to one comment of many leads to it, marks it and puts the focus there, by either id.

import { createHash } from 'node:crypto'

import { Author, post, topicOf } from './comments.mjs'
import { scenario, until } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/deep'
const COMMENTS = 120

await scenario(async (stage) => {
  const ada = new Author('Ada')
  const blobs = Array.from({ length: COMMENTS }, (_, number) => ada.says(topicOf(PAGE), `Remark ${number}.\n\n${'More words. '.repeat(20)}`))
  const ids = []
  for (const blob of blobs) ids.push(await post(stage.front, topicOf(PAGE), blob))
  const legacy = (number) => createHash('sha1').update(blobs[number]).digest('hex')

  for (const [number, id] of [[3, ids[3]], [COMMENTS - 1, ids.at(-1)], [60, legacy(60)]]) {
    const visitor = await stage.visitor({ name: `to ${number}` })
    await ThreadPage.open(visitor, stage.front, `${PAGE}&c=${id}`)
    await assertMarked(visitor.page, ids[number])
    if (number === 60) await stage.shot(visitor.page, 'deep_link')
  }

  const visitor = await stage.visitor({ name: 'copies', permissions: ['clipboard-read', 'clipboard-write'] })
  const thread = await ThreadPage.open(visitor, stage.front, PAGE)
  await thread.comment('Remark 7.').getByRole('button', { name: 'Copy link' }).click()
  const link = await until('there is a link', () => visitor.page.evaluate(() => navigator.clipboard.readText()))
  await visitor.page.goto('about:blank')
  await visitor.page.goto(link)
  await assertMarked(visitor.page, ids[7])
})

async function assertMarked(page, id) {
  const comment = page.locator(`[data-comment="${id}"]`)
  await until('the comment is marked', async () => {
    const { marked, focused, top, bottom, height } = await comment.evaluate((one) => {
      const { top, bottom } = one.getBoundingClientRect()
      return { marked: one.classList.contains('pointed'), focused: one === document.activeElement, top, bottom, height: innerHeight }
    })
    const seen = bottom > 0 && top < height
    if (!marked || !focused || !seen) throw new Error(JSON.stringify({ marked, focused, top, bottom, height }))
    return true
  })
}
