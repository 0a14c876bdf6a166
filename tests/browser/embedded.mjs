// Somebody's article on another server, with one line for the thread and one for the badge.

import http from 'node:http'

import { Author, post, topicOf } from './comments.mjs'
import { scenario, until } from './rig.mjs'

await scenario(async (stage) => {
  const blog = stage.serves(http.createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(article(stage.front, canonical))
  }))
  await new Promise((resolve) => blog.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${blog.address().port}`
  // The article may be reached in many ways; its thread is that of its canonical address.
  const canonical = 'https://blog.example/articles/rooks'
  const topic = topicOf(canonical)
  const ada = new Author('Ada')
  await post(stage.front, topic, ada.says(topic, 'There before.'))
  await post(stage.front, topic, ada.says(topic, 'And another one.'))

  const visitor = await stage.visitor({ origins: [origin, stage.front], expects: [/favicon\.ico|status of 404/] })
  const { page } = visitor
  await page.goto(`${origin}/?utm_source=elsewhere`)
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

function article(front, canonical) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Rooks</title><link rel="canonical" href="${canonical}"></head>
<body style="max-width: 40rem; margin: 2rem auto; font-family: serif"><h1>Rooks</h1>
<p>Rooks are sociable. <a id="badge" data-rookery-count>?</a></p>
<script async src="${front}/embed.js"></script>
<p>Below the thread.</p></body></html>`
}

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
