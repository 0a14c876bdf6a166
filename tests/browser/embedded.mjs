// Under somebody's article stand its thread, as tall as it is, and a badge with the number of comments.

import { startBlog } from './article.mjs'
import { Author, post, topicOf } from './comments.mjs'
import { scenario, until } from './rig.mjs'

await scenario(async (stage) => {
  // The article may be reached in many ways; its thread is that of its canonical address.
  const canonical = 'https://blog.example/articles/rooks'
  const { server, address } = await startBlog(stage.front, canonical)
  stage.serves(server)
  const topic = topicOf(canonical)
  const ada = new Author('Ada')
  await post(stage.front, topic, ada.says(topic, 'There before.'))
  await post(stage.front, topic, ada.says(topic, 'And another one.'))

  const visitor = await stage.visitor({ origins: [address, stage.front] })
  const { page } = visitor
  await page.goto(`${address}/?utm_source=elsewhere`)
  await until('the badge counts', async () => (await page.locator('#badge').innerText()) === '2 comments')
  const element = page.locator('iframe')
  const frame = page.frameLocator('iframe')
  await element.scrollIntoViewIfNeeded()
  await frame.getByText('There before.').waitFor()
  await assertFits(element, frame)
  await stage.shot(page, 'embedded')

  const before = (await element.boundingBox()).height
  const form = frame.locator('form[data-compose]').first()
  await form.locator('textarea').fill(`Written under the article.\n\n${'And long. '.repeat(200)}`)
  await form.getByLabel('Your name').fill('Kim')
  await form.getByRole('button', { name: 'Post' }).click()
  await frame.getByText('Written under the article.').last().waitFor()
  await frame.locator('[data-verification][data-state="verified"]').waitFor()
  await assertFits(element, frame)
  const after = (await element.boundingBox()).height
  if (after <= before) throw new Error(`the frame had ${before} px, and has ${after} with a comment more`)
  await post(stage.front, topic, ada.says(topic, 'Live, too.'))
  await frame.getByText('Live, too.').waitFor()
  await assertFits(element, frame)
  await stage.shot(page, 'embedded-after')
  await assertIsolated(page)
})

/** All of the thread is to be seen: the frame has nothing to scroll, and no great void below. */
async function assertFits(element, frame) {
  await until('the frame is as tall as its content', async () => {
    const { height } = await element.boundingBox()
    const content = await frame.locator('html').evaluate((html) => ({ scroll: html.scrollHeight, own: html.getBoundingClientRect().height }))
    if (content.scroll > height + 1 || Math.abs(content.own - height) > 2) throw new Error(`${JSON.stringify(content)} in ${height}`)
    return true
  })
}

/** The page around it cannot reach into the frame, where the keys are. */
async function assertIsolated(page) {
  const reached = await page.evaluate(() => {
    try {
      return document.querySelector('iframe').contentWindow.localStorage.length
    } catch (refusal) {
      return refusal.name
    }
  })
  if (reached !== 'SecurityError') throw new Error(`the article reads what the frame keeps: ${reached}`)
}
