/**
 * The tree of comments on the page. Keeps one view per comment, so that a form somebody is writing in stays where it is
 * while comments come and go around it. Asked by `page.js`.
 */
import { CommentView } from './comment-view.js';
import { button, el, order } from './dom.js';

export class ThreadView {
  /** @param {import('./comment-view.js').Actions} actions @param {{ isEmbedded: boolean, more: () => void }} options */
  constructor(actions, { isEmbedded, more }) {
    Object.assign(this, { actions, isEmbedded, views: new Map() });
    this.list = el('ol', { class: 'thread' });
    this.tail = el('ol', { class: 'thread' });
    this.more = button('Show more', more, { class: 'more', hidden: true });
    this.empty = el('p', { class: 'empty', hidden: true }, 'No comments yet. Yours would be the first.');
    this.element = el('section', { 'aria-label': 'Comments', class: 'comments' }, this.empty, this.list, this.more, this.tail);
  }

  /**
   * @param {import('../thread/tree.js').Branch[]} branches
   * @param {{ left: number, tail: import('../thread/tree.js').Branch[], isEmpty: boolean }} rest how many comments are not
   *   shown, and what stands behind them
   */
  render(branches, { left, tail, isEmpty }) {
    const used = new Set();
    order(this.list, branches.map((branch) => this.#place(branch, used)));
    order(this.tail, tail.map((branch) => this.#place(branch, used)));
    for (const id of this.views.keys()) if (!used.has(id)) this.views.delete(id);
    this.more.hidden = left <= 0;
    this.more.textContent = `Show more (${left})`;
    this.empty.hidden = !isEmpty;
  }

  /** @param {import('../proof/inspect.js').Finding[]} findings */
  accuse(findings) {
    const byId = new Map(findings.map((finding) => [finding.id, finding]));
    for (const [id, view] of this.views) view.accuse(byId.get(id) ?? null);
  }

  /** @param {string} id either id of a comment @returns {CommentView | undefined} */
  find(id) {
    return this.views.get(id) ?? [...this.views.values()].find(({ entry }) => entry.legacy_id === id);
  }

  /** Outermost first; no recursion, because a hostile thread is as deep as it is long. */
  #place(trunk, used) {
    const waiting = [trunk];
    while (waiting.length) {
      const branch = waiting.pop();
      const view = this.#viewOf(branch, used);
      order(view.replies, branch.replies.map((reply) => this.#viewOf(reply, used).item));
      waiting.push(...branch.replies);
    }
    return this.#viewOf(trunk, used).item;
  }

  #viewOf(branch, used) {
    const { id } = branch.entry;
    const known = this.views.get(id);
    const view = known ?? new CommentView(this.actions, this.isEmbedded);
    this.views.set(id, view);
    if (!used.has(id)) view.update(branch);
    if (!known) this.actions.made(view);
    used.add(id);
    return view;
  }
}

/** Oldest or newest first. */
export class OrderChoice {
  /** @param {string} order @param {(order: string) => void} chosen */
  constructor(order, chosen) {
    const choice = (value, label) => el('label', {}, el('input', { type: 'radio', name: 'order', value, checked: value === order,
      onchange: () => chosen(value) }), el('span', {}, label));
    this.element = el('fieldset', { class: 'order' }, el('legend', { class: 'unseen' }, 'Order'), choice('oldest', 'Oldest'), choice('newest', 'Newest'));
  }
}
