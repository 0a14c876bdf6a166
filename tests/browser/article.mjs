// Somebody's blog on another server: an article with one line for the thread below it and one for the badge.

import http from 'node:http'

/** Serves the article at every path. `dark` says whether the blog follows those who like it dark. */
export async function startBlog(front, canonical, { dark = false } = {}) {
  const server = http.createServer(({ url }, response) => {
    if (url === '/favicon.ico') return response.writeHead(204).end()
    return response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(article(front, canonical, dark))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, address: `http://127.0.0.1:${server.address().port}` }
}

function article(front, canonical, dark) {
  const night = ':root { color-scheme: light dark } @media (prefers-color-scheme: dark) { body { background: #111 } a { color: #9cf } }'
  const style = dark ? night : 'body { background: white; color: black }'
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Rooks</title>
<link rel="canonical" href="${canonical}"><style>${style} main { max-width: 40rem; margin: 2rem auto; font-family: serif }</style></head>
<body><main><h1>Rooks</h1><p>Rooks are sociable. <a id="badge" data-rookery-count>?</a></p>
<script async src="${front}/embed.js"></script>
<p>Below the thread.</p></main></body></html>`
}
