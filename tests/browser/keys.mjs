// The visitor's names: each has a key, made once, that can be carried to another browser.

import { thread, topicOf } from './comments.mjs'
import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/keys'

await scenario(async (stage) => {
  const home = await stage.visitor({ name: 'home' })
  const atHome = await ThreadPage.open(home, stage.front, PAGE)
  await atHome.post('With a new key.', 'Kim Ö. مريم')
  await home.page.reload()
  await atHome.post('After a reload.')
  const exported = await exportKey(home.page, 'Kim Ö. مريم')

  const work = await stage.visitor({ name: 'work' })
  const atWork = await ThreadPage.open(work, stage.front, PAGE)
  const own = atWork.comment('With a new key.').getByRole('button', { name: 'Edit' })
  if ((await own.count()) > 0) throw new Error('a stranger is offered to edit')
  await importKey(work.page, exported)
  await own.waitFor()
  await atWork.edit('With a new key.', 'Edited at work.')
  await atWork.post('Written at work.')
  await atHome.sees('Edited at work.')

  await openNames(work.page)
  await work.page.getByLabel('Another name').fill('Second name')
  await work.page.getByRole('button', { name: 'Add', exact: true }).click()
  await atWork.post('Under another name.')
  await atWork.composer().getByLabel('Write as').selectOption({ label: 'Kim Ö. مريم' })
  await atWork.post('Under the first name again.')
  await atWork.becomes('verified')
  await stage.shot(work.page, 'keys')

  const keys = await keysByWords(stage.front)
  const first = keys['With a new key.'] ?? keys['Edited at work.']
  for (const words of ['After a reload.', 'Written at work.', 'Under the first name again.']) {
    if (keys[words] !== first) throw new Error(`${words} is signed by ${keys[words]}, not by ${first}`)
  }
  if (!first || keys['Under another name.'] === first) throw new Error(`two names, and one key: ${JSON.stringify(keys)}`)

  await importKey(work.page, 'This is no key.')
  await work.page.getByText('This is no key of Ed25519.').waitFor()
})

async function openNames(page) {
  const panel = page.locator('details', { has: page.getByText('Names and keys') })
  if (!(await panel.evaluate((details) => details.open))) await panel.locator('summary').first().click()
  return panel
}

async function exportKey(page, name) {
  const panel = await openNames(page)
  await panel.locator('li', { hasText: name }).getByRole('button', { name: 'Export' }).click()
  const text = await page.getByLabel(`Secret key of ${name}`).inputValue()
  if (!text.includes('PRIVATE KEY')) throw new Error(`exported: ${text}`)
  return text
}

async function importKey(page, text) {
  const panel = await openNames(page)
  await panel.getByLabel('Exported key').fill(text)
  await panel.getByRole('button', { name: 'Import' }).click()
}

/** Who signed what, as the server tells it. */
async function keysByWords(front) {
  const { comments } = await thread(front, topicOf(PAGE))
  const keyOf = ({ headers, signature }) => signature === 'valid' && headers.find(([name]) => name === 'Public-Key')[1]
  return Object.fromEntries(comments.map((comment) => [comment.text, keyOf(comment)]))
}
