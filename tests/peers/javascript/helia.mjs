// A Helia node that does what it is told, a line of JSON each, and says what came of it, a line of JSON each:
//   {"do":"connect","to":"/ip4/…/p2p/…"}   {"do":"add","text":"…","times":n}   {"do":"cat","cid":"…"}   {"do":"ls","cid":"…"}
// It says first where it listens, and ends when its standard input does. Started by tests/src/javascript.rs.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'

const libp2p = {
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] },
  transports: [tcp(), webSockets()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false },
  services: { identify: identify(), ping: ping() },
}

const helia = await withBitswap(withLibp2pLight(createHeliaLight(), libp2p)).start()
const files = unixfs(helia)
const within = (ms) => ({ signal: AbortSignal.timeout(ms) })

const doings = {
  async connect ({ to }) {
    await helia.libp2p.dial(multiaddr(to), within(20_000))
    return {}
  },
  async add ({ text, times }) {
    const cid = await files.addBytes(Buffer.from(text.repeat(times)))
    return { cid: cid.toString() }
  },
  async cat ({ cid }) {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const piece of files.cat(CID.parse(cid), within(60_000))) {
      hash.update(piece)
      bytes += piece.length
    }
    return { bytes, sha256: hash.digest('hex') }
  },
  async ls ({ cid }) {
    const names = []
    for await (const entry of files.ls(CID.parse(cid), within(60_000))) names.push(entry.name)
    return { names }
  },
}

const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')

say({ addresses: helia.libp2p.getMultiaddrs().map(String) })
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  try {
    say(await doings[asked.do](asked))
  } catch (error) {
    say({ error: String(error.stack ?? error) })
  }
}
await helia.stop()
process.exit(0)
