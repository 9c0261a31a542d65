"""Sleep through the expensive hours: give the machine back while rent is dear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain.port import Reader
from chain.types import RATE_SCALE, Json, Micro
from compute.port import ComputeProvider, LeaseState
from strategies.means import can_send, flying, rent
from strategies.options import read_options
from strategies.port import Action, Placing, Snapshot, Tools


@dataclass(frozen=True, slots=True)
class Options:
    """Prices are for one hour, in micro-units of the token."""

    usual_micro: int = 1_000_000
    dear_pct: int = 150
    cheap_pct: int = 110
    wake_h: int = 6
    """Rented at once on waking."""
    latest_pct: int = 80
    """Wake at any price when so much of the longest sleep is over."""
    authorization_s: int = 21_600


class Siesta:
    """Offers to sleep when rent is dear and to wake when it is cheap; for remote lives only."""

    name = "siesta"

    def __init__(self, options: Options, compute: ComputeProvider) -> None:
        self._options = options
        self._compute = compute

    async def survey(self, read: Reader, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002
        """Nothing: the snapshot already says what rent costs."""
        return {}

    def propose(self, seen: Snapshot) -> Sequence[Action]:
        if seen.placing is not Placing.REMOTE or seen.holdings.stale:
            return ()
        return self._wake(seen) if seen.lease is None else self._sleep(seen)

    def _sleep(self, seen: Snapshot) -> Sequence[Action]:
        lease = seen.lease
        if lease is None or lease.state is not LeaseState.ACTIVE or lease.balance <= 0:
            return ()
        dear = self._price_pct(lease.rate)
        call = self._compute.close(lease)
        if dear < self._options.dear_pct or _busy(seen) or not can_send(seen, call):
            return ()
        return (
            Action(
                key="siesta.sleep",
                params={"back_micro": lease.balance, "price_pct": dear},
                summary="give the machine back while rent is dear",
                calls=(call,),
                score=(dear - self._options.dear_pct) / 25,
            ),
        )

    def _wake(self, seen: Snapshot) -> Sequence[Action]:
        open_ = [offer for offer in seen.offers if offer.free and offer.rate]
        if not open_ or _busy(seen):
            return ()
        offer = min(open_, key=lambda offer: (offer.rate, offer.id))
        price = self._price_pct(offer.rate)
        slept = 100 * seen.unleased_s // max(1, seen.hibernate_max_s)
        late = slept >= self._options.latest_pct
        seconds = max(self._options.wake_h * 3600, offer.min_s)
        deposit = Micro(rent(offer.rate, min(seconds, offer.max_s)))
        valid_before = seen.block.at + self._options.authorization_s
        call = self._compute.open(offer, deposit, seen.guardian, seen.manifest, valid_before)
        if (price > self._options.cheap_pct and not late) or not can_send(seen, call):
            return ()
        return (
            Action(
                key="siesta.wake",
                params={"deposit_micro": deposit, "price_pct": price, "slept_pct": slept},
                summary="wake up and rent a machine",
                calls=(call,),
                score=6.0 if late else 2.0,
            ),
        )

    def _price_pct(self, rate: int) -> int:
        """An hour at this rate, in percent of the usual price."""
        return 100 * (rate * 3600 // RATE_SCALE) // max(1, self._options.usual_micro)


def _busy(seen: Snapshot) -> bool:
    """A lease is being opened or closed already, by whichever strategy."""
    keys = ("siesta.sleep", "siesta.wake", "thrift.open", "thrift.close")
    return any(flying(seen, key) for key in keys)


def make(options: Mapping[str, Json], tools: Tools) -> Siesta:
    """What the entry point names."""
    return Siesta(read_options(Options, options), tools.compute)
