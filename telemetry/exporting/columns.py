"""An epoch's decisions as columns: taken where the epoch is judged, and sent on as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from telemetry.auditing.epoch import Read
from telemetry.checkpoint import Checkpoint
from telemetry.cid import from_digest
from telemetry.exporting.schema import ACTION, SEEN_SCHEMA

REFLEX: Final = "reflex"
MOST: Final = 2**63
_PLAIN: Final = tuple(field.name for field in SEEN_SCHEMA if field.name != "actions")


class Taken(NamedTuple):
    """One epoch's decisions, and what is told once."""

    rows: int
    batch: bytes
    """An Arrow record batch of `SEEN_SCHEMA`, serialized."""
    birth: Mapping[str, Any] | None
    first: Mapping[str, Any] | None
    """What the first decision saw itself hold."""
    first_block: int
    halts: int


def columns(_: Checkpoint) -> Columns:
    """The harvest."""
    return Columns()


class Columns:
    """Takes an epoch's decisions column by column: what was decoded is not held."""

    def __init__(self) -> None:
        self._rows = 0
        self._halts = 0
        self._birth: Mapping[str, Any] | None = None
        self._first: Mapping[str, Any] | None = None
        self._first_block = 0
        self._columns: dict[str, list[Any]] = {name: [] for name in _PLAIN}
        self._menus = Menus()

    def take(self, records: Sequence[Read]) -> None:
        if not self._first_block:
            self._first_block = records[0].record.block.number
        for read in records:
            if read.record.kind == "birth":
                self._birth = read.record.body
            self._halts += read.record.kind == "halt"
        decisions = [read for read in records if read.record.kind == "decision"]
        if decisions and not self._rows:
            self._first = _within(decisions[0].record.body["observation"], "holdings")
        self._rows += len(decisions)
        for name, values in _columns(decisions).items():
            self._columns[name].extend(values)
        self._menus.extend([read.record.body["menu"] for read in decisions])

    def done(self) -> Taken:
        arrays = [
            self._menus.array()
            if field.name == "actions"
            else pa.array(self._columns[field.name], field.type)
            for field in SEEN_SCHEMA
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=SEEN_SCHEMA)
        return Taken(
            rows=self._rows,
            batch=batch.serialize().to_pybytes(),
            birth=self._birth,
            first=self._first,
            first_block=self._first_block,
            halts=self._halts,
        )


def _columns(decisions: Sequence[Read]) -> Mapping[str, Iterable[Any]]:
    bodies = [read.record.body for read in decisions]
    seen = [body["observation"] for body in bodies]
    models = [body["model"] if body["model"] != REFLEX else {} for body in bodies]
    return {
        "seq": [read.seq for read in decisions],
        "at_ms": [read.record.at for read in decisions],
        "block": [read.record.block.number for read in decisions],
        "time": [_number(_within(each, "block").get("at")) for each in seen],
        "observation": [_json(each) for each in seen],
        "prompt": [body["prompt"] for body in bodies],
        "logprobs": [body["logprobs"] for body in bodies],
        "action": [body["chosen"] for body in bodies],
        "epsilon": [float(body["epsilon"]) for body in bodies],
        "temperature": [float(body["temperature"]) for body in bodies],
        "model": [model.get("gguf", REFLEX) for model in models],
        "adapter": [model.get("adapter", "") for model in models],
        "engine": [model.get("engine", "") for model in models],
        "vitals": [_text(each.get("vitals")) for each in seen],
        "runway_h": [_float(each.get("runway_h")) for each in seen],
        "latency_ms": [_number(body["latency_ms"]) for body in bodies],
        "record": [from_digest(read.digest) for read in decisions],
    }


class Menus:
    """Flat columns and where each menu begins: several times as fast as a list of maps."""

    def __init__(self) -> None:
        self._offsets = [0]
        self._keys: list[str] = []
        self._params: list[str] = []
        self._summaries: list[str] = []

    def extend(self, menus: Iterable[Sequence[Mapping[str, Any]]]) -> None:
        for menu in menus:
            self._keys.extend([entry["key"] for entry in menu])
            self._params.extend([_json(entry["params"]) for entry in menu])
            self._summaries.extend([entry["summary"] for entry in menu])
            self._offsets.append(len(self._keys))

    def array(self) -> pa.Array:
        flat = [pa.array(each, pa.string()) for each in (self._keys, self._params, self._summaries)]
        entries = pa.StructArray.from_arrays(flat, fields=list(ACTION))
        return pa.ListArray.from_arrays(pa.array(self._offsets, pa.int32()), entries)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=_hex).decode()


def _hex(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    raise TypeError


def _within(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int | None:
    """A whole number that 64 bits count; what a log says else is left out."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -MOST <= value < MOST else None


def _float(value: object) -> float | None:
    return float(value) if type(value) in (int, float) else None  # type: ignore[arg-type]


def _text(value: object) -> str | None:
    return value if type(value) is str else None
