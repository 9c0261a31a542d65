"""What single records say of the life, as far as other records or the chain can confirm it.

Plain tuples that travel between processes; whoever reads them has the record's body no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from cbrrr import encode_dag_cbor

from chain.halt import Who
from chain.types import Address
from telemetry.auditing import body as read
from telemetry.auditing.body import Body
from telemetry.auditing.calls import Told, is_misused, told_call
from telemetry.errors import BadRecord
from telemetry.record import Record

CAUSES: Final[Mapping[str, int]] = {"died": 1, "horizon": 2, "halted": 3, "lost": 4}
"""An ending's reason, and the number by which the registry knows it."""
PAUSES: Final = frozenset(("stopped", "killed", "stalled"))
"""Why nothing was written."""
LONGEST_HIBERNATION_S: Final = 24 * 3600
"""No life may hibernate longer, whatever its first record says."""
LONGEST_SILENCE_MS: Final = 3_600_000
"""No log may promise less often than hourly that its life goes on."""
GONE: Final = "gone"
SOLD: Final = "sold"
"""Why money came that paid for an answer."""
PRICE: Final = "merchant.price"
"""The action that names a price, and of its params the price."""
PRICE_PARAM: Final = "price_micro"
_OF_TOKENS: Final = frozenset(("transfer", "transferFrom", "approve", "increaseAllowance"))


class Birth(NamedTuple):
    """Who record 0 says this is."""

    agent: int
    chain: int
    wallet: str
    operator: str
    log_key: str
    genome: str
    seed: str
    parents: tuple[int, ...]
    registry: str
    token: str
    market: str
    nonce: int
    hash: str
    horizon_s: int
    """How long it shall live, in chain seconds."""
    hibernate_s: int
    """How long it may be without a lease."""
    silence_ms: int
    """How long it may be without a record."""
    speed: float
    """Chain seconds in a wall second."""

    @property
    def who(self) -> Who:
        """Whose signer it is that must have signed all this."""
        wallet, log_key, operator, registry = map(
            Address, (self.wallet, self.log_key, self.operator, self.registry)
        )
        return Who(wallet, log_key, operator, registry, self.chain, self.agent)


class Sent(NamedTuple):
    """A transaction or an authorization that an effect names before it leaves."""

    intent: str
    because: int
    purpose: str
    nonce: int | None
    hash: str | None
    told: str
    """The call, as `calls.Told.load` reads it."""
    touches: tuple[str, ...]
    """The tokens that it deals in."""
    misused: bool
    """Whether the signer would never have signed this under its purpose."""


class Settled(NamedTuple):
    """How an effect says that a transaction ended."""

    intent: str
    nonce: int
    hash: str
    block: int
    block_hash: str
    ok: bool
    gas_used: int
    fee: int


class Mark(NamedTuple):
    """One state of the log: a checkpoint, or an anchor that should be one."""

    epoch: int
    size: int
    root: bytes
    digest: bytes


class Leased(NamedTuple):
    """A lease as the agent saw it; of one that is gone only its id is known."""

    lease: int
    network: str
    state: str
    offer: int
    provider: str
    rate: int


class Last(NamedTuple):
    """One of the two transactions that an ending names before they are sent."""

    intent: str
    purpose: str
    nonce: int
    hash: str | None


class Ending(NamedTuple):
    """The last record."""

    reason: str
    cause: str
    intents: tuple[Last, ...]


class Gap(NamedTuple):
    since_ms: int
    reason: str


class Beat(NamedTuple):
    """A heartbeat; `ending` when it says that the ending begins."""

    ending: bool


class Halted(NamedTuple):
    halt_id: int


class Resumed(NamedTuple):
    halt_id: int


class Funded(NamedTuple):
    """The transaction that brought money unasked, if the record names one."""

    tx: str | None


class Sold(NamedTuple):
    """An answer was sold: who paid for it, by which authorization, at which decision's price."""

    token: str
    payer: str
    nonce: str
    amount: int
    tx: str
    because: int


class Priced(NamedTuple):
    """A decision chose a price."""

    price: int


