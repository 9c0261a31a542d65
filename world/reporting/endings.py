"""The chart of ends: of what a policy's lives died, or why no death was seen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from telemetry.auditing.drawing import charts
from telemetry.auditing.drawing.charts import WIDTH, Key, Tag
from telemetry.auditing.drawing.markup import Markup, tame
from telemetry.auditing.drawing.wording import share
from world.reporting.frame import frame
from world.reporting.shape import Group, PolicyFigures
from world.reporting.words import lives

_ROW: Final = 40
_NAME: Final = 9
_BAR: Final = (18, 34)
_ROOM: Final = 70
"""Thousandths of the width that a part must be wide to hold its share."""
_MOST_CAUSES: Final = 5
_REST: Final = "other causes"
_ALIVE: Final = (
    ("horizon", "alive at its horizon"),
    ("halted", "halted by its operator"),
    ("lost", "lost sight of"),
)


def endings(group: Group, name: str) -> Markup:
    causes = _causes(group["policies"])
    drawn, tags = [], []
    for place, told in enumerate(group["policies"]):
        top = _ROW * place
        tags.append(Tag(0, top + _NAME, f"{told['policy']} · {lives(told['lives'])}"))
        left = 0.0
        for kind, words, number in _parts(told, causes):
            right = left + WIDTH * number / told["lives"]
            part = share(number, told["lives"])
            said = f"{told['policy']}: {words}, {number} ({part})"
            drawn.append(
                charts.box(left, right, top + _BAR[0], top + _BAR[1], f"bar {kind}", tame(said))
            )
            if right - left >= _ROOM:
                tags.append(Tag((left + right) / 2, top + sum(_BAR) / 2, part, "on mid"))
            left = right
    seen = {kind for told in group["policies"] for kind, _, _ in _parts(told, causes)}
    legend = [Key(f"end-{kind}", words) for kind, words in _names(causes) if f"end-{kind}" in seen]
    return frame(
        name,
        "How they ended",
        "Each bar is all lives of a policy. Only a death counts as one; the others lived at least "
        "until they were last seen.",
        drawn,
        height=_ROW * len(group["policies"]) + 2,
        columns=[(WIDTH * quarter / 4, f"{25 * quarter}%") for quarter in range(5)],
        tags=tags,
        legend=legend,
    )


def _causes(policies: Sequence[PolicyFigures]) -> list[str]:
    """The commonest, in the same colours for all policies."""
    told: Counter[str] = Counter()
    for each in policies:
        told.update(each["causes"])
    ordered = sorted(told, key=lambda cause: (-told[cause], cause))
    return ordered if len(ordered) <= _MOST_CAUSES else [*ordered[: _MOST_CAUSES - 1], _REST]


def _names(causes: Sequence[str]) -> list[tuple[str, str]]:
    return [*((f"c{place}", f"died: {cause}") for place, cause in enumerate(causes)), *_ALIVE]


def _parts(told: PolicyFigures, causes: Sequence[str]) -> list[tuple[str, str, int]]:
    """Class, words and number of each part that is there."""
    numbers: Counter[str] = Counter()
    for cause, number in told["causes"].items():
        numbers[cause if cause in causes else _REST] += number
    ends = told["ends"]
    each = [*(numbers[cause] for cause in causes), ends["horizon"], ends["halted"], ends["lost"]]
    return [
        (f"end-{kind}", words, number)
        for (kind, words), number in zip(_names(causes), each, strict=True)
        if number
    ]
