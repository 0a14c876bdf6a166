/** What the page knows of a thread: the pages it has loaded and the events since. Pure. Asked by `discussion.js`. */
export class Thread {
  /** @type {Map<string, Entry>} */
  entries = new Map()
  folder = null
  count = 0
  epoch = 0
  last_seq = 0
  next = null

  /** Where live events go on. */
  get cursor() {
    return `${this.epoch}-${this.last_seq}`
  }

  /** Takes in a page of the thread, as the server sent it. */
  addPage(page) {
    // In another epoch the places of this one mean nothing.
    if (this.epoch !== page.epoch) this.entries.clear()
    page.comments.forEach((entry) => this.#take(entry))
    this.next = page.next
    this.#moveTo(page)
  }

  /** Takes in what a live event says. @returns {boolean} whether the comment was not there before */
  addEvent({ seq, count, folder, comment, replaces }) {
    const isNew = !this.entries.has(comment.id)
    // A twin with a smaller id is shown in the place of this one.
    this.entries.delete(replaces)
    // An event that was overtaken by a page says nothing new about the thread, but never harms a comment.
    if (seq > this.last_seq || isNew) this.#take(comment)
    if (seq > this.last_seq) this.#moveTo({ last_seq: seq, count, folder, epoch: this.epoch })
    return isNew
  }

  /** What loading all pages again found: what is no longer there goes. */
  replace(pages) {
    const last = pages.at(-1)
    const isKnown = new Set(pages.flatMap((page) => page.comments.map(({ id }) => id)))
    const isGone = (entry) => !isKnown.has(entry.id) && (last.next === null || entry.seq <= last.next)
    for (const entry of [...this.entries.values()].filter(isGone)) this.entries.delete(entry.id)
    pages.forEach((page) => this.addPage(page))
  }

  /** A deleted comment has no headers; that it answered somebody is remembered as long as the page is open. */
  #take(entry) {
    const before = this.entries.get(entry.id)?.headers ?? []
    const headers = entry.deleted ? before.filter(([name]) => name === 'Parent') : entry.headers
    this.entries.set(entry.id, { ...entry, headers })
  }

  #moveTo({ folder, count, epoch, last_seq }) {
    Object.assign(this, { folder, count, epoch, last_seq })
  }
}

/** @param {Entry} entry @param {string} name @returns {string} a header's value, empty when there is none */
export const headerOf = (entry, name) => entry.headers.find((header) => header[0] === name)?.[1] ?? ''

/** @param {Entry} entry @returns {string} the author's public key, empty when the comment is not signed */
export const keyOf = (entry) => (entry.signature === 'valid' ? headerOf(entry, 'Public-Key') : '')
