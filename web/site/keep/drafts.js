/**
 * Words not yet posted, per topic and per comment that they answer or edit; they survive a reload. Once signed, the blob
 * is kept too: posting the same bytes again is safe, signing the words again would make a second comment.
 *
 * @typedef {{ text: string, blob?: string }} Draft
 */
import { recall, remember } from './storage.js';

/** @param {string} topic @param {string} [about] `reply:<id>`, `edit:<id>`, or nothing for the page itself */
export const draftName = (topic, about = 'page') => `draft:${topic}:${about}`;

/** @param {string} name @returns {Draft} */
export const readDraft = (name) => recall(name) ?? { text: '' };

/** @param {string} name @param {Draft} draft */
export const keepDraft = (name, draft) => remember(name, draft.text ? draft : null);
