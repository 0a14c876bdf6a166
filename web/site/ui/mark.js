/** A small picture of a public key, so that two people of the same name do not look the same. */
const SVG = 'http://www.w3.org/2000/svg'

/** @param {string} key hexadecimal; empty for somebody without a signature */
export function keyMark(key) {
  const [first, ...bytes] = key.match(/../g)?.map((pair) => parseInt(pair, 16)) ?? []
  // Five rows of three columns, the outer two of which are mirrored.
  const cells = bytes.slice(0, 15).flatMap((byte, at) =>
    byte % 2
      ? []
      : [
          [Math.floor(at / 5), at % 5],
          [4 - Math.floor(at / 5), at % 5],
        ],
  )
  const path = make('path', {
    d: cells.map(([x, y]) => `M${x} ${y}h1.02v1.02h-1.02z`).join(''),
    fill: `hsl(${Math.round(first * 1.41)} 48% 52%)`,
  })
  const svg = make('svg', { class: key ? 'mark' : 'mark unsigned', viewBox: '-1 -1 7 7', 'aria-hidden': 'true' })
  if (key) svg.append(path)
  return svg
}

function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag)
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value))
  return element
}

/** As much of a key as people compare. */
export const shortKey = (key) => key.slice(0, 8)
