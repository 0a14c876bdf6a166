/**
 * Comments under any article, by one line in its HTML:
 *
 *   <script async src="https://comments.example.org/embed.js" data-page="https://example.com/article"></script>
 *
 * Puts an isolated frame behind itself, as tall as its content, and the number of comments into each element with
 * `data-rookery-count="<address>"`. Both addresses are the canonical one unless told otherwise.
 * A classic script, because only those know which element loaded them. Served as `/embed.js`.
 */
;(() => {
  const script = document.currentScript
  const server = new URL('.', script.src)
  const COUNTS_LIMIT = 1000
  const TALLEST_PX = 100_000

  const canonical = () => document.querySelector('link[rel~="canonical"]')?.href || location.href.replace(/#.*$/, '')

  /** What comes to the frame behind its `#`: there an address is written in one way only. */
  const asFramed = (page) => new URL(`#${page}`, server).hash.slice(1)

  /** Light text is on a dark page: the frame takes after the page around it. */
  function scheme() {
    const rgb = getComputedStyle(script.parentElement)
      .color.match(/[\d.]+/g)
      .slice(0, 3)
    return rgb.reduce((sum, part) => sum + Number(part), 0) > 384 ? 'dark' : 'light'
  }

  function putFrame() {
    const page = script.dataset.page || canonical()
    const frame = document.createElement('iframe')
    // A page of no origin, from a disk or in a sandbox, cannot be told how tall the frame is.
    const origin = location.origin === 'null' ? '' : `&o=${location.origin}`
    frame.src = new URL(`embed#${page}${origin}&s=${scheme()}`, server)
    frame.title = 'Comments'
    frame.loading = 'lazy'
    frame.allow = 'clipboard-write'
    Object.assign(frame.style, { width: '100%', height: '320px', border: '0', display: 'block' })
    addEventListener('message', ({ origin, source, data }) => {
      const isOurs = origin === server.origin && source === frame.contentWindow && data?.rookery === 'height'
      if (isOurs && data.height_px > 0 && data.height_px < TALLEST_PX)
        frame.style.height = `${Math.ceil(data.height_px)}px`
    })
    script.after(frame)
  }

  async function fillCounts() {
    const badges = [...document.querySelectorAll('[data-rookery-count]')].slice(0, COUNTS_LIMIT)
    if (!badges.length) return
    const { topicOf } = await import(new URL('site/thread/address.js', server))
    const pages = badges.map((badge) => asFramed(badge.dataset.rookeryCount || canonical()))
    const topics = await Promise.all(pages.map(topicOf))
    // Text, so that browsers need not ask first.
    const answer = await fetch(new URL('counts', server), {
      method: 'POST',
      body: JSON.stringify(topics),
      credentials: 'omit',
    })
    if (!answer.ok) return
    ;(await answer.json()).forEach((count, at) => {
      badges[at].textContent = `${count} ${count === 1 ? 'comment' : 'comments'}`
      if (badges[at].matches('a:not([href])')) badges[at].href = new URL(`#${pages[at]}`, server)
    })
  }

  putFrame()
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', fillCounts)
  else fillCounts()
})()
