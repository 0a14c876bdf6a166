// A thread as a visitor uses it: what he reads, and what he presses.

import { until } from './rig.mjs'

export class ThreadPage {
  constructor(visitor, origin) {
    this.page = visitor.page
    this.origin = origin
  }

  /** Opens the thread of a page, named by its address or its topic, perhaps with `&c=<comment>`. */
  static async open(visitor, origin, place) {
    const thread = new ThreadPage(visitor, origin)
    await visitor.page.goto(`${origin}/#${place}`)
    await thread.awaitComposer()
    return thread
  }

  async awaitComposer() {
    await this.composer().locator('textarea').waitFor()
  }

  /** The form for new comments, which no comment holds. */
  composer() {
    return this.page.locator('form[data-compose]:not([data-comment] *)').first()
  }

  /** The comment that shows these words. */
  comment(words) {
    return this.page.locator('article[data-comment]').filter({ hasText: words })
  }

  /** All words of all comments, in the order of the page. */
  async words() {
    return this.page.locator('article[data-comment] .prose').allInnerTexts()
  }

  /** Waits until a comment with these words is to be seen. */
  async sees(words) {
    await this.comment(words).first().waitFor()
  }

  /** Waits until nothing shows these words. */
  async seesNoMore(words) {
    await this.comment(words).waitFor({ state: 'detached' })
  }

  /** Asks for more until this comment is to be seen. */
  async showsUpTo(id) {
    const wanted = this.page.locator(`[data-comment="${id}"]`)
    const more = this.page.getByRole('button', { name: 'Show more' })
    await until('all comments are shown', async () => {
      if (await wanted.isVisible()) return true
      if (await more.isEnabled({ timeout: 100 })) await more.click()
      return false
    })
  }

  async post(words, name) {
    const form = this.composer()
    await form.locator('textarea').fill(words)
    if (name) await form.getByLabel('Your name').fill(name)
    await form.getByRole('button', { name: 'Post' }).click()
    await this.sees(words)
  }

  async reply(to, words, name) {
    await this.comment(to).getByRole('button', { name: 'Reply' }).click()
    const form = this.comment(to).locator('form[data-compose]')
    await form.locator('textarea').fill(words)
    if (name) await form.getByLabel('Your name').fill(name)
    await form.getByRole('button', { name: 'Post' }).click()
    await this.sees(words)
  }

  async edit(from, to) {
    const comment = this.comment(from)
    const id = await comment.getAttribute('data-comment')
    await comment.getByRole('button', { name: 'Edit' }).click()
    const form = this.page.locator(`[data-comment="${id}"] form[data-compose]`)
    await form.locator('textarea').fill(to)
    await form.getByRole('button', { name: 'Save' }).click()
    await this.page.locator(`[data-comment="${id}"] .prose`).filter({ hasText: to }).waitFor()
  }

  /** Deletes a comment; it is asked for twice. */
  async remove(words) {
    const comment = this.comment(words)
    await comment.getByRole('button', { name: 'Delete' }).click()
    await comment.locator('button.danger').click()
    await this.seesNoMore(words)
  }

  /** What the page says about the server: verified, lying, checking or unverified. */
  state() {
    return this.page.locator('[data-verification]').getAttribute('data-state')
  }

  async becomes(state) {
    await until(`the thread is ${state}`, async () => {
      const now = await this.state()
      if (now !== state) throw new Error(`it is ${now}: ${await this.page.locator('[data-verification]').innerText()}`)
      return true
    })
  }

  /** Waits until the page's own summary counts these many comments as checked. */
  async hasVerified(comments) {
    const said = this.page.locator('[data-verification][data-state="verified"]')
    await said.filter({ hasText: `${comments} comment` }).waitFor()
  }
}
