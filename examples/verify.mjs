// A second verifier of Forager's logs, written from docs/telemetry-format.md alone. It needs Node 20 and
//   npm install @ipld/{car@5.4.2,dag-cbor@9.2.5} @noble/{curves,hashes}@2.4.0 cborg@4.5.8 multiformats@13.4.2
//   node verify.mjs FOLDER|GATEWAY [--agent N] [--json]
// Prints `kind record detail` for each fault, then OK or FAILED n; ends with 0, 1, or 2 without a log. Checks
// 1 to 5 of the list on that page, by the rules below; depth, calls, other fields, chains are for the audit.
import { createReadStream, readdirSync, statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CarBlockIterator } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { Token, Tokenizer, Type, decode, encode } from 'cborg'
import { base32 } from 'multiformats/bases/base32'

const [sha, keccak] = [sha256, keccak_256].map((hash) => (...parts) =>
  hash(Buffer.concat(parts.map((part) => Buffer.from(part)))))
const [hex, node] = [(x) => `0x${Buffer.from(x).toString('hex')}`, (right, left) => sha([1], left, right)]
const word = (x) => Buffer.from(BigInt(x).toString(16).padStart(64, '0'), 'hex')
const cidOf = (digest) => base32.encode(Buffer.concat([Uint8Array.of(1, 0x71, 0x12, 0x20), digest]))
const [same, isInt] = [(a, b) => !Buffer.compare(a, b), (x) => Number.isSafeInteger(x) && x >= 0]
const is = (form, x) => typeof x === 'string' && form.test(x)
const must = (holds, otherwise) => { if (!holds) throw new Error(otherwise) }
class Tokens extends Tokenizer {
  next (token = super.next()) {
    if (token.type === Type.float) token.value = Object(token.value) // boxed, or 1.0 would be 1
    if (token.byteValue) token.value = new TextDecoder('utf-8', { ignoreBOM: true }).decode(token.byteValue)
    return token
  }
}
const STRICT = { ...dagCbor.decodeOptions, tags: [], allowBigInt: false, retainStringBytes: true }
const unpack = (data) => decode(data, { ...STRICT, tokenizer: new Tokens(data, STRICT) })
const typeEncoders = { Object: (x) => x instanceof Number ? new Token(Type.float, +x) : null }
const pack = (x) => encode(x, { float64: true, typeEncoders })
delete Object.prototype.__proto__ // in a map it is a key like any other
const log = { size: 0, leaf: Buffer.alloc(32), peaks: [], epochs: [], acts: new Map(), highest: 0 }
const [findings, heads, seen] = [[], new Map(), new Map()] // seen: intents and nonces, each named once
const isNew = ({ intent: i, nonce: n }) => !seen.has(i) && !seen.has(n ?? i) && seen.set(n ?? i).set(i, n)
const cause = (because) => because === log.ends ? 'close' : log.acts.has(because) && `${because}`
const asked = ({ key, params: { price_micro: p } }) => key === 'merchant.price' && (isInt(p) ? `${p}` : p)
const once = ({ asset, from, nonce }) => ({ intent: `${asset} ${from} ${nonce}`.toLowerCase() })
const sum = (logprobs, n) => logprobs.slice(0, n).reduce((total, x) => total + Math.exp(x), 0)
const u = () => Number(BigInt(hex(sha(word(log.birth.seed), word(log.size).subarray(24)))) >> 203n) / 2 ** 53
function signer ({ agent, epoch, size, root, prev, sig }) {
  const typed = (type, ...values) => keccak(keccak(type), ...values)
  const domain = typed('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)',
    keccak('Forager'), keccak('1'), word(log.chain), word(log.birth.registry))
  const head = typed('Checkpoint(uint256 agent,uint64 epoch,uint64 size,bytes32 root,bytes32 prev)',
    word(agent), word(epoch), word(size), root, prev)
  const signature = secp256k1.Signature.fromBytes(sig.subarray(0, -1)).addRecoveryBit(sig[64] - 27)
  const key = signature.recoverPublicKey(keccak([0x19, 1], domain, head)).toBytes(false)
  return sig[64] < 29 && !signature.hasHighS() && hex(keccak(key.subarray(1)).subarray(12))
}
const RULES = [ // of what, the kind of fault, and what must hold or else it is one
  ['record sequence', ({ seq, agent }) => seq === log.size && agent === log.agent],
  ['record link', ({ prev }) => same(prev, log.leaf)],
  ['record order', ({ kind, chain }) => !log.over && (kind === 'birth') === !log.size && chain === log.chain],
  ['record order', ({ kind: k }) => k === 'resume' ? log.halt : k !== 'decision' || !(log.halt || log.ends)],
  ['record clock', ({ at, number }) => !(at < log.at) && number >= log.highest - 64],
  ['record silence', (r) => r.kind === 'gap' ? r.body.since_ms === log.at : !(r.at - log.at > log.patience)],
  ['birth identity', (born) => born.genome_digest.toLowerCase() === hex(sha(pack(born.genome)))],
  ['birth intent', ({ birth }) => birth.intent === 'birth' && isInt(birth.nonce) && isNew(birth)],
  ['decision body', ({ menu: m, logprobs: p, epsilon: e, temperature: t }) => Array.isArray(m) &&
    m.length <= 26 && m[0].key === 'hold.wait' && [...p, e, t].every((x) => Object(x) instanceof Number)],
  ['decision decision', ({ menu: m, logprobs: p, epsilon: e, temperature: t }) => t > 0 && e >= 0 && e <= 1 &&
    p.length === m.length && Math.abs(sum(p) - 1) < 1e-9 && Math.exp(Math.min(...p)) > e / m.length - 1e-9],
  ['decision draw', ({ logprobs: p, chosen }) => isInt(chosen) && u() > sum(p, chosen) - 1e-12 &&
    (u() < sum(p, chosen + 1) + 1e-12 || chosen === p.length - 1)],
  ['sent order', ({ purpose }) => !log.halt || is(/^(anchor|end|drain)$/, purpose)],
  ['sent intent', (x) => is(/^/, x.intent) && isNew(x) && (isInt(x.nonce) || (x.nonce === null && x.pull))],
  ['sent intent', ({ purpose, because: b }) => isInt(b) && b < log.size &&
    is(b === log.ends ? /^(serve|act|anchor|end|drain)$/ : /^(serve|act|anchor)$/, purpose)],
  ['sent intent', (it) => it.purpose !== 'act' || /^(\w+)\.\d+$/.exec(it.intent)[1] === cause(it.because)],
  ['settled intent', (it) => isInt(it.nonce) && it.nonce === seen.get(it.intent) && seen.set(it.intent)],
  ['funds sale', (x) => x.why !== 'sold' || (asked(log.acts.get(x.because)) === x.amount && isNew(once(x)))],
  ['anchor anchor', (it) => log.epochs[it.epoch].mark === `${it.size} ${cidOf(it.root)} ${cidOf(it.digest)}`],
  ['end intent', ({ intents }) => intents.every((it) => is(/^/, it.intent) && isInt(it.nonce) && isNew(it))],
  ['epoch tree', ({ size, root }) => size === log.size && same(root, log.peaks.reduceRight(node))],
  ['epoch link', ({ prev }) => cidOf(prev) === (log.epochs.at(-1)?.name ?? cidOf(Buffer.alloc(32)))],
  ['epoch signature', (head) => head.agent === log.agent && signer(head) === log.birth.log_key.toLowerCase()]
].map(([of, holds]) => [...of.split(' '), (x) => { try { return holds(x) } catch { return false } }])
const KINDS = /^(birth|decision|effect|refusal|lease|funds|anchor|heartbeat|gap|halt|resume|end)$/
const clean = (text) => text.slice(0, 300).replace(/[^ -~]/g, '?') // a hostile log writes no lines here
const fault = (kind, record, detail) => void findings.push({ kind, record, detail: clean(detail) })
const judge = (what, x, record, detail) => RULES.filter(([of, , holds]) => of === what && !holds(x))
  .forEach(([, kind]) => fault(kind, record, detail))
