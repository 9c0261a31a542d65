"""Somebody in a world besides the agent: founded once, then asked to act on every block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from chain.types import Block


class Actor(Protocol):
    """All that it does follows from its scenario's table, the seed, and what it sees on chain."""

    async def found(self) -> None:
        """Deploy and endow what it needs; somebody is mining meanwhile."""
        ...

    async def act(self, block: Block) -> None:
        """Do what this block asks for; done when its transactions are in the pool.

        The first block it is shown is the start, from which the scenario's times count.
        """
        ...


class Equipping(Protocol):
    """An actor that strategies deal with."""

    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """What strategies need to know of it, by their names: addresses, mostly."""
        ...
