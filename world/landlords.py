"""Those who rent out machines in an arena: each keeps one offer, and does his duty by his leases.

What a provider of the real process does (`compute.provider`), without the machine: the same duties
by the same rules, at prices, silences and crowds that the scenario's events bring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from chain.answers import Header
from chain.contracts import APPROVE, MINT
from chain.events import Event as Said
from chain.reader import BlockReader
from chain.types import RATE_SCALE, Address, Block, Call, Micro
from compute import offering
from compute.duties import Duty, Habits, duty
from compute.onchain import LeaseRow, Phase, Terms, lease_row
from world.deploy import RICH, Deployment, role
from world.events import Calendar, Crowding, Event, RentMove, Silence
from world.pocket import Pocket
from world.scenario import HOUR, Scenario
from world.tables import Provider

if TYPE_CHECKING:
    from world.devnet import Devnet
    from world.gazette import Gazette

OPEN: Final = "openLease(uint256,uint256,uint256,bytes32,address,bytes32)"
CLOSE: Final = "close(uint256)"
OFFER_GAS: Final = 600_000
LEASE_GAS: Final = 500_000
DUTY_GAS: Final = 200_000
TOKEN_GAS: Final = 100_000
MOST: Final = 2**256 - 1
PLENTY: Final = Micro(10**15)
LODGING_H: Final = 48
HEARTBEAT_FRACTION: Final = 0.4


@dataclass(slots=True)
class House:
    """One provider with his leases, and the lodgers that fill his places."""

    provider: Provider
    terms: Terms
    owner: Pocket
    lodger: Pocket
    offer: int
    rate: int
    silent: bool = False
    leases: dict[int, Address] = field(default_factory=dict)
    """Not closed yet, with their tenants."""
    lodgers: int = 0
    asked: int = 0
    """Leases that lodgers have asked for: each is another, though all else is the same."""


class Landlords:
    """All providers of a world."""

    def __init__(
        self,
        devnet: Devnet,
        at: Deployment,
        scenario: Scenario,
        happening: Sequence[Event],
        gazette: Gazette,
        manifest: str,
    ) -> None:
        self._devnet = devnet
        self._at = at
        self._gazette = gazette
        self._manifest = manifest
        self._habits = Habits(manifest, frozenset(), True, HEARTBEAT_FRACTION, PLENTY)
        moves = [
            next(e.rate for e in happening if isinstance(e, RentMove) and e.provider == i)
            for i in range(len(scenario.providers))
        ]
        self._houses = [
            _house(devnet, i + 1, provider, moves[i])
            for i, provider in enumerate(scenario.providers)
        ]
        self._calendars = (
            Calendar(happening, RentMove),
            Calendar(happening, Silence),
            Calendar(happening, Crowding),
        )

    async def found(self) -> None:
        """One house after the other: the first offer is the first provider's."""
        for house in self._houses:
            market, stake = self._at.lease_market, house.provider.stake_micro
            for pocket in (house.owner, house.lodger):
                await self._devnet.give_wei(pocket.address, RICH)
                mint = Call(self._at.token, MINT, (pocket.address, PLENTY), gas=TOKEN_GAS)
                await pocket.send(mint)
                allow = Call(self._at.token, APPROVE, (market, MOST), gas=TOKEN_GAS)
                await pocket.send(allow)
            post = Call(market, offering.POST, (list(house.terms), stake), gas=OFFER_GAS)
            await house.owner.send(post)

    async def act(self, block: Block) -> None:
        for said in await self._gazette.news(block):
            self._hear(said)
        moves, silences, crowds = (calendar.due(block)[1] for calendar in self._calendars)
        for silence in cast("list[Silence]", silences):
            self._houses[silence.provider].silent = silence.silent
        for move in cast("list[RentMove]", moves):
            await self._reprice(self._houses[move.provider], move.rate)
        for crowd in cast("list[Crowding]", crowds):
            await self._crowd(self._houses[crowd.provider], crowd.places)
        await asyncio.gather(*(self._serve(house, block) for house in self._houses))

    def _hear(self, said: Said) -> None:
        lease = cast("int", said.args.get("lease", 0))
        if said.name == "LeaseOpened":
            house = self._houses[cast("int", said.args["offer"]) - 1]
            house.leases[lease] = Address(str(said.args["tenant"]))
        elif said.name == "LeaseClosed":
            for house in self._houses:
                house.leases.pop(lease, None)

    async def _reprice(self, house: House, rate: int) -> None:
        if rate != house.rate:
            house.rate = rate
            call = Call(self._at.lease_market, offering.REPRICE, (house.offer, rate), gas=DUTY_GAS)
            await house.owner.send(call)

    async def _crowd(self, house: House, places: int) -> None:
        """Lodgers come or go until so many places are theirs."""
        mine = [lease for lease, who in house.leases.items() if who == house.lodger.address]
        for lease in mine[places:]:
            await house.lodger.send(Call(self._at.lease_market, CLOSE, (lease,), gas=DUTY_GAS))
        for _ in range(places - len(mine)):
            house.asked += 1
            deposit = house.rate * min(LODGING_H * HOUR, house.terms.max_s) // RATE_SCALE
            salt = f"0x{house.asked:064x}"
            args = (house.offer, house.rate, deposit, self._manifest, house.lodger.address, salt)
            await house.lodger.send(Call(self._at.lease_market, OPEN, args, gas=LEASE_GAS))

    async def _serve(self, house: House, block: Block) -> None:
        if house.silent or not house.leases:
            return
        read = BlockReader(self._devnet.client, Header(block, "", self._devnet.base_fee))
        rows = await asyncio.gather(
            *(lease_row(read, self._at.lease_market, lease) for lease in house.leases)
        )
        for row in rows:
            if what := self._duty(house, row, block):
                call = Call(self._at.lease_market, what, (row.id,), gas=DUTY_GAS)
                await house.owner.send(call)

    def _duty(self, house: House, row: LeaseRow, block: Block) -> Duty | None:
        if row.phase is Phase.CLOSED:
            return None
        return duty(row, house.terms, block.at, self._habits)


def _house(devnet: Devnet, offer: int, provider: Provider, rate: int) -> House:
    terms = Terms(
        rate=rate,
        min_s=provider.min_s,
        max_s=int(provider.max_h * HOUR),
        grace_s=provider.grace_s,
        activation_s=provider.activation_s,
        slots=provider.slots,
        hardware="0x" + "00" * 32,
        uri=f"http://{provider.name}.invalid",
    )
    owner = Pocket(devnet, role(f"provider {provider.name}"))
    return House(
        provider, terms, owner, Pocket(devnet, role(f"lodger {provider.name}")), offer, rate
    )
