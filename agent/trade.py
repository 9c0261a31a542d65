"""What the daemon tells whoever sells for it, and asks of him; and a life that sells nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from chain.types import Block, Json
from strategies.port import Snapshot


class Earned(NamedTuple):
    """A transfer that paid for an answer: by which authorization, at which decision's price."""

    nonce: str
    because: int
    told: bool
    """Whether the log has it already."""


class Trade(Protocol):
    """Sells on the daemon's word: open while it lives and is housed, at its decisions' price."""

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is not as it should be, for a person to see."""
        ...

    def figures(self, at: int) -> Mapping[str, Json]:
        """The book, as `strategies.port.Shop` has it."""
        ...

    def see(self, seen: Snapshot) -> None:
        """The life goes on, and this is what it saw."""
        ...

    def rest(self) -> None:
        """The life is halted or ends: nothing new is sold until it sees again."""
        ...

    def obey(self, seq: int, decision: Mapping[str, Any]) -> None:
        """This was decided, and is in the log."""
        ...

    async def earned(self, payer: str, amount: int, tx: str) -> Earned | None:
        """What a transfer paid for, if anything; `ChainError` or `ShopFailed` while unsure."""
        ...

    def tell(self, payer: str, nonce: str) -> None:
        """The log has it."""
        ...

    def look_back(self, until: Block) -> None:
        """The log has all transfers up to this block."""
        ...


@dataclass(frozen=True, slots=True)
class NoTrade:
    """A life that sells nothing."""

    troubles: Mapping[str, str] = field(default_factory=dict)

    def figures(self, at: int) -> Mapping[str, Json]:  # noqa: ARG002
        return {}

    def see(self, seen: Snapshot) -> None: ...

    def rest(self) -> None: ...

    def obey(self, seq: int, decision: Mapping[str, Any]) -> None: ...

    async def earned(self, payer: str, amount: int, tx: str) -> Earned | None:  # noqa: ARG002
        return None

    def tell(self, payer: str, nonce: str) -> None: ...

    def look_back(self, until: Block) -> None: ...
