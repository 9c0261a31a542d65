"""What can be done about leases: extend the one lived on, open the next, close one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chain.types import Micro
from compute.port import ComputeProvider, Lease, LeaseState, Offer
from strategies.means import can_send, flying, rent, stumbles
from strategies.port import Action, Placing, Snapshot

HOUR: Final = 3600
LIVE: Final = (LeaseState.ACTIVE, LeaseState.GRACE)
COMING: Final = (LeaseState.QUOTED, LeaseState.REQUESTED, LeaseState.PROVISIONING)

EXTEND: Final = "thrift.extend"
OPEN: Final = "thrift.open"
CLOSE: Final = "thrift.close"

LEAST_S: Final = HOUR // 4
"""Shorter extensions are not worth their gas."""
CHOICES: Final = 3
"""So many offers are put on the menu at most."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a tenant behaves."""

    extend_h: tuple[int, ...]
    low_h: int
    target_h: int
    open_h: int
    renew_h: int
    change_pct: int
    sleep_h: int
    authorization_s: int


def extensions(
    seen: Snapshot, habits: Habits, compute: ComputeProvider, spare: Micro
) -> Iterator[Action]:
    """Longer life where it is lived: a few sizes, none beyond the lease's end or this life's."""
    lease = seen.lease
    if lease is None or lease.state not in LIVE or flying(seen, EXTEND):
        return
    now = seen.block.at
    paid_s = max(0, lease.paid_until - now)
    needed_s = seen.horizon_s - seen.age_s + HOUR - paid_s
    room_s = min(lease.ends_at - lease.paid_until, needed_s)
    affordable = sorted({min(h * HOUR, room_s) for h in habits.extend_h})
    sizes = [s for s in affordable if s >= LEAST_S and rent(lease.rate, s) <= spare]
    if not sizes:
        last_s = min(room_s, _seconds(lease.rate, spare), max(habits.extend_h, default=0) * HOUR)
        sizes = [last_s] if last_s >= LEAST_S else []
    if seen.holdings.stale:
        sizes = sizes[:1]
    for seconds in sizes:
        amount = rent(lease.rate, seconds)
        call = compute.extend(lease, amount, now + habits.authorization_s)
        if amount and can_send(seen, call):
            yield Action(
                key=EXTEND,
                params={"deposit_micro": amount, "longer_s": seconds, "paid_s": paid_s},
                summary=f"pay for {_hours(seconds)} more where we live",
                calls=(call,),
                score=_extend_score(paid_s, seconds, habits) - stumbles(seen, EXTEND) / 2,
            )


def _extend_score(paid_s: int, more_s: int, habits: Habits) -> float:
    """Urgent when little is paid for; best when what is paid for then comes near the target."""
    urgency = 8 * (1 - paid_s / (habits.low_h * HOUR))
    target_s = habits.target_h * HOUR
    misfit = abs(paid_s + more_s - target_s) / target_s
    return max(-4.0, min(8.0, urgency)) - 2 * min(misfit, 2.0)


def openings(
    seen: Snapshot,
    habits: Habits,
    compute: ComputeProvider,
    spare: Micro,
    home: str,
) -> Iterator[Action]:
    """The next lease: anywhere for a remote life, where it lives for an embodied one."""
    if flying(seen, OPEN) or seen.holdings.stale or not _may_open(seen, habits):
        return
    now = seen.block.at
    live = seen.lease is not None and seen.lease.state in LIVE
    cheapest = min((offer.rate for offer in seen.offers), default=0)
    here = seen.lease.provider if seen.lease is not None else home
    fitting = [o for o in seen.offers if o.free and o.rate and _deposit(o, habits, spare)]
    if seen.placing is Placing.EMBODIED:
        fitting = [offer for offer in fitting if offer.provider == here]
    for offer in sorted(fitting, key=lambda offer: (offer.rate, offer.id))[:CHOICES]:
        deposit = _deposit(offer, habits, spare)
        valid_before = now + habits.authorization_s
        call = compute.open(offer, deposit, seen.guardian, seen.manifest, valid_before)
        if not can_send(seen, call):
            continue
        paid_s = _seconds(offer.rate, deposit)
        score = _renew_score(seen, habits) if live else _open_score(seen, habits, paid_s)
        yield Action(
            key=OPEN,
            params={
                "deposit_micro": deposit,
                "hour_micro": offer.micro_per_hour,
                "longer_s": paid_s,
                "offer_n": offer.id,
            },
            summary=f"rent a machine for {_hours(paid_s)}",
            calls=(call,),
            score=score - 6 * (offer.rate / cheapest - 1) - stumbles(seen, OPEN) / 2,
        )


