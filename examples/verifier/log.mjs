// A log held against itself, items 1 to 5 of what a verifier checks: epochs and what links them.
import { differ, low, sha, signer, unpack } from './block.mjs'
import { misfit, misfitBody } from './form.mjs'
import { RULES } from './rules.mjs'

const ZEROS = new Uint8Array(32)
const node = (left, right) => sha(Uint8Array.of(1), left, right)

export function readLog (epochs, agent, fault) {
  const log = {
    agent, // of the life, with its birth record, its chain, and its end record if there is one
    birth: null,
    chain: null,
    end: null,
    size: 0, // records so far; what the last of them was and when; and the peaks of their tree
    prev: ZEROS,
    at: 0,
    peaks: [],
    halted: false,
    epochs: [],
    facts: [], // the little of each record that a chain is asked about
    grounds: new Map(), // what can be a reason to act, by its record
    intents: new Map(), // who does what, by intent and by nonce
    nonces: new Map(),
    tokens: new Set()
  }
  for (let n = 0; epochs.has(n); n++) readEpoch(log, epochs.get(n), fault)
  if (log.epochs.length < epochs.size) fault('missing', null, `epoch ${log.epochs.length}`)
  return log
}

function readEpoch (log, { name, digest, checkpoint, blocks }, fault) {
  const { epoch, size, root, prev, records } = checkpoint
  const deny = (wrong, kind, detail) => wrong && fault(kind, null, `epoch ${epoch} ${detail}`)
  const names = blocks.map((block) => block.name)
  deny(records.join() !== names.join(), 'damaged', 'holds other records than it names')
  for (const { bytes } of blocks) {
    const leaf = sha(Uint8Array.of(0), bytes)
    try {
      readRecord(log, bytes, leaf, fault)
    } catch (error) {
      fault('record', log.size, error.message)
    }
    log.prev = leaf
    let peak = leaf // each peak is the root of a full tree; two of a height become one
    for (let n = log.size++; n % 2; n = (n - 1) / 2) peak = node(log.peaks.pop(), peak)
    log.peaks.push(peak)
  }
  deny(size !== log.size, 'tree', `ends at record ${log.size}, not ${size}`)
  const tree = log.peaks.reduceRight((right, left) => node(left, right))
  deny(differ(root, tree), 'tree', 'has another root')
  deny(differ(prev, log.epochs.at(-1)?.digest ?? ZEROS), 'link', 'follows another checkpoint')
  deny(checkpoint.agent !== log.agent, 'checkpoint', 'is of another agent')
  const key = log.birth && signer(checkpoint, log.chain, log.birth.registry)
  deny(key !== low(log.birth?.log_key), 'signature', 'is not signed by the log key')
  log.epochs.push({ name, digest, epoch, size, root })
}

function readRecord (log, bytes, leaf, fault) {
  const n = log.size
  const deny = (wrong, kind, detail) => wrong && fault(kind, n, detail)
  const record = unpack(bytes, { limit: 65536 })
  const { agent, seq, at, block, prev, kind, body } = record
  const field = misfit('record', record)
  if (field) throw new Error(`${field} is not as it should be`)
  deny(seq !== n, 'sequence', `calls itself ${seq}`)
  deny(differ(prev, log.prev), 'link', 'follows another record')
  deny(log.end, 'order', 'comes after the end')
  deny((kind === 'birth') !== (n === 0), 'order', 'birth is record 0 and no other')
  deny(at < log.at, 'clock', 'is earlier than the record before')
  const silent = n > 0 && at - log.at > Math.min(log.birth?.silence_ms, 3600000)
  const odd = kind === 'gap' ? body.since_ms !== log.at : silent
  deny(odd, 'silence', 'comes after a silence that no gap admits')
  log.at = at
  log.facts.push({ n, leaf, kind, ...block })
  const wrong = misfitBody(record)
  if (wrong) return deny(true, 'body', `${wrong} is not as it should be`)
  if (n === 0 && kind === 'birth') Object.assign(log, { birth: body, chain: block.chain })
  log.agent ??= agent
  deny(agent !== log.agent, 'sequence', 'is of another agent')
  deny(log.birth && block.chain !== log.chain, 'order', 'is of another chain')
  if (log.birth) RULES[kind]?.(log, body, deny, n, block)
}
