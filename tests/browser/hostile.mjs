// Comments that want to be more than words: they are shown as what they are, and nothing else happens.

import { Author, post, topicOf, unsigned } from './comments.mjs'
import { scenario } from './rig.mjs'
import { ThreadPage } from './thread_page.mjs'

const PAGE = 'https://example.com/hostile'
const TOPIC = topicOf(PAGE)

const TEXTS = [
  `<script>globalThis.hacked = 'script'; alert(1)</script>`,
  `<img src=x onerror="globalThis.hacked='img'"> <svg onload=alert(2)><a href="javascript:alert(3)">press me</a>`,
  `</article></li></ol><style>* { display: none }</style><iframe src="https://evil.example/"></iframe><base href="https://evil.example/">`,
  `javascript:globalThis.hacked='link' data:text/html,<script>alert(4)</script> vbscript:x file:///etc/passwd`,
  `https://evil.example/"onmouseover="alert(5) and https://evil.example/'><script>alert(6)</script> https://evil.example/?q=<b>`,
  `\u202eevil si sihT\u202c \u202d\u2066\u2067 isolates \u2069 left open \u202e until the very end`,
  `zero\u200bwidth\u200c and\u200d joined\ufeff, soft\u00adhyphen, \u2060\u180e\u061c`,
  `Z\u0351\u036b\u0343\u032a\u0302\u0352\u0369\u0329\u0334\u0321a${'\u0311\u0353\u0334\u0321\u0338'.repeat(120)}lgo`,
  `{{constructor.constructor('globalThis.hacked="template"')()}} \${globalThis.hacked} %3Cscript%3E &lt;script&gt; &#60;script&#62;`,
  `__proto__ constructor [object Object] \ufffe \uffff \u{10ffff}`,
  `one\ttab\n\n\n\n\n\nand many lines`,
  `${'a'.repeat(4_000)}https://evil.example/${'b'.repeat(4_000)}`,
  `שלום עולם, مرحبا بالعالم, and English in between https://example.com/שלום`,
]
const NAMES = [`<b onclick=alert(7)>Bob</b>`, `\u202emiK`, '\u200b\u200b\u200b', 'a'.repeat(3_000), `"'><script>alert(8)</script>`, 'ﷺ'.repeat(30)]
const DEPTH = 60
const REFUSED = ['\u0000', '\u0007bell', 'escape \u001b[31m', 'carriage\rreturn', 'delete\u007f', '\u0085next line']

await scenario(async (stage) => {
  const mallory = new Author('Mallory')
  const blobs = [
    ...TEXTS.map((text) => mallory.says(TOPIC, text)),
    ...TEXTS.slice(0, 3).map((text) => mallory.says(TOPIC, text, { Date: text.split('\n')[0], Parent: 'not an id' })),
    ...NAMES.map((name, number) => unsigned(TOPIC, `named ${number}`, { User: name })),
  ]
  const ids = []
  for (const blob of blobs) ids.push(await post(stage.front, TOPIC, blob))
  const frame = unsigned(TOPIC, '')
  const longest = unsigned(TOPIC, 'x'.repeat(16_384 - frame.length))
  ids.push(await post(stage.front, TOPIC, longest))
  // Narrow screens have no room for this, and browsers flatten documents that are nested too deeply.
  for (let depth = 0; depth < DEPTH; depth++) ids.push(await post(stage.front, TOPIC, mallory.says(TOPIC, `Level ${depth}.`, { Parent: ids.at(-1) })))
  for (const text of [...REFUSED, 'x'.repeat(16_384)]) await assertRefused(stage.front, text)

  const visitor = await stage.visitor()
  for (const [what, width] of [['wide', 1_280], ['narrow', 360]]) {
    await visitor.page.setViewportSize({ width, height: 800 })
    const thread = await ThreadPage.open(visitor, stage.front, PAGE)
    await visitor.page.reload()
    await thread.showsUpTo(ids.at(-1))
    for (const id of ids) await visitor.page.locator(`[data-comment="${id}"]`).waitFor()
    await thread.becomes('verified')
    await assertHarmless(visitor.page, what)
    await stage.shot(visitor.page, `hostile-${what}`)
    await visitor.page.goto(`${stage.front}/t/${TOPIC}?limit=1000`)
    await assertHarmless(visitor.page, `${what}, without JavaScript`)
    await stage.shot(visitor.page, `hostile-${what}-no-script`)
  }
  const thread = await ThreadPage.open(visitor, stage.front, PAGE)
  await thread.post('Business goes on.', 'Kim')
  await thread.becomes('verified')
  await assertHostileAddresses(stage, visitor)
})

/** Nothing ran, nothing was added to the page, and nothing hangs out of it. */
async function assertHarmless(page, what) {
  const found = await page.evaluate(() => {
    const inside = [...document.querySelectorAll('[data-comment]')]
    const wild = inside.flatMap((one) => [...one.querySelectorAll('script, style, iframe, img, base, form, link, object, b')])
    const links = inside.flatMap((one) => [...one.querySelectorAll('.prose a')])
    const page = document.scrollingElement
    return {
      hacked: globalThis.hacked,
      wild: wild.map((one) => one.outerHTML),
      attributes: inside.flatMap((one) => [...one.querySelectorAll('*')]).flatMap((one) => one.getAttributeNames()).filter((name) => name.startsWith('on')),
      wrong: links.filter((a) => !/^https?:$/.test(a.protocol) || a.rel !== 'nofollow ugc noopener').map((a) => a.outerHTML),
      // Marks piled on a letter must not reach into other people's comments.
      spilling: inside.flatMap((one) => [...one.querySelectorAll('.prose')]).filter((one) => !/clip|hidden/.test(getComputedStyle(one).overflow)).length,
      links: links.length,
      overhang: page.scrollWidth - page.clientWidth,
    }
  })
  const { links, ...rest } = found
  const right = { wild: [], attributes: [], wrong: [], spilling: 0, overhang: 0 }
  if (links < 5 || JSON.stringify(rest) !== JSON.stringify(right)) throw new Error(`${what}: ${JSON.stringify(found)}`)
}

async function assertRefused(front, text) {
  const blob = Buffer.from(`User: Mallory\n\n${text}`)
  const answer = await fetch(`${front}/${TOPIC}`, { method: 'POST', body: blob })
  if (![400, 413].includes(answer.status)) throw new Error(`${JSON.stringify(text.slice(0, 20))}: ${answer.status}`)
}

/** The address of the page is typed by anybody, too: links lead here with whatever behind the `#`. */
async function assertHostileAddresses(stage, { page }) {
  const wild = [`javascript:globalThis.hacked='address'`, `<img src=x onerror=alert(9)>`, `https://example.com/"><script>alert(10)</script>`, `data:text/html,<script>alert(11)</script>`, '%', '\u202e', '__proto__', `x&c=${'0'.repeat(40)}`]
  for (const place of wild) {
    await page.goto('about:blank')
    await page.goto(`${stage.front}/#${place}`)
    await page.locator('[data-verification]:not([data-state="checking"])').waitFor()
    const links = await page.locator('a').evaluateAll((all) => all.map((a) => a.protocol).filter((protocol) => !/^(https?:|blob:)$/.test(protocol)))
    if (links.length > 0) throw new Error(`${place}: there are links to ${links}`)
  }
}
