/** The site: shows the thread that the address names after `#`, or asks for one. Loaded by `index.html`. */
import { Page } from './page.js';
import { readHash, topicOf } from './thread/address.js';
import { keepTime } from './ui/clock.js';
import { showStart } from './ui/start.js';

const host = document.querySelector('main');
let shown = null;

async function route() {
  const { page, comment } = readHash(location.hash);
  if (shown && shown.page === page) {
    if (comment) shown.point(comment);
    return;
  }
  shown?.stop();
  shown = null;
  document.body.classList.toggle('starting', !page);
  if (!page) return showStart(host);
  const topic = await topicOf(page);
  // The visitor may have gone on while that was computed.
  if (readHash(location.hash).page === page && !shown) shown = new Page(host, { page, topic, comment, isEmbedded: false });
}

addEventListener('hashchange', route);
keepTime();
route();
