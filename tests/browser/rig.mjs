// Starts a real Chromium, lets visitors in, and watches all that happens to them: what nobody should see is a fault.

import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'

// What `make peers` installed; it is not beside this file, so that nothing is written into the repository.
const require = createRequire(join(process.env.ROOKERY_BROWSER, 'package.json'))
const { chromium } = require('playwright-core')
const axe = require('axe-core')

// So long a visitor waits for anything. A busy machine needs more than a second or two.
const STEP_MS = 20_000

/** Runs one scenario: `play` is given the stage. Ends the process with what went wrong. */
export async function scenario(play) {
  const [front, screenshots] = process.argv.slice(2)
  const stage = new Stage(front, screenshots, await launch())
  try {
    await play(stage)
    stage.judge()
  } catch (failure) {
    await stage.lastLook()
    console.error(failure)
    process.exitCode = 1
  } finally {
    await stage.close()
  }
}

function launch() {
  return chromium.launch({
    executablePath: find('chromium'),
    // That signal means: come to an end, and look at everything once more.
    handleSIGTERM: false,
    // Containers and build machines run as root, where there is no sandbox. Everything shown here is the repository's own.
    chromiumSandbox: false,
    // Names of the reserved domain lead here, so that a page can have a foreign, and an insecure, origin.
    args: ['--host-resolver-rules=MAP *.test 127.0.0.1', '--disable-dev-shm-usage'],
  })
}

function find(program) {
  const places = process.env.PATH.split(delimiter).map((folder) => join(folder, program))
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

class Stage {
  #screenshots
  #browser
  #visitors = []
  #servers = []

  constructor(front, screenshots, browser) {
    this.front = front
    this.#screenshots = screenshots
    this.#browser = browser
  }

  /**
   * Somebody with a browser of his own.
   *
   * `origins` are the servers that his browser may ask, `expects` what it may complain about; the rest is for Playwright.
   */
  async visitor({ name = 'visitor', origins = [this.front], expects = [], ...options } = {}) {
    const context = await this.#browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options })
    context.setDefaultTimeout(STEP_MS)
    const visitor = new Visitor(name, context, origins, expects)
    this.#visitors.push(visitor)
    await visitor.arrive()
    return visitor
  }

  /** Remembers a server that is to be closed at the end. */
  serves(server) {
    this.#servers.push(server)
    return server
  }

  /** Takes a picture for people to look at. */
  async shot(page, name) {
    await page.screenshot({ path: join(this.#screenshots, `${name}.png`), fullPage: true, animations: 'disabled' })
  }

  /** Fails with everything that anybody should not have seen. */
  judge() {
    const faults = this.#visitors.flatMap((visitor) => visitor.faults.map((fault) => `${visitor.name}: ${fault}`))
    if (faults.length > 0) throw new Error(`nobody should have seen:\n  ${faults.join('\n  ')}`)
  }

  /** What was to be seen when it failed. */
  async lastLook() {
    for (const [number, visitor] of this.#visitors.entries()) {
      const name = `failed-${process.argv[1].split('/').at(-1)}-${number}-${visitor.name}`
      await this.shot(visitor.page, name).catch(() => {})
      for (const fault of visitor.faults) console.error(`${visitor.name}: ${fault}`)
    }
  }

  async close() {
    await this.#browser.close()
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}

class Visitor {
  faults = []
  #origins
  #expects

  constructor(name, context, origins, expects) {
    this.name = name
    this.context = context
    this.#origins = origins
    this.#expects = expects
  }

  async arrive() {
    // In every frame: what the policy of a document forbids is told to that document only.
    await this.context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`)
      })
    })
    this.context.on('request', (request) => this.#asked(request.url()))
    this.context.on('console', (line) => line.type() === 'error' && this.#fault(`console: ${line.text()}`))
    this.context.on('weberror', (error) => this.#fault(`error: ${error.error().stack}`))
    this.context.on('dialog', (dialog) => {
      this.#fault(`dialog: ${dialog.message()}`)
      return dialog.dismiss()
    })
    this.context.on('page', (page) => {
      page.on('crash', () => this.#fault('the page crashed'))
      if (this.page) this.#fault(`a second page was opened: ${page.url()}`)
    })
    this.page = await this.context.newPage()
  }

  #asked(url) {
    const { protocol, origin } = new URL(url)
    const inside = ['data:', 'blob:', 'about:'].includes(protocol) || this.#origins.includes(origin)
    if (!inside) this.#fault(`the browser asked ${url}`)
  }

  #fault(what) {
    if (!this.#expects.some((expected) => expected.test(what))) this.faults.push(what)
  }
}

/** Fails with what axe-core finds in a page, frames of other origins included. */
export async function assertAccessible(page, what) {
  for (const frame of page.frames()) {
    await frame.evaluate(axe.source)
    await frame.evaluate(() => globalThis.axe.configure({ allowedOrigins: ['<unsafe_all_origins>'] }))
  }
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  if (passes.length === 0) throw new Error(`${what}: axe looked at nothing`)
  const told = violations.map(({ id, help, nodes }) => {
    const places = nodes.map((node) => `    ${node.target.join(' ')}: ${node.failureSummary}`)
    return `  ${id}: ${help}\n${places.join('\n')}`
  })
  if (told.length > 0) throw new Error(`${what}:\n${told.join('\n')}`)
}

/** Waits until `look` finds something, and returns it. The last thing that it threw says why it did not. */
export async function until(what, look, within_ms = STEP_MS) {
  const end = Date.now() + within_ms
  let why = ''
  do {
    try {
      const found = await look()
      if (found) return found
    } catch (error) {
      why = `: ${error.message}`
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  } while (Date.now() < end)
  throw new Error(`waited in vain until ${what}${why}`)
}
