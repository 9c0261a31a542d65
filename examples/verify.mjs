// A second verifier of Forager's logs, written from docs/telemetry-format.md alone, for Node 20 and
//   npm install @ipld/{car@5.4.2,dag-cbor@9.2.5} @noble/{curves,hashes}@2.4.0 cborg@4.5.8
//   npm install multiformats@13.4.2; node verify.mjs FOLDER|GATEWAY [--agent N] [--json]
// Prints `kind record detail` for each fault, then OK or FAILED n; ends with 0, 1, or 2: no log.
// Checks 1 to 5 of the list there; depth, calls, other fields and chains are for the audit.
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
const [hex, node] = [(x) => `0x${Buffer.from(x).toString('hex')}`, (r, l) => sha([1], l, r)]
const word = (x, digits = 64) => Buffer.from(BigInt(x).toString(16).padStart(digits, '0'), 'hex')
const cidOf = (digest) => base32.encode(Buffer.concat([Uint8Array.of(1, 0x71, 0x12, 0x20), digest]))
const [same, isInt] = [(a, b) => !Buffer.compare(a, b), (x) => Number.isSafeInteger(x) && x >= 0]
const is = (form, x) => typeof x === 'string' && form.test(x)
const must = (holds, otherwise) => { if (!holds) throw new Error(otherwise) }
class Tokens extends Tokenizer {
  next (it = super.next()) {
    if (it.type === Type.float) it.value = Object(it.value) // boxed, or 1.0 would be 1
    if (it.byteValue) it.value = new TextDecoder('utf-8', { ignoreBOM: true }).decode(it.byteValue)
    return it
  }
}
const STRICT = { ...dagCbor.decodeOptions, tags: [], allowBigInt: false, retainStringBytes: true }
const unpack = (data) => decode(data, { ...STRICT, tokenizer: new Tokens(data, STRICT) })
const typeEncoders = { Object: (x) => x instanceof Number ? new Token(Type.float, +x) : null }
const pack = (x) => encode(x, { float64: true, typeEncoders })
delete Object.prototype.__proto__ // in a map it is a key like any other
const log = { size: 0, leaf: Buffer.alloc(32), peaks: [], epochs: [], acts: new Map(), highest: 0 }
const [findings, heads, seen] = [[], new Map(), new Map()] // seen: intents and nonces, once each
const isNew = ({ intent: i, nonce: n }) => is(/^/, i) && !seen.has(i) && !seen.has(n ?? i) &&
  seen.set(n ?? i).set(i, n)
