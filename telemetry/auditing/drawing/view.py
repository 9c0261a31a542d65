"""What a page of an audit draws from: the verdict, what the chain says, the life as it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.auditing.audit import Audited
from telemetry.auditing.clock import Clock
from telemetry.auditing.drawing.charts import Axis
from telemetry.auditing.drawing.wording import span
from telemetry.auditing.facts import Anchored, LeaseFact, Registered
from telemetry.auditing.moments import When
from telemetry.auditing.said import Birth
from telemetry.auditing.timeline import Timeline
from telemetry.auditing.verdict import Verdict


class Checked(NamedTuple):
    """What came of an audit; what was not found out is None, or empty."""

    verdict: Verdict
    birth: Birth | None = None
    life: Registered | None = None
    anchors: Sequence[Anchored] = ()
    leases: Sequence[LeaseFact] = ()

    @classmethod
    def by(cls, audited: Audited, verdict: Verdict) -> Checked:
        """With the verdict that was reached in the end."""
        anchors = audited.account.anchors if audited.account else ()
        return cls(verdict, audited.known.birth, audited.life, anchors, audited.leases)

    @property
    def on_chain(self) -> bool:
        return self.verdict.verified == "chain"


@dataclass(frozen=True, slots=True)
class View:
    """A life to be drawn, and where its moments are on the axis of time."""

    checked: Checked
    life: Timeline
    clock: Clock
    axis: Axis

    @classmethod
    def of(cls, checked: Checked, life: Timeline) -> View:
        clock = life.clock
        longest = clock.age(life.last) if life.last else 0.0
        return cls(checked, life, clock, Axis(max(longest, 1.0)))

    def x(self, when: When) -> float:
        return self.axis.x(self.clock.age(when))

    def age(self, when: When) -> str:
        """How old it was then, in words."""
        return span(self.clock.age(when))
