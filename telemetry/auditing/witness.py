"""Reads a life from a chain's blocks, transactions, receipts and logs; no archive is needed.

Each nonce has one transaction. It is looked up where the log says it is; what the log does not
name is looked for block by block, between its neighbours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from chain import answers, events
from chain.answers import Log
from chain.contracts import LIFE_OF, PARENTS_OF, TRANSFERRED, Life
from chain.errors import Unreachable
from chain.logs import logs
from chain.rpc import Rpc, connect
from telemetry.auditing.facts import Account, Anchored, Ended, Mined, Movement, Registered
from telemetry.auditing.told import Mark

if TYPE_CHECKING:
    from chain.client import ChainClient

MOST_BLOCKS: Final = 100_000
"""How many blocks to walk, all in all, for transactions that no record names."""
_AUTHORIZED: Final = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"

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

    async def life(self, agent: int) -> Registered | None:
        [row] = await self._rpc.view(self.registry, LIFE_OF, agent)
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

    async def account(
        self, agent: int, life: Registered, hashes: Mapping[int, Sequence[str]], last: int
    ) -> Account:
        wallet = life.wallet
        nonce = await self._rpc.number("eth_getTransactionCount", wallet, "latest")
        head = await self._rpc.number("eth_blockNumber")
        born = await self._block_at(life.born_at, head)
        anchors, ended = await self._registry_events(agent, born, head)
        mined = await self._named(wallet, nonce, hashes)
        searched = await self._unnamed(wallet, nonce, head, mined)
        me = events.indexed(wallet)
        acts = await self._logs(None, [[TRANSFERRED, _AUTHORIZED], me], born, head)
        gains = await self._logs(None, [TRANSFERRED, None, me], born, head)
        used: dict[str, frozenset[bytes]] = {}
        for log in acts:
            if log.topics[0] == _AUTHORIZED and len(log.topics) > 2:  # noqa: PLR2004 - the nonce
                nonces = used.get(log.transaction, frozenset())
                used[log.transaction] = nonces | {bytes.fromhex(log.topics[2][2:])}
        return Account(
            nonce=nonce,
            seen_from=self._seen_from,
            head=head,
            silent_s=await self._time(head) - await self._time(min(last, head)),
            anchors=anchors,
            ended=ended,
            mined=mined,
            searched=searched,
            out=_movements(acts, 2),
            into=_movements(gains, 1),
            authorizations=used,
        )

    async def _block_at(self, time: int, head: int) -> int:
        """The first block whose time is not before `time`."""
        low, high = 0, head
        while low < high:
            middle = (low + high) // 2
            if await self._time(middle) < time:
                low = middle + 1
            else:
                high = middle
        return low

    async def _time(self, block: int) -> int:
        raw = await self._rpc.rpc("eth_getBlockByNumber", hex(block), False)
        return answers.header(raw, self.chain_id).block.at

    async def _registry_events(
        self, agent: int, first: int, last: int
    ) -> tuple[tuple[Anchored, ...], Ended | None]:
        wanted = [events.topic("AgentRegistry", name) for name in ("Anchored", "Ended")]
        found = await self._logs(self.registry, [wanted, events.indexed(agent)], first, last)
        anchors, ended = [], None
        for log in found:
            event = events.decode("AgentRegistry", log)
            if event is None:
                continue
            said: Mapping[str, Any] = event.args
            mark = _mark(said["epoch"], said["size"], said["root"], said["digest"])
            if event.name == "Anchored":
                anchors.append(Anchored(mark, log.block))
            else:
                none = mark.size == 0 and not any(mark.root)
                by = str(said["by"]).lower()
                ended = Ended(int(said["cause"]), by, None if none else mark, log.transaction)
        return tuple(anchors), ended

    async def _named(
        self, wallet: str, nonce: int, hashes: Mapping[int, Sequence[str]]
    ) -> dict[int, Mined]:
        wanted = [each for at, some in hashes.items() if at < nonce for each in some]
        raws: list[Any] = []
        async for raw in self._rpc.many("eth_getTransactionByHash", ([each] for each in wanted)):
            raws.append(raw)
            self._progress("transactions", len(raws), len(wanted))
        return {each.nonce: each for each in await self._with_receipts(raws, wallet)}

    async def _unnamed(self, wallet: str, nonce: int, head: int, mined: dict[int, Mined]) -> str:
        """Walk the blocks between known neighbours for each run of nonces without a transaction."""
        budget, ranges = MOST_BLOCKS, []
        for first, last in _runs([at for at in range(nonce) if at not in mined]):
            until = mined[last + 1].block if last + 1 in mined else head
            start = mined[first - 1].block if first else max(0, until - budget + 1)
            stop = min(until, start + budget - 1)
            ranges.append(f"{start} to {stop}" + (f" of {until}" if stop < until else ""))
            budget -= max(0, stop - start + 1)
            await self._walk(wallet, start, stop, set(range(first, last + 1)), mined)
        return ", ".join(ranges[:10])

    async def _walk(
        self, wallet: str, start: int, stop: int, wanted: set[int], mined: dict[int, Mined]
    ) -> None:
        numbers = range(start, stop + 1)
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
                    mined[each.nonce] = each
                    wanted.discard(each.nonce)
            if not wanted:
                return

    async def _with_receipts(self, raws: Iterable[Any], wallet: str) -> list[Mined]:
        own = [raw for raw in raws if _mined_by(raw, wallet)]
        asked = ([raw["hash"]] for raw in own)
        receipts = [raw async for raw in self._rpc.many("eth_getTransactionReceipt", asked)]
        return [_mined(raw, receipt) for raw, receipt in zip(own, receipts, strict=True)]

    async def _logs(self, address: str | None, topics: Any, first: int, last: int) -> list[Log]:
        # `logs` asks nothing of a client but `rpc`
        client = cast("ChainClient", self._rpc)
        return await logs(client, cast("Any", address), topics, first, last)


@asynccontextmanager
async def open_witness(url: str, registry: str, progress: Progress) -> AsyncIterator[ChainWitness]:
    async with connect(url) as rpc:
        chain_id, head = await rpc.number("eth_chainId"), await rpc.number("eth_blockNumber")
        yield ChainWitness(rpc, chain_id, registry.lower(), head, progress)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _mark(epoch: Any, size: Any, root: str, digest: str) -> Mark:
    return Mark(int(epoch), int(size), bytes.fromhex(root[2:]), bytes.fromhex(digest[2:]))


def _movements(found: Iterable[Log], other: int) -> tuple[Movement, ...]:
    """ERC-20 transfers, and ERC-721's, which have the same name and one topic more."""
    return tuple(
        Movement(
            token=log.address,
            other="0x" + log.topics[other][-40:],
            value=int(log.data[2:66] or log.topics[-1][2:], 16),
            tx=log.transaction,
            block=log.block,
        )
        for log in found
        if log.topics[0] == TRANSFERRED and len(log.topics) > 2  # noqa: PLR2004 - from and to
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
