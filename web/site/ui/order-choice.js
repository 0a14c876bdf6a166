/** Oldest or newest first. Asked by `page.js`. */
import { el } from './dom.js';

export class OrderChoice {
  /** @param {string} order @param {(order: string) => void} chosen */
  constructor(order, chosen) {
    const choice = (value, label) => el('label', {}, el('input', { type: 'radio', name: 'order', value, checked: value === order,
      onchange: () => chosen(value) }), el('span', {}, label));
    this.element = el('fieldset', { class: 'order' }, el('legend', { class: 'unseen' }, 'Order'), choice('oldest', 'Oldest'), choice('newest', 'Newest'));
  }
}