async function readRecord (data) {
  const { agent, seq, at, block: { chain, number, hash }, prev, kind, body } = unpack(data)
  const again = pack({ v: 1, agent, seq, at, block: { chain, number, hash }, prev, kind, body: { ...body } })
  must(same(again, data) && [at, chain, number].every(isInt) && is(/^0x[0-9a-f]{64}$/, hash) &&
    is(KINDS, kind) && (kind !== 'effect' || is(/^(sent|settled)$/, body.stage)), 'not in the right form')
  if (!log.size) Object.assign(log, { birth: body, chain, patience: Math.min(body.silence_ms, 36e5) || 0 })
  judge('record', { agent, seq, at, chain, number, prev, kind, body }, log.size, kind)
  for (const what of [kind, kind === 'effect' && body.stage]) judge(what, body, log.size, kind)
  if (kind === 'decision' && body.chosen > 0) log.acts.set(log.size, body.menu?.[body.chosen])
  log.ends = kind === 'heartbeat' && 'ending' in body ? log.size : kind !== 'resume' && log.ends
  log.halt = kind === 'halt' || (log.halt && kind !== 'resume')
  log.over = kind === 'end' && is(/^(died|horizon|halted|lost)$/, body.reason)
  Object.assign(log, { at, highest: Math.max(number, log.highest) })
}
async function readEpoch (it) {
  if (it.epoch !== log.epochs.length) return fault(it.epoch in log.epochs ? 'fork' : 'missing', null, it.name)
  for (const { bytes } of (await open(it.place)).blocks.slice(1)) {
    await readRecord(bytes).catch(({ message }) => fault('record', log.size, message))
    log.peaks.push(log.leaf = sha([0], bytes)) // peaks are roots of full trees; two of one height become one
    for (let n = log.size++; n % 2; n = (n - 1) / 2) log.peaks.push(node(log.peaks.pop(), log.peaks.pop()))
  }
  judge('epoch', it, null, it.name)
  log.epochs.push(it)
}
async function * read (place, blocks = [], size = 0) { // a file, or what a server answers
  must(isUrl || statSync(`${source}/${place}`).isFile(), 'no plain file')
  const answer = isUrl && await fetch(`${source}/${place}`, { signal: AbortSignal.timeout(60000) })
  for await (const part of answer ? answer.body : createReadStream(`${source}/${place}`)) {
    must((size += part.length) < 1e6 + 66e3 * blocks.length, 'too long')
    yield part
  }
}
async function open (place, blocks = []) { // a checkpoint, its name, and its block with those of its records
  const car = await CarBlockIterator.fromIterable(read(place, blocks))
  for await (const { cid, bytes } of car) must(blocks.push({ cid, bytes }) < 4098, 'too many blocks')
  must(blocks.every(({ bytes }, n) => bytes.length <= (n ? 65536 : 3e5)), 'too large a block')
  const [name, ...names] = blocks.map(({ bytes }) => cidOf(sha(bytes)))
  const { agent, epoch, size, root, prev, records, sig } = dagCbor.decode(blocks[0].bytes)
  const again = dagCbor.encode({ v: 1, agent, epoch, size, root, prev, records, sig })
  must(same(again, blocks[0].bytes) && [agent, epoch, size].every(isInt) && cidOf(prev), 'not a checkpoint')
  const told = [car.version, await car.getRoots(), blocks.map(({ cid }) => cid), records.map((x) => x.asCID)]
  must(names.length && told.join(' ') === [1, name, [name, ...names], names].join(' '), 'not of one epoch')
  return { agent, epoch, size, root, prev, sig, place, name, blocks, mark: `${size} ${cidOf(root)} ${name}` }
}
process.on('uncaughtException', ({ message }) => { console.error(clean(message)); process.exit(2) })
const options = { agent: { type: 'string' }, json: { type: 'boolean' } }
const { values: { agent, json }, positionals: [source, two] } = parseArgs({ allowPositionals: true, options })
const isUrl = /^https?:/.test(source)
must(source && !two && (agent ? /^\d+$/.test(agent) : !isUrl), 'its head says how to call verify.mjs')
const places = isUrl ? [`ipfs/${(await new Response(read(`agents/${agent}`)).json()).head}?format=car`]
  : readdirSync(source).filter((name) => name.endsWith('.car')).sort()
must(places.length, 'there is no log')
for (const place of places) { // of one at a time the blocks are held, so they are read twice
  const head = await open(place).catch(({ message }) => fault('damaged', null, `${place}: ${message}`))
  if (head && (!agent || head.agent === Number(agent))) heads.set(head.name, { ...head, blocks: null })
  if (isUrl && head?.epoch && place.includes(head.name)) places.push(`ipfs/${cidOf(head.prev)}?format=car`)
}
log.agent = Number(agent ?? [...heads.values()][0]?.agent)
for (const head of [...heads.values()].sort((a, b) => a.epoch - b.epoch)) await readEpoch(head)
if (!log.over) fault('ending', null, 'nothing ends this log')
const lines = findings.map(({ kind, record, detail }) => `${kind} ${record ?? '-'} ${detail}`)
const found = { ok: !lines.length, agent: log.agent, records: log.size, epochs: log.epochs.length, findings }
console.log(json ? JSON.stringify(found) : [...lines, found.ok ? 'OK' : `FAILED ${lines.length}`].join('\n'))
process.exitCode = found.ok ? 0 : 1
