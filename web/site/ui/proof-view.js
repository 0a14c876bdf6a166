/** What the proof says, beside the thread: calm when all fits, impossible to miss when not. Asked by `page.js`. */
import { button, copyButton, el } from './dom.js';
import { prose } from './prose.js';

const HEADINGS = { checking: 'Checking…', verified: 'Verified', lying: 'Do not trust this server', unverified: 'Not verified' };
const SHOWN_LIMIT = 20;

export class ProofView {
  /** @param {(id: string) => boolean} pointAt false when that comment is not on the page */
  constructor(pointAt) {
    this.pointAt = pointAt;
    this.heading = el('h2', {});
    this.body = el('div', { class: 'proof-body' });
    this.element = el('section', { class: 'proof', 'data-verification': true, 'aria-label': 'Verification' }, this.heading, this.body);
    this.show({ state: 'checking' });
  }

  /** @param {import('../proof/prover.js').Proof} proof */
  show(proof) {
    const { state } = proof;
    const wasLying = this.element.dataset.state === 'lying';
    // What was found stays to be read until it is found otherwise.
    this.element.dataset.state = state;
    this.heading.textContent = HEADINGS[state];
    if (state === 'checking') return;
    this.body.replaceChildren(...this.#say(proof));
    if (state === 'lying' && !wasLying) this.body.prepend(el('p', { role: 'alert', class: 'unseen' }, 'This server shows comments that do not fit its folder.'));
  }

  #say(proof) {
    if (proof.state === 'lying') return [this.#findings(proof.findings), ...folderLine(proof.root)];
    if (proof.state === 'verified') return [el('p', {}, success(proof)), ...folderLine(proof.root), explanation()];
    return [el('p', {}, proof.why ? `Not now: ${proof.why}.` : 'There is nothing to verify yet.')];
  }

  #findings(findings) {
    const items = findings.slice(0, SHOWN_LIMIT).map(({ id, say, text }) => el('li', {}, `${say} `, this.#pointer(id), ...this.#withheld(id, text)));
    const rest = findings.length - items.length;
    return el('ul', { class: 'findings' }, ...items, rest > 0 ? el('li', {}, `And ${rest} more.`) : null);
  }

  #pointer(id) {
    return id && this.pointAt(id, false) ? button('Show it', () => this.pointAt(id, true)) : '';
  }

  /** Words that the page does not show anywhere else. */
  #withheld(id, text) {
    return text && !this.pointAt(id, false) ? [el('blockquote', {}, ...prose(text))] : [];
  }
}

const many = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

function success({ comments, signatures }) {
  return `${many(comments, 'comment')} and ${many(signatures, 'signature')} were checked in your browser and fit the folder that the server names.`;
}

function folderLine(folder) {
  if (!folder) return [];
  const short = el('code', { title: folder }, el('span', {}, folder.slice(0, 9)), '…', el('span', {}, folder.slice(-6)));
  return [el('p', { class: 'folder' }, 'Folder ', short, ' ', copyButton('Copy CID', () => folder))];
}

function explanation() {
  return el('details', { class: 'why' }, el('summary', {}, 'What does this mean?'),
    el('p', {}, 'All comments of a page are a folder on IPFS, and its name is made of its content. Your browser fetched the folder, hashed every byte, checked every signature, and found what you see here. Whoever has the name of the folder can get it from anywhere and check the same.'));
}
