// The calldata that an effect tells of, and the authorization that it carries.
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { hex, keccak, raw, sha, word } from './block.mjs'

function check (fits) {
  if (!fits) throw new Error('arguments that do not fit their function')
}
const matches = (x, pattern) => typeof x === 'string' && pattern.test(x)

// A list of types, cut at the commas that are outside of brackets.
function cut (list) {
  const types = ['']
  let depth = 0
  for (const c of list) {
    depth += { '(': 1, ')': -1 }[c] ?? 0
    if (c === ',' && depth === 0) types.push('')
    else types[types.length - 1] += c
  }
  return list ? types : []
}

// One value in hex, if it is of its type.
function one (type, value) {
  const [, inner, size] = /^(.*)\[(\d*)\]$/.exec(type) ?? []
  if (inner || type.startsWith('(')) check(Array.isArray(value))
  if (inner) {
    check(!size || value.length === Number(size))
    return (size ? '' : word(value.length)) + abi(value.map(() => inner), value)
  }
  if (type.startsWith('(')) return abi(cut(type.slice(1, -1)), value)
  const [, kind, width] = /^(uint|int|address|bool|bytes|string)(\d*)$/.exec(type)
  if (kind === 'uint' || kind === 'int') {
    check(width % 8 === 0 && width > 0 && width <= 256)
    check(Number.isSafeInteger(value) || matches(value, /^(0|-?[1-9]\d{0,77})$/))
    const cutOff = kind === 'int' ? BigInt.asIntN : BigInt.asUintN
    check(cutOff(Number(width), BigInt(value)) === BigInt(value))
    return word(value)
  }
  if (kind === 'bool') check(typeof value === 'boolean')
  if (kind === 'address') check(matches(value, /^0x[0-9a-fA-F]{40}$/))
  if (kind === 'bool' || kind === 'address') return word(value)
  if (kind === 'bytes') check(matches(value, /^0x([0-9a-fA-F]{2})*$/))
  if (kind === 'string') check(typeof value === 'string')
  const data = kind === 'bytes' ? raw(value) : utf8ToBytes(value)
  const padded = hex(data).slice(2).padEnd(Math.ceil(data.length / 32) * 64, '0')
  if (!width) return word(data.length) + padded
  check(kind === 'bytes' && data.length === Number(width) && data.length <= 32)
  return padded
}

export function abi (types, values) {
  check(Array.isArray(values) && types.length === values.length)
  const codes = types.map((type, i) => one(type, values[i]))
  const isLong = types.map((type) => /string|bytes(?!\d)|\[\]/.test(type))
  let end = codes.reduce((sum, code, i) => sum + (isLong[i] ? 32 : code.length / 2), 0)
  const heads = codes.map((code, i) => {
    if (!isLong[i]) return code
    end += code.length / 2
    return word(end - code.length / 2)
  })
  return heads.join('') + codes.filter((_, i) => isLong[i]).join('')
}

// A pull's signature is in no log, so it is taken from what was sent: the last argument's 65 bytes.
export function calldata ({ intent, call, pull }, wallet, sent = '0'.repeat(192)) {
  if (!call.function) {
    check(!call.args.length && !pull)
    return { data: '0x' }
  }
  const [, list] = /^\w+\((.*)\)$/.exec(call.function)
  const salt = hex(sha(raw(wallet), utf8ToBytes(intent)))
  const stand = new Map([['$wallet', wallet], ['$salt', salt]])
  const fill = (x) => Array.isArray(x) ? x.map(fill) : stand.get(x) ?? x
  const selector = hex(keccak(call.function).subarray(0, 4))
  const [types, args] = [cut(list), fill(call.args)]
  if (!pull) return { data: selector + abi(types, args) }
  check(list.endsWith('uint256,uint256,bytes'))
  const signature = '0x' + sent.slice(-192, -62)
  return {
    authorization: hex(keccak(raw(selector + abi(types.slice(0, -3), args)))),
    data: selector + abi(types, [...args, 0, pull.valid_before, signature])
  }
}
