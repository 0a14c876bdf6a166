/** The form for new comments, answers and edits. What is typed is a draft until it is on the server's disk. */
import { COMMENT_BYTES, HEADER_BYTES, plain } from '../comment.js'
import { keepDraft, readDraft } from '../keep/storage.js'
import { isVisible } from '../text/visible.js'
import { button, el, newId, unseen } from './dom.js'

const TEXT_BYTES = COMMENT_BYTES - HEADER_BYTES
const SCARCE_BYTES = 1_000

export class Composer {
  /** @param {ComposerOptions} options */
  constructor(options) {
    this.options = options
    const noteId = newId('note')
    this.text = el('textarea', { rows: 3, dir: 'auto', 'aria-describedby': noteId, placeholder: options.label })
    const draft = readDraft(options.draft)
    this.text.value = draft.text || options.text || ''
    this.note = el('p', { id: noteId, class: 'note', role: 'status' })
    this.room = el('span', { class: 'room' })
    this.submit = el('button', { type: 'submit', class: 'primary' }, options.action)
    this.cancel = options.cancel ? button('Cancel', () => this.#leave()) : null
    const label = el('label', {}, unseen(options.label), this.text)
    const foot = el(
      'div',
      { class: 'composer-foot' },
      options.chooser,
      this.room,
      ...[this.cancel].filter(Boolean),
      this.submit,
    )
    this.form = el(
      'form',
      {
        class: 'composer',
        'data-compose': options.action.toLowerCase(),
        onsubmit: (event) => this.#onSubmit(event),
        onkeydown: (event) => this.#onKey(event),
      },
      label,
      foot,
      this.note,
    )
    this.text.addEventListener('input', () => this.#typed())
    this.#measure()
    // Signed before the page was left, and perhaps never posted.
    if (draft.blob) queueMicrotask(() => this.#send())
  }

  focus() {
    this.text.focus()
    this.text.setSelectionRange(this.text.value.length, this.text.value.length)
  }

  say(text, isWrong = false) {
    this.note.textContent = text
    this.note.classList.toggle('wrong', isWrong)
  }

  #typed() {
    keepDraft(this.options.draft, { text: this.text.value })
    this.say('')
    this.#measure()
  }

  #measure() {
    const left_bytes = TEXT_BYTES - new TextEncoder().encode(this.text.value).length
    this.room.textContent = left_bytes < SCARCE_BYTES ? `${left_bytes} left` : ''
    this.room.classList.toggle('wrong', left_bytes < 0)
    return left_bytes
  }

  #onKey(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.form.requestSubmit()
    // Closed by mistake, its words are still there.
    if (event.key === 'Escape' && !this.isBusy) this.options.cancel?.()
  }

  #onSubmit(event) {
    event.preventDefault()
    if (!this.isBusy) this.#send()
  }

  async #send() {
    const text = plain(this.text.value)
    if (!isVisible(text)) return this.#refuse('Write something first.')
    if (this.#measure() < 0) return this.#refuse('This is too long for one comment.')
    this.#busy(true)
    this.aborter = new AbortController()
    try {
      await this.options.send(text, await this.options.author(), (say) => this.say(say), this.aborter.signal)
      keepDraft(this.options.draft, { text: '' })
      this.text.value = ''
      this.say('')
      this.options.done()
    } catch (cause) {
      this.say(`Not posted: ${cause.message}.`.replace('..', '.'), true)
    } finally {
      this.#busy(false)
    }
  }

  #refuse(say) {
    this.say(say, true)
    this.text.focus()
  }

  #busy(isBusy) {
    this.isBusy = isBusy
    this.form.setAttribute('aria-busy', String(isBusy))
    this.text.readOnly = isBusy
    this.submit.setAttribute('aria-disabled', String(isBusy))
  }

  #leave() {
    this.aborter?.abort(new Error('you cancelled it'))
    keepDraft(this.options.draft, { text: '' })
    this.options.cancel()
  }
}
