"""Small whole lives for tests: a log told honestly, and the chain that would confirm it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from cbrrr import encode_dag_cbor

from chain.authorized import Authorized
from chain.calldata import Filling, calldata, selector
from chain.contracts import BIRTH
from chain.keys import Key
from chain.permit import Domain
from chain.types import Address, Block, Call, Pull, Receipt, Wei
from telemetry.anchor import anchor_call, end_call
from telemetry.auditing.facts import (
    Account,
    Anchored,
    Ended,
    LeaseFact,
    Mined,
    Movement,
    Nonce,
    Registered,
    Spending,
)
from telemetry.auditing.said import CAUSES, Mark
from telemetry.car import car_name, write_car
from telemetry.checkpoint import FIRST_PREV, Checkpoint, Head
from telemetry.cid import cid_of, digest_of
from telemetry.draw import draw, log_probabilities
from telemetry.record import NO_PREV, BlockRef, Record
from telemetry.tree import Tree, leaf_hash

CHAIN = 31337
REGISTRY = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
MARKET = Address("0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0")
TOKEN = Address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512")
WALLET, LOG_KEY, OPERATOR = (Key(bytes([n]) * 32) for n in (1, 2, 3))
SEED = bytes(range(32))
GENOME = sha256(encode_dag_cbor({"model": "tiny"})).digest()
TOP_UP = "topUpWithAuthorization(address,uint256,uint256,bytes32,uint256,uint256,bytes)"

Twist = Callable[[dict[str, Any]], dict[str, Any]]


def word(name: str) -> str:
    return "0x" + sha256(name.encode()).hexdigest()


@dataclass
class Teller:
    """Appends, seals and signs like a log; `twists` change a record before it is linked."""

    twists: Mapping[int, Twist] = field(default_factory=dict)
    key: Key = LOG_KEY
    agent: int = 1
    chain: int = CHAIN
    registry: Address = REGISTRY
    wallet: Address = WALLET.address
    operator: Address = OPERATOR.address
    token: Address = TOKEN
    market: Address = MARKET
    horizon_s: int = 15
    speed: float = 1.0
    tree: Tree = field(default_factory=Tree)
    leaf: bytes = NO_PREV
    prev: bytes = FIRST_PREV
    open: list[bytes] = field(default_factory=list)
    epochs: list[tuple[Checkpoint, list[bytes]]] = field(default_factory=list)
    at_block: int | None = None
    at_hash: str | None = None

    def say(self, kind: str, body: Mapping[str, Any]) -> int:
        seq = self.tree.size
        number = 10 + seq if self.at_block is None else self.at_block
        at = BlockRef(self.chain, number, self.at_hash or word(f"block {number}"))
        fields = {"kind": kind, "body": dict(body), "at": 1000 + seq, "block": at}
        fields = {"agent": self.agent, "seq": seq, "prev": self.leaf} | fields
        data = Record(**self.twists.get(seq, lambda same: same)(fields)).encode()
        self.leaf = leaf_hash(data)
        self.tree = self.tree.append(self.leaf)
        self.open.append(data)
        return seq

    def seal(self) -> Checkpoint:
        head = Head(self.agent, len(self.epochs), self.tree.size, self.tree.root, self.prev)
        signed = sign(head, [cid_of(data) for data in self.open], self)
        self.epochs.append((signed, self.open))
        self.prev, self.open = digest_of(signed.cid), []
        return signed

    @property
    def mark(self) -> Mark:
        head = self.epochs[-1][0].head
        return Mark(head.epoch, head.size, head.root, self.prev)

    def decide(self, logits: Sequence[float] = (0.0, 1.0, -2.0)) -> int:
        seq = self.tree.size
        chances = log_probabilities(logits, 1.0, 0.05)
        return self.say(
            "decision",
            {
                "observation": {"runway_h": 3.5},
                "prompt": "what now",
                "menu": [
                    {"key": key, "params": {}, "summary": key}
                    for key in ("hold.wait", "thrift.extend", "keeper.work")
                ],
                "logprobs": list(chances),
                "chosen": draw(SEED, seq, chances),
                "epsilon": 0.05,
                "temperature": 1.0,
                "model": {"gguf": "aa", "adapter": "", "engine": "bb"},
                "thought": None,
                "latency_ms": 12,
            },
        )

    def beat(self, vitals: str = "steady") -> int:
        body = {"vitals": vitals, "runway_h": 3.0, "wei": "1", "micro": "2", "stale": False}
        return self.say("heartbeat", body)

    def send(
        self, intent: str, because: int, purpose: str, *, nonce: int, call: Call, tx: str = ""
    ) -> int:
        body: dict[str, Any] = {
            "stage": "sent",
            "intent": intent,
            "because": because,
            "purpose": purpose,
            "nonce": nonce,
            "hash": tx or word(f"tx {nonce}"),
            "call": {
                "to": call.to,
                "function": call.function,
                "args": [str(arg) if arg == 2**70 else arg for arg in call.args],
                "value": str(call.value),
                "gas": call.gas,
            },
        }
        if call.pull:
            pull = call.pull
            body["pull"] = {
                "token": pull.token,
                "value": str(pull.value),
                "valid_before": pull.valid_before,
            }
        return self.say("effect", body)

    def settle(self, intent: str, nonce: int, receipt: Receipt | None = None) -> int:
        seen = receipt or Receipt(
            hash=word(f"tx {nonce}"),
            block=Block(self.chain, 20 + nonce, word(f"block {20 + nonce}"), 5),
            ok=True,
            gas_used=50_000,
            fee=Wei(50_000 * 10**9),
        )
        block = {"number": seen.block.number, "hash": seen.block.hash, "at": seen.block.at}
        return self.say(
            "effect",
            {
                "stage": "settled",
                "intent": intent,
                "nonce": nonce,
                "hash": seen.hash,
                "block": block,
                "ok": seen.ok,
                "gas_used": seen.gas_used,
                "fee": str(seen.fee),
            },
        )

    def birth(self, nonce: int = 0, tx: str | None = None) -> int:
        return self.say(
            "birth",
            {
                "wallet": self.wallet,
                "operator": self.operator,
                "log_key": LOG_KEY.address,
                "genome": {"model": "tiny"},
                "genome_digest": "0x" + GENOME.hex(),
                "seed": "0x" + SEED.hex(),
                "parents": [],
                "registry": self.registry,
                "places": {
                    "registry": self.registry,
                    "token": self.token,
                    "lease_market": self.market,
                    "job_board": None,
                    "gas_station": None,
                },
                "placing": "embodied",
                "limits": {"version": 1, "digest": word("limits")},
                "horizon_s": self.horizon_s,
                "hibernate_max_s": 3600,
                "silence_ms": 60_000,
                "speed": self.speed,
                "birth": {"intent": "birth", "nonce": nonce, "hash": tx or word(f"tx {nonce}")},
            },
        )

    def end(self, nonce: int, reason: str = "horizon") -> int:
        intents = [
            {"intent": "end", "nonce": nonce, "purpose": "end"},
            {"intent": "sweep.wei", "nonce": nonce + 1, "purpose": "end"},
        ]
        return self.say("end", {"reason": reason, "cause": "its time was up", "intents": intents})

    def write(self, folder: Path) -> Path:
        for checkpoint, records in self.epochs:
            name = car_name(checkpoint.head.epoch, checkpoint.cid)
            write_car(folder / name, checkpoint.cid, [checkpoint.encode(), *records])
        return folder


def sign(head: Head, cids: Sequence[Any], teller: Teller) -> Checkpoint:
    unsigned = Checkpoint(head, tuple(map(digest_of, cids)), bytes(65))
    from chain.permit import sign as sign_typed

    sig = sign_typed(teller.key, Domain(teller.chain, teller.registry), head)
    return replace(unsigned, sig=sig)


def top_up() -> Call:
    args = ("$wallet", 7, 2**70, "$salt")
    return Call(MARKET, TOP_UP, args, pull=Pull(TOKEN, 5, 2**40))


def whole_life(
    twists: Mapping[int, Twist] | None = None, key: Key = LOG_KEY, teller: Teller | None = None
) -> Teller:
    """Born, two decisions, a call, an anchor, an end; eleven records in three epochs.

    0 birth, 1 decision, 2 sent, | 3 settled, 4 anchor, 5 sent, 6 settled, 7 decision,
    8 heartbeat, 9 funds, | 10 end
    """
    teller = teller or Teller(twists or {}, key)
    teller.birth()
    decided = teller.decide()
    teller.send(f"{decided}.0", decided, "act", nonce=1, call=top_up())
    first = teller.seal()
    teller.settle(f"{decided}.0", 1)
    mark = teller.mark
    anchor = teller.say(
        "anchor",
        {
            "epoch": mark.epoch,
            "size": mark.size,
            "root": mark.root,
            "digest": mark.digest,
            "intent": "anchor.0",
        },
    )
    call = anchor_call(REGISTRY, first.head, mark.digest)
    teller.send("anchor.0", anchor, "anchor", nonce=2, call=call)
    teller.settle("anchor.0", 2)
    teller.decide()
    teller.beat()
    gift = {"asset": TOKEN, "amount": "9", "from": MARKET, "tx": word("gift"), "why": "a gift"}
    teller.say("funds", gift)
    teller.seal()
    teller.end(3)
    teller.seal()
    return teller


def registered(teller: Teller) -> Registered:
    return Registered(
        wallet=teller.wallet.lower(),
        operator=teller.operator.lower(),
        log_key=LOG_KEY.address.lower(),
        genome="0x" + GENOME.hex(),
        seed="0x" + SEED.hex(),
        parents=(),
        born_at=1,
        halted=False,
        ended=True,
        cause=CAUSES["horizon"],
        last=teller.mark,
    )


def mined(nonce: int, to: str, data: bytes, value: int = 0) -> Mined:
    return Mined(
        nonce=nonce,
        hash=word(f"tx {nonce}"),
        to=to.lower(),
        value=value,
        data=data,
        block=20 + nonce,
        block_hash=word(f"block {20 + nonce}"),
        ok=True,
        gas_used=50_000,
        fees=frozenset((50_000 * 10**9,)),
    )


@dataclass(frozen=True)
class Deeds:
    """What the chain shows of a life, all at once."""

    account: Account
    mined: Mapping[int, Mined]
    out: tuple[Movement, ...] = ()
    into: tuple[Movement, ...] = ()
    authorizations: Mapping[str, frozenset[tuple[str, bytes]]] = field(default_factory=dict)
    authorized: tuple[Authorized, ...] = ()
    leases: tuple[LeaseFact, ...] = ()
    times: Mapping[int, int] = field(default_factory=dict)
    hashes: Mapping[int, str | None] = field(default_factory=dict)
    """Of blocks that are not what the log says."""


def deeds(teller: Teller) -> Deeds:
    """What the chain shows of `whole_life`."""
    first, final = teller.epochs[0][0], teller.epochs[-1][0]
    filling = Filling(WALLET.address, "1.0")
    topped = calldata(top_up(), filling, Domain(CHAIN, TOKEN), WALLET.sign)
    anchor = anchor_call(REGISTRY, first.head, digest_of(first.cid))
    end = end_call(REGISTRY, "horizon", final.head, teller.prev)
    nothing = Filling(WALLET.address, "")
    sent = (
        mined(0, REGISTRY, selector(BIRTH) + bytes(64)),
        mined(1, MARKET, topped),
        mined(2, REGISTRY, calldata(anchor, nothing, None, WALLET.sign)),
        mined(3, REGISTRY, calldata(end, nothing, None, WALLET.sign)),
        mined(4, OPERATOR.address, b"", 77),
    )
    head = first.head
    anchored = Mark(head.epoch, head.size, head.root, digest_of(first.cid))
    token, wallet = TOKEN.lower(), WALLET.address.lower()
    account = Account(
        nonce=5,
        seen_from=1000,
        head=1000,
        anchors=(Anchored(anchored, 22), Anchored(teller.mark, 23)),
        ended=Ended(CAUSES["horizon"], wallet, teller.mark, word("tx 3"), 23),
    )
    return Deeds(
        account,
        mined={each.nonce: each for each in sent},
        out=(Movement(token, MARKET.lower(), 5, word("tx 1"), 21),),
        into=(Movement(token, MARKET.lower(), 9, word("gift"), 22),),
    )


def living(
    teller: Teller,
    acts: Mapping[int, tuple[str, int]] | None = None,
    **account: Any,
) -> tuple[Registered, Deeds]:
    """A chain where it still lives; `acts` are calls of `top_up`, by nonce: intent and block."""
    whole = whole_life()
    life = replace(registered(whole), operator=teller.operator.lower(), ended=False, cause=0)
    done = {0: deeds(whole).mined[0]}
    for nonce, (intent, block) in (acts or {}).items():
        filling = Filling(WALLET.address, intent)
        data = calldata(top_up(), filling, Domain(CHAIN, TOKEN), WALLET.sign)
        done[nonce] = mined(nonce, MARKET, data)._replace(block=block)
    known = Account(nonce=len(done), seen_from=1000, head=1000)
    return replace(life, last=None), Deeds(replace(known, **account), mined=done)


class FakeWitness:
    """`telemetry.auditing.facts.Witness` over facts made up by a test."""

    def __init__(self, life: Registered | None, done: Deeds, uri: str = "") -> None:
        self.chain_id = CHAIN
        self.registry = REGISTRY.lower()
        self._life, self._done, self._uri = life, done, uri

    async def life(self, agent: int, block: int | None = None) -> Registered | None:
        return self._life

    async def uri(self, agent: int) -> str:
        return self._uri

    async def account(self, agent: int, life: Registered, last: int) -> Account:
        return self._done.account

    async def transactions(self, wallet: str, count: int, named: Any) -> AsyncIterator[Nonce]:
        for nonce in range(count):
            yield Nonce(nonce, self._done.mined.get(nonce))

    async def spendings(self, life: Registered, head: int) -> AsyncIterator[Spending]:
        used = self._done.authorizations
        for tx in dict.fromkeys(out.tx for out in self._done.out):
            moved = tuple(out for out in self._done.out if out.tx == tx)
            yield Spending(tx, moved, used.get(tx, frozenset()))

    async def gains(self, life: Registered, head: int) -> AsyncIterator[Movement]:
        for gain in self._done.into:
            yield gain

    async def authorized(self, txs: Any) -> AsyncIterator[tuple[Authorized, ...]]:
        for tx in txs:
            yield tuple(each for each in self._done.authorized if each.tx == tx)

    async def leases(self, market: str, life: Registered, named: Any) -> Any:
        return self._done.leases

    async def time(self, block: int) -> int:
        return self._done.times.get(block, block)

    async def block_at(self, time: int, head: int) -> int:
        times = (self._done.times.get(number, number) for number in range(head + 1))
        return next((number for number, at in enumerate(times) if at >= time), head + 1)

    async def blocks(self, numbers: Sequence[int]) -> AsyncIterator[tuple[str, int] | None]:
        for number in numbers:
            known = self._done.hashes.get(number, word(f"block {number}"))
            yield None if known is None else (known, await self.time(number))


class Counter:
    """Counts an epoch's records."""

    def __init__(self, _: Checkpoint) -> None:
        self.count = 0

    def take(self, records: Sequence[Any]) -> None:
        self.count += len(records)

    def done(self) -> int:
        return self.count


count = Counter
"""A harvest that other processes can find by its name."""
