// The rig itself: everything that a visitor should not meet is a fault, and what is not accessible is found. Without this
// the other scenarios would prove nothing.

import http from 'node:http'

import { assertAccessible, scenario, until } from './rig.mjs'

/** A page on which everything goes wrong, each thing with how the rig tells it. */
const TROUBLES = [
  [`alert('hello')`, /^dialog: hello$/],
  [`fetch('http://elsewhere.test/').catch(() => {})`, /^the browser asked http:\/\/elsewhere\.test\/$/],
  [`Promise.reject(new Error('forgotten'))`, /^error: Error: forgotten/],
  [`console.error('said so')`, /^console: said so$/],
  [`document.body.append(Object.assign(document.createElement('img'), { src: '/picture.png' }))`, /^console: policy: img-src forbids/],
  [`document.body.setAttribute('onclick', 'void 0')`, /^console: policy: script-src-attr forbids/],
  [`open('/second')`, /^a second page was opened/],
]

await scenario(async (stage) => {
  const { server, address } = await startTrouble()
  stage.serves(server)
  const visitor = await stage.visitor({ origins: [address], permissions: [] })
  const { page } = visitor
  for (const [number, [, expected]] of TROUBLES.entries()) {
    await page.goto(`${address}/${number}`)
    await until(`the rig tells ${expected}`, () => {
      if (visitor.faults.some((fault) => expected.test(fault))) return true
      throw new Error(JSON.stringify(visitor.faults))
    })
    visitor.faults.length = 0
  }
  const refusal = await assertAccessible(page, 'a bad page').then(() => '', (failure) => failure.message)
  for (const rule of ['image-alt', 'html-has-lang', 'color-contrast']) {
    if (!refusal.includes(rule)) throw new Error(`axe did not find ${rule}: ${refusal}`)
  }
  visitor.faults.length = 0
})

async function startTrouble() {
  const server = http.createServer(({ url }, response) => {
    const [script] = TROUBLES[Number(url.slice(1))] ?? ['']
    response.writeHead(200, {
      'Content-Type': 'text/html',
      'Content-Security-Policy': "default-src 'none'; script-src 'nonce-x'; connect-src *",
    })
    response.end(`<title>Trouble</title><p><img><font color="#eeeeee">faint</font><script nonce="x">${script}</script>`)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, address: `http://127.0.0.1:${server.address().port}` }
}
