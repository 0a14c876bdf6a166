// A server in somebody's cellar, over plain HTTP and not on this machine: browsers keep their cryptography from such pages.

import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/cellar'

await scenario(async (stage) => {
  const origin = `http://cellar.test:${new URL(stage.front).port}`
  const visitor = await stage.visitor({ origins: [origin] })
  const thread = await ThreadPage.open(visitor, origin, PAGE)
  const secure = await visitor.page.evaluate(() => [isSecureContext, typeof crypto.subtle])
  if (secure.join() !== 'false,undefined') throw new Error(`this proves nothing: the origin is secure (${secure})`)
  await thread.post('Signed without the help of the browser.', 'Kim')
  await thread.hasVerified(1)
  await thread.edit('Signed without the help of the browser.', 'Edited without it, too.')
  await thread.becomes('verified')
  await stage.shot(visitor.page, 'plain_http')

  const other = await stage.visitor({ name: 'with cryptography' })
  const seen = await ThreadPage.open(other, stage.front, PAGE)
  await seen.sees('Edited without it, too.')
  await seen.becomes('verified')
})
