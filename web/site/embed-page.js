/**
 * The frame that `embed.js` puts under an article: the same thread, without the site around it. Tells the page around it
 * how tall it is, and nothing else. Loaded by `embed.html`.
 *
 * Its address is `/embed#<page>&o=<origin of the page around it>`.
 */
import { Page } from './page.js';
import { readHash, topicOf } from './thread/address.js';
import { keepTime } from './ui/clock.js';

const [, page, origin] = /^#(.*?)(?:&o=(https?:\/\/[^&/]+))?$/.exec(location.hash);

/** Only the page that put the frame there is told. */
function tellHeight() {
  const height_px = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (origin) parent.postMessage({ rookery: 'height', height_px }, origin);
}

new ResizeObserver(tellHeight).observe(document.documentElement);
keepTime();
const place = readHash(`#${page}`);
new Page(document.querySelector('main'), { ...place, topic: await topicOf(place.page), isEmbedded: true });