const cause = ({ because: b }) => b === log.ends ? 'close' : log.acts.has(b) && `${b}`
const sum = (logprobs, n) => logprobs.slice(0, n).reduce((total, x) => total + Math.exp(x), 0)
const u = () => Number(BigInt(hex(sha(word(log.birth.seed), word(log.size, 16)))) >> 203n) / 2 ** 53
function signer ({ agent, epoch, size, root, prev, sig }) {
  const typed = (values, type) => keccak(keccak(type), ...values)
  const domain = typed([keccak('Forager'), keccak('1'), word(log.chain), word(log.birth.registry)],
    'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)')
  const head = typed([word(agent), word(epoch), word(size), root, prev],
    'Checkpoint(uint256 agent,uint64 epoch,uint64 size,bytes32 root,bytes32 prev)')
  const signature = secp256k1.Signature.fromBytes(sig.subarray(0, -1)).addRecoveryBit(sig[64] - 27)
  const key = signature.recoverPublicKey(keccak([0x19, 1], domain, head)).toBytes(false)
  return sig[64] < 29 && !signature.hasHighS() && hex(keccak(key.subarray(1)).subarray(12))
}
const RULES = [ // of what, the kind of fault, and what must hold or else it is one
  ['record sequence', ({ seq, agent }) => seq === log.size && agent === log.agent],
  ['record link', ({ prev }) => same(prev, log.leaf)],
  ['record order', (r) => !log.over && (r.kind === 'birth') === !log.size && r.chain === log.chain],
  ['record order', (r) => !{ resume: !log.halt, decision: log.halt || log.ends }[r.kind]],
  ['record clock', ({ at, number }) => !(at < log.at) && number >= log.highest - 64],
  ['record silence', (r) => r.kind === 'gap' ? r.body.since_ms === log.at : !(r.at > log.until)],
  ['birth identity', (born) => born.genome_digest.toLowerCase() === hex(sha(pack(born.genome)))],
  ['birth intent', ({ birth }) => birth.intent === 'birth' && isInt(birth.nonce) && isNew(birth)],
  ['decision body', ({ menu: m, logprobs: p, epsilon: e, temperature: t }) => [...m].length <= 26 &&
    m[0].key === 'hold.wait' && [...p, e, t].every((x) => Object(x) instanceof Number)],
  ['decision decision', ({ menu: m, logprobs: p, epsilon: e, temperature: t }) => t > 0 && e >= 0 &&
    e <= 1 && p.length === m.length && Math.abs(sum(p) - 1) < 1e-9 &&
    Math.exp(Math.min(...p)) > e / m.length - 1e-9],
  ['decision draw', ({ logprobs: p, chosen }) => isInt(chosen) && u() > sum(p, chosen) - 1e-12 &&
    (u() < sum(p, chosen + 1) + 1e-12 || chosen === p.length - 1)],
  ['sent order', ({ purpose }) => !log.halt || is(/^(anchor|end|drain)$/, purpose)],
  ['sent intent', (x) => isNew(x) && (isInt(x.nonce) || (x.nonce === null && x.pull))],
  ['sent intent', ({ purpose, because: b }) => isInt(b) && b < log.size &&
    is(b === log.ends ? /^(serve|act|anchor|end|drain)$/ : /^(serve|act|anchor)$/, purpose)],
  ['sent intent', (x) => x.purpose !== 'act' || /^(\w+)\.\d+$/.exec(x.intent)[1] === cause(x)],
  ['settled intent', ({ intent: i, nonce: n }) => isInt(n) && n === seen.get(i) && seen.set(i)],
  ['funds sale', (x, act = log.acts.get(x.because), p = act?.params?.price_micro) =>
    x.why !== 'sold' || (act.key === 'merchant.price' && (isInt(p) ? `${p}` : p) === x.amount &&
      isNew({ intent: `${x.asset} ${x.from} ${x.nonce}`.toLowerCase() }))],
  ['anchor anchor', ({ epoch, size, root, digest }) =>
    `${log.epochs[epoch].id}` === `${[size, cidOf(root), cidOf(digest)]}`],
  ['end intent', ({ intents }) => intents.every((it) => isInt(it.nonce) && isNew(it))],
  ['epoch tree', ({ size, root }) => size === log.size && same(root, log.peaks.reduceRight(node))],
  ['epoch link', (x) => cidOf(x.prev) === (log.epochs.at(-1)?.name ?? cidOf(Buffer.alloc(32)))],
  ['epoch signature', (x) => x.agent === log.agent && signer(x) === log.birth.log_key.toLowerCase()]
].map(([of, holds]) => [...of.split(' '), (x) => { try { return holds(x) } catch {} }])
const KINDS = /^(birth|decision|effect|refusal|lease|funds|anchor|heartbeat|gap|halt|resume|end)$/
const clean = (text) => text.slice(0, 300).replace(/[^ -~]/g, '?') // a hostile log writes no lines
const fault = (kind, record, detail) => void findings.push({ kind, record, detail: clean(detail) })
const judge = (what, x, record, detail) => RULES.filter(([of, , holds]) => of === what && !holds(x))
  .forEach(([, kind]) => fault(kind, record, detail))
