/**
 * The site: shows the thread that the address names after `#`, or asks for one. Loaded by `index.html`, and by
 * `embed.html` in the frame that `embed.js` puts under an article.
 */
import { Page } from './page.js'
import { readHash, topicOf } from './thread/address.js'
import { showStart } from './ui/start.js'
import { keepTime } from './ui/time.js'

const isEmbedded = document.documentElement.classList.contains('embedded')
const host = document.querySelector('main')
let shown = null

async function route() {
  const { page, comment } = readHash(location.hash)
  if (shown?.page === page) return comment && shown.point(comment)
  shown?.stop()
  shown = null
  document.body.classList.toggle('starting', !page)
  if (!page) return showStart(host)
  const topic = await topicOf(page)
  // The visitor may have gone on while that was computed.
  if (readHash(location.hash).page === page && !shown) shown = new Page(host, { page, topic, comment, isEmbedded })
}

/** The page around the frame is told how tall it is, and nothing else; nobody but that page is told. */
function tellHeight() {
  const { origin } = readHash(location.hash)
  const height_px = Math.ceil(document.documentElement.getBoundingClientRect().height)
  if (origin) parent.postMessage({ rookery: 'height', height_px }, origin)
}

if (isEmbedded) {
  document.documentElement.classList.add(readHash(location.hash).scheme ?? 'any')
  new ResizeObserver(tellHeight).observe(document.documentElement)
}
addEventListener('hashchange', route)
keepTime()
route()
