"""What effects say in the log: how they are written, and how a restart reads them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chain.types import Entry, Intent, Refused, Wei
from chain.watcher import Sighting
from telemetry.log import Log
from telemetry.record import Record


@dataclass(frozen=True, slots=True)
class Done:
    """An intent of ours that a block took."""

    key: str
    intent: str
    nonce: int
    hash: str
    ok: bool
    fee: Wei
    at: int
    final: bool


def sent_body(entry: Entry) -> dict[str, Any]:
    intent, call = entry.intent, entry.intent.call
    body: dict[str, Any] = {
        "stage": "sent",
        "intent": intent.id,
        "because": intent.because,
        "purpose": intent.purpose,
        "nonce": entry.nonce,
        "hash": entry.attempts[-1].hash,
        "call": {
            "to": call.to,
            "function": call.function,
            "args": [_arg(arg) for arg in call.args],
            "value": str(call.value),
            "gas": call.gas,
        },
    }
    if call.pull is not None:
        body["pull"] = {
            "token": call.pull.token,
            "value": str(call.pull.value),
            "valid_before": _arg(call.pull.valid_before),
        }
    return body


def settled_body(sighting: Sighting) -> dict[str, Any]:
    receipt = sighting.receipt
    if receipt is None:  # a settled sighting has one
        raise ValueError(sighting.entry.intent.id)
    return {
        "stage": "settled",
        "intent": sighting.entry.intent.id,
        "nonce": sighting.entry.nonce,
        "hash": receipt.hash,
        "block": {
            "number": receipt.block.number,
            "hash": receipt.block.hash,
            "at": receipt.block.at,
        },
        "ok": receipt.ok,
        "gas_used": receipt.gas_used,
        "fee": str(receipt.fee),
    }


def refusal_body(intent: Intent, refused: Refused) -> dict[str, Any]:
    return {
        "intent": intent.id,
        "because": intent.because,
        "purpose": intent.purpose,
        "reason": refused.reason,
        "facts": {name: _arg(value) for name, value in refused.facts.items()},
    }


def _arg(value: Any) -> Any:
    """Amounts are decimal text; what is near enough to zero for a counter stays a number."""
    if isinstance(value, list | tuple):
        return [_arg(item) for item in value]
    if type(value) is int and abs(value) >= 2**53:
        return str(value)
    return value


def effects(log: Log, first_seq: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each effect from this record on, and its place."""
    for seq, data in log.records(first_seq):
        record = Record.decode(data)
        if record.kind == "effect":
            yield seq, record.body


def told(log: Log, first_seq: int) -> tuple[dict[str, int], set[str]]:
    """Which intents the log says were sent, and which it says are settled."""
    sent: dict[str, int] = {}
    settled: set[str] = set()
    for seq, body in effects(log, first_seq):
        if body["stage"] == "sent":
            sent[body["intent"]] = seq
        else:
            settled.add(body["intent"])
    return sent, settled


def done_by(settled: Mapping[str, Any], key: str) -> Done:
    """What a settled effect says, as it was said when it settled."""
    return Done(
        key,
        str(settled["intent"]),
        int(settled["nonce"]),
        str(settled["hash"]),
        bool(settled["ok"]),
        Wei(int(settled["fee"])),
        int(settled["block"]["at"]),
        final=True,
    )


def key_of(log: Log, purpose: str, because: int) -> str:
    """The action an intent was part of, from the record that decided it."""
    if purpose != "act":
        return purpose
    body = log.record(because).body
    menu = body.get("menu")
    return str(menu[body["chosen"]]["key"]) if menu else purpose
