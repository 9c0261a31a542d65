// Which fields a checkpoint, a record and each kind of body have, and what each field must be.
import { Float, isLink, isPlain } from './block.mjs'

// `field?` may be absent; `field:type` where its name does not say the type. Only the first three
// have no other fields: what else is in a body is of no meaning here.
const FORMS = {
  record: 'v agent seq at block prev kind body',
  block: 'chain number hash:lower',
  checkpoint: 'v agent epoch size root prev records sig',
  birth: 'wallet operator log_key registry genome genome_digest seed parents placing horizon_s ' +
    'hibernate_max_s silence_ms speed places birth limits',
  places: 'registry token lease_market job_board gas_station',
  first: 'intent nonce hash',
  limits: 'version digest:hash',
  decision: 'observation prompt menu logprobs chosen epsilon temperature model thought latency_ms',
  entry: 'key params summary',
  weights: 'gguf adapter engine',
  sent: 'stage intent because purpose nonce hash call pull?',
  call: 'to function args value gas',
  pull: 'token value valid_before',
  settled: 'stage intent nonce hash ok gas_used fee block:mined',
  mined: 'number hash at',
  refusal: 'intent because purpose reason:text facts',
  lease: 'lease network state offer provider rate balance paid_until ends_at',
  gone: 'lease network state',
  funds: 'asset amount from tx why',
  anchor: 'epoch size intent root digest',
  heartbeat: 'vitals runway_h wei micro stale',
  ending: 'ending cause',
  gap: 'since_ms reason:pause',
  halt: 'halt_id reason:text',
  resume: 'halt_id',
  end: 'reason cause intents',
  last: 'intent nonce purpose'
}
const EXACT = ['record', 'block', 'checkpoint']
const KINDS =
  'birth decision effect refusal lease funds anchor heartbeat gap halt resume end'.split(' ')

// A field that is not here can be anything.
const FIELDS = {
  int: 'agent seq at chain number epoch size nonce because chosen version gas gas_used since_ms ' +
    'silence_ms horizon_s hibernate_max_s paid_until ends_at lease offer halt_id',
  text: 'intent placing function prompt key summary gguf adapter engine network state asset why ' +
    'vitals cause purpose',
  'text?': 'thought',
  number: 'speed epsilon temperature latency_ms',
  amount: 'value fee rate balance amount',
  'amount?': 'wei micro',
  address: 'wallet operator log_key registry token lease_market to provider',
  'address?': 'job_board gas_station from',
  hash: 'hash seed genome_digest',
  'hash?': 'tx',
  bytes32: 'prev root digest',
  bytes65: 'sig',
  bool: 'ok stale',
  map: 'body genome observation params',
  reason: 'reason ending',
  one: 'v', kind: 'kind', stage: 'stage', whole: 'valid_before', model: 'model', list: 'args',
  block: 'block', places: 'places', limits: 'limits', first: 'birth', call: 'call', pull: 'pull',
  'int[]': 'parents', links: 'records', 'entry[]': 'menu', 'number[]': 'logprobs',
  'last[]': 'intents'
}
const TYPE_OF = Object.fromEntries(Object.entries(FIELDS)
  .flatMap(([type, names]) => names.split(' ').map((name) => [name, type])))

const int = (x) => Number.isSafeInteger(x) && x >= 0
const bytes = (n) => (x) => x instanceof Uint8Array && x.length === n
const like = (pattern) => (x) => typeof x === 'string' && pattern.test(x)
const TYPES = {
  int,
  number: (x) => x instanceof Float || int(x),
  whole: (x) => int(x) || TYPES.amount(x),
  one: (x) => x === 1,
  bool: (x) => typeof x === 'boolean',
  list: Array.isArray,
  map: isPlain,
  links: (x) => Array.isArray(x) && x.length > 0 && x.length <= 4096 && x.every(isLink),
  bytes32: bytes(32),
  bytes65: bytes(65),
  text: like(/^/),
  amount: like(/^(0|[1-9]\d{0,77})$/),
  address: like(/^0x[0-9a-fA-F]{40}$/),
  hash: like(/^0x[0-9a-fA-F]{64}$/),
  lower: like(/^0x[0-9a-f]{64}$/),
  stage: like(/^(sent|settled)$/),
  reason: like(/^(died|horizon|halted|lost)$/),
  kind: (x) => KINDS.includes(x),
  pause: like(/^(stopped|killed|stalled)$/),
  model: (x) => x === 'reflex' || !misfit('weights', x)
}
const firstOf = (list, judge) => list.map(judge).find(Boolean) ?? ''

// The path to the first field that is not as it should be; empty if all are.
export function misfit (type, x, path = type) {
  const [, name, suffix] = /^(\w+)(.*)$/.exec(type)
  if (suffix === '?' && x === null) return ''
  if (suffix === '[]') return Array.isArray(x) ? firstOf(x, (y) => misfit(name, y, path)) : path
  if (TYPES[name]) return TYPES[name](x) ? '' : path
  if (!isPlain(x)) return path
  const fields = FORMS[name].split(' ').map((field) => /^(\w+)(\??):?(.*)$/.exec(field))
  const isKnown = (key) => fields.some(([, field]) => field === key)
  if (EXACT.includes(name) && !Object.keys(x).every(isKnown)) return path
  return firstOf(fields, ([, field, optional, own]) => {
    if (!Object.hasOwn(x, field)) return optional ? '' : `${path}.${field}`
    const of = own || TYPE_OF[field]
    return of ? misfit(of, x[field], `${path}.${field}`) : ''
  })
}

// The same for a record's body.
export function misfitBody ({ kind, body }) {
  if (kind === 'effect') return misfit(body.stage === 'settled' ? 'settled' : 'sent', body)
  if (kind === 'lease') return misfit(body.state === 'gone' ? 'gone' : 'lease', body)
  if (kind === 'heartbeat') return misfit('ending' in body ? 'ending' : 'heartbeat', body)
  return misfit(kind, body)
}
