/**
 * The page of one thread: puts the views together around a `Discussion`. Made by `main.js`.
 */
import { Discussion } from './discussion.js';
import { keepDraft, readDraft } from './keep/storage.js';
import { addressOf } from './thread/server.js';
import { urlOf, writeHash } from './thread/address.js';
import { Composer } from './ui/composer.js';
import { el } from './ui/dom.js';
import { NameChooser } from './ui/name-chooser.js';
import { NamesPanel } from './ui/names-panel.js';
import { ProofView } from './ui/proof-view.js';
import { OrderChoice, ThreadView } from './ui/thread-view.js';

export class Page {
  /**
   * @param {HTMLElement} host emptied first
   * @param {{ page: string, topic: string, comment: string | null, isEmbedded: boolean }} what
   */
  constructor(host, what) {
    Object.assign(this, what);
    this.discussion = new Discussion(this.topic, {
      draw: () => this.#draw(), prove: (proof) => this.#prove(proof),
      announce: (say) => { this.spoken.textContent = say; }, reached: (isReached) => { this.offline.hidden = isReached; },
    });
    this.#build(host);
    this.discussion.begin(this.comment);
  }

  stop() {
    this.discussion.stop();
  }

  /** Shows one comment: a deep link was followed. @param {string} id */
  point(id) {
    const view = this.thread.find(id);
    view?.point();
    return Boolean(view);
  }

  #build(host) {
    const { discussion, isEmbedded } = this;
    this.thread = new ThreadView({
      made: (view) => this.#reopen(view), reply: (view) => this.#open(view, 'reply').focus(), edit: (view) => this.#open(view, 'edit').focus(),
      remove: (entry) => discussion.remove(entry),
      isMine: discussion.isMine, isNamesake: discussion.isNamesake, hrefOf: (id) => this.#hrefOf(id),
    }, { isEmbedded, more: () => this.#more() });
    this.proof = new ProofView((id, isAsked) => (isAsked ? this.point(id) : Boolean(this.thread.find(id))));
    this.choosers = new Set();
    this.names = new NamesPanel(isEmbedded, () => this.#namesChanged());
    this.composer = this.#compose({ label: 'Write a comment', action: 'Post', draft: `draft:${this.topic}`, words: { parent: this.topic } });
    this.count = el('h2', { class: 'count' }, '\u00a0');
    this.offline = el('p', { class: 'offline', role: 'status', hidden: true }, 'The server cannot be reached. Trying again…');
    this.spoken = el('p', { class: 'unseen', 'aria-live': 'polite' });
    const order = new OrderChoice(discussion.order, (chosen) => discussion.read(chosen).catch(() => this.discussion.refresh()));
    const bar = el('div', { class: 'bar' }, this.count, order.element);
    const writing = el('section', { class: 'writing', 'aria-label': 'Write' }, this.composer.form, this.names.element);
    const top = el('div', { class: 'top' }, isEmbedded ? null : this.#title(), this.offline, writing);
    host.replaceChildren(top, this.proof.element, el('div', { class: 'read' }, bar, this.thread.element), this.#foot(), this.spoken);
  }

  #title() {
    const url = urlOf(this.page);
    const shown = url ? `${url.host}${url.pathname === '/' ? '' : url.pathname}${url.search}` : this.page;
    document.title = `Comments on ${shown}`;
    const where = url ? el('a', { href: url.href, rel: 'nofollow ugc noopener' }, el('bdi', {}, shown)) : el('code', {}, shown);
    return el('header', { class: 'title' }, el('h1', {}, 'Comments'), el('p', { class: 'where' }, 'on ', where));
  }

  #foot() {
    const link = (path, text) => el('a', { href: addressOf(path), ...(this.isEmbedded && { target: '_blank', rel: 'noopener' }) }, text);
    return el('footer', { class: 'foot' }, link(`t/${this.topic}`, 'Plain page'), link(`${this.topic}/feed`, 'Feed'),
      this.isEmbedded ? link(writeHash(this.page), 'Rookery') : null);
  }

  #hrefOf(id) {
    const hash = writeHash(this.page, id);
    return this.isEmbedded ? addressOf(hash) : hash;
  }

  #draw() {
    const { discussion, comment } = this;
    const { branches, ...rest } = discussion.view;
    this.thread.render(branches, rest);
    const { count } = discussion.thread;
    this.count.textContent = discussion.isLoaded ? `${count} comment${count === 1 ? '' : 's'}` : '\u00a0';
    this.thread.accuse(discussion.findings);
    // The comment that the address names is pointed at once.
    if (comment && this.point(comment)) this.comment = null;
  }

  #prove(proof) {
    this.proof.show(proof);
    if (proof.state !== 'checking') this.thread.accuse(proof.findings ?? []);
  }

  async #more() {
    const { more } = this.thread;
    more.disabled = true;
    try {
      await this.discussion.more();
    } catch {
      this.offline.hidden = false;
    }
    more.disabled = false;
  }

  #namesChanged() {
    this.names.refresh();
    for (const chooser of this.choosers) chooser.refresh();
    this.#draw();
  }

  #compose({ label, action, draft, text, words, author, close }) {
    const chooser = author ? null : new NameChooser(() => this.#namesChanged());
    if (chooser) this.choosers.add(chooser);
    const leave = close && (() => { this.choosers.delete(chooser); close(); });
    let posted;
    return new Composer({
      label, action, draft, text, chooser: chooser?.element ?? null, cancel: leave,
      author: async () => author ?? chooser.author(),
      send: async (written, by, told, signal) => {
        const before = readDraft(draft);
        const kept = { blob: before.blob, sign: (blob) => keepDraft(draft, { text: written, blob }) };
        posted = await this.discussion.post(by, { ...words, text: written }, { told, signal, kept });
      },
      done: () => { leave?.(); this.point(words.edits ?? posted); },
    });
  }

  /** Opens the form for an answer or an edit below a comment, or goes to it when it is open. */
  #open(view, kind) {
    if (view.open?.kind === kind) return view.open.composer;
    view.open?.close();
    const close = () => {
      view.slot.replaceChildren();
      view.open = null;
      (kind === 'edit' ? view.editButton : view.replyButton)?.focus();
    };
    const composer = this.#compose({ ...this.#about(view.entry, kind), draft: this.#draftOf(kind, view.entry), close });
    view.open = { kind, composer, close };
    view.slot.replaceChildren(composer.form);
    return composer;
  }

  /** What was begun before a reload is there again. */
  #reopen(view) {
    const kind = ['edit', 'reply'].find((one) => readDraft(this.#draftOf(one, view.entry)).text);
    if (kind === 'reply' || (kind && this.discussion.isMine(view.entry))) this.#open(view, kind);
  }

  #draftOf = (kind, { id }) => `draft:${this.topic}:${kind}:${id}`;

  #about(entry, kind) {
    if (kind === 'reply') return { label: 'Write a reply', action: 'Post', words: { parent: entry.id } };
    const author = this.discussion.authorOf(entry);
    return { label: 'Edit your comment', action: 'Save', text: entry.text, author, words: { parent: entry.id, edits: entry.id } };
  }
}