Saying = (
    Birth
    | Sent
    | Settled
    | Mark
    | Leased
    | Ending
    | Gap
    | Beat
    | Halted
    | Resumed
    | Funded
    | Sold
    | Priced
    | None
)


def say(record: Record, who: Who | None) -> Saying:
    """What a record says; None for one that only its own form can vouch for.

    `who` is whose signer it was, once that is known.
    """
    if record.kind == "effect":
        return _effect(record.body, who)
    reader = _READERS.get(record.kind)
    return reader(record) if reader else None


def priced(decision: Body) -> Priced | None:
    """The price that a sound decision chose, if it chose one."""
    chosen = decision["menu"][decision["chosen"]]
    if chosen["key"] != PRICE:
        return None
    try:
        return Priced(read.whole(chosen["params"], PRICE_PARAM))
    except BadRecord:
        return None  # somebody else's action of this name


def genome_digest(body: Body) -> str:
    """SHA-256 of the genome's DAG-CBOR form, which is also its name on IPFS."""
    return "0x" + sha256(encode_dag_cbor(dict(read.within(body, "genome")))).hexdigest()


def _birth(record: Record) -> Birth:
    body = record.body
    born, places = read.within(body, "birth"), read.within(body, "places")
    parents = read.listed(body, "parents")
    if not all(type(parent) is int for parent in parents):
        raise BadRecord(why="parents are not ids", field="parents")
    _birth_besides(body, born, places)
    return Birth(
        agent=record.agent,
        chain=record.block.chain,
        wallet=read.address(body, "wallet"),
        operator=read.address(body, "operator"),
        log_key=read.address(body, "log_key"),
        genome=read.hexes(body, "genome_digest", 32),
        seed=read.hexes(body, "seed", 32),
        parents=tuple(parents),
        registry=read.address(body, "registry"),
        token=read.address(places, "token"),
        market=read.address(places, "lease_market"),
        nonce=read.integer(born, "nonce"),
        hash=read.hexes(born, "hash", 32),
        horizon_s=read.integer(body, "horizon_s"),
        hibernate_s=min(read.integer(body, "hibernate_max_s"), LONGEST_HIBERNATION_S),
        silence_ms=min(read.integer(body, "silence_ms"), LONGEST_SILENCE_MS),
        speed=max(read.number(body, "speed"), 0.0),
    )


def _birth_besides(body: Body, born: Body, places: Body) -> None:
    """What must be said, though no rule asks what it is."""
    limits = read.within(body, "limits")
    read.integer(limits, "version")
    read.hexes(limits, "digest", 32)
    read.text(body, "placing")
    read.text(born, "intent")
    read.address(places, "registry")
    for name in ("job_board", "gas_station"):
        read.maybe(read.address, places, name)


def _effect(body: Body, who: Who | None) -> Sent | Settled:
    stage = read.text(body, "stage")
    if stage == "sent":
        return _sent(body, who)
    if stage == "settled":
        return _settled(body)
    raise BadRecord(why="neither sent nor settled", field="stage")


def _sent(body: Body, who: Who | None) -> Sent:
    told, intent = told_call(body), read.text(body, "intent")
    purpose = read.text(body, "purpose")
    nonce = read.maybe(read.integer, body, "nonce")
    tx = read.maybe(_digest, body, "hash")
    if None in (nonce, tx) and told.pull is None:
        raise BadRecord(why="neither a transaction nor an authorization", field="nonce")
    because = read.integer(body, "because")
    misused = purpose != "act" and who is not None and is_misused(told, intent, purpose, who)
    return Sent(intent, because, purpose, nonce, tx, told.dump(), _tokens(told), misused)


def _tokens(told: Told) -> tuple[str, ...]:
    """What is pulled, and what is spoken to as one speaks to a token.

    Not whatever is called: any contract may say that it moved something of the wallet's.
    """
    spoken_to = (told.to,) if told.function.partition("(")[0] in _OF_TOKENS else ()
    return (*spoken_to, told.pull[0]) if told.pull else spoken_to


