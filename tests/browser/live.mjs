// Two browsers on one thread: what one does, the other sees without doing anything.

import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/live?with=query&and=more#fragment'

await scenario(async (stage) => {
  const [kim, ada] = [await stage.visitor({ name: 'Kim' }), await stage.visitor({ name: 'Ada' })]
  const kims = await ThreadPage.open(kim, stage.front, PAGE)
  const adas = await throughTheDoor(stage, ada)

  await kims.post('A first word on this page.', 'Kim')
  await adas.sees('A first word on this page.')
  await adas.reply('A first word on this page.', 'An answer to it.', 'Ada')
  await kims.sees('An answer to it.')
  const below = kim.page.locator('li', { has: kims.comment('A first word') }).locator('ol').locator('[data-comment]')
  if ((await below.count()) !== 1) throw new Error('the answer does not stand below what it answers')

  await kims.post('This will be put better.')
  await adas.sees('This will be put better.')
  for (const name of ['Edit', 'Delete']) {
    const buttons = adas.comment('This will be put better.').getByRole('button', { name, exact: true })
    if ((await buttons.count()) > 0) throw new Error(`Ada is offered to ${name} what Kim wrote`)
  }
  await kims.edit('This will be put better.', 'Put better now.')
  await adas.sees('Put better now.')
  await adas.seesNoMore('This will be put better.')
  await adas.comment('Put better now.').getByText('edited').waitFor()

  await kims.post('To be taken back.')
  // The same form as before: it leads to what was just said, not to what was said first.
  await kim.page.locator('.pointed[data-comment]', { hasText: 'To be taken back.' }).waitFor()
  await adas.sees('To be taken back.')
  await kims.remove('To be taken back.')
  await adas.seesNoMore('To be taken back.')

  for (const [thread, name] of [[kims, 'kim'], [adas, 'ada']]) {
    await thread.becomes('verified')
    await stage.shot(thread.page, `live-${name}`)
  }
  await ada.page.reload()
  await adas.sees('Put better now.')
  const [left, right] = [await kims.words(), await adas.words()]
  if (JSON.stringify(left) !== JSON.stringify(right)) throw new Error(`Kim reads ${left}, Ada reads ${right}`)
})

/** Opens the thread as somebody does who knows only the address of the site. */
async function throughTheDoor(stage, visitor) {
  await visitor.page.goto(`${stage.front}/`)
  await visitor.page.getByLabel('Address of a page').fill(PAGE)
  await visitor.page.keyboard.press('Enter')
  const thread = new ThreadPage(visitor, stage.front)
  await thread.awaitComposer()
  return thread
}
