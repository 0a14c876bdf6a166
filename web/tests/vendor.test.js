import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync } from 'node:zlib'

const here = (path) => new URL(`../${path}`, import.meta.url)
const PACKAGES = { 'noble-ed25519': '@noble/ed25519', 'noble-hashes': '@noble/hashes' }
/** Where `make peers` or `npm ci` put them. */
const { ROOKERY_SITE_PACKAGES } = process.env
const installed = ROOKERY_SITE_PACKAGES ? pathToFileURL(`${ROOKERY_SITE_PACKAGES}/`) : here('node_modules/')
const skip = !ROOKERY_SITE_PACKAGES && !existsSync(installed) && 'the packages are not here: run `npm ci` in web'

test('vendored files are those of the pinned packages', { skip }, () => {
  for (const [folder, name] of Object.entries(PACKAGES)) {
    const files = readdirSync(here(`site/vendor/${folder}`))
    assert.ok(files.length > 0)
    for (const file of files) {
      assert.deepEqual(
        readFileSync(here(`site/vendor/${folder}/${file}`)),
        readFileSync(new URL(`${name}/${file}`, installed)),
        file,
      )
    }
  }
})

test('the versions that are named are the versions that are pinned', () => {
  const lock = JSON.parse(readFileSync(here('package-lock.json')))
  const readme = readFileSync(here('site/vendor/README.md'), 'utf8')
  for (const name of Object.values(PACKAGES))
    assert.ok(readme.includes(`\`${name}\` ${lock.packages[`node_modules/${name}`].version}`), name)
})

test('all of the site is under 60 KB as it is sent', () => {
  const files = readdirSync(here('site'), { recursive: true }).filter((name) => statSync(here(`site/${name}`)).isFile())
  const bytes = files.reduce((sum, name) => sum + brotliCompressSync(readFileSync(here(`site/${name}`))).length, 0)
  assert.ok(bytes < 60_000, `${bytes} bytes`)
})
