"""The signer's operations by name: one JSON request in, one JSON reply out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from chain.desk import Desk
from chain.errors import BadRequest, ChainError, LedgerDamaged, SignerFault
from chain.types import Attempt, Json, Refused
from chain.wire import (
    Fields,
    admission_to_json,
    attempt_to_json,
    entry_to_json,
    fees_from_json,
    hexed,
    intent_from_json,
    refused_to_json,
    state_to_json,
)

REASON_MAX: Final = 200

Operation = Callable[[Desk, Fields], Json]


def reply(desk: Desk, request: Json) -> dict[str, Json]:
    """A fault is the reply, but for a damaged ledger, which ends the signer."""
    try:
        of = Fields(request)
        return {"ok": _named(of.text("op"))(desk, of)}
    except LedgerDamaged:
        raise
    except ChainError as fault:
        return fault_to_json(fault)
    except Exception as error:  # noqa: BLE001 - no request ends the signer; its transaction is undone
        return fault_to_json(SignerFault(error=type(error).__name__))


def _named(op: str) -> Operation:
    if op not in OPERATIONS:
        raise BadRequest("no such operation")
    return OPERATIONS[op]


def fault_to_json(fault: ChainError) -> dict[str, Json]:
    facts = {name: str(value) for name, value in fault.facts.items()}
    return {"fault": {"kind": type(fault).__name__, "facts": {**facts, "reason": fault.reason}}}


def _state(desk: Desk, _: Fields) -> Json:
    return state_to_json(desk.state())


def _admit(desk: Desk, of: Fields) -> Json:
    admission = desk.admit(intent_from_json(of.of("intent")), fees_from_json(of.of("fees")))
    return admission_to_json(admission)


def _bump(desk: Desk, of: Fields) -> Json:
    verdict = desk.bump(of.text("intent"), fees_from_json(of.of("fees")))
    return attempt_to_json(verdict) if isinstance(verdict, Attempt) else refused_to_json(verdict)


def _entries(desk: Desk, of: Fields) -> Json:
    return [entry_to_json(entry) for entry in desk.entries(of.count("from_nonce"))]


def _checkpoint(desk: Desk, of: Fields) -> Json:
    verdict = desk.checkpoint(
        of.count("epoch"), of.count("size"), of.raw("root", 32), of.raw("prev", 32)
    )
    return _signature(verdict)


def _access(desk: Desk, of: Fields) -> Json:
    verdict = desk.access(
        of.uint("lease"), of.address("provider"), of.count("at"), of.raw("digest", 32)
    )
    return _signature(verdict)


def _halt(desk: Desk, of: Fields) -> Json:
    return desk.halt(of.text("reason")[:REASON_MAX])


def _resume(desk: Desk, of: Fields) -> Json:
    return desk.resume(of.raw("signature"))


def _signature(verdict: bytes | Refused) -> Json:
    return refused_to_json(verdict) if isinstance(verdict, Refused) else hexed(verdict)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "state": _state,
    "admit": _admit,
    "bump": _bump,
    "entries": _entries,
    "checkpoint": _checkpoint,
    "access": _access,
    "halt": _halt,
    "resume": _resume,
}
