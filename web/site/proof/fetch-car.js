/** Fetches a topic's folder as a CAR, up to a limit. Asked by `worker.js`. */

export const CAR_TYPE = 'application/vnd.ipld.car';
/** Some 20,000 comments: what a browser can be asked to keep for a moment. */
export const CAR_LIMIT_MIB = 16;

/** The folder cannot be checked now; says why. Nobody is blamed. */
export class Unchecked extends Error {}

/**
 * @param {string} url of the topic
 * @returns {Promise<Uint8Array | null>} null when nobody has commented
 */
export async function fetchCar(url) {
  const answer = await fetch(url, { headers: { Accept: CAR_TYPE }, cache: 'no-cache' }).catch(() => {
    throw new Unchecked('the server cannot be reached');
  });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Unchecked(`the server answered ${answer.status}`);
  if (!answer.headers.get('Content-Type')?.startsWith(CAR_TYPE)) throw new Unchecked('the server does not hand out folders');
  return readAll(answer);
}

async function readAll(answer) {
  const chunks = [];
  let size_bytes = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new Unchecked('the folder arrived incomplete'); });
    if (done) break;
    chunks.push(value);
    size_bytes += value.length;
    if (size_bytes <= CAR_LIMIT_MIB * 2 ** 20) continue;
    reader.cancel();
    throw new Unchecked(`the folder has more than ${CAR_LIMIT_MIB} MiB, too much to check in a browser`);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
