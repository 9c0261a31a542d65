"""Carries out what was decided: asks the signer, writes it down, sends it, and books how it ended.

Order is everything. The record of a decision is durable before the signer is asked; the record of
what was signed is durable before its bytes leave; a crash between any two steps is made good by
`recover`, which asks the signer what it has signed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.effects import (
    Done,
    done_by,
    effects,
    key_of,
    refusal_body,
    sent_body,
    settled_body,
    told,
)
from agent.senses import Doings
from chain.errors import SignerGone
from chain.port import Signer
from chain.sender import Sender
from chain.txstate import MINED, State
from chain.types import Block, Entry, Intent, Refused, Wei
from chain.watcher import Sighting, Watcher
from strategies.port import Action, Outcome, Pending
from telemetry.errors import LogBehind
from telemetry.log import Log

REMEMBERED: Final = 12
RECALLED: Final = 4096
"""So many records are looked through after a restart."""
GAS_WINDOW_S: Final = 24 * 3600
HOUR_S: Final = 3600
LEAST_H: Final = 4.0
"""Gas is measured over no less: the first hour of a life has what no other hour has."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An intent of ours that is not settled."""

    key: str
    at: int
    seq: int
    """The record that says it was sent."""


class Hands:
    """The only part of the daemon that asks for signatures on money."""

    def __init__(self, signer: Signer, sender: Sender, watcher: Watcher, log: Log) -> None:
        self._signer = signer
        self._sender = sender
        self._watcher = watcher
        self._log = log
        self._sent: dict[str, Sent] = {}
        self._entries: dict[str, Entry] = {}
        self._done: deque[Done] = deque(maxlen=REMEMBERED)
        self._fees: dict[str, tuple[int, Wei]] = {}
        """When and how much each intent of the last day burned."""
        self._since = (0, 0)
        self._next_nonce = 0
        self._recalled = False
        self.unsure = True
        """Something may be signed that is not in the log: `recover` first."""

    async def act(self, action: Action, because: int, block: Block, base_fee: Wei) -> None:
        """Ask for every call of an action in order; a refusal ends it."""
        for place, call in enumerate(action.calls):
            intent = Intent(f"{because}.{place}", because, "act", call)
            if isinstance(await self.ask(intent, action.key, block, base_fee), Refused):
                return

    async def ask(self, intent: Intent, key: str, block: Block, base_fee: Wei) -> Entry | Refused:
        """Have one intent signed, written down and sent; what is unsure is made sure first."""
        if self.unsure:
            await self.recover(block)
        try:
            verdict = await self._signer.admit(intent, self._sender.offer(base_fee))
        except SignerGone:
            self.unsure = True  # it may have been signed: look before the next step
            raise
        if isinstance(verdict, Refused):
            if not self._log.ended:
                self._log.append("refusal", refusal_body(intent, verdict), block)
            return verdict
        if verdict.fresh or intent.id in self._sent:
            try:
                await self._follow(verdict.entry, key, block)
            except Exception:
                self.unsure = True  # it is signed, but perhaps neither written down nor sent
                raise
        return verdict.entry

    async def settle(self, now: Block) -> None:
        """Book what has become of everything in flight."""
        for sighting in await self._watcher.poll():
            self._book(sighting, now)

    async def judge_log(self, first_nonce: int, first_seq: int) -> Sequence[Entry]:
        """What was signed since then; raises `LogBehind` if the log lacks a reason for it."""
        nonce, seq = self._since = max(self._since, (first_nonce, first_seq))
        entries = await self._signer.entries(nonce)
        if self._log.next_seq <= max((seq - 1, *(entry.intent.because for entry in entries))):
            raise LogBehind(why="something was signed for a record that is not in it")
        return entries

    async def recover(self, block: Block, first_nonce: int = 0, first_seq: int = 0) -> None:
        """Take up again all that was signed and is not known to be settled.

        Nothing before the nonce and the record named here is open: only a restart needs to say so.
        """
        if not self._recalled:
            self._recall(block)
        entries = await self.judge_log(first_nonce, first_seq)
        _, seq = self._since
        sent, settled = told(self._log, seq)
        for entry in entries:
            intent = entry.intent
            self._next_nonce = max(self._next_nonce, entry.nonce + 1)
            if intent.id in settled or intent.purpose == "birth":
                continue
            key = key_of(self._log, intent.purpose, intent.because)
            if intent.id in sent:
                self._sent.setdefault(intent.id, Sent(key, block.at, sent[intent.id]))
            await self._follow(entry, key, block)
        self.unsure = False

    @property
    def open(self) -> Mapping[str, Sent]:
        """What is in flight, by intent."""
        return self._sent

    @property
    def unmined(self) -> bool:
        """Whether something in flight has not been seen in a block."""
        return bool(self._sent.keys() - {done.intent for done in self._done})

    def entry(self, intent: str) -> Entry | None:
        return self._entries.get(intent)

    def first_open(self) -> tuple[int, int]:
        """From where a restart must look: the lowest nonce and record that are not settled."""
        if not self.unsure:
            nonces = [self._entries[intent].nonce for intent in self._sent]
            seqs = [sent.seq for sent in self._sent.values()]
            self._since = (
                min(nonces, default=max(self._next_nonce, self._since[0])),
                min(seqs, default=self._log.next_seq),
            )
        return self._since

    def doings(self, now: Block, age_s: int) -> Doings:
        old = [name for name, (at, _) in self._fees.items() if at < now.at - GAS_WINDOW_S]
        for name in old:
            del self._fees[name]
        hours = max(LEAST_H, min(age_s, GAS_WINDOW_S) / HOUR_S)
        # What a block has taken can be seen in the world; if a reorg takes it back, it flies again.
        mined = {done.intent for done in self._done}
        spent = sum(fee for _, fee in self._fees.values())
        return Doings(
            in_flight=tuple(
                Pending(intent, sent.key, max(0, now.at - sent.at))
                for intent, sent in self._sent.items()
                if intent not in mined
            ),
            recent=tuple(
                Outcome(done.key, done.ok, done.fee, max(0, now.at - done.at))
                for done in sorted(self._done, key=lambda done: (-done.at, -done.nonce))
            ),
            gas_per_hour=Wei(int(spent / hours)),
        )

    def shown(self) -> list[dict[str, Any]]:
        """Recent transactions for a person, oldest first."""
        rows: list[dict[str, Any]] = [
            {
                "intent": done.intent,
                "key": done.key,
                "nonce": done.nonce,
                "hash": done.hash,
                "state": "failed" if not done.ok else "settled" if done.final else "mined",
                "fee": str(done.fee),
            }
            for done in self._done
        ]
        mined = {done.intent for done in self._done}
        for intent, sent in self._sent.items():
            entry = self._entries[intent]
            if intent not in mined:
                tip = entry.attempts[-1].hash
                rows.append(
                    {
                        "intent": intent,
                        "key": sent.key,
                        "nonce": entry.nonce,
                        "hash": tip,
                        "state": "pending",
                        "fee": None,
                    }
                )
        return sorted(rows, key=lambda row: row["nonce"])

    async def _follow(self, entry: Entry, key: str, block: Block) -> None:
        intent = entry.intent
        self._entries[intent.id] = entry
        self._next_nonce = max(self._next_nonce, entry.nonce + 1)
        if intent.id not in self._sent:
            seq = self._log.next_seq
            if not self._log.ended:
                self._log.append("effect", sent_body(entry), block)
            self._sent[intent.id] = Sent(key, block.at, seq)
        await self._sender.send(entry)

    def _book(self, sighting: Sighting, now: Block) -> None:
        entry, receipt = sighting.entry, sighting.receipt
        intent = entry.intent
        self._entries[intent.id] = entry
        sent = self._sent.get(intent.id)
        self._forget(intent.id)  # a newer sighting of the same intent replaces the older one
        if receipt is None or sent is None:
            return
        done = Done(
            sent.key,
            intent.id,
            entry.nonce,
            receipt.hash,
            receipt.ok,
            receipt.fee,
            receipt.block.at,
            sighting.final,
        )
        if sighting.state in (MINED, State.SETTLED):
            self._done.append(done)
            self._fees[intent.id] = (receipt.block.at, receipt.fee)
        if sighting.final:
            if not self._log.ended:
                self._log.append("effect", settled_body(sighting), now)
            del self._sent[intent.id]
            self._entries.pop(intent.id)

    def _forget(self, intent: str) -> None:
        self._fees.pop(intent, None)
        for done in [done for done in self._done if done.intent == intent]:
            self._done.remove(done)

    def _recall(self, now: Block) -> None:
        """What the last day's records say was done: a restart must not look like a life of ease."""
        self._recalled = True
        keys: dict[str, str] = {}
        for _, body in effects(self._log, max(0, self._log.next_seq - RECALLED)):
            name = str(body["intent"])
            if body["stage"] == "sent":
                keys[name] = key_of(self._log, body["purpose"], body["because"])
            elif body["block"]["at"] >= now.at - GAS_WINDOW_S:
                done = done_by(body, keys.get(name, name))
                self._done.append(done)
                self._fees[name] = (done.at, done.fee)
