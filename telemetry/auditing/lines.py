"""A verdict in plain lines: what was checked, what was found, what it comes to."""

from __future__ import annotations

from collections.abc import Iterator

from telemetry.auditing.findings import Finding
from telemetry.auditing.verdict import Verdict
from telemetry.others_words import tame

_CHECKED = {
    "chain": (
        "every record, link, root, signature and draw",
        "every anchor, nonce, receipt and transfer on the chain",
    ),
    "internal": ("every record, link, root, signature and draw; no chain was asked",),
}


def audit_lines(verdict: Verdict) -> Iterator[str]:
    """Yield lines without markup; the last one is the verdict."""
    yield f"agent     {_shown(verdict.agent)}"
    yield f"records   {verdict.records} in {verdict.epochs} epochs"
    yield f"head      {_shown(verdict.head)}"
    yield f"outcome   {_outcome(verdict)}"
    for line in _CHECKED[verdict.verified]:
        yield f"checked   {line}"
    if verdict.replay:
        again = verdict.replay
        yield f"replayed  {again.decisions} of {again.sampled} sampled decisions"
        yield f"          probabilities differ by {again.largest:.4f} at most"
    for finding in sorted(verdict.findings, key=lambda each: each.level):
        yield _line(finding)
    faults = sum(finding.level == "fault" for finding in verdict.findings)
    if verdict.ok:
        how = "against the chain" if verdict.verified == "chain" else "in itself"
        yield f"OK: this log is complete {how}"
    else:
        yield f"FAILED: {faults} fault{'' if faults == 1 else 's'}"


def _line(finding: Finding) -> str:
    where = "" if finding.record is None else f" record {finding.record}"
    return f"{finding.level:<9} {finding.kind}{where}: {finding.detail}"


def _outcome(verdict: Verdict) -> str:
    if verdict.outcome is None:
        return "alive"
    return f"{verdict.outcome} ({tame(verdict.cause)})" if verdict.cause else verdict.outcome


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
