"""Every field that the format names must be there, whether a rule reads it or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from cbrrr import decode_dag_cbor
from lives import MARKET, whole_life, word

from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import audit

FREE = {"observation", "params", "genome", "facts"}
"""What may hold anything."""
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "refusal": {"intent": "1.0", "because": 1, "purpose": "act", "reason": "no", "facts": {}},
    "lease": {
        "lease": 1,
        "network": "elsewhere",
        "state": "active",
        "offer": 1,
        "provider": MARKET,
        "rate": "5",
        "balance": "7",
        "paid_until": 9,
        "ends_at": 9,
    },
    "heartbeat": {"ending": "died", "cause": "starved"},
    "gap": {"since_ms": 1008, "reason": "stalled"},
    "halt": {"halt_id": 1, "reason": "wait"},
}


def told() -> Mapping[str, tuple[int, Mapping[str, Any]]]:
    """One body of each kind, and the record that says it."""
    found: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for _, records in whole_life().epochs:
        for data in records:
            record = decode_dag_cbor(data)
            name = record["body"].get("stage", record["kind"])
            found.setdefault(name, (record["seq"], record["body"]))
    more = {f"{kind}, besides": (9, body) for kind, body in OTHERS.items()}
    return {**found, **more}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = enumerate(value) if isinstance(value, list) else getattr(value, "items", list)()
    for key, inner in items:
        if not isinstance(key, int):
            yield (*path, key)
        if key not in FREE:
            yield from paths(inner, (*path, key))


CASES = [
    pytest.param(seq, name.partition(",")[0], body, path, id=f"{name} {path}")
    for name, (seq, body) in told().items()
    for path in paths(body)
]


def twisted(seq, kind, body):
    def twist(fields):
        return fields | {"body": body} | ({"kind": kind} if kind in OTHERS else {})

    return whole_life({seq: twist})


@pytest.mark.parametrize("kind", OTHERS)
async def test_these_are_whole(tmp_path, kind):
    verdict = await audit(str(twisted(9, kind, OTHERS[kind]).write(tmp_path)))
    assert kinds.BODY not in {finding.kind for finding in verdict.findings}


@pytest.mark.parametrize(("seq", "kind", "body", "path"), CASES)
async def test_no_field_is_left_out(tmp_path, seq, kind, body, path):
    less = deepcopy(dict(body))
    within: Any = less
    for step in path[:-1]:
        within = within[step]
    del within[path[-1]]
    verdict = await audit(str(twisted(seq, kind, less).write(tmp_path)))
    assert (kinds.BODY, seq) in {(finding.kind, finding.record) for finding in verdict.findings}


ODD = {
    "an amount that is no text": (6, {"fee": 5}),
    "a root in hex": (4, {"root": word("root")}),
    "an ending for no reason": (8, {"ending": "bored", "cause": ""}),
    "a pause for no reason": (8, {"since_ms": 1, "reason": "tired"}),
    "a counter of 2^53": (10, {"intents": [{"intent": "x", "purpose": "end", "nonce": 2**53}]}),
}


@pytest.mark.parametrize("name", ODD)
async def test_no_field_is_of_another_form(tmp_path, name):
    seq, changes = ODD[name]

    def twist(fields):
        kind = "gap" if "since_ms" in changes else fields["kind"]
        return fields | {"kind": kind, "body": fields["body"] | changes}

    verdict = await audit(str(whole_life({seq: twist}).write(tmp_path)))
    assert (kinds.BODY, seq) in {(finding.kind, finding.record) for finding in verdict.findings}
