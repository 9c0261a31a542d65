"""A healthy life at one moment: its lease, the offers it sees, and all else in a snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chain.types import Block, Micro, Wei
from compute.port import Lease, LeaseState, Offer
from strategies.port import Holdings, Placing, Snapshot, Vitals
from strategies.samples.places import (
    GUARDIAN,
    HOUR,
    HOURLY,
    NOW,
    PLACES,
    PROVIDER,
    RIVAL_PROVIDER,
    WALLET,
    rate,
)
from strategies.samples.surveys import due, forecast, job, news, quote, savings


def offer(number: int = 1, *, hourly: int = HOURLY, **changes: Any) -> Offer:
    plain = Offer(
        network="leasemarket",
        id=number,
        provider=PROVIDER,
        rate=rate(hourly),
        min_s=HOUR // 2,
        max_s=240 * HOUR,
        grace_s=HOUR,
        free=2,
        uri="http://provider.example",
    )
    return replace(plain, **changes)


def lease(*, paid_h: float = 8, ends_h: float = 200, hourly: int = HOURLY, **changes: Any) -> Lease:
    plain = Lease(
        network="leasemarket",
        id=1,
        offer=1,
        provider=PROVIDER,
        guardian=GUARDIAN,
        uri="http://provider.example",
        state=LeaseState.ACTIVE,
        rate=rate(hourly),
        balance=Micro(int(hourly * paid_h)),
        opened_at=NOW - 10 * HOUR,
        paid_until=NOW + int(HOUR * min(paid_h, ends_h)),
        ends_at=NOW + int(HOUR * ends_h),
        manifest="0x" + "11" * 32,
    )
    return replace(plain, **changes)


def snapshot(**changes: Any) -> Snapshot:
    """A healthy embodied life with money, gas, a lease, and one job at hand."""
    here = lease()
    plain = Snapshot(
        agent=7,
        wallet=WALLET,
        guardian=GUARDIAN,
        block=Block(chain=31337, number=100, hash="0x" + "ab" * 32, at=NOW),
        age_s=10 * HOUR,
        horizon_s=72 * HOUR,
        placing=Placing.EMBODIED,
        places=PLACES,
        holdings=Holdings(wei=Wei(10**16), micro=Micro(20_000_000)),
        gas_price=Wei(10**9),
        eth_price=Micro(2_000_000_000),
        lease=here,
        offers=(offer(), offer(2, hourly=1_300_000, provider=RIVAL_PROVIDER)),
        manifest=here.manifest,
        unleased_s=0,
        hibernate_max_s=24 * HOUR,
        burn=Micro(HOURLY),
        runway_h=28.0,
        vitals=Vitals.STEADY,
        surveys={
            "hold": {},
            "thrift": {"other_n": 0},
            "keeper": {"jobs": [job()]},
            "trader": quote(),
            "saver": savings(),
            "forecaster": news(forecast(), claims=(due(),)),
        },
    )
    return replace(plain, **changes)
