"""What can go wrong with a local world; none of it can be mended without a person.

    WorldError
    ├── NoAnvil       stop   the program that plays the chain is not installed
    ├── DevnetGone    stop   Anvil did not start, or ended before its time
    ├── BadScenario   stop   a scenario file has an unknown key or an impossible value
    ├── BadRow        stop   a line of results is not an evaluated life (`world.lived`)
    ├── CannotWork    stop   an arena's worker ends before it has lived anything
    └── WorldStuck    stop   a life in an arena neither acts nor ends

Messages are constant; facts are fields; `advice` is for the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Consequence = Literal["retry", "skip", "halt", "stop"]


class WorldError(Exception):
    """The root; `facts` are for logs."""

    consequence: ClassVar[Consequence] = "stop"
    advice: ClassVar[str] = ""

    def __init__(self, reason: str = "", **facts: object) -> None:
        super().__init__(reason or (type(self).__doc__ or "").rstrip("."))
        self.reason = str(self)
        self.facts: Mapping[str, object] = facts

    def __str__(self) -> str:
        facts = getattr(self, "facts", {})
        told = ", ".join(f"{name} {fact}" for name, fact in facts.items())
        return f"{super().__str__()}: {told}" if told else super().__str__()


class NoAnvil(WorldError):
    """Anvil was not found."""

    advice = "run make setup, or name the program in FORAGER_ANVIL"


class DevnetGone(WorldError):
    """Anvil is not running."""

    advice = "look into its log; the path is among the facts"


class BadScenario(WorldError):
    """The scenario cannot be used."""

    advice = "mend that line of the file"


class CannotWork(WorldError):
    """A worker of the arena ends before it has lived anything."""

    advice = "what it complained of stands above"


class WorldStuck(WorldError):
    """A life does not go on."""

    advice = "look into the life's agent.log; this should never happen"
