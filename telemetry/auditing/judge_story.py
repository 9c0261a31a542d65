"""Judges what records tell one after another: birth first, one ending, intents that add up."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from telemetry.auditing import findings as kinds
from telemetry.auditing.calls import Told
from telemetry.auditing.epoch import ACTED, OTHER, Event
from telemetry.auditing.findings import Findings
from telemetry.auditing.said import (
    Beat,
    Birth,
    Ending,
    Funded,
    Gap,
    Halted,
    Leased,
    Mark,
    Priced,
    Resumed,
    Sent,
    Settled,
    Sold,
)
from telemetry.auditing.shelf import LeaseAt, Named, Owed, PricedAt, Shelf, SoldAt

_LAST_ID: Final = re.compile(r"close\.(0|[1-9][0-9]{0,19})")
CLOSE: Final = "close(uint256)"
_ACT_ID: Final = re.compile(r"(0|[1-9][0-9]{0,15})\.(0|[1-9][0-9]{0,5})")
_PURPOSES: Final = frozenset(("birth", "serve", "act", "anchor", "end", "drain"))
_WHEN_HALTED: Final = frozenset(("anchor", "end", "drain"))
_ASKED: Final = _PURPOSES - _WHEN_HALTED - {"birth"}
_OF_THE_ENDING: Final = frozenset(("end", "drain"))
_MOST_DEALT: Final = 256
DECISION: Final = "decision"
_PAGE_BITS: Final = 8192
_NO_BITS: Final = bytes(_PAGE_BITS // 8)
_GAPS: Final = frozenset(("stopped", "killed", "stalled"))


class Story:
    """Hears what all records say, in order; the shelf keeps what the chain can confirm."""

    def __init__(self, shelf: Shelf, found: Findings) -> None:
        self.birth: Birth | None = None
        self.ending: tuple[int, Ending] | None = None
        self.gaps = 0
        self.absent_ms = 0
        self._shelf = shelf
        self._found = found
        self._halted = False
        self._dealt: set[str] = set()
        """Contracts that the shelf has already been told of, as far as they are few."""
        self._leaving: int | None = None
        """The heartbeat by which the ending begins."""
        self._acted: dict[int, bytearray] = {}
        """A bit for each record, in pages: whether it decided to do something."""
        self.asked = array("Q")
        """The blocks that were known when something was asked of the signer for a decision."""
        self._hearers: Mapping[type, Callable[[Any, Event], None]] = {
            Birth: self._born,
            Sent: self._sent,
            Settled: self._settled,
            Mark: self._anchor,
            Leased: self._leased,
            Beat: self._beat,
            Funded: self._funded,
            Sold: self._sold,
            Priced: self._priced,
            Gap: self._gap,
            Halted: self._halt,
            Resumed: self._resumed,
            Ending: self._end,
        }

    @property
    def halted(self) -> bool:
        """Whether a halt stood when the last record was written."""
        return self._halted

    def dump(self) -> dict[str, Any]:
        return {
            "birth": list(self.birth) if self.birth else None,
            "ending": self.ending and [self.ending[0], *self.ending[1][:2]],
            "gaps": self.gaps,
            "absent_ms": self.absent_ms,
            "halted": self._halted,
            "leaving": self._leaving,
            "acted": [[page, bytes(bits)] for page, bits in self._acted.items()],
            "asked": self.asked.tobytes(),
        }

    def resume(self, kept: Mapping[str, Any]) -> None:
        birth = Birth(*kept["birth"])
        self.birth = birth._replace(parents=tuple(birth.parents))
        if kept["ending"]:
            seq, reason, cause = kept["ending"]
            self.ending = seq, Ending(reason, cause, ())
        self.gaps, self.absent_ms = kept["gaps"], kept["absent_ms"]
        self._halted, self._leaving = kept["halted"], kept["leaving"]
        self._acted = {page: bytearray(bits) for page, bits in kept["acted"]}
        self.asked.frombytes(kept["asked"])

    def tell(self, events: Iterable[Event], flags: bytes, first: int) -> None:
        """Hear one epoch: `flags` are its records', from seq `first` on."""
        self._remember(flags, first)
        heard = first
        for event in events:
            self._decisions(flags, first, heard, event.seq)
            heard = max(heard, event.seq + (event.kind != DECISION))
            self._hear(event)
        self._decisions(flags, first, heard, first + len(flags))

    def _remember(self, flags: bytes, first: int) -> None:
        """Which decisions chose to do something: the first entry of every menu is to hold."""
        place = flags.find(ACTED)
        while place >= 0:
            page, bit = divmod(first + place, _PAGE_BITS)
            bits = self._acted.setdefault(page, bytearray(_PAGE_BITS // 8))
            bits[bit >> 3] |= 1 << (bit & 7)
            place = flags.find(ACTED, place + 1)

    def _has_acted(self, seq: int) -> bool:
        page, bit = divmod(seq, _PAGE_BITS)
        return bool(self._acted.get(page, _NO_BITS)[bit >> 3] >> (bit & 7) & 1)

    def _decisions(self, flags: bytes, first: int, start: int, stop: int) -> None:
        """None while halted, none once the ending has begun, and nothing at all after it."""
        if not self._halted and self.ending is None and self._leaving is None:
            return
        state = "while halted" if self._halted else "after the ending has begun"
        for seq in range(start, stop):
            if self.ending is not None:
                self._found.fault(kinds.ORDER, "a record after the ending", seq)
            elif flags[seq - first] != OTHER:
                self._found.fault(kinds.ORDER, f"a decision {state}", seq)

    def _hear(self, event: Event) -> None:
        if self.ending is not None:
            if event.kind != DECISION:  # else it is found with all other decisions
                self._found.fault(kinds.ORDER, f"a {event.kind} after the ending", event.seq)
            return
        if hear := self._hearers.get(type(event.said)):
            hear(event.said, event)

    def _born(self, birth: Birth, _: Event) -> None:
        if self.birth is None:
            self.birth = birth
            self._shelf.deal_in((birth.token,))
            self._shelf.intend("birth")
            self._shelf.name(Named(0, "birth", "birth", birth.nonce, birth.hash, None, 0))

    def _leased(self, leased: Leased, event: Event) -> None:
        self._shelf.lease(LeaseAt(event.seq, event.block, leased))

    def _beat(self, beat: Beat, event: Event) -> None:
        if beat.ending:
            self._leaving = event.seq

    def _funded(self, funded: Funded, _: Event) -> None:
        if funded.tx is not None:
            self._shelf.fund(funded.tx)

    def _priced(self, priced: Priced, event: Event) -> None:
        self._shelf.price(PricedAt(event.seq, event.block, priced.price))

    def _sold(self, sold: Sold, event: Event) -> None:
        """At the price of the decision that it names, and once for an authorization."""
        seq, because = event.seq, sold.because
        asked = self._shelf.priced(because) if because < seq else None
        if asked is None:
            self._found.fault(kinds.SALE, f"sold, and record {because} names no price", seq)
        elif asked.price != sold.amount:
            said = f"sold for {sold.amount}, record {because} names {asked.price}"
            self._found.fault(kinds.SALE, said, seq)
        if not self._shelf.sell(SoldAt(seq, sold)):
            self._found.fault(kinds.SALE, f"sold twice for authorization {sold.nonce}", seq)

    def _halt(self, _halted: Halted, _: Event) -> None:
        self._halted = True

    def _gap(self, gap: Gap, event: Event) -> None:
        """What a gap says of the record before is that record's own time."""
        if gap.reason not in _GAPS:
            self._found.fault(kinds.BODY, f"gap: {gap.reason} is no reason", event.seq)
        self.gaps += 1
        self.absent_ms += max(0, event.at - gap.since_ms)

    def _sent(self, sent: Sent, event: Event) -> None:
        seq, name, purpose = event.seq, sent.intent, sent.purpose
        if why := self._contradiction(sent, seq):
            self._found.fault(kinds.INTENT, f"{name}: {why}", seq)
        if self._halted and purpose not in _WHEN_HALTED:
            self._found.fault(kinds.ORDER, f"{name}: {purpose} while halted", seq)
        if purpose in _ASKED:
            self.asked.append(event.block)
        self._deal(sent.touches)
        if sent.misused:
            self._found.fault(kinds.INTENT, f"{name}: no {purpose} does this", seq)
        if sent.nonce is None:
            self._shelf.owe(Owed(seq, name, sent.told))
        else:
            named = Named(seq, name, purpose, sent.nonce, sent.hash, sent.told, event.block)
            self._name(named)

    def _deal(self, touches: Sequence[str]) -> None:
        if not self._dealt.issuperset(touches):
            self._shelf.deal_in(touches)
            if len(self._dealt) < _MOST_DEALT:
                self._dealt.update(touches)

    def _contradiction(self, sent: Sent, seq: int) -> str | None:
        if not self._shelf.intend(sent.intent):
            return "the same intent twice"
        if sent.purpose not in _PURPOSES:
            return f"{sent.purpose} is no purpose"
        if sent.because >= seq:
            return f"because of record {sent.because}, which comes later"
        if sent.purpose in _OF_THE_ENDING and sent.because != self._leaving:
            return f"{sent.purpose}, and record {sent.because} does not begin an ending"
        return self._undecided(sent) if sent.purpose == "act" else None

    def _undecided(self, sent: Sent) -> str | None:
        """What a life does follows from a decision; only its ending closes leases without one."""
        intent, because = sent.intent, sent.because
        if because == self._leaving and (last := _LAST_ID.fullmatch(intent)):
            told = Told.load(sent.told)
            closes = (told.to, told.function, told.args, told.value, told.pull)
            market = self.birth.market if self.birth else ""
            due = (market, CLOSE, (int(last[1]),), 0, None)
            return None if closes == due else f"not the close of lease {last[1]}"
        match = _ACT_ID.fullmatch(intent)
        if not match or int(match[1]) != because:
            return f"not an intent of record {because}"
        return None if self._has_acted(because) else f"record {because} decided to do nothing"

    def _name(self, named: Named) -> None:
        if not self._shelf.name(named):
            other = self._shelf.intended(named.nonce)
            said = f"{named.intent}: nonce {named.nonce} is that of {other}"
            self._found.fault(kinds.INTENT, said, named.seq)

    def _settled(self, settled: Settled, event: Event) -> None:
        seq = event.seq
        if self._shelf.intended(settled.nonce) != settled.intent:
            said = f"{settled.intent}: settled at nonce {settled.nonce}, but not sent there"
            self._found.fault(kinds.INTENT, said, seq)
        elif not self._shelf.settle(seq, settled):
            self._found.fault(kinds.INTENT, f"{settled.intent}: settled twice", seq)

    def _anchor(self, mark: Mark, event: Event) -> None:
        known, last = self._shelf.marked(mark.epoch), self._shelf.last_mark
        if known is None and mark.epoch < (last.epoch if last else 0):
            return  # in a hole that has its finding
        if known != mark:
            said = f"epoch {mark.epoch}: another checkpoint than the log's"
            self._found.fault(kinds.ANCHOR, said, event.seq)

    def _resumed(self, _: Resumed, event: Event) -> None:
        if not self._halted:
            self._found.fault(kinds.ORDER, "resumed without a halt", event.seq)
        self._halted, self._leaving = False, None

    def _end(self, ending: Ending, event: Event) -> None:
        seq = event.seq
        self.ending = seq, ending
        if ending.reason == "lost":
            self._found.fault(kinds.ENDING, "who can write an ending is not lost", seq)
        for last in ending.intents:
            if not self._shelf.intend(last.intent):
                self._found.fault(kinds.INTENT, f"{last.intent}: the same intent twice", seq)
            self._name(Named(seq, last.intent, last.purpose, last.nonce, last.hash, None, 0))
