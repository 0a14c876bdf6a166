/** One comment on the page, and what can be done with it. Asked by `thread-view.js`. */
import { dateSeconds } from '../comment.js'
import { displayName } from '../text/visible.js'
import { headerOf, keyOf } from '../thread/thread.js'
import { button, copyButton, el, newId } from './dom.js'
import { keyMark, shortKey } from './mark.js'
import { prose } from './prose.js'
import { timeElement } from './time.js'

const tag = (text, title) => el('span', { class: 'tag', title }, text)

export class CommentView {
  bylineId = newId('by')
  content = el('div')
  warning = el('div', { class: 'warning', hidden: true })
  tools = el('div', { class: 'tools' })
  slot = el('div', { class: 'slot' })
  replies = el('ol', { class: 'replies' })
  finding = null

  /** @param {Actions} actions @param {boolean} isEmbedded links then lead out of the frame */
  constructor(actions, isEmbedded) {
    Object.assign(this, { actions, isEmbedded })
    const parts = [this.content, this.warning, this.tools, this.slot]
    this.article = el('article', { class: 'comment', tabindex: '-1', 'aria-labelledby': this.bylineId }, ...parts)
    this.item = el('li', { class: 'branch' }, this.article, this.replies)
  }

  /** @param {Branch} branch */
  update({ entry, parent, isFlat, isOrphan }) {
    const [isMine, isNamesake] = [this.actions.isMine(entry), this.actions.isNamesake(entry)]
    const shown = JSON.stringify([entry, isFlat && parent.id, isOrphan, isMine, isNamesake])
    if (shown === this.shown) return
    Object.assign(this, { shown, entry, isMine })
    this.article.dataset.comment = entry.id
    this.article.classList.toggle('deleted', entry.deleted)
    const answers = this.#answers(isFlat ? parent : null, isOrphan)
    this.content.replaceChildren(
      this.#byline(isNamesake),
      ...answers,
      ...(entry.deleted ? [] : prose(entry.text ?? '')),
    )
    this.#offer()
  }

  /** What the proof found wrong with it, if anything. @param {Finding | null} finding */
  accuse(finding) {
    if (this.finding === finding) return
    this.finding = finding
    this.warning.hidden = !finding
    this.article.classList.toggle('accused', Boolean(finding))
    const right = finding?.text ? [el('p', {}, 'The folder says:'), el('blockquote', {}, ...prose(finding.text))] : []
    this.warning.replaceChildren(el('p', {}, el('strong', {}, finding?.say ?? '')), ...right)
  }

  /** Draws the eye to it, and the focus. */
  point() {
    this.article.classList.remove('pointed')
    // Read, so that the highlight begins anew.
    void this.article.offsetWidth
    this.article.classList.add('pointed')
    this.article.focus({ preventScroll: true })
    this.article.scrollIntoView({ block: 'center' })
  }

  #byline(isNamesake) {
    const { entry, isMine } = this
    const key = keyOf(entry)
    const { text, isPlain } = displayName(headerOf(entry, 'User'))
    const name = el(
      'bdi',
      { class: isPlain ? 'name' : 'name odd', dir: 'auto', title: key ? `Key ${key}` : 'Not signed' },
      text,
    )
    const parts = entry.deleted
      ? [el('span', { class: 'faint' }, 'Deleted')]
      : [
          name,
          key && isNamesake && el('code', { class: 'print', title: 'The first digits of the key' }, shortKey(key)),
          isMine && tag('you', 'Signed with a key in this browser'),
          !key && tag('unsigned', 'Anybody could have written this under the name'),
        ]
    const edited = entry.edited_by && tag('edited', 'The author has changed the text since')
    const all = [keyMark(key), ...parts, this.#when(), edited]
    return el('header', { class: 'byline', id: this.bylineId }, ...all.filter(Boolean))
  }

  #when() {
    const { entry, isEmbedded } = this
    const date_ms = 1000 * dateSeconds(headerOf(entry, 'Date'))
    const target = isEmbedded ? { target: '_blank', rel: 'noopener' } : {}
    const words = entry.deleted ? 'by its author' : 'no date'
    return el(
      'a',
      { class: 'when', href: this.actions.hrefOf(entry.id), ...target },
      date_ms ? timeElement(date_ms) : words,
    )
  }

  #answers(parent, isOrphan) {
    if (isOrphan) return [el('p', { class: 'answers' }, 'In reply to a comment that is not shown')]
    if (!parent) return []
    const name = el('bdi', { dir: 'auto' }, displayName(headerOf(parent, 'User')).text)
    return [el('p', { class: 'answers' }, 'In reply to ', el('a', { href: this.actions.hrefOf(parent.id) }, name))]
  }

  #offer() {
    const { entry, actions } = this
    const about = { 'aria-describedby': this.bylineId }
    this.replyButton = button('Reply', () => actions.reply(this), about)
    this.editButton = button('Edit', () => actions.edit(this), about)
    const own = this.isMine ? [this.editButton, button('Delete', () => this.#confirm(), about)] : []
    const link = copyButton('Copy link', () => new URL(actions.hrefOf(entry.id), document.baseURI).href, about)
    this.tools.replaceChildren(...(entry.deleted ? [] : [this.replyButton, ...own, link]))
  }

  /** A deletion cannot be taken back, so it is asked for twice. */
  #confirm() {
    const question = el('span', { id: newId('ask') }, 'Delete this comment for good?')
    const keep = button('Keep', () => {
      this.#offer()
      this.article.focus({ preventScroll: true })
    })
    const remove = button(
      'Delete',
      () => {
        remove.disabled = keep.disabled = true
        this.actions.remove(this.entry).catch((cause) => {
          this.#offer()
          this.tools.append(el('span', { role: 'alert' }, cause.message))
        })
      },
      { class: 'danger', 'aria-describedby': question.id },
    )
    this.tools.replaceChildren(question, remove, keep)
    remove.focus()
  }
}
