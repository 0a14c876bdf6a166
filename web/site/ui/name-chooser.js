/**
 * Whom to write as: a field for the first name, a list once there are some. Part of a form; asked by `composer.js` for
 * the author when it comes to posting. A new name gets its key then.
 */
import { addName, allNames, chooseName, cleanName, currentName, nameOfKey } from '../keep/names.js';
import { el } from './dom.js';

const NEW = 'new';

export class NameChooser {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.field = el('input', { type: 'text', name: 'name', maxlength: 60, autocomplete: 'nickname', placeholder: 'Your name', dir: 'auto',
      'aria-label': 'Your name' });
    this.list = el('select', { 'aria-label': 'Write as', onchange: () => this.#chosen() });
    this.element = el('div', { class: 'chooser' }, this.list, this.field);
    this.refresh();
  }

  /** Names came or went. */
  refresh() {
    const names = allNames();
    const options = names.map(({ name, key }) => el('option', { value: key }, name));
    this.list.replaceChildren(...options, el('option', { value: NEW }, 'New name…'));
    this.list.value = currentName()?.key ?? NEW;
    this.list.hidden = !names.length;
    this.field.hidden = this.list.value !== NEW;
  }

  #chosen() {
    this.field.hidden = this.list.value !== NEW;
    if (this.field.hidden) chooseName(this.list.value);
    else this.field.focus();
    this.changed();
  }

  /** @returns {Promise<import('../keep/names.js').Name>} */
  async author() {
    if (this.list.value !== NEW) return nameOfKey(this.list.value);
    const name = cleanName(this.field.value);
    if (!name) {
      this.field.focus();
      throw new Error('a name is missing');
    }
    const added = await addName(name);
    this.field.value = '';
    this.changed();
    return added;
  }
}
