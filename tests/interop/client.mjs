// A client that trusts no gateway: Helia for blocks, the reference CAR reader for CARs.
//
//     node client.mjs GATEWAY walk:CID car:PATH-AND-QUERY …
//
// Prints a line of JSON for each job: the blocks that were verified, or why not.
import { trustlessGateway } from '@helia/block-brokers'
import { createHeliaHTTP } from '@helia/http'
import { httpGatewayRouting } from '@helia/routers'
import { CarBlockIterator } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

const PATIENCE_MS = 5000

// All that Helia lacks on Node 20.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((kept, broken) => { resolve = kept; reject = broken })
  return { promise, resolve, reject }
}

const [gateway, ...jobs] = process.argv.slice(2)
const helia = await createHeliaHTTP({
  blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
  routers: [httpGatewayRouting({ gateways: [gateway] })]
})

async function block (cid) {
  const pieces = []
  const signal = AbortSignal.timeout(PATIENCE_MS)
  for await (const piece of helia.blockstore.get(cid, { signal })) pieces.push(piece)
  return Buffer.concat(pieces)
}

// The block of this name and all that it links to.
async function walk (name) {
  const cid = CID.parse(name)
  const data = await block(cid)
  const below = []
  for (const link of dagCbor.decode(data).records ?? []) below.push(...await walk(String(link)))
  return [{ cid: name, size: data.length }, ...below]
}

async function car (path) {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const headers = { Accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=n' }
  const answer = await fetch(gateway + path, { headers, signal })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  const found = []
  for await (const { cid, bytes } of await CarBlockIterator.fromIterable(answer.body)) {
    const digest = await sha256.digest(bytes)
    if (Buffer.compare(digest.digest, cid.multihash.digest)) throw new Error(`${cid} is a lie`)
    found.push({ cid: String(cid), size: bytes.length })
  }
  return found
}

for (const job of jobs) {
  const [kind, what] = [job.slice(0, job.indexOf(':')), job.slice(job.indexOf(':') + 1)]
  try {
    console.log(JSON.stringify({ found: await { walk, car }[kind](what) }))
  } catch (error) {
    const reasons = (error.errors ?? []).map(each => each.message)
    console.log(JSON.stringify({ error: [error.name, error.message, ...reasons].join(': ') }))
  }
}
await helia.stop()
