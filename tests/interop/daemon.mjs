// js-ipfs without a network: its RPC on the loopback port given, its repo in the folder given.
// Says where it listens once it does; ends in order on SIGTERM, and when its input ends.
import { create } from 'ipfs-core'
import { HttpApi } from 'ipfs-http-server'

// All that it lacks on Node 20.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((kept, broken) => { resolve = kept; reject = broken })
  return { promise, resolve, reject }
}

const [repo, port] = process.argv.slice(2)
const ipfs = await create({
  repo,
  offline: true,
  silent: true,
  preload: { enabled: false },
  init: { emptyRepo: true, algorithm: 'Ed25519' },
  config: {
    Addresses: { Swarm: [], API: `/ip4/127.0.0.1/tcp/${port}`, Gateway: '', RPC: '', Delegates: [] },
    Bootstrap: [],
    Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } }
  }
})
const api = new HttpApi(ipfs)
await api.start()
let ending = false
async function end () {
  if (ending) return
  ending = true
  await api.stop()
  await ipfs.stop()
  process.exit(0)
}
process.on('SIGTERM', end)
process.stdin.on('end', end).resume()
console.log(`listening on ${port}`)
