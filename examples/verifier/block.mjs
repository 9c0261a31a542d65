// Blocks and epoch files, read strictly: bytes, names, hashes, signatures.
import { CarBlockIterator } from '@ipld/car'
import { decodeOptions, encodeOptions } from '@ipld/dag-cbor'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { Token, Tokenizer, Type, decode, encode } from 'cborg'

export const hex = (bytes) => '0x' + bytesToHex(bytes)
export const raw = (text) => hexToBytes(text.replace('0x', ''))
export const sha = (...parts) => sha256(concatBytes(...parts))
export const keccak = (x) => keccak_256(typeof x === 'string' ? utf8ToBytes(x) : x)
export const word = (x) => BigInt.asUintN(256, BigInt(x)).toString(16).padStart(64, '0')
export const low = (x) => String(x).toLowerCase()
export const differ = (a, b) => Buffer.compare(a, b) !== 0
export const isPlain = (x) => x !== null && Object.getPrototypeOf(Object(x)) === Object.prototype
const isCid = (x) => x?.asCID === x && x !== undefined // of whichever copy of multiformats
export const isLink = (x) =>
  isCid(x) && x.bytes.length === 36 && hex(x.bytes).startsWith('0x01711220')

// JavaScript has one number for 1 and 1.0, CBOR has two: floats stay wrapped until they are used.
export class Float {
  constructor (value) { this.value = value }
  valueOf () { return this.value }
}
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
class Tokens extends Tokenizer {
  next () {
    const { type, value, encodedLength, byteValue } = super.next()
    const kept = type === Type.float ? new Float(value) : byteValue ? utf8.decode(byteValue) : value
    return new Token(type, kept, encodedLength)
  }
}
const encoders = {
  Object: (x) => x instanceof Float ? new Token(Type.float, x.value)
    : isCid(x) ? encodeOptions.typeEncoders.Object(x) : null
}
export const pack = (x) => encode(x, { ...encodeOptions, typeEncoders: encoders })

// Maps become objects, when nothing is in them that the format does not have.
function plainly (x, depth = 0) {
  if (typeof x === 'bigint') throw new Error('an integer of 2^53 or more')
  if (!(x instanceof Map) && !Array.isArray(x)) return x
  if (depth > 128) throw new Error('too deep')
  if (Array.isArray(x)) return x.map((y) => plainly(y, depth + 1))
  return Object.fromEntries([...x].map(([key, y]) => {
    if (typeof key !== 'string') throw new Error('a key that is no text')
    return [key, plainly(y, depth + 1)]
  }))
}

// The npm decoder takes more than the strict form: what it has read must give the same bytes again.
export function unpack (data, { limit, links }) {
  if (data.length > limit) throw new Error('too long')
  const tags = links ? decodeOptions.tags : []
  const options = { ...decodeOptions, tags, useMaps: true, retainStringBytes: true }
  const value = decode(data, { ...options, tokenizer: new Tokens(data, options) })
  const plain = plainly(value)
  if (differ(pack(value), data)) throw new Error('not in the strict form')
  return plain
}

// The blocks of an epoch file, the checkpoint first: each is what its name says.
export async function openCar (data) {
  const car = await CarBlockIterator.fromBytes(data)
  const blocks = []
  for await (const { cid, bytes } of car) {
    if (!isLink(cid)) throw new Error('a name of another form')
    if (differ(sha(bytes), cid.multihash.digest)) throw new Error(`${cid} is not its bytes`)
    blocks.push({ name: String(cid), digest: cid.multihash.digest, bytes })
    if (blocks.length > 4097) throw new Error('too many blocks')
  }
  const roots = String(await car.getRoots())
  if (car.version !== 1 || roots !== blocks[0]?.name) throw new Error('not an epoch')
  return blocks
}

// Whose signature a checkpoint bears: nobody's, if it is not of the one form that is allowed.
export function signer ({ agent, epoch, size, root, prev, sig }, chain, registry) {
  const typed = (type, ...values) => keccak(concatBytes(keccak(type), ...values))
  const domain = typed(
    'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)',
    keccak('Forager'), keccak('1'), raw(word(chain) + word(registry)))
  const checkpoint = typed(
    'Checkpoint(uint256 agent,uint64 epoch,uint64 size,bytes32 root,bytes32 prev)',
    raw(word(agent) + word(epoch) + word(size)), root, prev)
  const digest = keccak(concatBytes(Uint8Array.of(0x19, 1), domain, checkpoint))
  try {
    const signed = secp256k1.Signature.fromBytes(sig.subarray(0, 64)).addRecoveryBit(sig[64] - 27)
    if (sig[64] > 28 || signed.hasHighS()) return 'nobody'
    return hex(keccak(signed.recoverPublicKey(digest).toBytes(false).subarray(1)).subarray(12))
  } catch {
    return 'nobody'
  }
}
