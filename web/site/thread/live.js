/**
 * Follows a thread: by server-sent events, and where they do not come through by asking again and again.
 * Asked by `discussion.js`. Keeps one stream or one timer.
 */
import { addressOf } from './server.js'

const POLL_MS = 5_000
/** So long a stream that once failed is left alone. */
const STREAM_AGAIN_MS = 60_000
/** A break this short goes unmentioned. */
const SILENCE_MS = 2_500

export class Live {
  /** @param {string} topic @param {() => string} cursor `<epoch>-<seq>` of what is known @param {Listener} listener */
  constructor(topic, cursor, listener) {
    Object.assign(this, { topic, cursor, listener, isStreaming: false })
    this.open()
  }

  stop() {
    this.stream?.close()
    clearTimeout(this.timer)
    clearTimeout(this.silence)
    this.isStopped = true
  }

  open() {
    this.stream = new EventSource(addressOf(`${this.topic}/events?after=${this.cursor()}`))
    this.stream.onopen = () => this.opened()
    this.stream.onerror = () => this.broke()
    for (const kind of ['comment', 'edit', 'delete']) {
      this.stream.addEventListener(kind, ({ data }) => this.listener.happened(kind, JSON.parse(data)))
    }
    this.stream.addEventListener('reset', () => this.listener.reset())
  }

  opened() {
    this.isStreaming = true
    clearTimeout(this.silence)
    this.silence = 0
    this.listener.reached(true)
  }

  broke() {
    this.isStreaming = false
    // The browser connects again by itself, unless the answer was no stream at all.
    if (this.stream.readyState !== EventSource.CLOSED) {
      this.silence ||= setTimeout(() => this.listener.reached(false), SILENCE_MS)
      return
    }
    this.openAgain_ms = performance.now() + STREAM_AGAIN_MS
    this.poll()
  }

  async poll() {
    await this.listener.poll()
    if (this.isStopped) return
    if (performance.now() >= this.openAgain_ms) this.open()
    else this.timer = setTimeout(() => this.poll(), POLL_MS)
  }
}
