/**
 * The tree of comments. Keeps one view per comment, so that a form somebody is writing in stays where it is while
 * comments come and go around it.
 */
import { CommentView } from './comment-view.js'
import { button, el, order } from './dom.js'

export class ThreadView {
  /** @type {Map<string, CommentView>} */
  views = new Map()
  list = el('ol', { class: 'thread' })
  tail = el('ol', { class: 'thread' })
  empty = el('p', { class: 'empty', hidden: true }, 'No comments yet. Yours would be the first.')

  /** @param {Actions} actions @param {{ isEmbedded: boolean, more: () => void }} options */
  constructor(actions, { isEmbedded, more }) {
    Object.assign(this, { actions, isEmbedded })
    this.more = button('', more, { class: 'more', hidden: true })
    const parts = [this.empty, this.list, this.more, this.tail]
    this.element = el('section', { 'aria-label': 'Comments', class: 'comments' }, ...parts)
  }

  /** @param {{ branches: Branch[], tail: Branch[], left: number, isEmpty: boolean }} view */
  render({ branches, tail, left, isEmpty }) {
    const used = new Set()
    order(
      this.list,
      branches.map((branch) => this.#place(branch, used)),
    )
    order(
      this.tail,
      tail.map((branch) => this.#place(branch, used)),
    )
    for (const id of this.views.keys()) if (!used.has(id)) this.views.delete(id)
    this.more.hidden = left <= 0
    this.more.textContent = `Show more (${left})`
    this.empty.hidden = !isEmpty
  }

  /** @param {Finding[]} findings */
  accuse(findings) {
    const byId = new Map(findings.map((finding) => [finding.id, finding]))
    for (const [id, view] of this.views) view.accuse(byId.get(id) ?? null)
  }

  /** @param {string} id either id of a comment @returns {CommentView | undefined} */
  find(id) {
    return this.views.get(id) ?? [...this.views.values()].find(({ entry }) => entry.legacy_id === id)
  }

  /** No recursion, because a hostile thread is as deep as it is long. */
  #place(trunk, used) {
    const waiting = [trunk]
    while (waiting.length) {
      const branch = waiting.pop()
      order(
        this.#viewOf(branch, used).replies,
        branch.replies.map((reply) => this.#viewOf(reply, used).item),
      )
      waiting.push(...branch.replies)
    }
    return this.#viewOf(trunk, used).item
  }

  #viewOf(branch, used) {
    const { id } = branch.entry
    const known = this.views.get(id)
    const view = known ?? new CommentView(this.actions, this.isEmbedded)
    this.views.set(id, view)
    if (!used.has(id)) view.update(branch)
    if (!known) this.actions.made(view)
    used.add(id)
    return view
  }
}

/** Oldest or newest first. */
export class OrderChoice {
  /** @param {string} order @param {(order: string) => void} chosen */
  constructor(order, chosen) {
    const choice = (value, label) => {
      const input = el('input', {
        type: 'radio',
        name: 'order',
        value,
        checked: value === order,
        onchange: () => chosen(value),
      })
      return el('label', {}, input, el('span', {}, label))
    }
    const choices = [choice('oldest', 'Oldest'), choice('newest', 'Newest')]
    this.element = el('fieldset', { class: 'order' }, el('legend', { class: 'unseen' }, 'Order'), ...choices)
  }
}
