"""Who may use this machine: the tenant of an active lease, proven for each request anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from chain.types import Address
from compute import wire
from compute.port import LeaseState

FRESH_S: Final = 60
"""A proof is good this long before and after its own time."""
STALE_S: Final = 60
"""Without news from the chain for this long, nobody is let in."""
MOST_PROOFS: Final = 4096
"""So many of one lease are remembered, so that no tenant can use up another's."""

Recover = Callable[[wire.Access, bytes], Address | None]
"""Who signed this proof over this digest, for this provider; None when nobody did."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A lease of ours as the last block shows it."""

    lease: int
    tenant: Address
    state: LeaseState

    @property
    def live(self) -> bool:
        return self.state in (LeaseState.ACTIVE, LeaseState.GRACE)


@dataclass(frozen=True, slots=True)
class Granted:
    """This request is the tenant's own."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class Denied:
    """An HTTP status and a line that says why."""

    status: int
    reason: str


class Gate:
    """Judges proofs against the leases it was last shown; asks no chain, so nobody can make it."""

    def __init__(self, recover: Recover, clock: Callable[[], float]) -> None:
        self._recover = recover
        self._clock = clock
        self.block = 0
        """The block it was last shown."""
        self._standings: Mapping[int, Standing] = {}
        self._shown_at = -math.inf
        self._used: dict[int, dict[tuple[int, bytes], float]] = {}
        """By lease: each proof, and when it was used."""

    def show(self, block: int, standings: Mapping[int, Standing]) -> None:
        """What the newest block says of our leases."""
        self.block = block
        self._standings = standings
        self._used = {lease: used for lease, used in self._used.items() if lease in standings}
        self.confirm()

    def confirm(self) -> None:
        """The chain was asked, and what was shown still holds."""
        self._shown_at = self._clock()

    def judge(self, header: str | None, body: bytes) -> Granted | Denied:
        """Cheap questions first; the signature is recovered only for a live lease."""
        if not header or (access := wire.parse_access(header)) is None:
            return Denied(401, "a proof of the lease's tenant is required")
        now = self._clock()
        if now - self._shown_at > STALE_S:
            return Denied(503, "the chain is out of sight")
        standing = self._standings.get(access.lease)
        if standing is None or not standing.live:
            return Denied(403, "no active lease of that number here")
        if abs(now - access.at) > FRESH_S:
            return Denied(403, "the proof is not fresh")
        digest = wire.digest(body)
        if self._recover(access, digest) != standing.tenant:
            return Denied(403, "the proof is not by the lease's tenant")
        return self._use(standing, (access.at, digest), now)

    def _use(self, standing: Standing, proof: tuple[int, bytes], now: float) -> Granted | Denied:
        used = self._used.setdefault(standing.lease, {})
        _forget(used, now - 2 * FRESH_S)
        if proof in used:
            return Denied(403, "the proof was used before")
        if len(used) >= MOST_PROOFS:
            return Denied(429, "too many requests")
        used[proof] = now
        return Granted(standing)


def _forget(used: dict[tuple[int, bytes], float], before: float) -> None:
    """Proofs so old that they would not be fresh; they stand in order of their use."""
    while used and used[oldest := next(iter(used))] < before:
        del used[oldest]
