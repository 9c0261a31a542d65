"""What the senses of a replayed life would see at a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, cast

from agent import metabolism
from agent.metabolism import Burn
from chain.types import Block, Json, Micro, Wei
from compute.port import Lease
from strategies import keeper
from strategies.port import Holdings, Outcome, Pending, Snapshot
from strategies.rent import COMING, LIVE
from strategies.samples import GUARDIAN, PLACES, WALLET
from world.backtest.doing import Account
from world.backtest.leases import MANIFEST
from world.backtest.record import WEI_PER_ETH
from world.backtest.town import BORN_S, Town
from world.scenario import HOUR

CHAIN: Final = 31337
CHECKED_N: Final = 6
LEAST_H: Final = 4.0
DAY_S: Final = 24 * HOUR


def look(town: Town, at: Account, now: int) -> Snapshot:
    """The account is told what one look hands to the next."""
    leases, offers = town.leases.seen(now), town.leases.offers(now)
    lease = metabolism.lived_on(leases)
    if lease is not None and lease.state in metabolism.HOUSED:
        at.last_active_s = max(at.last_active_s, min(now, lease.paid_until))
    _note(at, lease)
    held, grant = Holdings(Wei(max(0, at.wei)), Micro(at.micro)), town.scenario.endowment
    cost = Burn(metabolism.rent(lease, offers, at.rent), _gas_per_hour(at, now))
    at.rent = cost.micro
    runway = metabolism.runway_h(held, metabolism.escrow(leases), cost)
    at.vitals = metabolism.vitals(runway, at.vitals)
    eth = town.eth_price(now)
    return Snapshot(
        agent=1,
        wallet=WALLET,
        guardian=GUARDIAN,
        block=Block(CHAIN, town.number(now), "0x" + "00" * 32, now),
        age_s=now - BORN_S,
        horizon_s=town.scenario.horizon_s,
        placing=grant.placing,
        places=PLACES,
        holdings=held,
        gas_price=town.gas_price(now),
        eth_price=eth,
        lease=lease,
        offers=offers,
        manifest=MANIFEST,
        unleased_s=max(0, now - at.last_active_s),
        hibernate_max_s=int(grant.hibernate_max_h * HOUR),
        burn=Micro(cost.micro + cost.wei * eth // WEI_PER_ETH),
        runway_h=runway,
        vitals=at.vitals,
        in_flight=tuple(Pending(f"{x.at}", x.key, now - x.at) for x in at.sent if x.mined is None),
        recent=tuple(
            Outcome(done.key, done.ok, Wei(done.fee), now - done.at) for done in reversed(at.recent)
        ),
        surveys=_surveys(town, now, leases, lease),
    )


def _note(at: Account, lease: Lease | None) -> None:
    """The log tells what is new about the lease."""
    told = None if lease is None else (lease.id, lease.state, lease.ends_at)
    at.seq += told != at.told
    at.told = told


def _gas_per_hour(at: Account, now: int) -> Wei:
    day = [fee for when, fee in at.spent if when >= now - DAY_S]
    hours = max(LEAST_H, min(now - BORN_S, DAY_S) / HOUR)
    return Wei(int(sum(day) / hours))


def _surveys(
    town: Town, now: int, leases: Sequence[Lease], lived_on: Lease | None
) -> Mapping[str, Mapping[str, Json]]:
    jobs = [
        asdict(keeper.Job(job.id, str(job.reward), job.deadline_s, 102_000 + 120 * job.work))
        for job in town.due(now)[:CHECKED_N]
    ]
    others = [x for x in leases if x is not lived_on and x.state in (*LIVE, *COMING)]
    return {"keeper": {"jobs": cast("Any", jobs)}, "thrift": {"other_n": len(others)}}
