"""From log to world: cut epochs, have them signed, write their files, send them to every target.

Nothing here can lose a record or hold up a life: the log is on disk before, epochs wait in order,
and whatever fails is a line in `status()` and is tried again. Only a log that is damaged, or not
the newest of its life, is an exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from chain.errors import ChainError
from chain.types import Refused
from telemetry.cadence import Cadence, Pause
from telemetry.car import car_name, write_car
from telemetry.checkpoint import Checkpoint, Domain, Head
from telemetry.claim import Claim
from telemetry.delivery import Delivery
from telemetry.errors import LogUnwritable
from telemetry.log import Log
from telemetry.target import Parcel, Target, place_of

_POLL_S: Final = 0.25


class HeadSigner(Protocol):
    """The part of `chain.port.Signer` that publishing needs."""

    async def checkpoint(
        self, epoch: int, size: int, root: bytes, prev: bytes
    ) -> bytes | Refused: ...


@dataclass(frozen=True, slots=True)
class Status:
    """How far publishing is; `troubles` is empty when all is well."""

    epochs: int
    """Sealed epochs."""
    unsealed: int
    """Records in no sealed epoch yet."""
    waiting: int
    """Epochs that some target does not keep yet."""
    sent: Mapping[str, int]
    """By target: how many epochs, from the first on, it keeps."""
    troubles: Mapping[str, str]
    """By target, or `signer`, or `disk`: what went wrong last."""


class Publisher:
    """Publishes one log: `run` it as a task, `publish` before an anchor, `finish` at the end."""

    def __init__(
        self,
        log: Log,
        signer: HeadSigner,
        targets: Sequence[Target],
        *,
        cars: Path,
        domain: Domain,
        log_key: str,
        cadence: Cadence,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`log_key` is the address whose signatures are kept; `clock` is the log's."""
        self._sleep = sleep
        self._log, self._signer = log, signer
        self._cars, self._domain, self._log_key = cars, domain, log_key
        self._cadence, self._clock = cadence, clock
        self._deliveries = [
            Delivery(log, target, self._parcel, cadence, domain, log_key) for target in targets
        ]
        self._troubles: dict[str, str] = {}
        self._oldest = (-1, 0)
        self._hearing_since: float | None = None
        self._written = 0
        self._sealing = asyncio.Lock()
        self._writing = asyncio.Lock()

    def status(self) -> Status:
        epochs = self._log.sealed_epochs
        sent = {delivery.name: delivery.sent for delivery in self._deliveries}
        troubles = {d.name: d.trouble for d in self._deliveries if d.trouble}
        waiting = epochs - min(sent.values(), default=epochs)
        return Status(epochs, self._log.unsealed, waiting, sent, self._troubles | troubles)

    async def run(self) -> None:
        """Publish until cancelled; raises only `LogDamaged`, or that it is behind."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_cutting())
                for delivery in self._deliveries:
                    tasks.create_task(delivery.run())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def publish(self) -> bool:
        """Seal everything now; False if the signer or the disk would not (see `status`)."""
        while self._log.unsealed:
            if not await self._seal_next():
                return False
        return await self._write_missing()

    async def finish(self, deadline_s: float) -> Status:
        """Publish all that can be within the deadline; the rest waits for the next start."""
        pause = Pause(self._cadence)
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await asyncio.gather(*(d.compare() for d in self._deliveries if not d.heard))
                while True:
                    if await self.publish():
                        break
                    await asyncio.sleep(pause.longer())
                await self.deliver()
        return self.status()

    async def deliver(self) -> None:
        """Return once every target keeps every sealed epoch."""
        await asyncio.gather(*(delivery.drain() for delivery in self._deliveries))

    async def _keep_cutting(self) -> None:
        pause = Pause(self._cadence)
        while True:
            due = self._due() and self._may_seal()
            done = await self._write_missing() and (not due or await self._seal_next())
            if done:
                pause.reset()
            await self._sleep(_POLL_S if done else pause.longer())

    def _due(self) -> bool:
        """Whether an epoch is due by count, age or the log's end."""
        unsealed = self._log.unsealed
        if unsealed == 0 or unsealed >= self._cadence.records or self._log.ended:
            return unsealed > 0
        first, now = self._log.next_seq - unsealed, self._clock()
        seq, since = self._oldest
        since = since if seq == first else self._log.record(first).at
        self._oldest = first, min(since, now)  # a clock set back must not make it wait for itself
        return now - self._oldest[1] >= self._cadence.seconds * 1000

    def _may_seal(self) -> bool:
        """An epoch has one checkpoint, and a target may know of one that a restored home forgot."""
        if all(delivery.heard for delivery in self._deliveries):
            return True
        now = asyncio.get_running_loop().time()
        if self._hearing_since is None:
            self._hearing_since = now
        return now - self._hearing_since >= self._cadence.hear_s

    async def _seal_next(self) -> bool:
        if not self._may_seal():
            return False
        async with self._sealing:
            try:
                head = self._log.cut()
                sig = await self._signature(head) if head else None
                if sig is not None:
                    self._log.seal(sig)
            except LogUnwritable as error:
                self._troubles["disk"] = str(error)
                return False
        if head is not None and sig is None:
            return False
        for delivery in self._deliveries:
            delivery.poke()
        return await self._write_missing()

    async def _signature(self, head: Head) -> bytes | None:
        """Ask the signer, and take only what is truly the log key's: a sealed epoch is for ever."""
        try:
            sig = await self._signer.checkpoint(head.epoch, head.size, head.root, head.prev)
        except ChainError as error:
            trouble = str(error) or type(error).__name__
        else:
            if isinstance(sig, Refused):
                trouble = f"refused: {sig.reason}"
            elif Checkpoint(head, (), sig).signed_by(self._log_key, self._domain):
                self._troubles.pop("signer", None)
                return sig
            else:
                trouble = "the signature is not the log key's"
        self._troubles["signer"] = trouble
        return None

    async def _write_missing(self) -> bool:
        """See that every sealed epoch has its file; all are looked at once after a start."""
        try:
            while self._written < self._log.sealed_epochs:
                epoch = self._written
                await self._parcel(epoch)
                self._written = max(self._written, epoch + 1)  # others may look at the same time
        except (OSError, LogUnwritable) as error:
            self._troubles["disk"] = str(error)
            return False
        self._troubles.pop("disk", None)
        return True

    async def _parcel(self, epoch: int) -> Parcel:
        """A sealed epoch with its file, which is written now if it is not there."""
        async with self._writing:
            (info,) = self._log.epochs(self._log.agent, epoch, 1)
            path = self._cars / car_name(epoch, info.cid)
            if not path.exists():
                _, blocks = self._log.epoch_blocks(epoch)
                await asyncio.to_thread(write_car, path, info.cid, blocks)
        signed = self._log.checkpoint(epoch)
        claim = Claim(signed.head, signed.sig)
        return Parcel(place_of(self._domain), self._log.agent, epoch, info.cid, claim, path)