def _settled(body: Body) -> Settled:
    block = read.within(body, "block")
    read.integer(block, "at")
    return Settled(
        read.text(body, "intent"),
        read.integer(body, "nonce"),
        read.hexes(body, "hash", 32),
        read.integer(block, "number"),
        read.hexes(block, "hash", 32),
        read.flag(body, "ok"),
        read.integer(body, "gas_used"),
        read.amount(body, "fee"),
    )


def _anchor(record: Record) -> Mark:
    body = record.body
    read.text(body, "intent")
    return Mark(
        epoch=read.integer(body, "epoch"),
        size=read.integer(body, "size"),
        root=read.raw(body, "root"),
        digest=read.raw(body, "digest"),
    )


def _lease(record: Record) -> Leased:
    body = record.body
    lease, state = read.integer(body, "lease"), read.text(body, "state")
    network = read.text(body, "network")
    if state == GONE:
        return Leased(lease, network, state, 0, "", 0)
    read.amount(body, "balance")
    read.integer(body, "paid_until")
    read.integer(body, "ends_at")
    return Leased(
        lease=lease,
        network=network,
        state=state,
        offer=read.integer(body, "offer"),
        provider=read.address(body, "provider"),
        rate=read.amount(body, "rate"),
    )


def _end(record: Record) -> Ending:
    reason = _cause(record.body, "reason")
    intents = tuple(
        Last(
            intent=read.text(item, "intent"),
            purpose=read.text(item, "purpose"),
            nonce=read.integer(item, "nonce"),
            hash=None if read.absent(item, "hash") else read.hexes(item, "hash", 32),
        )
        for item in read.maps(record.body, "intents")
    )
    return Ending(reason, read.text(record.body, "cause"), intents)


def _cause(body: Body, name: str) -> str:
    """One of the four ways to end."""
    reason = read.text(body, name)
    if reason not in CAUSES:
        raise BadRecord(why="not one of the four endings", field=name)
    return reason


def _gap(record: Record) -> Gap:
    reason = read.text(record.body, "reason")
    if reason not in PAUSES:
        raise BadRecord(why="not one of the three pauses", field="reason")
    return Gap(read.integer(record.body, "since_ms"), reason)


def _heartbeat(record: Record) -> Beat:
    body = record.body
    if "ending" in body:
        _cause(body, "ending")
        read.long_text(body, "cause")
        return Beat(ending=True)
    read.text(body, "vitals")
    read.there(body, "runway_h")
    for name in ("wei", "micro"):
        read.maybe(read.amount, body, name)
    read.flag(body, "stale")
    return Beat(ending=False)


def _refusal(record: Record) -> None:
    for name in ("intent", "purpose", "reason"):
        read.long_text(record.body, name)
    read.integer(record.body, "because")
    read.there(record.body, "facts")


def _halt(record: Record) -> Halted:
    read.long_text(record.body, "reason")
    return Halted(read.integer(record.body, "halt_id"))


def _resume(record: Record) -> Resumed:
    return Resumed(read.integer(record.body, "halt_id"))


def _funds(record: Record) -> Funded | Sold:
    body = record.body
    for name in ("asset", "why"):
        read.long_text(body, name)
    if body["why"] == SOLD:
        return Sold(
            token=read.address(body, "asset"),
            payer=read.address(body, "from"),
            nonce=read.hexes(body, "nonce", 32),
            amount=read.amount(body, "amount"),
            tx=read.hexes(body, "tx", 32),
            because=read.integer(body, "because"),
        )
    read.amount(body, "amount")
    read.maybe(read.address, body, "from")
    return Funded(read.maybe(_digest, body, "tx"))


def _digest(body: Body, name: str) -> str:
    return read.hexes(body, name, 32)


_READERS: Final[Mapping[str, Callable[[Record], Saying]]] = {
    "birth": _birth,
    "anchor": _anchor,
    "lease": _lease,
    "end": _end,
    "gap": _gap,
    "heartbeat": _heartbeat,
    "halt": _halt,
    "refusal": _refusal,
    "resume": _resume,
    "funds": _funds,
}
