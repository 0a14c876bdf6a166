/** The visitor's names: which one to write as, and the panel to make, export, import and forget them with. */
import {
  addName,
  allNames,
  chooseName,
  cleanName,
  currentName,
  dropName,
  nameOfKey,
  readKey,
  writeKey,
} from '../keep/names.js'
import { isLasting } from '../keep/storage.js'
import { button, copyButton, el, unseen } from './dom.js'
import { keyMark, shortKey } from './mark.js'

const FILE_BYTES = 65_536
const NEW = 'new'

/** A field for the first name, a list once there are some. A new name gets its key when it comes to posting. */
export class NameChooser {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed
    this.field = el('input', {
      type: 'text',
      name: 'name',
      maxlength: 60,
      autocomplete: 'nickname',
      placeholder: 'Your name',
      dir: 'auto',
      'aria-label': 'Your name',
    })
    this.list = el('select', { 'aria-label': 'Write as', onchange: () => this.#chosen() })
    this.element = el('div', { class: 'chooser' }, this.list, this.field)
    this.refresh()
  }

  /** Names came or went. */
  refresh() {
    const names = allNames()
    const options = names.map(({ name, key }) => el('option', { value: key }, name))
    this.list.replaceChildren(...options, el('option', { value: NEW }, 'New name…'))
    this.list.value = currentName()?.key ?? NEW
    this.list.hidden = !names.length
    this.field.hidden = this.list.value !== NEW
  }

  #chosen() {
    this.field.hidden = this.list.value !== NEW
    if (!this.field.hidden) return this.field.focus()
    chooseName(this.list.value)
    this.changed()
  }

  /** @returns {Promise<Name>} */
  async author() {
    if (this.list.value !== NEW) return nameOfKey(this.list.value)
    const name = cleanName(this.field.value)
    if (!name) {
      this.field.focus()
      throw new Error('a name is missing')
    }
    const added = await addName(name)
    this.field.value = ''
    this.changed()
    return added
  }
}

export class NamesPanel {
  /** @param {boolean} isEmbedded @param {() => void} changed names came or went */
  constructor(isEmbedded, changed) {
    this.changed = changed
    this.list = el('ul', { class: 'names' })
    this.note = el('p', { class: 'note', role: 'status' })
    this.element = el(
      'details',
      { class: 'panel' },
      el('summary', {}, 'Names and keys'),
      el('p', { class: 'faint' }, whereKept(isEmbedded)),
      this.list,
      this.#newForm(),
      this.#importForm(),
      this.note,
    )
    this.refresh()
  }

  refresh() {
    this.list.replaceChildren(...allNames().map((name) => this.#row(name)))
  }

  #row(name) {
    const secret = el('textarea', {
      readonly: true,
      rows: 7,
      spellcheck: 'false',
      'aria-label': `Secret key of ${name.name}`,
    })
    const shown = el(
      'div',
      { class: 'secret', hidden: true },
      el('p', { class: 'faint' }, 'Whoever has this can write as you.'),
      secret,
      copyButton('Copy', () => secret.value),
      button('Save as file', () => save(name)),
    )
    const open = button(
      'Export',
      () => {
        secret.value = writeKey(name)
        shown.hidden = !shown.hidden
        open.setAttribute('aria-expanded', String(!shown.hidden))
      },
      { 'aria-expanded': 'false' },
    )
    const forget = button('Forget', () => this.#confirm(name, forget))
    return el(
      'li',
      {},
      keyMark(name.key),
      el('bdi', { class: 'name' }, name.name),
      el('code', { class: 'print', title: name.key }, shortKey(name.key)),
      open,
      forget,
      shown,
    )
  }

  /** The key is gone with the name, and with it the way to edit what was written under it. */
  #confirm({ key }, forget) {
    const sure = button(
      'Forget for good',
      () => {
        dropName(key)
        this.#did('Forgotten.')
      },
      { class: 'danger' },
    )
    forget.replaceWith(
      sure,
      button('Keep', () => this.refresh()),
    )
    sure.focus()
  }

  #newForm() {
    const field = el('input', { type: 'text', maxlength: 60, placeholder: 'Another name', dir: 'auto' })
    return el(
      'form',
      {
        class: 'row',
        onsubmit: async (event) => {
          event.preventDefault()
          const name = cleanName(field.value)
          if (!name) return field.focus()
          await addName(name)
          field.value = ''
          this.#did(`You write as ${name} now.`)
        },
      },
      el('label', {}, unseen('Another name'), field),
      el('button', { type: 'submit' }, 'Add'),
    )
  }

  #importForm() {
    const text = el('textarea', { rows: 3, spellcheck: 'false', placeholder: 'Paste an exported key' })
    const file = el('input', {
      type: 'file',
      accept: '.pem,.txt,text/plain',
      onchange: async () => {
        if (file.files[0]?.size <= FILE_BYTES) text.value = await file.files[0].text()
      },
    })
    return el(
      'form',
      {
        class: 'import',
        onsubmit: async (event) => {
          event.preventDefault()
          const key = readKey(text.value)
          if (!key) return this.#did('This is no key of Ed25519.')
          const { name } = await addName(key.name || 'Imported name', key.seed)
          text.value = file.value = ''
          this.#did(`Imported. You write as ${name} now.`)
        },
      },
      el('label', {}, unseen('Exported key'), text),
      el('label', { class: 'faint' }, 'or a file ', file),
      el('button', { type: 'submit' }, 'Import'),
    )
  }

  #did(text) {
    this.refresh()
    this.note.textContent = text
    this.changed()
  }
}

function whereKept(isEmbedded) {
  if (!isLasting)
    return 'This browser keeps nothing for this page: names, keys and drafts last until you leave. So export your key.'
  const kept =
    'Each name has a key that signs what you write. It is kept in this browser only: export it to write elsewhere.'
  return isEmbedded ? `${kept} Inside another site some browsers keep them for that site alone.` : kept
}

function save(name) {
  const url = URL.createObjectURL(new Blob([writeKey(name)], { type: 'text/plain' }))
  el('a', { href: url, download: `${name.name.replace(/[^\p{L}\p{N}-]+/gu, '-')}.rookery-key.pem` }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