def _may_open(seen: Snapshot, habits: Habits) -> bool:
    """Never a second lease but shortly before the first one's own end, which no money can move."""
    lease = seen.lease
    if lease is None:
        return True
    if lease.state in COMING or seen.surveys.get("thrift", {}).get("other_n"):
        return False
    if lease.state not in LIVE:
        return True
    left_s = lease.ends_at - seen.block.at
    return left_s < min(habits.renew_h * HOUR, seen.horizon_s - seen.age_s)


def _deposit(offer: Offer, habits: Habits, spare: Micro) -> Micro:
    """What to put down: the usual hours or what there is; 0 when it is too little."""
    wanted = min(spare, rent(offer.rate, min(habits.open_h * HOUR, offer.max_s)))
    least = rent(offer.rate, max(offer.min_s, LEAST_S))
    most = rent(offer.rate, offer.max_s)
    deposit = max(wanted, least)
    return Micro(deposit) if deposit <= min(spare, most) else Micro(0)


def _open_score(seen: Snapshot, habits: Habits, paid_s: int) -> float:
    """Back to work with enough in hand; otherwise sleep on, but never up to the limit."""
    asleep = seen.unleased_s / max(1, seen.hibernate_max_s)
    if seen.placing is Placing.EMBODIED or 2 * paid_s >= habits.open_h * HOUR:
        return 4.0
    return -2 + 8 * asleep * asleep


def _renew_score(seen: Snapshot, habits: Habits) -> float:
    left_s = max(0, seen.lease.ends_at - seen.block.at) if seen.lease is not None else 0
    return 8 * (1 - left_s / (habits.renew_h * HOUR)) - 1


def closings(seen: Snapshot, habits: Habits, compute: ComputeProvider) -> Iterator[Action]:
    """Leave for a cheaper offer, or to sleep; an embodied life only leaves what is dead."""
    lease = seen.lease
    if lease is None or lease.state in COMING or flying(seen, CLOSE) or seen.holdings.stale:
        return
    live = lease.state in LIVE
    if live and (seen.placing is Placing.EMBODIED or lease.balance < rent(lease.rate, LEAST_S)):
        return
    call = compute.close(lease)
    if lease.balance <= 0 or not can_send(seen, call):
        return
    why, score = _leaving(seen, lease, habits) if live else ("this lease is dead", 3.0)
    yield Action(
        key=CLOSE,
        params={"back_micro": lease.balance, "hour_micro": lease.micro_per_hour},
        summary=f"leave and take back what is left: {why}",
        calls=(call,),
        score=score - stumbles(seen, CLOSE) / 2,
    )


def _leaving(seen: Snapshot, lease: Lease, habits: Habits) -> tuple[str, float]:
    cheapest = min((offer.rate for offer in seen.offers if offer.free), default=lease.rate)
    saving_pct = 100 * (lease.rate - cheapest) // max(1, lease.rate)
    if habits.change_pct <= saving_pct and lease.balance > rent(lease.rate, 2 * HOUR):
        return f"another is {saving_pct}% cheaper", saving_pct / 20
    if seen.runway_h < habits.sleep_h:
        return "sleep while we earn", 1.0
    return "sleep", -4.0


def _seconds(rate: int, amount: Micro) -> int:
    return amount * 10**18 // rate if rate else 0


def _hours(seconds: int) -> str:
    hours = round(seconds / HOUR)
    if hours < 1:
        return "less than an hour"
    return "1 hour" if hours == 1 else f"{hours} hours"
