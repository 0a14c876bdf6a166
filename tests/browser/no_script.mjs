// A browser that runs no script: threads are read as a tree, page by page, and the site says where.

import { Author, post, topicOf } from './comments.mjs'
import { scenario } from './rig.mjs'

const TOPIC = topicOf('https://example.com/no-script')

await scenario(async (stage) => {
  const [kim, ada] = [new Author('Kim'), new Author('Ada')]
  const first = await post(stage.front, TOPIC, kim.says(TOPIC, 'A first remark.\n\nSecond paragraph: https://example.com/there'))
  await post(stage.front, TOPIC, ada.says(TOPIC, 'An answer.', { Parent: first }))
  for (let number = 2; number < 30; number++) await post(stage.front, TOPIC, ada.says(TOPIC, `Remark ${number}.`))
  await post(stage.front, TOPIC, kim.says(TOPIC, 'A late answer.', { Parent: first }))

  const { page } = await stage.visitor({ javaScriptEnabled: false })
  await page.goto(`${stage.front}/`)
  await page.locator('noscript code').waitFor()
  await page.goto(`${stage.front}/t/${TOPIC}`)
  await assertCount(page.locator('[data-comment]'), 25)
  await assertCount(page.locator('li', { hasText: 'A first remark.' }).locator('ol [data-comment]', { hasText: 'An answer.' }), 1)
  await assertCount(page.locator('a[rel="nofollow ugc noopener"][href="https://example.com/there"]'), 1)
  await stage.shot(page, 'no_script')

  await page.getByText('Later comments').click()
  await page.getByText('A late answer.').waitFor()
  await assertCount(page.locator('[data-comment]'), 6)
  await page.locator('[data-comment]', { hasText: 'A late answer.' }).getByText('another comment').waitFor()
  await stage.shot(page, 'no_script-later')
  await page.getByText('From the beginning').click()
  await page.getByText('A first remark.').waitFor()

  // What a feed links to is the comment itself.
  const feed = await (await fetch(`${stage.front}/${TOPIC}/feed`)).text()
  const [, link] = /<entry>.*?href="([^"]*)"/s.exec(feed)
  await page.goto(link)
  const marked = await page.locator(':target').innerText()
  if (!marked.includes('A late answer.')) throw new Error(`the newest entry leads to ${marked}`)
})

async function assertCount(locator, expected) {
  const count = await locator.count()
  if (count !== expected) throw new Error(`${locator}: ${count}, not ${expected}`)
}
