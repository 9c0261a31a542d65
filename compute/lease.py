"""What a lease on LeaseMarket amounts to at a moment: its state, its balance, its end."""

from __future__ import annotations

from typing import Final

from chain.types import RATE_SCALE, Micro
from compute.onchain import LeaseRow, Phase, Terms
from compute.port import Lease, LeaseState

NETWORK: Final = "lease-market"
SETTLED_S: Final = 3600
"""What happened this long ago has happened on every branch of the chain."""


def cost(row: LeaseRow, until: int) -> int:
    """What the lease costs from activation to `until`, rounded down once over the whole time."""
    return row.rate * (until - row.activated_at) // RATE_SCALE


def paid_until(row: LeaseRow) -> int:
    """The first second that the escrow, or the lease itself, no longer covers; 0 unless active."""
    if row.phase is not Phase.ACTIVE:
        return 0
    paid_in = cost(row, row.settled_until) + row.balance
    affordable = paid_in * RATE_SCALE // row.rate
    return min(row.activated_at + affordable, row.ends_at)


def active_until(row: LeaseRow, terms: Terms) -> int:
    """When accrual stops if nobody acts: `paid_until`, or sooner if the provider is silent."""
    return min(paid_until(row), row.heartbeat_at + terms.grace_s)


def balance_at(row: LeaseRow, terms: Terms, now: int) -> Micro:
    """The escrow left if the lease were settled at `now`; rounding favours the escrow."""
    if row.phase is not Phase.ACTIVE:
        return row.balance
    until = max(row.settled_until, min(now, active_until(row, terms)))
    return Micro(row.balance - cost(row, until) + cost(row, row.settled_until))


def remaining_s(row: LeaseRow, terms: Terms, now: int) -> int:
    return max(0, active_until(row, terms) - now)


def is_closed_for_good(row: LeaseRow, now: int) -> bool:
    return row.phase is Phase.CLOSED and row.closed_at + SETTLED_S < now


def lease_state(row: LeaseRow, terms: Terms, now: int) -> LeaseState:
    """The contract's three phases, told apart by the clock.

    GRACE is a live lease whose provider is about to leave: its heartbeat is late or it gave notice.
    LOST is one whose provider fell silent; CLOSING one that ran out, and that anyone may expire.
    FAILED was never activated in time: all of it can be reclaimed.
    """
    if row.phase is Phase.REQUESTED:
        in_time = now <= row.opened_at + terms.activation_s
        return LeaseState.REQUESTED if in_time else LeaseState.FAILED
    if row.phase is not Phase.ACTIVE:
        return LeaseState.CLOSED
    if now >= paid_until(row):
        return LeaseState.CLOSING
    if now >= row.heartbeat_at + terms.grace_s:
        return LeaseState.LOST
    late = 3 * (now - row.heartbeat_at) > 2 * terms.grace_s
    return LeaseState.GRACE if late or row.notice_at else LeaseState.ACTIVE


def lease_at(row: LeaseRow, terms: Terms, now: int) -> Lease:
    """The port's view of a lease at one block."""
    return Lease(
        network=NETWORK,
        id=row.id,
        offer=row.offer,
        provider=row.provider,
        guardian=row.guardian,
        uri=terms.uri,
        state=lease_state(row, terms, now),
        rate=row.rate,
        balance=balance_at(row, terms, now),
        opened_at=row.opened_at,
        paid_until=_promised_until(row, terms, now),
        ends_at=row.ends_at,
        manifest=row.manifest,
    )


def _promised_until(row: LeaseRow, terms: Terms, now: int) -> int:
    """Like `paid_until`; for a lease that waits for its provider, as if it were activated now."""
    if row.phase is not Phase.REQUESTED:
        return paid_until(row)
    return now + min(row.balance * RATE_SCALE // row.rate, terms.max_s)
