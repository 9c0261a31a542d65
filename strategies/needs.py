"""What a strategy's calls need of the operator's limits: said beside it, signed by a person.

An entry point of the group `forager.needs` names a function of this form for each of our own
strategies. Nothing is allowed by it: `forager permit` asks it, and the operator signs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chain.types import Address, Json
from strategies.port import Places


@dataclass(frozen=True, slots=True)
class Rule:
    """A function that is called; `payee` says which argument names who is paid.

    Without `payees` of its own that is the operator; with them it is one of these, and `WALLET`
    stands for the wallet.
    """

    to: Address
    function: str
    payee: int | None = None
    payees: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherToken:
    """A token beside the working one that authorizations are signed for; caps in its own units."""

    address: Address
    name: str
    version: str
    per_action: int
    per_hour: int
    per_day: int


@dataclass(frozen=True, slots=True)
class Needs:
    """All of it."""

    rules: tuple[Rule, ...] = ()
    tokens: tuple[OtherToken, ...] = ()


NeedsOf = Callable[[Mapping[str, Json], Places], Needs]
"""From a strategy's options and the contracts that the config names; raises `BadOptions`."""