async function readRecord (data) {
  const { agent, seq, at, block: { chain, number, hash }, prev, kind, body } = unpack(data)
  const it = { v: 1, agent, seq, at, block: { chain, number, hash }, prev, kind, body: { ...body } }
  must(same(pack(it), data) && [at, chain, number].every(isInt) && is(/^0x[0-9a-f]{64}$/, hash) &&
    is(KINDS, kind) && (kind !== 'effect' || is(/^(sent|settled)$/, body.stage)), 'malformed')
  Object.assign(log, !log.size && { birth: body, chain, lag: Math.min(body.silence_ms, 36e5) || 0 })
  judge('record', { ...it, chain, number }, log.size, kind)
  for (const what of [kind, kind === 'effect' && body.stage]) judge(what, body, log.size, kind)
  if (kind === 'decision' && body.chosen > 0) log.acts.set(log.size, body.menu?.[body.chosen])
  log.ends = kind === 'heartbeat' && 'ending' in body ? log.size : kind !== 'resume' && log.ends
  log.halt = kind === 'halt' || (log.halt && kind !== 'resume')
  log.over = kind === 'end' && is(/^(died|horizon|halted|lost)$/, body.reason)
  Object.assign(log, { at, until: at + log.lag, highest: Math.max(number, log.highest) })
}
async function readEpoch (it, next = log.epochs.length) {
  if (it.epoch !== next) return fault(it.epoch < next ? 'fork' : 'missing', null, it.name)
  for (const bytes of (await open(it.place)).blocks.slice(1)) {
    await readRecord(bytes).catch(({ message }) => fault('record', log.size, message))
    log.peaks.push(log.leaf = sha([0], bytes)) // roots of full trees; two of one height become one
    for (let n = log.size++; n % 2; n >>= 1) log.peaks.push(node(log.peaks.pop(), log.peaks.pop()))
  }
  judge('epoch', it, null, it.name)
  log.epochs.push(it)
}
async function * read (place, blocks = [], size = 0) { // a file, or what a server answers
  must(isUrl || statSync(`${source}/${place}`).isFile(), 'no plain file')
  const answer = isUrl && await fetch(`${source}/${place}`, { signal: AbortSignal.timeout(60000) })
  for await (const part of answer ? answer.body : createReadStream(`${source}/${place}`))
    yield must((size += part.length) < 1e6 + 66e3 * blocks.length, 'too long') ?? part
}
async function open (place, blocks = [], cids = []) { // a checkpoint, its name, all its blocks
  const car = await CarBlockIterator.fromIterable(read(place, blocks))
  for await (const x of car) must(blocks.push(x.bytes) < 4098 && cids.push(x.cid), 'too many')
  must(blocks.every((it, n) => it.length <= (n ? 65536 : 3e5)), 'too large a block')
  const [name, ...names] = blocks.map((it) => cidOf(sha(it)))
  const { agent, epoch, size, root, prev, records, sig } = dagCbor.decode(blocks[0])
  const again = dagCbor.encode({ v: 1, agent, epoch, size, root, prev, records, sig })
  must(same(again, blocks[0]) && [agent, epoch, size].every(isInt) && cidOf(prev), 'no checkpoint')
  const told = [car.version, await car.getRoots(), cids, records.map((x) => x.asCID)]
  must(cids[1] && told.join(' ') === [1, name, [name, ...names], names].join(' '), 'not one epoch')
  return { agent, epoch, size, root, prev, sig, place, name, blocks, id: [size, cidOf(root), name] }
}
process.on('uncaughtException', ({ message }) => { console.error(clean(message)); process.exit(2) })
const { values: { agent, json }, positionals: [source, two] } = parseArgs({ allowPositionals: true,
  options: { agent: { type: 'string' }, json: { type: 'boolean' } } })
const [isUrl, carOf] = [/^https?:/.test(source), (name) => `ipfs/${name}?format=car`]
must(source && !two && (agent ? /^\d+$/.test(agent) : !isUrl), 'its head says how to call it')
const places = isUrl ? [carOf((await new Response(read(`agents/${agent}`)).json()).head)]
  : readdirSync(source).filter((name) => name.endsWith('.car')).sort()
must(places.length, 'there is no log')
for (const place of places) { // of one at a time the blocks are held, so they are read twice
  const head = await open(place).catch((e) => fault('damaged', null, `${place}: ${e.message}`))
  if (head && (!agent || head.agent === +agent)) heads.set(head.name, { ...head, blocks: null })
  if (isUrl && head?.epoch && place.includes(head.name)) places.push(carOf(cidOf(head.prev)))
}
log.agent = Number(agent ?? [...heads.values()][0]?.agent)
for (const head of [...heads.values()].sort((a, b) => a.epoch - b.epoch)) await readEpoch(head)
if (!log.over) fault('ending', null, 'nothing ends this log')
const [n, told] = [findings.length, findings.map((x) => `${x.kind} ${x.record ?? '-'} ${x.detail}`)]
const found = { ok: !n, agent: log.agent, records: log.size, epochs: log.epochs.length, findings }
console.log(json ? JSON.stringify(found) : [...told, n ? `FAILED ${n}` : 'OK'].join('\n'))
process.exitCode = n ? 1 : 0
