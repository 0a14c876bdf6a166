/** Makes elements. Text only ever becomes text: there is no way here to write markup. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `on…` are listeners; `true` is an empty attribute, `false` none
 * @param {...(Node | string)} children
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children)
  return element
}

/** A button that submits nothing. */
export const button = (label, onclick, props = {}) =>
  el('button', { type: 'button', class: 'quiet', onclick, ...props }, label)

/** Words that only screen readers say. */
export const unseen = (text) => el('span', { class: 'unseen' }, text)

let numbered = 0
/** An id for what one element says of another. */
export const newId = (stem) => `${stem}-${(numbered += 1)}`

/** Brings children into this order with as few moves as it takes, so that what has the focus keeps it. */
export function order(parent, children) {
  const kept = new Set(children)
  ;[...parent.children].filter((child) => !kept.has(child)).forEach((child) => child.remove())
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null)
  })
}

/** Copies a text; where the browser has no clipboard (no https), by way of a selection. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    const field = el('textarea', { class: 'unseen' })
    field.value = text
    const before = document.activeElement
    document.body.append(field)
    field.select()
    document.execCommand('copy')
    field.remove()
    before?.focus()
  }
}

/** A button that copies, and says that it did. */
export function copyButton(label, text, props) {
  const said = button(
    label,
    async () => {
      await copy(text())
      said.textContent = 'Copied'
      setTimeout(() => {
        said.textContent = label
      }, 1_500)
    },
    props,
  )
  return said
}
