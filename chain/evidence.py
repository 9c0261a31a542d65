"""What some intents must be backed by: a birth by its permit, an anchor by a signed head. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain import permit
from chain.contracts import ANCHOR, END
from chain.halt import Who
from chain.tables import CheckpointRow
from chain.types import Intent, Json, Refused
from chain.wire import COUNT_MAX, Fields

ANCHOR_ARGS: Final = 5
"""agent, epoch, size, root, digest"""
EPOCH_MAX: Final = 4096
"""Records in one epoch."""


def birth_is_permitted(intent: Intent, who: Who, domain: permit.Domain) -> Refused | None:
    """A birth the registry would take: ours, and permitted by our operator."""
    if intent.purpose != "birth":
        return None
    try:
        birth, signature = permit.birth_from_args(intent.call.args)
    except (ValueError, TypeError, KeyError, IndexError):
        return Refused("permit", {"why": "not a permit"})
    if (birth.wallet, birth.operator, birth.log_key) != (who.wallet, who.operator, who.log_key):
        return Refused("permit", {"why": "not this life's"})
    if permit.signed_by(domain, birth, signature) != who.operator:
        return Refused("permit", {"why": "not the operator's"})
    return None


def head_is_signed(intent: Intent, signed: Callable[[int], CheckpointRow | None]) -> Refused | None:
    """An anchor names a head that the log key has signed; an end may name none."""
    function, args = intent.call.function, list(intent.call.args)
    if intent.purpose not in {"anchor", "end"} or function not in {ANCHOR, END}:
        return None
    if function == END:
        del args[1:2]  # the cause
    if len(args) != ANCHOR_ARGS:
        return Refused("call", {"why": "the number of arguments differs"})
    _, epoch, size, root, _ = args
    if function == END and (size, _number(root)) == (0, 0):
        return None
    row = signed(epoch) if isinstance(epoch, int) and 0 <= epoch <= COUNT_MAX else None
    if row is None or (size, _number(root)) != (row.size, _number(row.root)):
        return Refused("unsigned_head", {"epoch": epoch})
    return None


def follows(last: CheckpointRow | None, asked: CheckpointRow) -> Refused | None:
    """Epochs come one by one and each brings records."""
    epoch, size = (last.epoch, last.size) if last else (-1, 0)
    if asked.epoch != epoch + 1 or not size < asked.size <= size + EPOCH_MAX:
        return Refused("out_of_turn", {"epoch": epoch, "size": size})
    return None


def _number(value: Json) -> int:
    return int.from_bytes(Fields({"root": value}).raw("root", 32), "big")
