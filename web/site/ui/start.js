/** The page without an address: asks for one. Asked by `main.js`. */
import { pageFrom, writeHash } from '../thread/address.js'
import { el } from './dom.js'

/** @param {HTMLElement} host */
export function showStart(host) {
  document.title = 'Rookery'
  const field = el('input', {
    type: 'text',
    inputmode: 'url',
    id: 'address',
    required: true,
    autocomplete: 'url',
    spellcheck: 'false',
    placeholder: 'https://example.com/article',
    oninput: () => field.setCustomValidity(''),
  })
  const form = el(
    'form',
    {
      class: 'start-form',
      onsubmit: (event) => {
        event.preventDefault()
        const page = pageFrom(field.value)
        field.setCustomValidity(/:|^[0-9a-f]{40}$/.test(page) ? '' : 'An address begins with https://')
        if (field.reportValidity()) location.hash = writeHash(page)
      },
    },
    el('label', { for: 'address' }, 'Address of a page'),
    el('div', { class: 'row' }, field, el('button', { type: 'submit', class: 'primary' }, 'Read comments')),
  )
  const points = POINTS.map(([title, text]) => el('li', {}, el('h2', {}, title), el('p', {}, text)))
  host.replaceChildren(
    el(
      'section',
      { class: 'start' },
      el('h1', {}, 'Comments for any page'),
      el(
        'p',
        { class: 'lead' },
        'Every page on the web has a thread here, whoever it belongs to. No account, no cookie.',
      ),
      form,
      el('ul', { class: 'points' }, ...points),
    ),
  )
  field.focus()
}

const POINTS = [
  [
    'Signed',
    'What you write is signed with a key that is made and kept in your browser. Only you can edit or delete it.',
  ],
  ['Proven', 'Your browser checks every byte and every signature of what it shows, and tells you if this server lies.'],
  ['Yours', 'The comments of a page are a folder on IPFS. Anybody can copy it, and read it without this server.'],
]
