"""Reads a life from a chain's blocks, transactions, receipts and logs; no archive is needed.

Each nonce has one transaction. It is looked up where the log says it is; what the log does not
name is looked for block by block, between its neighbours. What a life did is read in the order of
the chain and handed on piece by piece, so that a long one takes no more memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, TypeVar

from chain import answers, events
from chain.answers import Log
from chain.authorized import USED, Authorized, authorized
from chain.contracts import LIFE_OF, PARENTS_OF, TRANSFERRED, URI_OF, Life
from chain.errors import Reverted, Unreachable
from chain.logs import each_log
from chain.rpc import Rpc, connect
from telemetry.auditing.facts import (
    Account,
    Anchored,
    Ended,
    HaltedAt,
    LeaseFact,
    Mined,
    Movement,
    Nonce,
    Registered,
    Spending,
)
from telemetry.auditing.said import Mark

T = TypeVar("T")

MOST_BLOCKS: Final = 100_000
"""How many blocks to walk, all in all, for transactions that no record names."""
MOST_NONCES: Final = 10_000_000
MOST_LEASES: Final = 10_000
PAGE: Final = 256
_LEASE: Final = (
    "(uint256,address,address,address,bytes32,uint256,uint256,uint256,"
    "uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint8)"
)
LEASE_OF: Final = f"leaseOf(uint256)({_LEASE})"
LEASES_OF: Final = "leasesOf(address,address)(uint256[])"
_EMPTY: Final = 2
"""Characters of no data: 0x."""
_WITH_NONCE: Final = 3
"""Topics of an event that says whose nonce it used up, or from whom to whom money went."""

Progress = Callable[[str, int, int], None]


class ChainWitness:
    """A `Witness` over JSON-RPC."""

    def __init__(
        self, rpc: Rpc, chain_id: int, registry: str, seen_from: int, progress: Progress
    ) -> None:
        self.chain_id = chain_id
        self.registry = registry
        self._seen_from = seen_from
        self._rpc = rpc
        self._progress = progress
        self._budget = MOST_BLOCKS
        self._born: int | None = None

    async def life(self, agent: int, block: int | None = None) -> Registered | None:
        at = "latest" if block is None else hex(block)
        [row] = await self._rpc.view(self.registry, LIFE_OF, agent, at=at)
        life = Life(*row)
        if not life.born_at:
            return None
        [parents] = await self._rpc.view(self.registry, PARENTS_OF, agent)
        last = _mark(life.epoch, life.size, life.root, life.digest)
        return Registered(
            wallet=life.wallet.lower(),
            operator=life.operator.lower(),
            log_key=life.log_key.lower(),
            genome=life.genome,
            seed=life.seed,
            parents=tuple(parents),
            born_at=life.born_at,
            halted=life.halted,
            ended=life.ended_at != 0,
            cause=life.cause,
            last=last if life.anchored else None,
        )

    async def uri(self, agent: int) -> str:
        [uri] = await self._rpc.view(self.registry, URI_OF, agent)
        return str(uri)

    async def account(self, agent: int, life: Registered, last: int) -> Account:
        head = await self._rpc.number("eth_blockNumber")
        nonce = await self._rpc.number("eth_getTransactionCount", life.wallet, hex(head))
        if nonce > MOST_NONCES:
            raise Unreachable("A node's answer makes no sense", cause="eth_getTransactionCount")
        anchors: list[Anchored] = []
        halts: list[HaltedAt] = []
        ended: Ended | None = None
        async for event in self._registry_events(agent, life, head):
            if event.name == "Anchored":
                anchors.append(_anchored(event))
            elif event.name == "Halted":
                halts.append(HaltedAt(event.log.block, await self.time(event.log.block)))
            elif event.name == "Resumed":
                halts[-1:] = [halt._replace(lifted=event.log.block) for halt in halts[-1:]]
            else:
                ended = _ended(event)
        return Account(
            nonce=nonce,
            seen_from=self._seen_from,
            head=head,
            silent_s=await self.time(head) - await self.time(min(last, head)),
            anchors=tuple(anchors),
            halts=tuple(halts),
            ended=ended,
        )

    async def time(self, block: int) -> int:
        return await self._rpc.time(block)

    async def block_at(self, time: int, head: int) -> int:
        return await self._rpc.block_at(time, head)

    async def blocks(self, numbers: Sequence[int]) -> AsyncIterator[tuple[str, int] | None]:
        asked = ([hex(number), False] for number in numbers)
        async for raw in self._rpc.many("eth_getBlockByNumber", asked):
            block = answers.header(raw, self.chain_id).block if raw else None
            yield (block.hash, block.at) if block else None

    # Transactions

    async def transactions(
        self, wallet: str, count: int, named: Iterable[tuple[int, Sequence[str]]]
    ) -> AsyncIterator[Nonce]:
        missing: list[int] = []
        before = 0
        async for at in self._looked_up(wallet, count, named):
            self._progress("transactions", at.nonce + 1, count)
            if at.mined is None:
                missing.append(at.nonce)
                continue
            async for found in self._searched(wallet, missing, before, at.mined.block):
                yield found
            missing, before = [], at.mined.block
            yield at
        if missing:
            head = await self._rpc.number("eth_blockNumber")
            async for found in self._searched(wallet, missing, before, head):
                yield found

    async def _looked_up(
        self, wallet: str, count: int, named: Iterable[tuple[int, Sequence[str]]]
    ) -> AsyncIterator[Nonce]:
        """Every nonce in order, with its transaction where the log says rightly where it is."""
        following = 0
        for page in _pages((nonce, hashes) for nonce, hashes in named if nonce < count):
            asked = [(nonce, each) for nonce, hashes in page for each in hashes]
            raws = [
                raw
                async for raw in self._rpc.many(
                    "eth_getTransactionByHash", ([each] for _, each in asked)
                )
            ]
            found = {each.nonce: each for each in await self._with_receipts(raws, wallet)}
            for nonce, _ in page:
                for absent in range(following, nonce):
                    yield Nonce(absent, None)
                yield Nonce(nonce, found.get(nonce))
                following = nonce + 1
        for absent in range(following, count):
            yield Nonce(absent, None)

    async def _searched(
        self, wallet: str, missing: Sequence[int], start: int, until: int
    ) -> AsyncIterator[Nonce]:
        """Walk the blocks from one known neighbour to the next."""
        if not missing:
            return
        start = start or max(0, until - self._budget + 1)
        stop = min(until, start + self._budget - 1)
        searched = f"{start} to {stop}" + (f" of {until}" if stop < until else "")
        self._budget -= max(0, stop - start + 1)
        found = await self._walk(wallet, start, stop, set(missing))
        for nonce in missing:
            yield Nonce(nonce, found.get(nonce), searched)

    async def _walk(
        self, wallet: str, start: int, stop: int, wanted: set[int]
    ) -> Mapping[int, Mined]:
        numbers, found = range(start, stop + 1), dict[int, Mined]()
        asked = ([hex(number), True] for number in numbers)
        walked = 0
        async for raw in self._rpc.many("eth_getBlockByNumber", asked):
            walked += 1
            self._progress("blocks", walked, len(numbers))
            inside = raw.get("transactions") if isinstance(raw, dict) else None
            if not isinstance(inside, list):
                raise Unreachable("A node's answer makes no sense", cause="eth_getBlockByNumber")
            for each in await self._with_receipts(inside, wallet):
                if each.nonce in wanted:
                    found[each.nonce] = each
                    wanted.discard(each.nonce)
            if not wanted:
                break
        return found

    async def _with_receipts(self, raws: Iterable[Any], wallet: str) -> list[Mined]:
        own = [raw for raw in raws if _mined_by(raw, wallet)]
        asked = ([raw.get("hash")] for raw in own)
        receipts = [raw async for raw in self._rpc.many("eth_getTransactionReceipt", asked)]
        return [_mined(raw, receipt) for raw, receipt in zip(own, receipts, strict=True)]

    # Events

    async def spendings(self, life: Registered, head: int) -> AsyncIterator[Spending]:
        me = events.indexed(life.wallet)
        group: list[Log] = []
        async for log in self._logs(None, [[TRANSFERRED, USED], me], life, head):
            if group and group[0].transaction != log.transaction:
                yield _spending(group)
                group = []
            group.append(log)
        if group:
            yield _spending(group)

    async def gains(self, life: Registered, head: int) -> AsyncIterator[Movement]:
        me = events.indexed(life.wallet)
        async for log in self._logs(None, [TRANSFERRED, None, me], life, head):
            if len(log.topics) >= _WITH_NONCE:
                yield _movement(log, 1)

    async def authorized(self, txs: Iterable[str]) -> AsyncIterator[Sequence[Authorized]]:
        asked = ([tx] for tx in txs)
        async for receipt in self._rpc.many("eth_getTransactionReceipt", asked):
            yield tuple(authorized(_logs_of(receipt)))

    async def leases(
        self, market: str, life: Registered, named: Iterable[int]
    ) -> Sequence[LeaseFact]:
        [own] = await self._rpc.view(market, LEASES_OF, life.wallet, life.operator)
        facts = []
        every = sorted({*own, *named})
        if len(every) > MOST_LEASES:
            raise Reverted("More leases than any life can have", market=market)
        for lease in every:
            [row] = await self._rpc.view(market, LEASE_OF, lease)
            if int(row[-1]):  # its state: none, for an id that was never opened
                facts.append(_lease(lease, row))
        return facts

    async def _registry_events(
        self, agent: int, life: Registered, head: int
    ) -> AsyncIterator[events.Event]:
        names = ("Anchored", "Halted", "Resumed", "Ended")
        wanted = [events.topic("AgentRegistry", name) for name in names]
        topics = [wanted, events.indexed(agent)]
        async for event in self._events("AgentRegistry", self.registry, topics, life, head):
            yield event

    async def _events(
        self, contract: str, address: str, topics: Any, life: Registered, head: int
    ) -> AsyncIterator[events.Event]:
        async for log in self._logs(address, topics, life, head):
            if event := events.decode(contract, log):
                yield event

    async def _logs(
        self, address: str | None, topics: Any, life: Registered, head: int
    ) -> AsyncIterator[Log]:
        born = await self._born_in(life, head)
        async for log in each_log(self._rpc, address, topics, born, head):
            yield log

    async def _born_in(self, life: Registered, head: int) -> int:
        if self._born is None:
            self._born = min(await self.block_at(life.born_at, head), head)
        return self._born


@asynccontextmanager
async def open_witness(url: str, registry: str, progress: Progress) -> AsyncIterator[ChainWitness]:
    async with connect(url) as rpc:
        chain_id, head = await rpc.number("eth_chainId"), await rpc.number("eth_blockNumber")
        yield ChainWitness(rpc, chain_id, registry.lower(), head, progress)


def _pages(items: Iterable[T]) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while page := list(islice(rest, PAGE)):
        yield page


def _mark(epoch: Any, size: Any, root: str, digest: str) -> Mark:
    return Mark(int(epoch), int(size), bytes.fromhex(root[2:]), bytes.fromhex(digest[2:]))


def _said_mark(said: Mapping[str, Any]) -> Mark:
    return _mark(said["epoch"], said["size"], said["root"], said["digest"])


def _lease(lease: int, row: Sequence[Any]) -> LeaseFact:
    offer, provider, tenant, guardian, _, rate, _, _, opened, activated, settled, *rest = row
    return LeaseFact(
        lease=lease,
        tenant=tenant.lower(),
        guardian=guardian.lower(),
        offer=int(offer),
        provider=provider.lower(),
        rate=int(rate),
        opened_at=int(opened),
        activated_at=int(activated),
        settled_until=int(settled),
        closed_at=int(rest[3]),
    )


def _anchored(event: events.Event) -> Anchored:
    return Anchored(_said_mark(event.args), event.log.block)


def _ended(event: events.Event) -> Ended:
    mark = _said_mark(event.args)
    none = mark.size == 0 and not any(mark.root)
    cause, by = int(str(event.args["cause"])), str(event.args["by"]).lower()
    anchored = None if none else mark
    return Ended(cause, by, anchored, event.log.transaction, event.log.block)


def _logs_of(receipt: Any) -> Sequence[Log]:
    """What happened in a transaction; nothing in one that there is not, or that failed."""
    if not isinstance(receipt, dict) or receipt.get("status") != "0x1":
        return ()
    raw = receipt.get("logs")
    if not isinstance(raw, list):
        raise Unreachable("A node's answer makes no sense", cause="eth_getTransactionReceipt")
    return [log for log in map(answers.log, raw) if log is not None]


def _spending(group: Sequence[Log]) -> Spending:
    whole = [log for log in group if len(log.topics) >= _WITH_NONCE]
    return Spending(
        tx=group[0].transaction,
        out=tuple(_movement(log, 2) for log in whole if log.topics[0] == TRANSFERRED),
        authorizations=frozenset(
            (log.address, bytes.fromhex(log.topics[2][2:]))
            for log in whole
            if log.topics[0] == USED
        ),
    )


def _movement(log: Log, other: int) -> Movement:
    """An ERC-20 transfer, or an ERC-721's, which has the same name and one topic more."""
    return Movement(
        token=log.address,
        other="0x" + log.topics[other][-40:],
        value=answers.quantity(log.data[:66] if len(log.data) > _EMPTY else log.topics[-1]),
        tx=log.transaction,
        block=log.block,
    )


def _mined_by(raw: Any, wallet: str) -> bool:
    if not isinstance(raw, dict):
        return False
    return str(raw.get("from")).lower() == wallet and raw.get("blockNumber") is not None


def _mined(raw: Any, receipt: Any) -> Mined:
    try:
        gas, price = int(receipt["gasUsed"], 16), int(receipt["effectiveGasPrice"], 16)
        fee, rollup = gas * price, int(receipt.get("l1Fee") or "0x0", 16)
        return Mined(
            nonce=int(raw["nonce"], 16),
            hash=raw["hash"].lower(),
            to=raw["to"].lower() if raw["to"] else None,
            value=int(raw["value"], 16),
            data=bytes.fromhex(raw["input"][2:]),
            block=int(receipt["blockNumber"], 16),
            block_hash=receipt["blockHash"].lower(),
            ok=receipt["status"] == "0x1",
            gas_used=gas,
            fees=frozenset((fee, fee + rollup)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreachable("A node's answer makes no sense", cause="transaction") from error
