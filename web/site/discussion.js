/**
 * One thread, alive: loads it, follows it, has it proven, posts to it. Made and dropped by `page.js`, which shows it.
 */
import { compose, dateSeconds } from './comment.js'
import { nameOfKey } from './keep/names.js'
import { recall, remember } from './keep/storage.js'
import { Prover } from './proof/prover.js'
import { displayName } from './text/visible.js'
import { Live } from './thread/live.js'
import { addressOf, postUntilKept, readPage } from './thread/server.js'
import { Thread, headerOf, keyOf } from './thread/thread.js'
import { arrange } from './thread/tree.js'

const PAGE = 25
const LARGE_PAGE = 1_000
/** Reading from the newest on needs all pages, up to here. */
const PAGES_LIMIT = 20
const AGAIN_MS = 3_000
/** A live event is expected so soon after the receipt. */
const EVENT_WAIT_MS = 1_000

const nameOf = (entry) => displayName(headerOf(entry, 'User')).text
const sleep = (wait_ms, value) =>
  new Promise((done) => {
    setTimeout(done, wait_ms, value)
  })

export class Discussion {
  thread = new Thread()
  findings = []
  /** When each comment was edited last, in seconds. */
  edits = {}
  roots = PAGE
  order = recall('order') === 'newest' ? 'newest' : 'oldest'

  /** @param {string} topic @param {Show} show */
  constructor(topic, show) {
    Object.assign(this, { topic, show })
    this.prover = new Prover(
      () => this.#question(),
      () => this.refresh(),
      (proof, edits) => this.#proved(proof, edits),
    )
  }

