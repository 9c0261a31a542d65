// A second verifier of Forager's logs, written from docs/telemetry-format.md and nothing else.
//
//     npm install @ipld/car@5.4.2 @ipld/dag-cbor@9.2.5 cborg@4.5.8 multiformats@13.4.2
//     npm install @noble/curves@2.4.0 @noble/hashes@2.4.0
//     node verify.mjs FOLDER|GATEWAY [--agent N] [--rpc URL --registry 0x…] [--json]
//
// Prints what is wrong, `kind record detail` a line, then OK or FAILED n; ends with 0, 1, or with 2
// when there is nothing to verify. Without --rpc the log is held against itself alone. Of what the
// page has a verifier check it leaves out leases (9) and replays (12). It needs Node 20.11.
import { realpathSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { concatBytes } from '@noble/hashes/utils.js'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { openCar, unpack } from './verifier/block.mjs'
import { confront } from './verifier/chain.mjs'
import { misfit } from './verifier/form.mjs'
import { readLog } from './verifier/log.mjs'

const LIMIT = 270e6 // of an epoch: 4,096 records of 65,536 bytes, their names and a checkpoint

async function download (url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(60000) })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  const parts = []
  let room = LIMIT
  for await (const part of answer.body) {
    if ((room -= part.length) < 0) throw new Error('too long')
    parts.push(part)
  }
  return concatBytes(...parts)
}

async function read (path) {
  if ((await stat(path)).size > LIMIT) throw new Error('too long')
  return readFile(path)
}

const isUrl = (source) => /^https?:/.test(source)

// The epochs of each agent, by number; from a gateway those that its head leads back to.
async function gather (source, agent, fault) {
  const lives = new Map()
  async function take (label, load, name) {
    try {
      const [first, ...blocks] = await openCar(await load())
      const checkpoint = unpack(first.bytes, { limit: 300000, links: true })
      const field = misfit('checkpoint', checkpoint)
      if (name && first.name !== name) throw new Error('not what was asked for')
      if (field) return void fault('checkpoint', null, `${label}: ${field} is not as it should be`)
      const { epoch } = checkpoint
      if (!lives.has(checkpoint.agent)) lives.set(checkpoint.agent, new Map())
      const epochs = lives.get(checkpoint.agent)
      const isFork = epochs.has(epoch) && epochs.get(epoch).name !== first.name
      if (isFork) fault('fork', null, `epoch ${epoch} is another in ${label}`)
      else epochs.set(epoch, { ...first, checkpoint, blocks })
      return checkpoint
    } catch (error) {
      fault('damaged', null, `${label}: ${error.message}`)
    }
  }
  if (!isUrl(source)) {
    const files = await readdir(source, { withFileTypes: true })
    const cars = files.filter((file) => file.isFile() && file.name.endsWith('.car'))
    for (const name of cars.map((file) => file.name).sort()) {
      await take(name, () => read(join(source, name)))
    }
    return lives
  }
  let epoch = Infinity
  let { head } = JSON.parse(Buffer.from(await download(`${source}/agents/${agent}`)))
  while (head) {
    const found = await take(head, () => download(`${source}/ipfs/${head}?format=car`), head)
    const older = found?.epoch > 0 && found.epoch < epoch // or it could go on for ever
    epoch = found?.epoch
    head = older && String(CID.createV1(0x71, create(0x12, found.prev)))
  }
  return lives
}

export async function verify (source, { rpc, registry, agent } = {}) {
  const findings = []
  const fault = (kind, record, detail) => findings.push({ kind, record, detail })
  const lives = await gather(source.replace(/\/+$/, ''), agent, fault)
  const [id, ...others] = agent === undefined ? lives.keys() : [agent]
  if (others.length) throw new Error(`several agents, name one: ${[id, ...others]}`)
  if (!lives.has(id) && !findings.length) throw new Error('there is no log')
  const log = readLog(lives.get(id) ?? new Map(), id, fault)
  if (rpc && log.birth) await confront(log, rpc, registry.toLowerCase(), fault)
  else if (!log.end) fault('ending', null, 'nothing ends this log')
  return {
    ok: !findings.length,
    verified: rpc ? 'chain' : 'log',
    agent: log.agent ?? null,
    records: log.size,
    epochs: log.epochs.length,
    head: log.epochs.at(-1)?.name ?? null,
    findings
  }
}

const USAGE = 'node verify.mjs FOLDER|GATEWAY [--agent N] [--rpc URL --registry 0x…] [--json]'
const OPTIONS = {
  rpc: { type: 'string' },
  registry: { type: 'string' },
  agent: { type: 'string' },
  json: { type: 'boolean' }
}

function asked () {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const { rpc, registry, agent } = values
  const [source, ...more] = positionals
  const whole = source && !more.length && !rpc === !registry && (agent || !isUrl(source))
  if (!whole || !/^(\d+|undefined)$/.test(agent)) throw new Error(USAGE)
  return { source, json: values.json, rpc, registry, agent: agent && Number(agent) }
}

async function main () {
  const { source, json, ...where } = asked()
  const found = await verify(source, where)
  process.exitCode = found.ok ? 0 : 1
  if (json) return console.log(JSON.stringify(found))
  for (const { kind, record, detail } of found.findings) {
    const line = detail.slice(0, 300).replace(/[^ -~]/g, '?') // a hostile log writes no lines here
    console.log(kind, record ?? '-', line)
  }
  console.log(found.ok ? 'OK' : `FAILED ${found.findings.length}`)
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  main().catch((error) => {
    console.error(error.message)
    process.exitCode = 2
  })
}
