/**
 * The shapes that the site's modules hand one another, for editors and type checkers. Not served: a browser has no use
 * for them.
 */

/** A comment as the server's JSON has it. */
interface Entry {
  id: string
  legacy_id: string
  seq: number
  headers: [string, string][]
  text: string | null
  signature: 'valid' | 'none'
  edited_by: string | null
  deleted: boolean
}

/** A page of a thread, and the tag of the answer that it was in. */
interface ThreadPage {
  folder: string | null
  count: number
  last_seq: number
  epoch: number
  next: number | null
  comments: Entry[]
  etag: string
}

/** What a live event says; `seq` is the arrival's, `comment` what it changed. */
interface LiveEvent {
  seq: number
  count: number
  folder: string | null
  comment: Entry
}

/** A place in the tree. `isFlat`: too deep for a level of its own. `isOrphan`: what it answers is not here. */
interface Branch {
  entry: Entry
  parent: Entry | null
  isFlat: boolean
  isOrphan: boolean
  replies: Branch[]
}

/** The order of the roots; answers are always read from the oldest on. */
type Order = 'oldest' | 'newest'

/** What the address of the site names. */
interface Place {
  page: string
  comment: string | null
  /** Of the page around the frame. */
  origin: string | null
  /** Whether that page is light or dark. */
  scheme: 'light' | 'dark' | null
}

/** A content id. */
interface Cid {
  text: string
  codec: number
  digest: Uint8Array
}

interface Signed {
  key: string
  signature: Uint8Array
  /** Everything below the `Signature` line. */
  part: Uint8Array
}

/** A comment, read from its bytes. */
interface CommentRecord {
  headers: [string, string][]
  text: string
  signed: Signed | null
  topic?: string
  edits?: string
  deletes?: string
  date_s: number
}

/** What a comment is called by, and what it says. `digest` in hexadecimal, which sorts as bytes do. */
interface Fact {
  id: string
  legacy: string
  digest: string
  /** The same for all comments with the same signed part. */
  group: string
  record: CommentRecord
}

/** What a thread shows at one place. */
interface Standing {
  fact: Fact
  edit: Fact | null
  isDeleted: boolean
}

/** What is wrong, with which comment, and what would be right. */
interface Finding {
  id: string | null
  say: string
  text?: string
}

/** A folder after everything in it was checked. `idle` are edits and deletions that name nothing in it. */
interface Folder {
  root: string | null
  thread: Map<string, Standing>
  idle: Fact[]
  findings: Finding[]
  signatures: number
}

/** What the page shows; `isWhole` once all pages of the thread are loaded. */
interface Shown {
  entries: Entry[]
  count: number
  isWhole: boolean
}

interface Question extends Shown {
  url: string
  topic: string
  folder: string | null
}

type Verdict =
  /** `edits`: when each comment was edited last, in seconds. */
  | {
      kind: 'done'
      root: string | null
      findings: Finding[]
      comments: number
      signatures: number
      edits: Record<string, number>
    }
  /** The server hands out another folder than the one it named. */
  | { kind: 'moved' }
  | { kind: 'unchecked'; why: string }

interface Proof {
  state: 'checking' | 'unverified' | 'verified' | 'lying'
  why?: string
  root?: string
  comments?: number
  signatures?: number
  findings?: Finding[]
}

/** A name that a visitor writes under; `seed` is the secret. */
interface Name {
  name: string
  seed: string
  key: string
}

/** Words not yet posted; `blob` once they are signed. */
interface Draft {
  text: string
  blob?: string
}

/** What a comment is made of, beside its author. */
interface Words {
  topic: string
  parent: string
  date_ms: number
  text: string
  edits?: string
  deletes?: string
}

/** A piece of a text; a `control` is a character that forces a direction. */
interface Piece {
  kind: 'words' | 'link' | 'control'
  text: string
  href?: string
}

/** Whom live events are told. */
interface Listener {
  happened(kind: 'comment' | 'edit' | 'delete', event: LiveEvent): void
  reset(): void
  poll(): Promise<void>
  reached(isReached: boolean): void
}

/** Whom a discussion tells. */
interface Show {
  draw(): void
  prove(proof: Proof): void
  announce(say: string): void
  reached(isReached: boolean): void
}

type CommentView = import('./site/ui/comment-view.js').CommentView

/** What can be done with a comment, and asked about it. */
interface Actions {
  made(view: CommentView): void
  reply(view: CommentView): void
  edit(view: CommentView): void
  remove(entry: Entry): Promise<void>
  isMine(entry: Entry): boolean
  isNamesake(entry: Entry): boolean
  hrefOf(id: string): string
}

/** A form; `text` is what stands in it before anything was typed. */
interface ComposerOptions {
  label: string
  action: 'Post' | 'Save'
  draft: string
  text?: string
  chooser: Node | string
  author(): Promise<Name>
  send(text: string, author: Name, told: (say: string) => void, signal: AbortSignal): Promise<void>
  done(): void
  cancel?(): void
}
