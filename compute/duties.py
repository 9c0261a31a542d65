"""What a provider has to do about a lease at one block: at most one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chain.types import Address, Micro
from compute.lease import active_until, is_closed_for_good
from compute.onchain import LeaseRow, Phase, Terms


class Duty(StrEnum):
    """Each is one call of the same name; afterwards the chain is read again."""

    ACTIVATE = "activate(uint256)"
    HEARTBEAT = "heartbeat(uint256)"
    DECLINE = "decline(uint256)"
    EXPIRE = "expire(uint256)"
    COLLECT = "withdrawProvider(uint256)"


@dataclass(frozen=True, slots=True)
class Habits:
    """How a provider goes about its duties."""

    manifest: str
    """What it can run; a lease for anything else is declined, for it holds a slot."""
    placed: frozenset[Address]
    """Tenants whose agents live on this machine."""
    scores: bool
    """Whether it answers prompts for any tenant."""
    heartbeat_fraction: float
    """The part of the grace after which it says that it is there."""
    collect: Micro
    """It withdraws from a running lease once this much is owed."""


def duty(row: LeaseRow, terms: Terms, now: int, habits: Habits) -> Duty | None:
    match row.phase:
        case Phase.REQUESTED:
            return _of_requested(row, terms, now, habits)
        case Phase.ACTIVE:
            return _of_active(row, terms, now, habits)
        case Phase.CLOSED if row.owed:
            return Duty.COLLECT
        case _:
            return None


def is_finished(row: LeaseRow, now: int) -> bool:
    """Nothing will be owed on this lease again, on any branch of the chain."""
    return is_closed_for_good(row, now) and not row.owed


def can_serve(row: LeaseRow, habits: Habits) -> bool:
    same = row.manifest.lower() == habits.manifest.lower()
    return same and (habits.scores or row.tenant in habits.placed)


def _of_requested(row: LeaseRow, terms: Terms, now: int, habits: Habits) -> Duty | None:
    if now > row.opened_at + terms.activation_s:
        return Duty.EXPIRE
    return Duty.ACTIVATE if can_serve(row, habits) else Duty.DECLINE


def _of_active(row: LeaseRow, terms: Terms, now: int, habits: Habits) -> Duty | None:
    if now >= active_until(row, terms):
        return Duty.EXPIRE
    if now - row.heartbeat_at >= terms.grace_s * habits.heartbeat_fraction:
        return Duty.HEARTBEAT
    return Duty.COLLECT if row.owed >= habits.collect else None
