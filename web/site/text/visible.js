/** What of a name or a text can be seen. Pure. */

/** Bidirectional controls, which turn around what stands beside a name. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
/** What takes no room: a name made of it alone is an impostor's blank. */
const UNSEEN =
  /[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\u{e0000}-\u{e0fff}]/gu
/** Marks piled up over the lines above. */
const PILED = /(\p{M}{3})\p{M}+/gu
const NAME_LENGTH = 60

/** @param {string} text */
export const isVisible = (text) => text.replace(UNSEEN, '').length > 0

/**
 * What empty lines part. An expression that looks for spaces at the end would cost the square of a run elsewhere.
 * @param {string} text
 */
export const paragraphsOf = (text) =>
  text
    .split(/\n\s*\n/)
    .filter(isVisible)
    .map((paragraph) => paragraph.replace(/^\n+/, '').trimEnd())

/**
 * @param {string} raw the `User` header
 * @returns {{ text: string, isPlain: boolean }} not plain when it had to be changed or is none
 */
export function displayName(raw) {
  if (!raw) return { text: 'Anonymous', isPlain: false }
  if (!isVisible(raw)) return { text: 'Invisible name', isPlain: false }
  const calm = raw.replace(TURNING, '').replace(PILED, '$1')
  const letters = [...calm]
  const text = letters.length > NAME_LENGTH ? `${letters.slice(0, NAME_LENGTH).join('')}…` : calm
  return { text, isPlain: text === raw }
}
