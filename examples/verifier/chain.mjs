// What a log says, held against the chain: items 6, 7, 8, 10 and 11 of what a verifier checks.
import { hex, keccak, low, word } from './block.mjs'
import { abi } from './calldata.mjs'
import { done, paid } from './deeds.mjs'

const topic = (event) => hex(keccak(event))
const BORN = topic('Born(uint256,address,address,address,bytes32,uint64[],bytes32)')
const ANCHORED = topic('Anchored(uint256,uint64,uint64,bytes32,bytes32)')
const HALTED = topic('Halted(uint256,uint256)')
const RESUMED = topic('Resumed(uint256,uint256)')
const ENDED = topic('Ended(uint256,uint8,address,uint64,uint64,bytes32,bytes32)')
const CAUSES = ['', 'died', 'horizon', 'halted', 'lost']
const LATE_S = 360 // wall seconds within which a halt is heard

const padded = (x) => '0x' + word(x)
const words = (data) => data.slice(2).match(/.{64}/g) ?? []

export async function confront (log, url, registry, fault) {
  const chain = reader(url)
  const first = await who(log, chain, registry, fault)
  if (first === undefined) return
  const head = Number(await chain.ask('eth_blockNumber'))
  const told = [ANCHORED, HALTED, RESUMED, ENDED]
  const filter = { address: registry, topics: [told, padded(log.agent)] }
  const events = await chain.logs(filter, first, head)
  said(log, events, fault)
  await when(log, chain, head, fault)
  await halted(log, chain, events, head, fault)
  const lives = await ended(log, chain, events, first, head, fault)
  const last = log.facts.at(-1).number
  const until = lives ? last : head // whoever lives may have done what is not yet told
  const own = await done(log, chain, { registry, first, head, until }, fault)
  await paid(log, chain, own, { first, until }, fault)
}

function reader (url) {
  async function ask (method, ...params) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const headers = { 'content-type': 'application/json' }
    const signal = AbortSignal.timeout(60000)
    const answer = await (await fetch(url, { method: 'POST', headers, body, signal })).json()
    if (answer.error) throw new Error(`the chain: ${answer.error.message}`)
    return answer.result
  }
  const quantity = (n) => `0x${n.toString(16)}`
  const block = (n, full = false) => ask('eth_getBlockByNumber', quantity(n), full)
  const time = async (n) => Number((await block(n)).timestamp)
  async function logs (filter, first, head) {
    const found = []
    for (let from = first; from <= head; from += 2000) {
      const [fromBlock, toBlock] = [from, Math.min(head, from + 1999)].map(quantity)
      for (const log of await ask('eth_getLogs', { ...filter, fromBlock, toBlock })) found.push(log)
    }
    return found
  }
  return { ask, block, time, logs }
}

// Whose log it is. Gives the block of the birth.
async function who ({ agent, birth, chain: id }, chain, registry, fault) {
  const deny = (wrong, detail) => wrong && fault('identity', 0, detail)
  deny(BigInt(await chain.ask('eth_chainId')) !== BigInt(id), 'is of another chain')
  deny(low(birth.registry) !== registry, 'is of another registry')
  const receipt = await chain.ask('eth_getTransactionReceipt', birth.birth.hash)
  const isBirth = ({ address, topics }) => low(address) === registry && topics[0] === BORN
  const born = receipt?.logs.find(isBirth)
  const topics = [BORN, ...[agent, birth.wallet, birth.operator].map(padded)]
  const { log_key: key, genome_digest: genome, parents, seed } = birth
  const data = abi(['address', 'bytes32', 'uint64[]', 'bytes32'], [key, genome, parents, seed])
  const known = String(born?.topics) === String(topics) && born.data === low('0x' + data)
  deny(!known, 'is not whom the registry knows')
  return born && Number(born.blockNumber)
}

// Every checkpoint that the registry was told of is the log's.
function said (log, events, fault) {
  for (const { topics, data } of events) {
    if (topics[0] !== ANCHORED && topics[0] !== ENDED) continue
    const told = topics[0] === ENDED ? words(data).slice(2) : [topics[2].slice(2), ...words(data)]
    if (topics[0] === ENDED && !BigInt(`0x${told[1]}`)) continue // by an operator who had none
    const n = Number(`0x${told[0]}`)
    const { epoch, size, root, digest } = log.epochs[n] ?? {}
    const mine = root && [word(epoch), word(size), word(hex(root)), word(hex(digest))]
    if (String(mine) === String(told)) continue
    fault(mine ? 'anchor' : 'missing', null, `epoch ${n} is not as anchored`)
  }
}

// No block is one to come, and most of a sample that nobody could choose are the chain's.
async function when (log, chain, head, fault) {
  const early = log.facts.find(({ number }) => number > head)
  if (early) fault('clock', early.n, 'is of a block to come')
  const sample = log.facts.toSorted((a, b) => Buffer.compare(a.leaf, b.leaf)).slice(0, 64)
  let gone = 0
  for (const { number, hash } of sample) gone += (await chain.block(number))?.hash !== hash
  if (gone > sample.length / 2) fault('block', null, `${gone} of ${sample.length} are none`)
}

// While a halt stands, and has been heard, nothing is decided.
async function halted (log, chain, events, head, fault) {
  for (const [i, { topics, blockNumber }] of events.entries()) {
    if (topics[0] !== HALTED) continue
    const lifted = events.slice(i).find((later) => later.topics[0] === RESUMED)
    const until = Math.min(head, Number(lifted?.blockNumber ?? head + 1) - 1)
    const heard = await chain.time(Number(blockNumber)) + LATE_S * log.birth.speed
    for (const { n, kind, number } of log.facts) {
      const within = kind === 'decision' && number > Number(blockNumber) && number <= until
      if (within && await chain.time(number) > heard) fault('halt', n, 'is decided while halted')
    }
  }
}

// A log ends as the registry says that the life did, if it was not ended by its operator: who was
// needs no other reason. Gives whether it lives.
async function ended ({ birth, end, facts }, chain, events, first, head, fault) {
  const time = (n) => chain.time(Math.min(n, head))
  const deny = (wrong, detail) => wrong && fault('ending', end?.n ?? null, detail)
  const [cause, by] = words(events.find(({ topics }) => topics[0] === ENDED)?.data ?? '')
  const known = CAUSES[Number(`0x${cause}`)]
  const silent = await time(head) - await time(facts.at(-1).number)
  const lives = !cause && !end && silent <= birth.hibernate_max_s
  deny(!end && !lives, `nothing ends this log of a life that is ${known ?? 'lost'}`)
  if (!end || by === word(birth.operator)) return lives
  deny(known !== end.reason, `the registry says ${known ?? 'that it lives'}`)
  const lived = await time(end.number) - await time(first)
  deny(end.reason === 'horizon' && lived < birth.horizon_s, 'is before the horizon')
  const nobody = !events.some(({ topics }) => topics[0] === HALTED)
  deny(end.reason === 'halted' && nobody, 'nobody halted it')
  return lives
}
