"""A world's past as its chain shows it: what a replay of lives lived elsewhere is made from.

A chain tells of jobs and who did them, of prices, leases and fees. When machines are silent it does
not tell, but by the leases that lapse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from chain.answers import Header
from chain.client import ChainClient
from chain.errors import Unreachable
from chain.events import Event, decode
from chain.logs import logs
from chain.types import Address, Block
from world.backtest.record import NEVER, Course, Job, Record, Rent, moves
from world.deploy import Deployment
from world.scenario import Scenario

PRICES: Final = ("OfferPosted", "Repriced")


async def witnessed(
    client: ChainClient,
    at: Deployment,
    scenario: Scenario,
    seed: int,
    start: Block,
    own: Collection[Address] = (),
) -> Record:
    """Everything up to the newest block; what `own` wallets did is not others' doing."""
    headers = await _headers(client)
    told = await _told(client, at, len(headers) - 1)
    seen = Seen(told, [header.block.at - start.at for header in headers], start.at, own)
    fees = [(second, int(h.base_fee)) for second, h in zip(seen.seconds, headers, strict=True)]
    return Record(
        scenario=scenario.name,
        seed=seed,
        jobs=tuple(seen.jobs()),
        rents=tuple(
            Rent(provider.name, moves(seen.prices(i)), moves(seen.crowd(i)))
            for i, provider in enumerate(scenario.providers, 1)
        ),
        gas=moves(fee for fee in fees if fee[0] > 0),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What the contracts said, and each block's second since the start."""

    told: Sequence[Event]
    seconds: Sequence[int]
    start_at: int
    own: Collection[Address]

    def jobs(self) -> Iterator[Job]:
        taken = {
            _number(event, "job"): self.seconds[event.log.block - 1]
            for event in self.told
            if event.name == "JobDone" and event.args["by"] not in self.own
        }
        for event in self.told:
            if event.name == "JobPosted":
                yield Job(
                    id=_number(event, "job"),
                    reward=_number(event, "reward"),
                    due_s=_number(event, "notBefore") - self.start_at,
                    deadline_s=_number(event, "deadline") - self.start_at,
                    work=_number(event, "work"),
                    posted_s=self.seconds[event.log.block],
                    taken_s=taken.get(_number(event, "job"), NEVER),
                )

    def prices(self, offer: int) -> Course:
        return tuple(
            (self.seconds[event.log.block], _number(event, "rate"))
            for event in self.told
            if event.name in PRICES and event.args["offer"] == offer
        )

    def crowd(self, offer: int) -> Iterator[tuple[int, int]]:
        held: set[int] = set()
        yield 0, 0
        for event in self.told:
            if event.name == "LeaseOpened" and event.args["offer"] == offer:
                if event.args["tenant"] not in self.own:
                    held.add(_number(event, "lease"))
            elif event.name == "LeaseClosed":
                held.discard(_number(event, "lease"))
            yield self.seconds[event.log.block], len(held)


async def _headers(client: ChainClient) -> list[Header]:
    newest = (await client.head()).block.number
    found = [await client.header(number) for number in range(newest + 1)]
    if None in found:
        raise Unreachable("The node does not show every block")
    return cast("list[Header]", found)


async def _told(client: ChainClient, at: Deployment, newest: int) -> list[Event]:
    contracts = {at.job_board.lower(): "JobBoard", at.lease_market.lower(): "LeaseMarket"}
    found = await logs(client, (at.job_board, at.lease_market), [], 0, newest)
    told = (decode(contracts[log.address], log) for log in found)
    return [event for event in told if event is not None]


def _number(event: Event, name: str) -> int:
    return cast("int", event.args[name])
