"""The lease market as a replay has it: one tenant's leases, kept by the contract's own rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from chain.types import Micro
from compute.duties import Duty, Habits, duty
from compute.lease import active_until, balance_at, lease_at
from compute.onchain import LeaseRow, Phase, Terms
from compute.port import Lease, Offer
from strategies.samples import GUARDIAN, WALLET, address
from telemetry.fitness import Span
from world.backtest.record import Record, value_at
from world.landlords import HEARTBEAT_FRACTION, PLENTY
from world.scenario import HOUR, Scenario
from world.tables import Provider

NETWORK: Final = "lease-market"
MANIFEST: Final = "0x" + "11" * 32
HABITS: Final = Habits(MANIFEST, frozenset(), True, HEARTBEAT_FRACTION, PLENTY)
HOUSES: Final = 400


class Leases:
    """Seconds are the record's; what comes back to the tenant is returned."""

    def __init__(self, scenario: Scenario, record: Record) -> None:
        self._providers = scenario.providers
        self._rents = record.rents
        self._rows: dict[int, LeaseRow] = {}
        self._duties: list[tuple[Duty, int]] = []
        self._over: list[Span] = []
        self._opened = 0

    def offers(self, now: int) -> tuple[Offer, ...]:
        """Those with room, the cheapest first."""
        found = [self._offer(i, now) for i in range(1, len(self._providers) + 1)]
        return tuple(sorted((o for o in found if o.free > 0), key=lambda o: (o.rate, o.id)))

    def seen(self, now: int) -> list[Lease]:
        """Those that are not closed, newest first."""
        rows = sorted(self._rows.values(), key=lambda row: -row.id)
        return [lease_at(row, self._terms(row.offer, now), now) for row in rows]

    def of(self, offer: int) -> list[int]:
        return [row.id for row in self._rows.values() if row.offer == offer]

    def rate(self, offer: int, now: int) -> int:
        return value_at(self._rents[offer - 1].path, now)

    def spans(self, now: int) -> list[Span]:
        """What was paid for, if all were closed now."""
        return [*self._over, *(self._span(row, now) for row in self._rows.values())]

    # What providers do

    def attend(self, now: int) -> int:
        """What they saw fit to do a block ago happens."""
        duties, self._duties = self._duties, []
        return sum(self._do(what, lease, now) for what, lease in duties if lease in self._rows)

    def look(self, now: int) -> None:
        """What they will do in the next block."""
        self._duties = list(self._due(now))

    def _due(self, now: int) -> Iterator[tuple[Duty, int]]:
        for row in self._rows.values():
            if any(a <= now < b for a, b in self._rents[row.offer - 1].silent):
                continue
            if what := duty(row, self._terms(row.offer, now), now, HABITS):
                yield what, row.id

    def _do(self, what: Duty, lease: int, now: int) -> int:
        row = self._rows[lease]
        terms = self._terms(row.offer, now)
        if what is Duty.ACTIVATE and now <= row.opened_at + terms.activation_s:
            ends = now + terms.max_s
            self._rows[lease] = row._replace(
                phase=Phase.ACTIVE,
                activated_at=now,
                settled_until=now,
                heartbeat_at=now,
                ends_at=ends,
            )
        if what is Duty.HEARTBEAT and now < active_until(row, terms):
            self._rows[lease] = row._replace(heartbeat_at=now)
        return self._close(row, now) if what is Duty.EXPIRE else 0

    # What the tenant does

    def open(self, offer: int, rate: int, deposit: int, now: int) -> bool:
        asked = self._offer(offer, now)
        if asked.free <= 0 or asked.rate != rate or deposit < -(-rate * asked.min_s // 10**18):
            return False
        self._opened += 1
        self._rows[self._opened] = LeaseRow(
            id=self._opened,
            offer=offer,
            provider=asked.provider,
            tenant=WALLET,
            guardian=GUARDIAN,
            manifest=MANIFEST,
            rate=rate,
            balance=Micro(deposit),
            owed=Micro(0),
            opened_at=now,
            activated_at=0,
            settled_until=0,
            heartbeat_at=0,
            ends_at=0,
            notice_at=0,
            closed_at=0,
            phase=Phase.REQUESTED,
        )
        return True

    def top_up(self, lease: int, amount: int, now: int) -> bool:
        row = self._rows.get(lease)
        if row is None or row.phase is not Phase.ACTIVE:
            return False
        if now >= active_until(row, self._terms(row.offer, now)):
            return False
        self._rows[lease] = row._replace(balance=Micro(row.balance + amount))
        return True

    def close(self, lease: int, now: int) -> int | None:
        row = self._rows.get(lease)
        return None if row is None else self._close(row, now)

    def _close(self, row: LeaseRow, now: int) -> int:
        del self._rows[row.id]
        self._over.append(self._span(row, now))
        return balance_at(row, self._terms(row.offer, now), now)

    def _span(self, row: LeaseRow, now: int) -> Span:
        if row.phase is not Phase.ACTIVE:
            return Span(now, now, own=False)
        until = min(now, active_until(row, self._terms(row.offer, now)))
        return Span(row.activated_at, until, own=False)

    def _offer(self, offer: int, now: int) -> Offer:
        terms, rent = self._terms(offer, now), self._rents[offer - 1]
        ours = sum(row.offer == offer for row in self._rows.values())
        return Offer(
            network=NETWORK,
            id=offer,
            provider=address(HOUSES + offer),
            rate=terms.rate,
            min_s=terms.min_s,
            max_s=terms.max_s,
            grace_s=terms.grace_s,
            free=terms.slots - ours - value_at(rent.crowd, now),
            uri=terms.uri,
        )

    def _terms(self, offer: int, now: int) -> Terms:
        provider: Provider = self._providers[offer - 1]
        return Terms(
            rate=self.rate(offer, now),
            min_s=provider.min_s,
            max_s=int(provider.max_h * HOUR),
            grace_s=provider.grace_s,
            activation_s=provider.activation_s,
            slots=provider.slots,
            hardware="0x" + "00" * 32,
            uri="http://provider.example",
        )
