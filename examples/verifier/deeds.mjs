// What the wallet did, held against what its log says that it did.
import { hex, keccak, low, word } from './block.mjs'
import { calldata } from './calldata.mjs'
import { OWN } from './rules.mjs'

const TRANSFER = hex(keccak('Transfer(address,address,uint256)'))
const USED = hex(keccak('AuthorizationUsed(address,bytes32)'))

// Every nonce of the wallet is named, and its transaction is as told. Gives all their hashes.
export async function done (log, chain, { registry, first, head, until }, fault) {
  const wallet = low(log.birth.wallet)
  const [own, scanned] = [new Set(), new Map()]
  let next = first
  async function find (nonce, hash) {
    const told = hash && await chain.ask('eth_getTransactionByHash', hash)
    if (told?.blockNumber && low(told.from) === wallet && Number(told.nonce) === nonce) {
      next = Math.max(next, Number(told.blockNumber)) // later nonces are in later blocks
      return told
    }
    for (; next <= head && !scanned.has(nonce); next++) {
      for (const sent of (await chain.block(next, true)).transactions) {
        if (low(sent.from) === wallet) scanned.set(Number(sent.nonce), sent)
      }
    }
    return scanned.get(nonce)
  }
  const highest = [...log.nonces.keys()].reduce((a, b) => Math.max(a, b), 0)
  const count = Number(await chain.ask('eth_getTransactionCount', wallet, 'latest'))
  for (let nonce = 0; nonce < count; nonce++) {
    const told = log.nonces.get(nonce)
    const sent = await find(nonce, told?.settled?.hash ?? told?.hash)
    const ahead = nonce > highest && Number(sent?.blockNumber) > until
    if (!told && !ahead) fault('unnamed', null, `nonce ${nonce}: ${sent?.hash}`)
    if (told && !sent) fault('unseen', told.n, `nonce ${nonce} is nowhere`)
    if (!told || !sent) continue
    own.add(sent.hash)
    if (!isAsTold(told, sent, log, registry)) fault('call', told.n, `${sent.hash} is another`)
    const { settled } = told
    if (settled && !await isSettled(settled, sent, chain)) {
      fault('settlement', settled.n, `${sent.hash} went otherwise`)
    }
  }
  for (const { nonce, settled, n } of log.intents.values()) {
    if (nonce >= count && (settled || n === 0)) fault('settlement', n, `nonce ${nonce} is unused`)
  }
  return own
}

// What the ending names has no call, as its checkpoint is not yet signed: but there are only two.
function isAsTold (told, { to, value, input }, log, registry) {
  const { birth, end, epochs, agent } = log
  try {
    if (told.call) {
      const same = low(to) === low(told.call.to) && BigInt(value) === BigInt(told.call.value)
      return same && input === low(calldata(told, birth.wallet, input).data)
    }
    if (!told.last) return low(to) === registry
    if (input === '0x') return low(to) === low(birth.operator)
    const { epoch, size, root, digest } = epochs.at(-1)
    const cause = ['died', 'horizon', 'halted', 'lost'].indexOf(end.reason) + 1
    const call = { function: OWN.end, args: [agent, cause, epoch, size, hex(root), hex(digest)] }
    return low(to) === registry && input === calldata({ intent: '', call }, birth.wallet).data
  } catch {
    return false // arguments that are not of their types
  }
}

async function isSettled ({ hash, ok, gas_used: gas, fee, block }, sent, chain) {
  const receipt = await chain.ask('eth_getTransactionReceipt', sent.hash)
  const used = BigInt(receipt.gasUsed)
  const paid = used * BigInt(receipt.effectiveGasPrice)
  const isFee = [paid, paid + BigInt(receipt.l1Fee ?? 0)].includes(BigInt(fee))
  const number = Number(receipt.blockNumber)
  const is = [sent.hash, receipt.status === '0x1', used, number, receipt.blockHash]
  const told = [hash, ok, gas, block.number, block.hash]
  return isFee && low(is) === low(told) && await chain.time(number) === block.at
}

// Tokens leave the wallet in its own transactions, or by an authorization that an effect names.
export async function paid (log, chain, own, { first, until }, fault) {
  const wallet = low(log.birth.wallet)
  const tokens = new Set([low(log.birth.places.token), ...log.tokens])
  const authorized = new Map()
  for (const told of log.intents.values()) {
    if (told.call) tokens.add(low(told.call.to))
    if (!told.pull) continue
    tokens.add(low(told.pull.token))
    authorized.set(authorization(told, wallet), told.pull.value)
  }
  const filter = { address: [...tokens], topics: [TRANSFER, '0x' + word(wallet)] }
  for (const { address, transactionHash: hash, data } of await chain.logs(filter, first, until)) {
    if (own.has(hash)) continue
    const { logs } = await chain.ask('eth_getTransactionReceipt', hash)
    const isUse = ({ topics }) => topics[0] === USED && topics[1] === filter.topics[1]
    const uses = logs.filter((log) => isUse(log) && low(log.address) === low(address))
    const keys = uses.map(({ topics }) => low(address) + topics[2])
    const amount = String(BigInt(data))
    const mine = keys.find((key) => authorized.get(key) === amount)
    if (!authorized.delete(mine)) fault('transfer', null, `${hash} took ${amount}`)
  }
}

function authorization (told, wallet) {
  try {
    return low(told.pull.token + calldata(told, wallet).authorization)
  } catch {
    return null // arguments that are not of their types
  }
}
