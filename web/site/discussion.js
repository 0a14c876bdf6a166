/**
 * One thread, alive: loads it, follows it, proves it, and posts to it. Owns everything that belongs to one page's
 * comments; made and dropped by `page.js`, shown by the views in `ui`.
 */
import { compose } from './comment/compose.js';
import { dateSeconds } from './comment/record.js';
import { nameOfKey } from './keep/names.js';
import { recall, remember } from './keep/storage.js';
import { Prover } from './proof/prover.js';
import { displayName } from './text/visible.js';
import { Live } from './thread/live.js';
import { addressOf, postUntilKept, readPage } from './thread/server.js';
import { Thread, headerOf, keyOf } from './thread/thread.js';
import { arrange } from './thread/tree.js';

const PAGE = 25;
const LARGE_PAGE = 1_000;
/** Reading from the newest on needs all pages, up to here. */
const PAGES_LIMIT = 20;
const AGAIN_MS = 3_000;
/** A live event is expected so soon after the receipt. */
const EVENT_WAIT_MS = 1_000;

/**
 * @typedef {{ draw: () => void, prove: (proof: import('./proof/prover.js').Proof) => void, announce: (say: string) => void,
 *             reached: (isReached: boolean) => void }} Show
 */
export class Discussion {
  /** @param {string} topic @param {Show} show */
  constructor(topic, show) {
    Object.assign(this, { topic, show, thread: new Thread(), findings: [], edits: {}, roots: PAGE, isLoaded: false, etag: null });
    this.order = recall('order') === 'newest' ? 'newest' : 'oldest';
    this.prover = new Prover(() => this.#question(), () => this.refresh(), (proof, edits) => this.#proved(proof, edits));
  }

  /** Loads until there is something to show, then follows. @param {string | null} comment one that has to be there */
  async begin(comment) {
    while (!this.isStopped && !this.isLoaded) {
      try {
        await this.#load(comment);
      } catch {
        this.show.reached(false);
        await new Promise((done) => { setTimeout(done, AGAIN_MS); });
      }
    }
    if (this.isStopped) return;
    this.show.reached(true);
    this.live = new Live(this.topic, () => this.thread.cursor, {
      happened: (kind, event) => this.#happened(kind, event),
      reset: () => this.refresh(),
      poll: () => this.#poll(),
      reached: (isReached) => this.show.reached(isReached),
    });
  }

  stop() {
    this.isStopped = true;
    this.live?.stop();
    this.prover.stop();
  }

  /** @returns {{ branches: object[], tail: object[], left: number, isEmpty: boolean }} what is to be shown */
  get view() {
    const { thread } = this;
    const all = arrange(thread.entries.values(), this.order, this.topic);
    const isEmpty = this.isLoaded && !all.length && thread.next === null;
    if (this.order === 'newest') {
      const left = all.length - this.roots;
      return { branches: all.slice(0, this.roots), tail: [], left, isEmpty };
    }
    // Between the pages loaded so far and what came in live there may be more.
    const isTail = ({ entry }) => thread.next !== null && entry.seq > thread.next;
    const left = thread.next === null ? 0 : Math.max(1, thread.count - thread.entries.size);
    return { branches: all.filter((branch) => !isTail(branch)), tail: all.filter(isTail), left, isEmpty };
  }

  async more() {
    if (this.order === 'newest') this.roots += PAGE;
    else this.thread.addPage(await readPage(this.topic, { after: this.thread.next, limit: PAGE }));
    this.#changed();
  }

  /** @param {import('./thread/tree.js').Order} order */
  async read(order) {
    remember('order', order);
    Object.assign(this, { order, roots: PAGE });
    this.show.draw();
    if (order === 'newest') await this.#loadRest();
    this.#changed();
  }

  /** Loads again what is loaded. */
  async refresh() {
    const pages = [];
    const wanted = Math.max(PAGE, this.thread.entries.size);
    for (let after = 0, read = 0; after !== null && read < wanted && pages.length <= PAGES_LIMIT; after = pages.at(-1).next) {
      pages.push(await readPage(this.topic, { after, limit: Math.min(LARGE_PAGE, wanted - read) }));
      read += pages.at(-1).comments.length;
    }
    this.thread.replace(pages);
    this.#changed();
  }

  /** Whether a comment is by a key in this browser. */
  isMine = (entry) => Boolean(this.authorOf(entry));

  /** @returns {import('./keep/names.js').Name | undefined} */
  authorOf = (entry) => (keyOf(entry) ? nameOfKey(keyOf(entry)) : undefined);

  /** Whether somebody else here has the same name and another key. */
  isNamesake = (entry) => (this.namesakes.get(this.#nameOf(entry))?.size ?? 0) > 1;

  /** @returns {Promise<string>} the new comment's id */
  async post(author, words, { told, signal, kept }) {
    const blob = kept.blob ?? await compose(author, { topic: this.topic, ...words, date_ms: this.#date(words.edits) });
    kept.sign(blob);
    const waits = (why, wait_ms) => told(`Not sent yet (${why}). Trying again in ${Math.ceil(wait_ms / 1000)} s.`);
    const receipt = await postUntilKept(this.topic, blob, { signal, waits });
    told('Posted.');
    await this.#arrival();
    return receipt.id;
  }

  /** @param {import('./thread/thread.js').Entry} entry */
  async remove(entry) {
    const author = this.authorOf(entry);
    const words = { parent: entry.id, deletes: entry.id, text: 'Deleted by its author.' };
    await this.post(author, words, { told: () => {}, signal: new AbortController().signal, kept: { sign() {} } });
  }

  async #load(comment) {
    const page = await readPage(this.topic, { limit: PAGE });
    if (this.isStopped) return;
    this.thread.addPage(page);
    this.isLoaded = true;
    this.etag = page.etag;
    const isMissing = comment && ![...this.thread.entries.values()].some(({ id, legacy_id }) => [id, legacy_id].includes(comment));
    if (isMissing || this.order === 'newest') await this.#loadRest();
    if (isMissing) this.roots = Infinity;
    this.#changed(0);
  }

  async #loadRest() {
    for (let page = 0; this.thread.next !== null && page < PAGES_LIMIT && !this.isStopped; page += 1) {
      this.thread.addPage(await readPage(this.topic, { after: this.thread.next, limit: LARGE_PAGE }));
      this.show.draw();
    }
  }

  #happened(kind, event) {
    const isNew = this.thread.addEvent(event);
    this.arrived?.();
    this.#changed();
    const name = displayName(headerOf(event.comment, 'User')).text;
    if (this.isMine(event.comment)) return;
    if (kind === 'comment' && isNew) this.show.announce(`New comment by ${name}`);
    if (kind === 'edit') this.show.announce(`${name} edited a comment`);
    if (kind === 'delete') this.show.announce('A comment was deleted');
  }

  async #poll() {
    try {
      const page = await readPage(this.topic, { limit: PAGE }, this.etag);
      this.show.reached(true);
      if (!page) return;
      this.etag = page.etag;
      await this.refresh();
    } catch {
      this.show.reached(false);
    }
  }

  /** The comment that was just posted comes by the stream; where there is none it is fetched. */
  async #arrival() {
    const came = new Promise((done) => { this.arrived = done; });
    const late = new Promise((done) => { setTimeout(done, EVENT_WAIT_MS, 'late'); });
    const isLate = !this.live?.isStreaming || await Promise.race([came, late]) === 'late';
    if (isLate) await this.refresh().catch(() => {});
  }