  /** Loads until there is something to show, then follows. @param {string | null} comment one that has to be there */
  async begin(comment) {
    while (!this.isStopped && !this.isLoaded) {
      await this.#load(comment).catch(() => {
        this.show.reached(false)
        return sleep(AGAIN_MS)
      })
    }
    if (this.isStopped) return
    this.show.reached(true)
    this.live = new Live(this.topic, () => this.thread.cursor, {
      happened: (kind, event) => this.#happened(kind, event),
      reset: () => this.refresh().catch(() => this.show.reached(false)),
      poll: () => this.#poll(),
      reached: (isReached) => this.show.reached(isReached),
    })
  }

  stop() {
    this.isStopped = true
    this.live?.stop()
    this.prover.stop()
  }

  /** What is to be shown; `left` comments are not, and `tail` stands behind them. */
  get view() {
    const { next, count, entries } = this.thread
    const all = arrange(entries.values(), this.order, this.topic)
    const isEmpty = this.isLoaded && !all.length && next === null
    if (this.order === 'newest')
      return { branches: all.slice(0, this.roots), tail: [], left: all.length - this.roots, isEmpty }
    // Between the pages loaded so far and what came in live there may be more.
    const isTail = ({ entry }) => next !== null && entry.seq > next
    const left = next === null ? 0 : Math.max(1, count - entries.size)
    return { branches: all.filter((branch) => !isTail(branch)), tail: all.filter(isTail), left, isEmpty }
  }

  async more() {
    if (this.order === 'newest') this.roots += PAGE
    else this.thread.addPage(await readPage(this.topic, { after: this.thread.next, limit: PAGE }))
    this.#changed()
  }

  /** @param {Order} order */
  async read(order) {
    remember('order', order)
    Object.assign(this, { order, roots: PAGE })
    this.show.draw()
    if (order === 'newest') await this.#loadRest()
    this.#changed()
  }

  /** Loads again what is loaded. */
  async refresh() {
    const pages = []
    const wanted = Math.max(PAGE, this.thread.entries.size)
    for (
      let after = 0, read = 0;
      after !== null && read < wanted && pages.length <= PAGES_LIMIT;
      after = pages.at(-1).next
    ) {
      pages.push(await readPage(this.topic, { after, limit: Math.min(LARGE_PAGE, wanted - read) }))
      read += pages.at(-1).comments.length
    }
    this.thread.replace(pages)
    this.#changed()
  }

  /** @returns {Name | undefined} the name in this browser that wrote a comment */
  authorOf = (entry) => (keyOf(entry) ? nameOfKey(keyOf(entry)) : undefined)

  isMine = (entry) => Boolean(this.authorOf(entry))

  /** Whether somebody else here has the same name and another key. */
  isNamesake = (entry) => this.namesakes.get(nameOf(entry).toLowerCase())?.size > 1

  /** @returns {Promise<string>} the new comment's id */
  async post(author, words, { told, signal, kept }) {
    const blob = kept.blob ?? (await compose(author, { topic: this.topic, ...words, date_ms: this.#date(words.edits) }))
    kept.keep(blob)
    const waits = (why, wait_ms) => told(`Not sent yet (${why}). Trying again in ${Math.ceil(wait_ms / 1000)} s.`)
    const { id, seq } = await postUntilKept(this.topic, blob, { signal, waits })
    told('Posted.')
    // It comes by the stream, often before the receipt; where there is none it is fetched.
    const came = new Promise((done) => {
      this.arrived = () => this.thread.last_seq >= seq && done()
    })
    this.arrived()
    const isLate = !this.live?.isStreaming || (await Promise.race([came, sleep(EVENT_WAIT_MS, 'late')])) === 'late'
    if (isLate) await this.refresh().catch(() => {})
    return id
  }

  /** @param {Entry} entry */
  async remove(entry) {
    const words = { parent: entry.id, deletes: entry.id, text: 'Deleted by its author.' }
    const ways = { told() {}, signal: new AbortController().signal, kept: { keep() {} } }
    await this.post(this.authorOf(entry), words, ways)
  }

  async #load(comment) {
    const page = await readPage(this.topic, { limit: PAGE })
    if (this.isStopped) return
    this.thread.addPage(page)
    this.isLoaded = true
    this.etag = page.etag
    const isMissing = comment && !page.comments.some(({ id, legacy_id }) => id === comment || legacy_id === comment)
    if (isMissing) this.roots = Infinity
    if (isMissing || this.order === 'newest') await this.#loadRest()
    this.#changed()
  }

  async #loadRest() {
    for (let page = 0; this.thread.next !== null && page < PAGES_LIMIT && !this.isStopped; page += 1) {
      this.thread.addPage(await readPage(this.topic, { after: this.thread.next, limit: LARGE_PAGE }))
      this.show.draw()
    }
  }

  #happened(kind, event) {
    const isNew = this.thread.addEvent(event)
    this.arrived?.()
    this.#changed()
    if (this.isMine(event.comment)) return
    if (kind === 'comment' && isNew) this.show.announce(`New comment by ${nameOf(event.comment)}`)
    if (kind === 'edit') this.show.announce(`${nameOf(event.comment)} edited a comment`)
    if (kind === 'delete') this.show.announce('A comment was deleted')
  }

  async #poll() {
    try {
      const page = await readPage(this.topic, { limit: PAGE }, this.etag)
      this.show.reached(true)
      if (!page) return
      this.etag = page.etag
      await this.refresh()
    } catch {
      this.show.reached(false)
    }
  }

  /** Of two edits the one with the later second counts, so an edit is later than the one before it. */
  #date(edited) {
    if (!edited) return Date.now()
    const own_s = dateSeconds(headerOf(this.thread.entries.get(edited), 'Date'))
    const date_ms = Math.max(Date.now(), 1000 * (Math.max(this.edits[edited] ?? 0, own_s) + 1))
    this.edits[edited] = Math.floor(date_ms / 1000)
    return date_ms
  }

  #changed() {
    if (this.isStopped) return
    this.namesakes = this.#namesakes()
    this.show.draw()
    this.prover.changed()
  }

  /** @returns {Question} */
  #question() {
    const { folder, entries, count, next } = this.thread
    const shown = { entries: [...entries.values()], count, isWhole: next === null }
    return { url: addressOf(this.topic), topic: this.topic, folder, ...shown }
  }

  #proved(proof, edits = {}) {
    for (const [id, date_s] of Object.entries(edits)) this.edits[id] = Math.max(date_s, this.edits[id] ?? 0)
    if (proof.state !== 'checking') this.findings = proof.findings ?? []
    this.show.prove(proof)
  }

  /** @type {Map<string, Set<string>>} the keys that write under each name */
  namesakes = new Map()

  #namesakes() {
    const keys = new Map()
    for (const entry of this.thread.entries.values()) {
      const name = nameOf(entry).toLowerCase()
      if (!entry.deleted) keys.set(name, (keys.get(name) ?? new Set()).add(keyOf(entry)))
    }
    return keys
  }
}
