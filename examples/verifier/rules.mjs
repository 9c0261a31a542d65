// What each kind of record may say, after all that was said before.
import { differ, hex, low, pack, raw, sha, word } from './block.mjs'
import { calldata } from './calldata.mjs'
import { misfit } from './form.mjs'

const NEAR = 1e-9 // how far probabilities may be off
export const OWN = {
  serve: 'serve(uint256,string)',
  anchor: 'anchor(uint256,uint64,uint64,bytes32,bytes32)',
  end: 'end(uint256,uint8,uint64,uint64,bytes32,bytes32)'
}

// An intent and its nonce are named once, by whoever is the first to have to.
function name (log, told, deny, n) {
  deny(log.intents.has(told.intent), 'intent', `${told.intent} is named again`)
  deny(log.nonces.has(told.nonce), 'intent', `nonce ${told.nonce} is named again`)
  const kept = { ...told, n }
  log.intents.set(told.intent, kept)
  log.nonces.set(told.nonce, kept)
}

function canBeSent (body, wallet) {
  try {
    return calldata(body, wallet)
  } catch {
    return null // arguments that do not fit their function
  }
}

// Acts follow from a decision to act, or close what is rented when an ending has begun.
function isDecided ({ grounds }, { intent, because, call }) {
  const [, from, place] = /^(\w+)\.(\d+)$/.exec(intent) ?? []
  if (grounds.get(because) === 'choice') return from === String(because) && place !== undefined
  const closes = from === 'close' && call.function === 'close(uint256)' && call.value === '0'
  return grounds.get(because) === 'ending' && closes && String(call.args) === place
}

// Everything else calls the registry's function of its name, or pays the operator in the end.
function isOwn ({ agent, birth }, { purpose, call, pull }) {
  const [to, operator] = [low(call.to), low(birth.operator)]
  const isEnd = purpose === 'end' || purpose === 'drain'
  if (pull) return false
  if (isEnd && call.function === '') return to === operator
  if (call.value !== '0') return false
  if (isEnd && call.function === 'transfer(address,uint256)') return low(call.args[0]) === operator
  return to === low(birth.registry) && call.function === OWN[purpose] && call.args[0] === agent
}

export const RULES = {
  birth (log, body, deny, n) {
    const genome = hex(sha(pack(body.genome)))
    deny(genome !== low(body.genome_digest), 'identity', 'is not of this genome')
    name(log, body.birth, deny, n)
  },

  decision (log, { observation, menu, logprobs, chosen, epsilon, temperature }, deny, n) {
    const mu = logprobs.map((x) => Math.exp(x))
    const sum = (list) => list.reduce((a, b) => a + b, 0)
    const isMenu = menu.length > 0 && menu.length <= 26 && menu[0].key === 'hold.wait'
    const fits = chosen < menu.length && mu.length === menu.length
    const sane = temperature > 0 && epsilon >= 0 && epsilon <= 1
    const least = epsilon / menu.length - NEAR
    const whole = Math.abs(sum(mu) - 1) < NEAR && mu.every((p) => p > least)
    deny(log.halted, 'order', 'is decided while halted')
    deny(!isMenu, 'body', 'has no such menu')
    deny(!fits || !sane || !whole, 'decision', 'is not of these probabilities')
    const dice = sha(raw(log.birth.seed), raw(word(n)).subarray(24))
    const u = Number(BigInt(hex(dice)) >> 203n) / 2 ** 53
    const [from, to] = [sum(mu.slice(0, chosen)), sum(mu.slice(0, chosen + 1))]
    const last = chosen === menu.length - 1 // rounding may leave a sliver above its edge
    deny(u < from - 1e-12 || (u >= to + 1e-12 && !last), 'draw', 'is not what the seed draws')
    log.grounds.set(n, chosen ? 'choice' : 'hold')
    const { token } = observation.places ?? {}
    if (!misfit('address', token)) log.tokens.add(low(token))
  },

  effect (log, body, deny, n) {
    const { stage, intent, because, purpose, nonce } = body
    if (stage === 'settled') {
      const sent = log.intents.get(intent)
      deny(!sent || sent.last, 'intent', `${intent} was not sent`)
      deny(sent?.settled || (sent && sent.nonce !== nonce), 'intent', `${intent} settles otherwise`)
      if (sent) sent.settled = { ...body, n }
      return
    }
    name(log, body, deny, n)
    deny(!canBeSent(body, log.birth.wallet), 'body', 'cannot be sent')
    const waits = purpose === 'act' || purpose === 'serve'
    deny(log.halted && waits, 'order', 'is sent while halted')
    deny(because >= n, 'intent', 'is because of what comes later')
    deny(!(purpose === 'act' ? isDecided : isOwn)(log, body), 'intent', `is no ${purpose}`)
  },

  heartbeat: (log, { ending }, deny, n) => ending && log.grounds.set(n, 'ending'),
  halt (log) {
    log.halted = true
  },

  resume (log, body, deny) { // there is one halt at a time, and it ends that
    deny(!log.halted, 'order', 'ends no halt')
    log.halted = false
  },

  anchor (log, { epoch, size, root, digest }, deny) {
    const mine = log.epochs[epoch]
    const same = mine?.size === size && !differ(mine.root, root) && !differ(mine.digest, digest)
    deny(!same, 'anchor', 'names another checkpoint')
  },

  end (log, { reason, intents }, deny, n, { number }) {
    for (const last of intents) name(log, { ...last, last: true }, deny, n)
    log.end = { reason, n, number }
  }
}
