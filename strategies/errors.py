"""What can go wrong with strategies, named for what the caller must do about it.

    StrategyError
    ├── BadOptions   stop   a person has to mend the configuration
    └── NotPlain     skip   data that claims to be a snapshot or an action is not one

Proposing never raises: a strategy with nothing to offer offers nothing. Surveys let the faults of
`chain` pass. Messages are constant; facts are fields, and never secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Consequence = Literal["retry", "skip", "halt", "stop"]


class StrategyError(Exception):
    """The root; `facts` are for logs."""

    consequence: ClassVar[Consequence] = "skip"

    def __init__(self, reason: str = "", **facts: object) -> None:
        super().__init__(reason or type(self).__name__)
        self.reason = str(self)
        self.facts: Mapping[str, object] = facts


class BadOptions(StrategyError):
    """An option is unknown, of the wrong kind, or out of its range."""

    consequence = "stop"

    def __str__(self) -> str:
        facts = getattr(self, "facts", {})
        told = ", ".join(f"{name} {fact}" for name, fact in facts.items())
        return f"{super().__str__()}: {told}" if told else super().__str__()


class NotPlain(StrategyError):
    """Plain data does not have the shape of what it claims to be."""

    consequence = "skip"
