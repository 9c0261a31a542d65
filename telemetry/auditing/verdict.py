"""What an audit comes to, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from telemetry.auditing import findings as kinds
from telemetry.auditing.epoch import Known
from telemetry.auditing.findings import Finding, Findings
from telemetry.auditing.judge_log import LogJudge
from telemetry.cid import from_digest

Verified = Literal["chain", "internal"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many of how many sampled decisions were run again, and how far they were off at most."""

    decisions: int
    sampled: int
    largest: float
    """Total variation between the probabilities that the log says and those found."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit comes to; `outcome` is None for a life that goes on."""

    ok: bool
    verified: Verified
    findings: tuple[Finding, ...]
    agent: int | None
    records: int
    epochs: int
    head: str | None
    outcome: str | None
    cause: str | None
    replay: Replayed | None = None
    """What came of running decisions again, if that was asked for."""

    def after(self, replay: Replayed, findings: tuple[Finding, ...]) -> Verdict:
        """The same verdict, with what was found later."""
        every = (*self.findings, *findings)
        return replace(self, ok=_is_sound(every), findings=every, replay=replay)

    def plain(self) -> dict[str, Any]:
        """Return the verdict as JSON has it."""
        return asdict(self) | {"findings": [asdict(finding) for finding in self.findings]}


def conclude(
    judge: LogJudge, found: Findings, known: Known, ended: str | None, *, on_chain: bool
) -> Verdict:
    story = judge.story
    if story.gaps:
        said = f"{story.gaps} times nothing was written, for {story.absent_ms / 1000:.0f} s in all"
        found.note(kinds.GAP, said)
    findings = found.all()
    ending = story.ending[1] if story.ending else None
    return Verdict(
        ok=_is_sound(findings),
        verified="chain" if on_chain else "internal",
        findings=findings,
        agent=known.agent,
        records=judge.records,
        epochs=judge.epochs,
        head=from_digest(judge.head.digest) if judge.head else None,
        outcome=ending.reason if ending else ended,
        cause=ending.cause if ending else None,
    )


def _is_sound(findings: Iterable[Finding]) -> bool:
    return not any(finding.level == "fault" for finding in findings)
