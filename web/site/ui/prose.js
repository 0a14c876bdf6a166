/** A comment's text on the page: paragraphs in their own direction, links, and long ones folded. */
import { takeApart } from '../text/links.js'
import { isVisible, paragraphsOf } from '../text/visible.js'
import { button, el } from './dom.js'

const FOLD_CHARACTERS = 1_800
const FOLD_LINES = 24

/** @param {string} text @returns {HTMLElement[]} */
export function prose(text) {
  if (!isVisible(text)) return [el('div', { class: 'prose' }, el('p', { class: 'faint' }, 'Invisible characters only'))]
  const body = el('div', { class: 'prose' }, ...paragraphsOf(text).map(paragraph))
  const isLong = text.length > FOLD_CHARACTERS || text.split('\n').length > FOLD_LINES
  return isLong ? folded(body) : [body]
}

const paragraph = (text) => el('p', { dir: 'auto' }, ...takeApart(text).map(piece))

function piece({ kind, text, href }) {
  if (kind === 'words') return text
  if (kind === 'link')
    return el('a', { href, rel: 'nofollow ugc noopener', target: '_blank', title: titleOf(text, href) }, text)
  const name = text === '\u202e' ? 'right-to-left' : 'left-to-right'
  return el(
    'span',
    { class: 'control', title: `A character that forces the text ${name}` },
    text === '\u202e' ? 'RLO' : 'LRO',
  )
}

/** An address that looks otherwise than where it leads says where it leads. */
const titleOf = (text, href) => !href.startsWith(text) && href

function folded(body) {
  body.classList.add('folded')
  const more = button(
    'Show all',
    () => {
      const isFolded = body.classList.toggle('folded')
      more.textContent = isFolded ? 'Show all' : 'Show less'
      more.setAttribute('aria-expanded', String(!isFolded))
    },
    { 'aria-expanded': 'false', class: 'quiet unfold' },
  )
  return [body, more]
}
