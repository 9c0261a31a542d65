"""One provider at work: at each block it looks at its offer, its leases and its machine, and acts.

Everything it needs to know is on the chain, so it may stop at any point and begin anywhere. Its
clock is the chain's; only the signals it sends to agents are timed by the wall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from chain.port import Reader
from chain.types import Address, Block, Call, Micro
from compute import notes, offering
from compute.duties import Duty, Habits, duty
from compute.errands import Errands, Purse
from compute.errors import NoOffer
from compute.gate import Gate, Standing
from compute.lease import lease_state
from compute.leasebook import LeaseBook
from compute.onchain import LeaseRow, OfferRow, Terms, offer_row, offer_rows
from compute.placing import Placements
from compute.prices import PricePath, rate_at

DUTY_GAS: Final = 200_000
"""An estimate would miss the settlement of seconds that pass before the block."""
SAID: Final = {
    Duty.ACTIVATE: "activated",
    Duty.DECLINE: "declined",
    Duty.EXPIRE: "expired",
    Duty.COLLECT: "collected",
}


class Chain(Protocol):
    """Where blocks come from."""

    async def latest(self) -> Reader: ...


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
        self._address = purse.address
        self._errands = Errands(purse)
        self._gate = gate
        self._placements = placements
        self._say = say
        self._notes = notes.load(plan.notes)
        self._book: LeaseBook | None = None
        self._terms: dict[int, Terms] = {}
        self._block: Block | None = None

    async def tick(self) -> None:
        self._errands.check()
        read = await self._chain.latest()
        if read.block == self._block:
            self._gate.confirm()
            return
        book = self._book = self._book or await self._settle_in(read)
        rows = await book.refresh(read)
        terms = {row.id: await self._terms_of(read, row.offer) for row in rows}
        self._open_doors(rows, terms, read.block)
        offer = await offer_row(read, self._plan.market, self._notes.offer)
        begun = True
        if read.block.number >= self._errands.seen:
            begun = self._do_duties(rows, terms, read.block.at)
            begun &= self._keep_offer(offer, read.block.at)
        self._remember(floor=book.floor, ended=tuple(sorted(self._placements.ended)))
        # What waits for an errand on its way is looked at again: no other block may come.
        self._block = read.block if begun else None

    async def close(self) -> None:
        await self._errands.close()

    async def _settle_in(self, read: Reader) -> LeaseBook:
        """Adopt the offer of an earlier run or post one, and know from which lease on to look."""
        offers = await offer_rows(read, self._plan.market)
        offer = offering.ours(offers, self._address, self._plan.terms)
        if offer is None:
            offer = await self._post()
        for old in offering.outdated(offers, self._address, offer.id):
            await self._errands.run(Call(self._plan.market, offering.CLOSE, (old.id,)))
        if not any(row.id == self._notes.offer and row.provider == self._address for row in offers):
            self._notes = notes.Notes()  # they were of another chain
        if offer.id != self._notes.offer:
            self._remember(offer=offer.id, since=read.block.at)
        self._say(f"offer {offer.id} is on the market")
        return LeaseBook(self._plan.market, self._address, self._notes.floor)

    async def _post(self) -> OfferRow:
        plan = self._plan
        for call in offering.post(plan.market, plan.token, plan.terms, plan.stake):
            await self._errands.run(call)
        offers = await offer_rows(await self._chain.latest(), plan.market)
        if offer := offering.ours(offers, self._address, plan.terms):
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

    def _do_duties(self, rows: Sequence[LeaseRow], terms: Mapping[int, Terms], now: int) -> bool:
        """Whether all that is due has begun."""
        begun = True
        for row in rows:
            if what := duty(row, terms[row.id], now, self._plan.habits):
                call = Call(self._plan.market, what, (row.id,), gas=DUTY_GAS)
                said = partial(self._say_duty, row, what)
                begun &= self._errands.begin(f"lease {row.id}", call, said)
        return begun

    def _say_duty(self, row: LeaseRow, what: Duty) -> None:
        if what in SAID:
            self._say(f"lease {row.id} of {row.tenant}: {SAID[what]}")

    def _keep_offer(self, offer: OfferRow, now: int) -> bool:
        """A person may have closed it; then it stays closed, and its leases run out."""
        if not offer.open:
            return True
        begun = True
        wanted = self._plan.terms
        rate = rate_at(self._plan.prices, now - self._notes.since, wanted.rate)
        for call in offering.upkeep(self._plan.market, offer, rate, wanted.uri):
            verb = call.function.partition("(")[0]
            said = partial(self._say, f"offer {offer.id}: {verb} {call.args[1]}")
            begun &= self._errands.begin(f"offer {verb}", call, said)
        return begun

    def _remember(self, **changes: object) -> None:
        noted = replace(self._notes, **changes)  # type: ignore[arg-type]  # fields of Notes
        if noted != self._notes:
            notes.save(self._plan.notes, noted)
            self._notes = noted