  /** Of two edits the one with the later second counts, so an edit is later than the one before it. */
  #date(edited) {
    const now_ms = Date.now();
    if (!edited) return now_ms;
    const own_s = dateSeconds(headerOf(this.thread.entries.get(edited) ?? { headers: [] }, 'Date'));
    const before_s = Math.max(this.edits[edited] ?? 0, own_s);
    const date_ms = Math.max(now_ms, 1000 * (before_s + 1));
    this.edits[edited] = Math.floor(date_ms / 1000);
    return date_ms;
  }

  #changed(wait_ms) {
    if (this.isStopped) return;
    this.show.draw();
    this.prover.soon(wait_ms);
  }

  #question() {
    const { thread, topic } = this;
    return { url: addressOf(topic), topic, folder: thread.folder, entries: [...thread.entries.values()], count: thread.count, isWhole: thread.next === null };
  }

  #proved(proof, edits = {}) {
    for (const [id, date_s] of Object.entries(edits)) this.edits[id] = Math.max(date_s, this.edits[id] ?? 0);
    if (proof.state !== 'checking') this.findings = proof.findings ?? [];
    this.show.prove(proof);
  }

  #nameOf = (entry) => displayName(headerOf(entry, 'User')).text.toLowerCase();

  /** @returns {Map<string, Set<string>>} the keys that write under each name */
  get namesakes() {
    if (this.namesakesOf === this.thread.last_seq + this.thread.entries.size) return this.namesakesKept;
    const keys = new Map();
    for (const entry of this.thread.entries.values()) {
      if (!entry.deleted) keys.set(this.#nameOf(entry), (keys.get(this.#nameOf(entry)) ?? new Set()).add(keyOf(entry)));
    }
    this.namesakesOf = this.thread.last_seq + this.thread.entries.size;
    return (this.namesakesKept = keys);
  }
}
