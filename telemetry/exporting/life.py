"""One row for a life: who it was, how it was born, lived and ended, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa

from telemetry.auditing.audit import Audited, life_name
from telemetry.auditing.facts import LeaseFact
from telemetry.auditing.judge_chain import has_ended_meanwhile
from telemetry.auditing.said import Birth
from telemetry.errors import BadKept
from telemetry.exporting.columns import Taken
from telemetry.exporting.folder import Row
from telemetry.exporting.money import Money
from telemetry.exporting.schema import LIVES, LIVES_SCHEMA
from telemetry.fitness import Span, paid

_MOST: Final = 2**63


@dataclass(slots=True)
class Told:
    """What a log tells once, and what is counted: kept from one run to the next."""

    genome: Mapping[str, Any] | None = None
    placing: str = ""
    start_block: int = 0
    first_micro: str | None = None
    first_wei: str | None = None
    halts: int = 0
    decisions: int = 0
    """Rows written so far."""
    reached: int = 0
    """The block up to which their money was counted."""

    def hear(self, taken: Taken) -> None:
        if taken.birth is not None and self.genome is None:
            self.genome = _map(taken.birth, "genome")
            self.placing = _text(taken.birth.get("placing")) or ""
        if taken.first is not None and self.first_micro is None:
            self.first_micro = _text(taken.first.get("micro"))
            self.first_wei = _text(taken.first.get("wei"))
        self.start_block = self.start_block or taken.first_block
        self.halts += taken.halts

    def dump(self) -> bytes:
        return json.dumps(asdict(self), default=str).encode()

    @classmethod
    def load(cls, note: bytes | None) -> Told:
        try:
            return cls(**json.loads(note)) if note else cls()
        except (ValueError, TypeError) as error:
            raise BadKept(why=str(error)) from error


def name_of(birth: Birth) -> str:
    return life_name(birth.chain, birth.registry, birth.agent, birth.wallet)


def life_row(audited: Audited, birth: Birth, told: Told, money: Money | None) -> Row:
    verdict, story, life = audited.verdict, audited.log.story, audited.life
    genome, outcome = told.genome or {}, outcome_of(audited)
    ours = (fact for fact in audited.leases if fact.tenant == birth.wallet)
    spans = paid(_span(fact, birth.operator) for fact in ours)
    on_chain = money is not None and life is not None
    return {
        "life": name_of(birth),
        "chain": birth.chain,
        "registry": birth.registry,
        "agent": birth.agent,
        "wallet": birth.wallet,
        "operator": birth.operator,
        "signer": birth.log_key,
        "parents": list(birth.parents),
        "generation": _whole(genome.get("generation")),
        "genome": birth.genome,
        "model": _text(genome.get("gguf")),
        "adapter": _text(genome.get("adapter")),
        "prompt": _text(genome.get("prompt")),
        "placing": told.placing,
        "seed": birth.seed,
        "speed": birth.speed,
        "start_block": told.start_block,
        "start_time": life.born_at if on_chain and life else None,
        "end_block": audited.log.last_block,
        "outcome": outcome,
        "cause": verdict.cause if outcome else None,
        "event": outcome == "died",
        "censored": None if outcome == "died" else (outcome or "alive"),
        "halts": told.halts,
        "gaps": story.gaps,
        "absent_ms": story.absent_ms,
        "first_micro": _decimal(told.first_micro),
        "first_wei": told.first_wei,
        "gift_micro": money.gifts if money else None,
        "paid_s": spans.seconds if on_chain else None,
        "own_paid_s": spans.own_seconds if on_chain else None,
        "records": verdict.records,
        "decisions": told.decisions,
        "epochs": verdict.epochs,
        "head": verdict.head,
        "verified": verdict.verified,
    }


def outcome_of(audited: Audited) -> str | None:
    """How it ended; None while more may be told, as of a life that ended while it was audited."""
    told, account = audited.log.story.ending is not None, audited.account
    if not told and account is not None and has_ended_meanwhile(account):
        return None
    return audited.verdict.outcome


def lives_table(rows: Sequence[Row]) -> pa.Table:
    """All lives, each with the oldest ancestor that is among them."""
    parents = {(row["chain"], row["registry"], row["agent"]): row["parents"] for row in rows}
    whole = [{**row, "lineage": _lineage(row, parents)} for row in rows]
    columns = {column.name: [row[column.name] for row in whole] for column in LIVES}
    return pa.table(columns, schema=LIVES_SCHEMA)


def _lineage(row: Row, parents: Mapping[tuple[int, str, int], Sequence[int]]) -> int:
    chain, registry, agent = row["chain"], row["registry"], int(row["agent"])
    seen = set[int]()
    while agent not in seen:
        seen.add(agent)
        known = parents.get((chain, registry, agent), ())
        if not known:
            break
        agent = min(known)
    return agent


def _span(fact: LeaseFact, operator: str) -> Span:
    """A lease that was never active was never paid."""
    start = fact.activated_at or fact.settled_until
    return Span(start, fact.settled_until, own=fact.provider == operator)


def _map(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST else None


def _decimal(text: str | None) -> int | None:
    if text is None or not text.isdecimal() or len(text) > len(str(_MOST)):
        return None
    return _whole(int(text))
