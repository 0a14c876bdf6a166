/**
 * What every reader of bytes throws when the bytes are not what they should be.
 * Caught by `proof/inspect.js`, which turns it into a sentence for the visitor.
 */
export class Damage extends Error {}
