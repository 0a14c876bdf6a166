// The calls of kubo-rpc-client, one after the other, against the RPC that is named on the command line. Each says what it
// found; the last line is "all is well". Started by tests/tests/peers/rpc_client.rs.
import assert from 'node:assert/strict'
import { CID, create } from 'kubo-rpc-client'

const client = create({ url: process.argv[2], timeout: 30_000 })
const text = (bytes) => Buffer.from(bytes).toString()
const all = async (iterable) => {
  const list = []
  for await (const item of iterable) list.push(item)
  return list
}
const whole = async (iterable) => Buffer.concat(await all(iterable))
const names = (entries) => entries.map((entry) => entry.name).sort()

const calls = {
  async id () {
    const id = await client.id()
    assert.match(id.id.toString(), /^12D3KooW/)
  },
  async version () {
    assert.match((await client.version()).version, /^\d+\.\d+\.\d+/)
  },
  async add () {
    const { cid, size } = await client.add('hello world', { cidVersion: 0 })
    assert.equal(cid.toString(), 'Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD')
    assert.equal(size, 19)
  },
  async addAll () {
    const files = [{ path: 'd/a', content: 'a' }, { path: 'd/b/c', content: 'c' }]
    const added = await all(client.addAll(files, { wrapWithDirectory: true, cidVersion: 1 }))
    assert.deepEqual(added.map((file) => file.path).sort(), ['', 'd', 'd/a', 'd/b', 'd/b/c'])
  },
  async cat () {
    const { cid } = await client.add('0123456789')
    assert.equal(text(await whole(client.cat(cid, { offset: 2, length: 3 }))), '234')
  },
  async get () {
    const { cid } = await client.add('packed')
    assert.ok((await whole(client.get(cid))).includes('packed'))
  },
  async ls () {
    const added = await all(client.addAll([{ path: 'x/1', content: '1' }, { path: 'x/2', content: '2' }]))
    assert.deepEqual(names(await all(client.ls(added.find((file) => file.path === 'x').cid))), ['1', '2'])
  },
  async block () {
    const bytes = Buffer.from('a block')
    const cid = await client.block.put(bytes)
    assert.equal(text(await client.block.get(cid)), 'a block')
    assert.equal((await client.block.stat(cid)).size, bytes.length)
    await all(client.block.rm(cid))
    await assert.rejects(client.block.stat(cid, { offline: true, timeout: 2_000 }))
  },
  async dag () {
    const leaf = await client.dag.put({ n: 1 })
    const root = await client.dag.put({ leaf, list: [1, 'two', null] })
    assert.deepEqual((await client.dag.get(root, { path: '/leaf/n' })).value, 1)
    assert.equal((await client.dag.resolve(root, { path: '/leaf' })).cid.toString(), leaf.toString())
    const archive = await whole(client.dag.export(root))
    const [imported] = await all(client.dag.import([archive]))
    assert.equal(imported.root.cid.toString(), root.toString())
  },
  async files () {
    await client.files.mkdir('/a/b', { parents: true })
    await client.files.write('/a/b/c', Buffer.from('written'), { create: true })
    assert.equal(text(await whole(client.files.read('/a/b/c'))), 'written')
    assert.equal((await client.files.stat('/a/b/c')).size, 7)
    await client.files.cp('/a/b/c', '/a/d')
    await client.files.mv('/a/d', '/a/e')
    assert.deepEqual(names(await all(client.files.ls('/a'))), ['b', 'e'])
    assert.equal((await client.files.flush('/')).toString(), (await client.files.stat('/')).cid.toString())
    await client.files.rm('/a', { recursive: true })
  },
  async pin () {
    const { cid } = await client.add('pinned', { pin: false })
    await client.pin.add(cid)
    const [found] = await all(client.pin.ls({ paths: cid }))
    assert.equal(found.type, 'recursive')
    await client.pin.rm(cid)
    await assert.rejects(all(client.pin.ls({ paths: cid })), /is not pinned/)
  },
  async refs () {
    const { cid } = await client.add(Buffer.alloc(600_000, 7), { rawLeaves: true })
    assert.equal((await all(client.refs(cid, { recursive: true }))).length, 3)
    assert.ok((await all(client.refs.local())).length > 3)
  },
  async repo () {
    const stat = await client.repo.stat()
    assert.ok(stat.numObjects > 0n && stat.repoSize > 0n)
    const { cid } = await client.add('garbage', { pin: false, rawLeaves: true })
    const collected = await all(client.repo.gc())
    assert.ok(collected.some((row) => row.cid?.multihash.bytes.every((byte, at) => byte === cid.multihash.bytes[at])))
    assert.ok(Number(await client.repo.version()) > 10)
  },
  async key () {
    const { id, name } = await client.key.gen('k', { type: 'ed25519' })
    assert.equal(name, 'k')
    assert.equal((await client.key.rename('k', 'l')).now, 'l')
    assert.ok((await client.key.list()).some((key) => key.name === 'l' && key.id === id))
    await client.key.rm('l')
  },
  async name () {
    const { cid } = await client.add('named')
    const { name } = await client.name.publish(cid, { allowOffline: true })
    assert.deepEqual(await all(client.name.resolve(name)), [`/ipfs/${cid}`])
  },
  async resolve () {
    const { cid } = await client.add('resolved')
    assert.equal(await client.resolve(`/ipfs/${cid}`), `/ipfs/${cid}`)
  },
  async config () {
    const config = await client.config.getAll()
    assert.ok(config.Addresses.API)
    assert.equal(await client.config.get('Addresses.API'), config.Addresses.API)
  },
  async swarm () {
    assert.deepEqual(await client.swarm.peers(), [])
    assert.ok(Array.isArray(await client.swarm.localAddrs()))
    assert.ok(Array.isArray(await client.swarm.addrs()))
  },
  async bootstrap () {
    assert.deepEqual((await client.bootstrap.list()).Peers, [])
  },
  async stats () {
    assert.ok((await client.stats.repo()).numObjects > 0n)
    assert.equal(typeof (await all(client.stats.bw()))[0].totalIn, 'bigint')
    assert.equal(typeof (await client.bitswap.stat()).blocksReceived, 'bigint')
    assert.deepEqual(await client.bitswap.wantlist(), [])
  },
  async unknownCids () {
    const cid = CID.parse('bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4')
    await assert.rejects(whole(client.cat(cid, { offline: true, timeout: 2_000 })))
  },
}

for (const [name, call] of Object.entries(calls)) {
  try {
    await call()
    console.log(`${name}: well`)
  } catch (error) {
    console.log(`${name}: ${error.stack}`)
    process.exitCode = 1
  }
}
if (!process.exitCode) console.log('all is well')
