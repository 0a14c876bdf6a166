/** What the proof says, beside the thread: calm when all fits, impossible to miss when not. Asked by `page.js`. */
import { button, copyButton, el } from './dom.js'
import { prose } from './prose.js'

const HEADINGS = {
  checking: 'Checking…',
  verified: 'Verified',
  lying: 'Do not trust this server',
  unverified: 'Not verified',
}
const SHOWN_LIMIT = 20

export class ProofView {
  heading = el('h2')
  body = el('div', { class: 'proof-body' })
  element = el(
    'section',
    { class: 'proof', 'data-verification': true, 'aria-label': 'Verification' },
    this.heading,
    this.body,
  )

  /** @param {(id: string) => CommentView | undefined} find */
  constructor(find) {
    this.find = find
    this.hasFound = false
    this.show({ state: 'checking' })
  }

  /** @param {Proof} proof */
  show(proof) {
    const { state, why } = proof
    // What was found before stays to be read until it is found otherwise.
    const stays = state === 'checking' && this.hasFound
    if (state !== 'checking') this.hasFound = state !== 'unverified'
    this.element.dataset.state = state
    this.heading.textContent =
      state === 'unverified' && !why ? 'Nothing to verify yet' : stays ? 'Checking what is new…' : HEADINGS[state]
    if (!stays) this.body.replaceChildren(...this.#say(proof))
  }

  #say({ state, why, findings, comments, signatures, root }) {
    if (state === 'lying') return [this.#findings(findings), ...folderLine(root)]
    if (state === 'checking') return []
    if (state === 'unverified') return why ? [el('p', {}, `Not now: ${why}.`)] : []
    const what = `${many(comments, 'comment')} and ${many(signatures, 'signature')}`
    return [
      el('p', {}, `${what} were checked in your browser and fit the folder that the server names.`),
      ...folderLine(root),
      explanation(),
    ]
  }

  #findings(findings) {
    const items = findings.slice(0, SHOWN_LIMIT).map((finding) => el('li', {}, finding.say, ...this.#more(finding)))
    const rest = findings.length - items.length
    if (rest > 0) items.push(el('li', {}, `And ${rest} more.`))
    return el('div', { role: 'alert' }, el('ul', { class: 'findings' }, ...items))
  }

  /** The way to the comment, or its words if the page does not show them anywhere else. */
  #more({ id, text }) {
    if (this.find(id)) return [' ', button('Show it', () => this.find(id)?.point())]
    return text ? [el('blockquote', {}, ...prose(text))] : []
  }
}

const many = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`

function folderLine(folder) {
  if (!folder) return []
  const short = el('code', { title: folder }, `${folder.slice(0, 9)}…${folder.slice(-6)}`)
  return [
    el(
      'p',
      { class: 'folder' },
      'Folder ',
      short,
      ' ',
      copyButton('Copy CID', () => folder),
    ),
  ]
}

const explanation = () =>
  el('details', { class: 'why' }, el('summary', {}, 'What does this mean?'), el('p', {}, EXPLANATION))

const EXPLANATION = `All comments of a page are a folder on IPFS, named after its content. Your browser fetched the
  folder, hashed every byte, checked every signature, and found what you see here. Anybody can do the same.`
