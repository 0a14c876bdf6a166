// axe-core finds nothing, wherever a visitor comes: light, dark, narrow, writing, warned, framed, without JavaScript.
// And a thread is read, answered and left with the keyboard alone.

import { startBlog } from './article.mjs'
import { Author, post, topicOf, unsigned } from './comments.mjs'
import { startLiar } from './liar.mjs'
import { assertAccessible, scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/accessible'
const TOPIC = topicOf(PAGE)

const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
  'narrow-dark': { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
}

await scenario(async (stage) => {
  await fill(stage.front)
  const blogs = { 'light-blog': await blog(stage, false), 'dark-blog': await blog(stage, true) }
  for (const [look, options] of Object.entries(LOOKS)) {
    const visitor = await stage.visitor({ name: look, origins: [stage.front, ...Object.values(blogs)], ...options })
    const seen = async (what) => {
      await stage.shot(visitor.page, `accessible-${look}-${what}`)
      await assertAccessible(visitor.page, `${what}, ${look}`)
      await assertNoOverhang(visitor.page, `${what}, ${look}`)
    }
    await visitor.page.goto(`${stage.front}/`)
    await visitor.page.locator('form').first().waitFor()
    await seen('start')

    const thread = await ThreadPage.open(visitor, stage.front, PAGE)
    await thread.becomes('verified')
    await seen('thread')
    await thread.post('Mine, to be edited.', 'Kim')
    await thread.becomes('verified')
    await thread.comment('A first remark').getByRole('button', { name: 'Reply' }).click()
    await thread.comment('Mine, to be edited.').getByRole('button', { name: 'Edit' }).first().click()
    await visitor.page.getByText('Names and keys').click()
    await visitor.page.getByRole('button', { name: 'Export' }).click()
    await seen('forms')
    await visitor.page.reload()
    await thread.sees('Mine, to be edited.')
    await thread.remove('Mine, to be edited.')

    for (const [kind, address] of Object.entries(blogs)) {
      await visitor.page.goto(address)
      await visitor.page.locator('iframe').scrollIntoViewIfNeeded()
      await visitor.page.frameLocator('iframe').locator('[data-verification][data-state="verified"]').waitFor()
      await seen(`embed-in-${kind}`)
    }
    await visitor.page.goto(`${stage.front}/t/${TOPIC}?limit=3`)
    await seen('no-script')
    await warned(stage, look, options)
  }
  await withTheKeyboard(stage)
})

async function blog(stage, dark) {
  const { server, address } = await startBlog(stage.front, PAGE, { dark })
  stage.serves(server)
  return address
}

async function fill(front) {
  const [kim, ada] = [new Author('Kim'), new Author('Ada')]
  const first = await post(front, TOPIC, kim.says(TOPIC, 'A first remark, with a link: https://example.com/somewhere'))
  const answer = await post(front, TOPIC, ada.says(TOPIC, 'An answer.\n\nIn two paragraphs.', { Parent: first }))
  await post(front, TOPIC, kim.says(TOPIC, 'An answer to the answer.', { Parent: answer }))
  await post(front, TOPIC, unsigned(TOPIC, 'تعليق من اليمين إلى اليسار مع English في الوسط'))
  await post(front, TOPIC, unsigned(TOPIC, `A long one. ${'Words and words. '.repeat(300)}`))
  const badly = await post(front, TOPIC, kim.says(TOPIC, 'Said badly.'))
  await post(front, TOPIC, kim.says(TOPIC, 'Said better.', { Edits: badly }))
  const regretted = await post(front, TOPIC, ada.says(TOPIC, 'Regretted.'))
  await post(front, TOPIC, ada.says(TOPIC, 'gone', { Deletes: regretted }))
}

/** The same, where the server lies: the warning must be readable too. */
async function warned(stage, look, options) {
  const page = (json) => ({ ...json, comments: json.comments?.map((one) => (one.text === 'Said better.' ? { ...one, text: 'Said by somebody else.' } : one)) })
  const { server, address } = await startLiar(stage.front, { page })
  stage.serves(server)
  const visitor = await stage.visitor({ name: `${look}, warned`, origins: [address], ...options })
  const thread = await ThreadPage.open(visitor, address, PAGE)
  await thread.becomes('lying')
  await stage.shot(visitor.page, `accessible-${look}-warned`)
  await assertAccessible(visitor.page, `a lying server, ${look}`)
}

async function assertNoOverhang(page, what) {
  const overhang = await page.evaluate(() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth)
  if (overhang > 0) throw new Error(`${what}: hangs out by ${overhang} px`)
}

async function withTheKeyboard(stage) {
  const visitor = await stage.visitor({ name: 'keyboard' })
  const { page } = visitor
  const thread = await ThreadPage.open(visitor, stage.front, 'https://example.com/keyboard')
  const focused = (selector) => page.evaluate((wanted) => document.activeElement.matches(wanted), selector)
  const tabTo = async (selector) => {
    for (let presses = 0; presses < 60; presses++) {
      if (await focused(selector)) return
      await page.keyboard.press('Tab')
    }
    throw new Error(`the key Tab never comes to ${selector}`)
  }
  await tabTo('form[data-compose] textarea')
  await page.keyboard.type('Typed, and never clicked.')
  await tabTo('form[data-compose] input')
  await page.keyboard.type('Kim')
  await tabTo('form[data-compose] button[type=submit]')
  await page.keyboard.press('Enter')
  await thread.sees('Typed, and never clicked.')
  await thread.becomes('verified')
  await page.keyboard.press('Tab')
  await tabTo('[data-comment] button')
  await page.keyboard.press('Enter')
  await tabTo('[data-comment] form textarea')
  await page.keyboard.type('An answer, sent with two keys.')
  await page.keyboard.press('Control+Enter')
  await thread.sees('An answer, sent with two keys.')
  await tabTo('[data-comment] button')
}
