"""One provider at work: at each block it looks at its offer, its leases and its machine, and acts.

Everything it needs to know is on the chain, so it may stop at any point and begin anywhere. Its
clock is the chain's; only the signals it sends to agents are timed by the wall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import structlog

from chain.errors import NodeRefused, NotMined, Reverted
from chain.port import Reader
from chain.types import Address, Block, Call, Micro, Receipt
from compute import notes, offering
from compute.duties import Duty, Habits, duty
from compute.errors import NoOffer
from compute.gate import Gate, Standing
from compute.lease import lease_state
from compute.leasebook import LeaseBook
from compute.onchain import LeaseRow, OfferRow, Terms, offer_row, offer_rows
from compute.placing import Placements
from compute.prices import PricePath, rate_at

log = structlog.get_logger(__name__)

DUTY_GAS: Final = 200_000
"""An estimate would miss the settlement of seconds that pass before the block."""
SAID: Final = {
    Duty.ACTIVATE: "activated",
    Duty.EXPIRE: "expired",
    Duty.COLLECT: "collected",
}


class Chain(Protocol):
    """Where blocks come from."""

    async def latest(self) -> Reader: ...


class Purse(Protocol):
    """The provider's own key; answers once the call is in a block."""

    @property
    def address(self) -> Address: ...

    async def send(self, call: Call) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What this provider means to do, all of it from its config."""

    market: Address
    token: Address
    terms: Terms
    stake: Micro
    prices: PricePath
    habits: Habits
    notes: Path


class Provider:
    """Call `tick` often: it acts once for each new block."""

    def __init__(
        self,
        plan: Plan,
        *,
        chain: Chain,
        purse: Purse,
        gate: Gate,
        placements: Placements,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._chain = chain
        self._purse = purse
        self._gate = gate
        self._placements = placements
        self._say = say
        self._notes = notes.load(plan.notes)
        self._book: LeaseBook | None = None
        self._terms: dict[int, Terms] = {}
        self._block: Block | None = None
        self._acted = 0

    async def tick(self) -> None:
        read = await self._chain.latest()
        if read.block == self._block or read.block.number < self._acted:
            return
        book = self._book = self._book or await self._settle_in(read)
        rows = await book.refresh(read)
        terms = {row.id: await self._terms_of(read, row.offer) for row in rows}
        self._open_doors(rows, terms, read.block)
        await self._keep_offer(read)
        await self._do_duties(rows, terms, read.block.at)
        self._remember(floor=book.floor, ended=tuple(sorted(self._placements.ended)))
        self._block = read.block

    async def _settle_in(self, read: Reader) -> LeaseBook:
        """Adopt the offer of an earlier run or post one, and know from which lease on to look."""
        offers = await offer_rows(read, self._plan.market)
        offer = offering.ours(offers, self._purse.address, self._plan.terms)
        if offer is None:
            offer = await self._post()
        for old in offering.outdated(offers, self._purse.address, offer.id):
            await self._try(Call(self._plan.market, offering.CLOSE, (old.id,)))
        if offer.id != self._notes.offer:
            self._remember(offer=offer.id, since=read.block.at)
        self._say(f"offer {offer.id} is on the market")
        return LeaseBook(self._plan.market, self._purse.address, self._notes.floor)

    async def _post(self) -> OfferRow:
        plan = self._plan
        for call in offering.post(plan.market, plan.token, plan.terms, plan.stake):
            await self._send(call)
        offers = await offer_rows(await self._chain.latest(), plan.market)
        if offer := offering.ours(offers, self._purse.address, plan.terms):
            return offer
        raise NoOffer("the offer was posted and is not there")

    async def _terms_of(self, read: Reader, offer: int) -> Terms:
        """What never changes about an offer is read once."""
        if offer not in self._terms:
            self._terms[offer] = (await offer_row(read, self._plan.market, offer)).terms
        return self._terms[offer]

    def _open_doors(
        self, rows: Sequence[LeaseRow], terms: Mapping[int, Terms], block: Block
    ) -> None:
        """Let in those whose leases are live at this block, and nobody else."""
        standings = {
            row.id: Standing(row.id, row.tenant, lease_state(row, terms[row.id], block.at))
            for row in rows
        }
        self._gate.show(block.number, standings)
        self._placements.want(standing.tenant for standing in standings.values() if standing.live)

    async def _keep_offer(self, read: Reader) -> None:
        offer = await offer_row(read, self._plan.market, self._notes.offer)
        if not offer.open:
            return
        wanted = self._plan.terms
        rate = rate_at(self._plan.prices, read.block.at - self._notes.since, wanted.rate)
        for call in offering.upkeep(self._plan.market, offer, rate, wanted.uri):
            if await self._try(call):
                self._say(f"offer {offer.id}: {call.function.partition('(')[0]} {call.args[1]}")

    async def _do_duties(
        self, rows: Sequence[LeaseRow], terms: Mapping[int, Terms], now: int
    ) -> None:
        due = [(row, duty(row, terms[row.id], now, self._plan.habits)) for row in rows]
        await asyncio.gather(*(self._do(row, what) for row, what in due if what))

    async def _do(self, row: LeaseRow, what: Duty) -> None:
        done = await self._try(Call(self._plan.market, what, (row.id,), gas=DUTY_GAS))
        if done and what in SAID:
            self._say(f"lease {row.id} of {row.tenant}: {SAID[what]}")

    async def _try(self, call: Call) -> bool:
        """The chain may have moved on since we looked; then the next block says what to do."""
        try:
            await self._send(call)
        except (Reverted, NodeRefused, NotMined) as fault:
            log.warning("provider.refused", call=call.function, args=call.args, **fault.facts)
            return False
        return True

    async def _send(self, call: Call) -> None:
        receipt = await self._purse.send(call)
        self._acted = max(self._acted, receipt.block.number)
        log.info("provider.sent", call=call.function, args=call.args, hash=receipt.hash)

    def _remember(self, **changes: object) -> None:
        noted = replace(self._notes, **changes)  # type: ignore[arg-type]  # fields of Notes
        if noted != self._notes:
            notes.save(self._plan.notes, noted)
            self._notes = noted
