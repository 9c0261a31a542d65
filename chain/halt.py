"""Which purposes may be signed in which standing of a life: one table decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chain.contracts import ANCHOR, BIRTH, END, SERVE, TRANSFER
from chain.types import Address, Call, Intent, Refused


class Standing(StrEnum):
    """Where a life stands, as far as signing goes."""

    UNBORN = "unborn"
    LIVING = "living"
    ENDING = "ending"
    """The registry's `end` is signed: nothing may follow but the last sweep."""
    ENDED = "ended"
    HALTED = "halted"
    HALTED_UNBORN = "halted_unborn"


MAY_SIGN: Final[Mapping[Standing, frozenset[str]]] = {
    Standing.UNBORN: frozenset({"birth"}),
    Standing.LIVING: frozenset({"serve", "act", "anchor", "end"}),
    Standing.ENDING: frozenset({"end"}),
    Standing.ENDED: frozenset({"end", "drain"}),
    Standing.HALTED: frozenset({"anchor", "end", "drain"}),
    Standing.HALTED_UNBORN: frozenset({"drain"}),
}
"""Bumps of what is already numbered are no new intent; they are possible in every standing."""

ON_REGISTRY: Final[Mapping[str, frozenset[str]]] = {
    "birth": frozenset({BIRTH}),
    "serve": frozenset({SERVE}),
    "anchor": frozenset({ANCHOR, END}),
    "end": frozenset({END}),
}


@dataclass(frozen=True, slots=True)
class Who:
    """Whose signer this is."""

    wallet: Address
    log_key: Address
    operator: Address
    registry: Address
    chain_id: int
    agent: int
    """0 before birth."""


def standing(agent: int, *, halted: bool, ending: bool, ended: bool) -> Standing:
    if ended:
        return Standing.ENDED
    if halted:
        return Standing.HALTED if agent else Standing.HALTED_UNBORN
    if ending:
        return Standing.ENDING
    return Standing.LIVING if agent else Standing.UNBORN


def may_sign(at: Standing, purpose: str) -> Refused | None:
    if purpose in MAY_SIGN[at]:
        return None
    return Refused("standing", {"standing": at.value, "purpose": purpose})


def is_end(call: Call, who: Who) -> bool:
    return call.to == who.registry and call.function == END


def pays_operator(intent: Intent, who: Who) -> bool:
    """Money on its way home: ether to the operator, or a token's plain transfer to it."""
    call = intent.call
    if intent.purpose not in {"end", "drain"} or call.pull is not None:
        return False
    if not call.function:
        return call.to == who.operator
    payee = call.args[0] if call.args else None
    return (
        call.function == TRANSFER
        and call.value == 0
        and isinstance(payee, str)
        and payee.lower() == who.operator.lower()
    )


def fits(intent: Intent, who: Who) -> Refused | None:
    """Whether a call is what its purpose says; `act` is judged by the limits instead."""
    call = intent.call
    if intent.purpose == "act" or pays_operator(intent, who):
        return None
    if call.to != who.registry or call.function not in ON_REGISTRY.get(intent.purpose, ()):
        return Refused("purpose", {"purpose": intent.purpose, "function": call.function})
    if call.value or call.pull:
        return Refused("value", {"value": call.value})
    if intent.purpose != "birth" and call.args[:1] != (who.agent,):
        return Refused("agent", {"agent": who.agent})
    return None
