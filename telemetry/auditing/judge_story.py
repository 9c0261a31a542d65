"""Judges what records tell one after another: birth first, one ending, intents that add up."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Final

from telemetry.auditing import body as read
from telemetry.auditing import findings as kinds
from telemetry.auditing.calls import is_misused
from telemetry.auditing.findings import Findings
from telemetry.auditing.judge_decision import judge_decision
from telemetry.auditing.told import (
    Named,
    Told,
    genome_digest,
    observed_token,
    read_birth,
    read_ending,
    read_mark,
    read_sent,
    read_settled,
)
from telemetry.errors import BadRecord
from telemetry.record import Record

_LAST_ID: Final = re.compile(r"close\.\d{1,20}")
_ACT_ID: Final = re.compile(r"(\d{1,16})\.(\d{1,6})")
_PURPOSES: Final = frozenset(("birth", "serve", "act", "anchor", "end", "drain"))
_WHEN_HALTED: Final = frozenset(("anchor", "end", "drain"))


class Story:
    """Sees every readable record once, in order; `Told` keeps what the chain can confirm."""

    def __init__(self, told: Told, found: Findings) -> None:
        self._told = told
        self._found = found
        self._at = 0
        self._halted = False
        self._leaving: int | None = None
        """The heartbeat by which the ending begins."""
        self._intents: set[str] = set()
        self._decisions = array("Q")
        """Those that chose to do something: the first entry of every menu is to hold."""
        self._judges: Mapping[str, Callable[[Record], None]] = {
            "birth": self._birth,
            "decision": self._decision,
            "effect": self._effect,
            "anchor": self._anchor,
            "funds": self._funds,
            "heartbeat": self._heartbeat,
            "halt": self._halt,
            "resume": self._resume,
            "end": self._end,
        }

    def see(self, record: Record, seq: int) -> None:
        """Judge one record; `seq` is its place in the log, whatever the record says."""
        told = self._told
        if record.at < self._at:
            self._found.fault(kinds.CLOCK, "earlier than the record before", seq)
        if told.birth and record.block.chain != told.birth.chain:
            self._found.fault(kinds.ORDER, f"read on chain {record.block.chain}", seq)
        if told.ending:
            self._found.fault(kinds.ORDER, f"a {record.kind} after the ending", seq)
            return
        if (record.kind == "birth") != (seq == 0):
            self._found.fault(kinds.ORDER, f"a {record.kind} as record {seq}", seq)
        self._at = max(self._at, record.at)
        told.last_block = max(told.last_block, record.block.number)
        try:
            if judge := self._judges.get(record.kind):
                judge(record)
        except BadRecord as error:
            self._found.fault(kinds.BODY, f"{record.kind}: {error}", seq)

    def _birth(self, record: Record) -> None:
        if self._told.birth is not None:
            return
        birth = self._told.birth = read_birth(record)
        if birth.genome != genome_digest(record.body):
            self._found.fault(kinds.IDENTITY, "the genome is not what its digest says", 0)
        self._told.wallet = self._told.wallet or birth.wallet
        self._intents.add("birth")
        self._told.named[birth.nonce] = Named(0, "birth", "birth", birth.nonce, birth.hash, None)

    def _decision(self, record: Record) -> None:
        if self._halted:
            self._found.fault(kinds.ORDER, "a decision while halted", record.seq)
        if record.body.get("chosen") != 0:
            self._decisions.append(record.seq)
        self._told.tokens.update(observed_token(record.body))
        birth = self._told.birth
        seed = bytes.fromhex(birth.seed[2:]) if birth else None
        if verdict := judge_decision(record.body, record.seq, seed):
            self._found.fault(*verdict, record.seq)

    def _effect(self, record: Record) -> None:
        stage = read.text(record.body, "stage")
        if stage == "sent":
            self._sent(record)
        elif stage == "settled":
            self._settled(record)
        else:
            raise BadRecord(why="neither sent nor settled", field="stage")

    def _sent(self, record: Record) -> None:
        body = record.body
        intent, purpose = read.text(body, "intent"), read.text(body, "purpose")
        if why := self._contradiction(intent, purpose, read.integer(body, "because"), record.seq):
            self._found.fault(kinds.INTENT, f"{intent}: {why}", record.seq)
        self._intents.add(intent)
        if self._halted and purpose not in _WHEN_HALTED:
            self._found.fault(kinds.ORDER, f"{intent}: {purpose} while halted", record.seq)
        named = read_sent(record.seq, body, self._told.wallet)
        birth = self._told.birth
        if birth and is_misused(body, intent, purpose, birth.who):
            self._found.fault(kinds.INTENT, f"{intent}: no {purpose} does this", record.seq)
        self._name(named)

    def _contradiction(self, intent: str, purpose: str, because: int, seq: int) -> str | None:
        if intent in self._intents:
            return "the same intent twice"
        if purpose not in _PURPOSES:
            return f"{purpose} is no purpose"
        if because >= seq:
            return f"because of record {because}, which comes later"
        return self._undecided(intent, because) if purpose == "act" else None

    def _undecided(self, intent: str, because: int) -> str | None:
        """What a life does follows from a decision; only its ending closes leases without one."""
        if because == self._leaving and _LAST_ID.fullmatch(intent):
            return None
        match = _ACT_ID.fullmatch(intent)
        if not match or int(match[1]) != because:
            return f"not an intent of record {because}"
        return None if self._decided(because) else f"record {because} decided to do nothing"

    def _decided(self, seq: int) -> bool:
        place = bisect_left(self._decisions, seq)
        return place < len(self._decisions) and self._decisions[place] == seq

    def _name(self, named: Named) -> None:
        if named.nonce is None:
            if named.call is None or named.call.authorization is None:
                raise BadRecord(why="neither a nonce nor an authorization", field="nonce")
            self._told.authorized.append(named)
        elif other := self._told.named.get(named.nonce):
            said = f"{named.intent}: nonce {named.nonce} is that of {other.intent}"
            self._found.fault(kinds.INTENT, said, named.seq)
        else:
            self._told.named[named.nonce] = named

    def _settled(self, record: Record) -> None:
        settled = read_settled(record.seq, record.body)
        sent = self._told.named.get(settled.nonce)
        if sent is None or sent.intent != settled.intent:
            said = f"{settled.intent}: settled at nonce {settled.nonce}, but not sent there"
            self._found.fault(kinds.INTENT, said, record.seq)
        elif settled.nonce in self._told.settled:
            self._found.fault(kinds.INTENT, f"{settled.intent}: settled twice", record.seq)
        else:
            self._told.settled[settled.nonce] = settled

    def _anchor(self, record: Record) -> None:
        mark = read_mark(record.body)
        marks = self._told.marks
        if mark.epoch not in marks and mark.epoch < next(reversed(marks), 0):
            return  # in a hole that has its finding
        if marks.get(mark.epoch) != mark:
            said = f"epoch {mark.epoch}: another checkpoint than the log's"
            self._found.fault(kinds.ANCHOR, said, record.seq)

    def _funds(self, record: Record) -> None:
        if not read.absent(record.body, "tx"):
            self._told.funded.add(read.hexes(record.body, "tx", 32))

    def _heartbeat(self, record: Record) -> None:
        if not read.absent(record.body, "ending"):
            self._leaving = record.seq

    def _halt(self, record: Record) -> None:
        self._halted = True
        read.integer(record.body, "halt_id")

    def _resume(self, record: Record) -> None:
        if not self._halted:
            self._found.fault(kinds.ORDER, "resumed without a halt", record.seq)
        self._halted = False
        read.integer(record.body, "halt_id")

    def _end(self, record: Record) -> None:
        ending = self._told.ending = read_ending(record)
        for named in ending.intents:
            if named.intent in self._intents:
                self._found.fault(kinds.INTENT, f"{named.intent}: the same intent twice", named.seq)
            self._intents.add(named.intent)
            self._name(named)
