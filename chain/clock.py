"""The ledger's time: wall time that never runs backwards and never leaps ahead of the machine's.

A window frees budget by time alone, so whoever sets the clock must not be able to make time. While
the machine is up its own uptime counts; only across a reboot is the wall clock believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Reading(NamedTuple):
    """What the machine says, in milliseconds."""

    wall: int
    uptime: int
    boot: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """The ledger's time `at`, and the reading it was derived from."""

    at: int
    reading: Reading

    def to_text(self) -> str:
        return f"{self.at} {self.reading.wall} {self.reading.uptime} {self.reading.boot}"

    @classmethod
    def from_text(cls, text: str) -> Stamp:
        at, wall, uptime, boot = text.split(" ")
        return cls(int(at), Reading(int(wall), int(uptime), boot))


def advance(last: Stamp | None, seen: Reading) -> Stamp:
    if last is None:
        return Stamp(seen.wall, seen)
    if seen.boot == last.reading.boot:
        passed = seen.uptime - last.reading.uptime
    else:
        passed = seen.wall - last.reading.wall
    return Stamp(last.at + max(0, passed), seen)


def uptime() -> float:
    """Seconds that never run backwards and count sleep too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_clock() -> Reading:
    boot = BOOT_ID.read_text("ascii").strip()
    return Reading(int(time.time() * 1000), int(uptime() * 1000), boot)
