/**
 * A small picture of a public key, so that two people of the same name do not look the same.
 * Decoration: what it says is also said by the key's first digits.
 */
const SVG = 'http://www.w3.org/2000/svg';
const CELLS = 5;

/** @param {string} key hexadecimal; empty for somebody without a signature */
export function keyMark(key) {
  const svg = document.createElementNS(SVG, 'svg');
  const bytes = key.match(/../g)?.map((pair) => parseInt(pair, 16)) ?? [];
  const hue = Math.round((bytes[0] ?? 0) * 1.41);
  const attributes = { class: key ? 'mark' : 'mark mark-unsigned', viewBox: '-1 -1 7 7', 'aria-hidden': 'true' };
  Object.entries(attributes).forEach(([name, value]) => svg.setAttribute(name, value));
  for (let cell = 0; cell < 15 && key; cell += 1) {
    if (bytes[1 + cell] % 2) continue;
    const [row, column] = [cell % CELLS, Math.floor(cell / CELLS)];
    for (const x of new Set([column, CELLS - 1 - column])) svg.append(square(x, row, hue));
  }
  return svg;
}

function square(x, y, hue) {
  const rect = document.createElementNS(SVG, 'rect');
  Object.entries({ x, y, width: 1.02, height: 1.02, fill: `hsl(${hue} 48% 52%)` })
    .forEach(([name, value]) => rect.setAttribute(name, value));
  return rect;
}

/** @param {string} key @returns {string} as much of it as people compare */
export const shortKey = (key) => key.slice(0, 8);
