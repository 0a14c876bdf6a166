// What is being written is not lost when the page is loaded again, and is gone once it is posted.

import { Author, post, topicOf } from './comments.mjs'
import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/drafts'
const DRAFT = 'Half a thought,\nand a second line'

await scenario(async (stage) => {
  await post(stage.front, topicOf(PAGE), new Author('Ada').says(topicOf(PAGE), 'What do you think?'))
  const visitor = await stage.visitor()
  const thread = await ThreadPage.open(visitor, stage.front, PAGE)
  const { page } = thread
  const reply = () => thread.comment('What do you think?').getByRole('button', { name: 'Reply' })
  const answer = () => thread.comment('What do you think?').locator('form[data-compose] textarea')

  await thread.composer().locator('textarea').fill(DRAFT)
  await reply().click()
  await answer().fill('I think that')
  await page.reload()
  await thread.awaitComposer()
  await assertValue(thread.composer().locator('textarea'), DRAFT)
  await thread.sees('What do you think?')
  if ((await answer().count()) === 0) await reply().click()
  await assertValue(answer(), 'I think that')
  await stage.shot(page, 'drafts')

  await page.goto('about:blank')
  await ThreadPage.open(visitor, stage.front, 'https://example.com/another-page')
  await assertValue(thread.composer().locator('textarea'), '')

  await page.goto('about:blank')
  await ThreadPage.open(visitor, stage.front, PAGE)
  await thread.post(`${DRAFT}, finished`, 'Kim')
  await page.reload()
  await thread.sees('finished')
  await assertValue(thread.composer().locator('textarea'), '')
})

async function assertValue(field, expected) {
  const value = await field.inputValue()
  if (value !== expected) throw new Error(`expected ${JSON.stringify(expected)}, found ${JSON.stringify(value)}`)
}
