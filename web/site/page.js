/** The page of one thread: puts the views together around a `Discussion`. Made by `main.js`. */
import { Discussion } from './discussion.js'
import { keepDraft, readDraft } from './keep/storage.js'
import { urlOf, writeHash } from './thread/address.js'
import { Refused, addressOf } from './thread/server.js'
import { Composer } from './ui/composer.js'
import { el } from './ui/dom.js'
import { NameChooser, NamesPanel } from './ui/names.js'
import { ProofView } from './ui/proof-view.js'
import { OrderChoice, ThreadView } from './ui/thread-view.js'

export class Page {
  choosers = new Set()

  /**
   * @param {HTMLElement} host emptied first
   * @param {{ page: string, topic: string, comment: string | null, isEmbedded: boolean }} what
   */
  constructor(host, what) {
    Object.assign(this, what)
    this.discussion = new Discussion(this.topic, {
      draw: () => this.#draw(),
      prove: (proof) => this.#prove(proof),
      announce: (say) => {
        this.spoken.textContent = say
      },
      reached: (isReached) => {
        this.offline.hidden = isReached
      },
    })
    this.#build(host)
    this.discussion.begin(this.comment)
  }

  stop() {
    this.discussion.stop()
  }

  /** Shows one comment: a deep link was followed. @param {string} id @returns {boolean} whether it is here */
  point(id) {
    const view = this.thread.find(id)
    view?.point()
    return Boolean(view)
  }

  #build(host) {
    const { discussion, isEmbedded } = this
    this.thread = new ThreadView(
      {
        made: (view) => this.#reopen(view),
        reply: (view) => this.#open(view, 'reply').focus(),
        edit: (view) => this.#open(view, 'edit').focus(),
        remove: (entry) => discussion.remove(entry),
        isMine: discussion.isMine,
        isNamesake: discussion.isNamesake,
        hrefOf: (id) => this.#hrefOf(id),
      },
      { isEmbedded, more: () => this.#more() },
    )
    this.proof = new ProofView((id) => this.thread.find(id))
    this.names = new NamesPanel(isEmbedded, () => this.#namesChanged())
    const draft = `draft:${this.topic}`
    this.composer = this.#compose({ label: 'Write a comment', action: 'Post', draft, words: { parent: this.topic } })
    this.count = el('h2', { class: 'count' })
    this.offline = el(
      'p',
      { class: 'offline', role: 'status', hidden: true },
      'The server cannot be reached. Trying again…',
    )
    this.spoken = el('p', { class: 'unseen', 'aria-live': 'polite' })
    const order = new OrderChoice(discussion.order, (chosen) =>
      discussion.read(chosen).catch(() => discussion.refresh()),
    )
    const writing = el('section', { class: 'writing', 'aria-label': 'Write' }, this.composer.form, this.names.element)
    host.replaceChildren(
      el('div', { class: 'top' }, ...(isEmbedded ? [] : [this.#title()]), this.offline, writing),
      this.proof.element,
      el('div', { class: 'read' }, el('div', { class: 'bar' }, this.count, order.element), this.thread.element),
      this.#foot(),
      this.spoken,
    )
  }

  #title() {
    const url = urlOf(this.page)
    const shown = url ? `${url.host}${url.pathname === '/' ? '' : url.pathname}${url.search}` : this.page
    document.title = `Comments on ${shown}`
    const where = url
      ? el('a', { href: url.href, rel: 'nofollow ugc noopener' }, el('bdi', {}, shown))
      : el('code', {}, shown)
    return el('header', { class: 'title' }, el('h1', {}, 'Comments'), el('p', { class: 'where' }, 'on ', where))
  }

  #foot() {
    const target = this.isEmbedded ? { target: '_blank', rel: 'noopener' } : {}
    const link = (path, text) => el('a', { href: addressOf(path), ...target }, text)
    const home = this.isEmbedded ? [link(writeHash(this.page), 'Rookery')] : []
    return el(
      'footer',
      { class: 'foot' },
      link(`t/${this.topic}`, 'Plain page'),
      link(`${this.topic}/feed`, 'Feed'),
      ...home,
    )
  }

  #hrefOf(id) {
    const hash = writeHash(this.page, id)
    return this.isEmbedded ? addressOf(hash) : hash
  }

  #draw() {
    const { discussion } = this
    const { count } = discussion.thread
    this.thread.render(discussion.view)
    this.thread.accuse(discussion.findings)
    this.count.textContent = discussion.isLoaded ? `${count} comment${count === 1 ? '' : 's'}` : ''
    if (this.comment && this.point(this.comment)) this.comment = null
  }

  #prove(proof) {
    this.proof.show(proof)
    this.thread.accuse(this.discussion.findings)
  }

  async #more() {
    const { more } = this.thread
    more.disabled = true
    await this.discussion.more().catch(() => {
      this.offline.hidden = false
    })
    more.disabled = false
  }

  #namesChanged() {
    this.names.refresh()
    for (const chooser of this.choosers) chooser.refresh()
    this.#draw()
  }

  /** A form; without an author its writer chooses a name. `close` takes it away. */
  #compose({ label, action, draft, text, words, author, close }) {
    const chooser = author ? null : new NameChooser(() => this.#namesChanged())
    if (chooser) this.choosers.add(chooser)
    const leave =
      close &&
      (() => {
        this.choosers.delete(chooser)
        close()
      })
    let posted
    const send = async (written, by, told, signal) => {
      const kept = { blob: readDraft(draft).blob, keep: (blob) => keepDraft(draft, { text: written, blob }) }
      const id = await this.discussion.post(by, { ...words, text: written }, { told, signal, kept }).catch((cause) => {
        // What was refused is not posted again after a reload.
        if (cause instanceof Refused) kept.keep()
        throw cause
      })
      posted = words.edits ?? id
    }
    return new Composer({
      label,
      action,
      draft,
      text,
      send,
      chooser: chooser?.element ?? '',
      cancel: leave,
      author: async () => author ?? chooser.author(),
      done: () => {
        leave?.()
        this.point(posted)
      },
    })
  }

  /** Opens the form for an answer or an edit below a comment, unless it is open. @returns {Composer} */
  #open(view, kind) {
    if (view.open?.kind === kind) return view.open.composer
    view.open?.close()
    const close = () => {
      view.slot.replaceChildren()
      view.open = null
      ;(kind === 'edit' ? view.editButton : view.replyButton)?.focus()
    }
    const composer = this.#compose({ ...this.#about(view.entry, kind), draft: this.#draftOf(kind, view.entry), close })
    view.open = { kind, composer, close }
    view.slot.replaceChildren(composer.form)
    return composer
  }

  /** What was begun before a reload is there again. */
  #reopen(view) {
    const kind = ['edit', 'reply'].find((one) => readDraft(this.#draftOf(one, view.entry)).text)
    if (kind === 'reply' || (kind && this.discussion.isMine(view.entry))) this.#open(view, kind)
  }

  #draftOf = (kind, { id }) => `draft:${this.topic}:${kind}:${id}`

  #about(entry, kind) {
    if (kind === 'reply') return { label: 'Write a reply', action: 'Post', words: { parent: entry.id } }
    const author = this.discussion.authorOf(entry)
    return {
      label: 'Edit your comment',
      action: 'Save',
      text: entry.text,
      author,
      words: { parent: entry.id, edits: entry.id },
    }
  }
}
