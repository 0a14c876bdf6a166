/**
 * One comment on the page, and what can be done with it. Asked by `thread-view.js`; asks the `Actions` it is given.
 *
 * @typedef {import('../thread/tree.js').Branch} Branch
 * @typedef {{ made: (view: CommentView) => void, reply: (view: CommentView) => void,
 *             edit: (view: CommentView) => void, remove: (entry: object) => Promise<void>, isMine: (entry: object) => boolean,
 *             hrefOf: (id: string) => string, isNamesake: (entry: object) => boolean }} Actions
 */
import { dateSeconds } from '../comment/record.js';
import { headerOf, keyOf } from '../thread/thread.js';
import { displayName } from '../text/visible.js';
import { timeElement } from './clock.js';
import { button, copyButton, el, newId } from './dom.js';
import { keyMark, shortKey } from './mark.js';
import { prose } from './prose.js';

export class CommentView {
  /** @param {Actions} actions @param {boolean} isEmbedded links then lead out of the frame */
  constructor(actions, isEmbedded) {
    Object.assign(this, { actions, isEmbedded, shown: '', finding: null });
    this.bylineId = newId('by');
    this.content = el('div', { class: 'content' });
    this.warning = el('div', { class: 'warning', hidden: true });
    this.tools = el('div', { class: 'tools' });
    this.slot = el('div', { class: 'slot' });
    this.article = el('article', { class: 'comment', tabindex: '-1', 'aria-labelledby': this.bylineId },
      this.content, this.warning, this.tools, this.slot);
    this.replies = el('ol', { class: 'replies' });
    this.item = el('li', { class: 'branch' }, this.article, this.replies);
  }

  /** @param {Branch} branch */
  update(branch) {
    const { entry, parent, isFlat, isOrphan } = branch;
    this.entry = entry;
    const shown = JSON.stringify([entry, isFlat && parent?.id, isOrphan, this.actions.isMine(entry), this.actions.isNamesake(entry)]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.article.dataset.comment = entry.id;
    this.article.classList.toggle('deleted', entry.deleted);
    this.content.replaceChildren(this.#byline(), this.#answers(branch), ...this.#text());
    this.#restTools();
  }

  /** What the proof found wrong with it, if anything. */
  accuse(finding) {
    if (this.finding === finding) return;
    this.finding = finding;
    this.warning.hidden = !finding;
    this.article.classList.toggle('accused', Boolean(finding));
    const right = finding?.text ? [el('p', {}, 'The folder says:'), el('blockquote', {}, ...prose(finding.text))] : [];
    this.warning.replaceChildren(...(finding ? [el('p', {}, el('strong', {}, finding.say)), ...right] : []));
  }

  /** Draws the eye to it, and the focus. */
  point() {
    this.article.classList.remove('pointed');
    // Read, so that the highlight begins anew.
    void this.article.offsetWidth;
    this.article.classList.add('pointed');
    this.article.focus({ preventScroll: true });
    this.article.scrollIntoView({ block: 'center' });
  }

  #byline() {
    const { entry } = this;
    const key = keyOf(entry);
    const { text, isPlain } = displayName(headerOf(entry, 'User'));
    const name = el('bdi', { class: isPlain ? 'name' : 'name odd', dir: 'auto', title: key ? `Key ${key}` : 'Not signed' }, text);
    const tag = (words, title) => el('span', { class: 'tag', title }, words);
    return el('header', { class: 'byline', id: this.bylineId }, keyMark(key), entry.deleted ? el('span', { class: 'name faint' }, 'Deleted') : name,
      key && this.actions.isNamesake(entry) ? el('code', { class: 'print', title: 'The first digits of the key' }, shortKey(key)) : null,
      this.actions.isMine(entry) ? tag('you', 'Signed with a key in this browser') : null,
      !key && !entry.deleted ? tag('unsigned', 'Anybody could have written this under the name') : null,
      this.#when(), entry.edited_by ? tag('edited', 'The author has changed the text since') : null);
  }

  #when() {
    const date_ms = 1000 * dateSeconds(headerOf(this.entry, 'Date'));
    const target = this.isEmbedded ? { target: '_blank', rel: 'noopener' } : {};
    return el('a', { class: 'when', href: this.actions.hrefOf(this.entry.id), ...target },
      date_ms ? timeElement(date_ms) : this.entry.deleted ? 'by its author' : 'no date');
  }

  #answers({ parent, isFlat, isOrphan }) {
    if (isOrphan) return el('p', { class: 'answers' }, 'In reply to a comment that is not shown');
    if (!isFlat || !parent) return '';
    const name = el('bdi', { dir: 'auto' }, displayName(headerOf(parent, 'User')).text);
    return el('p', { class: 'answers' }, 'In reply to ', el('a', { href: this.actions.hrefOf(parent.id) }, name));
  }

  #text() {
    return this.entry.deleted ? [] : prose(this.entry.text ?? '');
  }

  #restTools() {
    const { entry, actions } = this;
    const described = { 'aria-describedby': this.bylineId };
    const own = actions.isMine(entry) && !entry.deleted;
    this.replyButton = button('Reply', () => actions.reply(this), described);
    this.editButton = own ? button('Edit', () => actions.edit(this), described) : null;
    const remove = own ? button('Delete', () => this.#confirm(), described) : null;
    const link = copyButton('Copy link', () => new URL(actions.hrefOf(entry.id), document.baseURI).href, described);
    this.tools.replaceChildren(...(entry.deleted ? [] : [this.replyButton, this.editButton, remove, link].filter(Boolean)));
  }

  /** A deletion cannot be taken back, so it is asked for twice. */
  #confirm() {
    const question = el('span', { id: newId('ask') }, 'Delete this comment for good?');
    const keep = button('Keep', () => { this.#restTools(); this.article.focus({ preventScroll: true }); });
    const remove = button('Delete', () => {
      [keep, remove].forEach((one) => { one.disabled = true; });
      this.actions.remove(this.entry).catch((cause) => { this.#restTools(); this.tools.append(el('span', { role: 'alert' }, cause.message)); });
    }, { class: 'danger', 'aria-describedby': question.id });
    this.tools.replaceChildren(question, remove, keep);
    remove.focus();
  }
}
