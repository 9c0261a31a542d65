"""What the signer decides: each operation is one transaction of its ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chain import belonging, evidence, permit
from chain import limits as judging
from chain.calldata import BadCall, Filling, calldata
from chain.errors import LedgerDamaged
from chain.halt import Standing, Who, fits, is_end, may_sign, standing
from chain.keys import Key
from chain.ledger import Ledger
from chain.limits import Limits
from chain.signing import sign_transaction
from chain.tables import CheckpointRow
from chain.transaction import Transaction
from chain.types import (
    Address,
    Admission,
    Admitted,
    Attempt,
    Entry,
    Fees,
    Intent,
    Refused,
    SignerState,
)
from chain.wire import hexed

BUMP: Final = (9, 8)
"""A replacement pays at least an eighth more; pools take nothing less than a tenth."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry says of this wallet."""

    agent: int
    halted: bool
    halt_id: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys of a life."""

    wallet: Key
    log: Key


class Desk:
    """Holds the keys, the limits and the ledger, and says yes or no."""

    def __init__(
        self,
        ledger: Ledger,
        keys: Keys,
        limits: Limits,
        *,
        silence_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._limits = limits
        self._silence_s = silence_s
        self._monotonic = monotonic
        self._heard_at: float | None = None
        self._ended = False
        self._domain = permit.Domain(limits.chain_id, limits.registry)
        with ledger.exclusive() as tx:
            belonging.accept(tx, limits, keys.wallet)
            belonging.recognize(tx, ledger.file)
            self._named = bool(tx.recall("agent"))

    def state(self) -> SignerState:
        with self._ledger.exclusive() as tx:
            who, halt = self._who(tx), tx.newest_halt()
            halted = halt is not None and not halt.resumed
            return SignerState(
                wallet=who.wallet,
                log_key=who.log_key,
                operator=who.operator,
                chain_id=who.chain_id,
                registry=who.registry,
                agent=who.agent,
                halted=halted,
                halt_id=halt.id if halt else 0,
                halt_reason=halt.reason if halt and halted else "",
                ended=self._ended,
                limits_version=self._limits.version,
                next_nonce=tx.next_nonce(),
            )

    def awaits_birth(self) -> bool:
        """The birth is signed, and the chain has not yet named the agent."""
        if self._named:
            return False
        with self._ledger.exclusive() as tx:
            return tx.entry("birth") is not None

    def learn(self, answer: Answer) -> None:
        """The chain has answered: a halt it reports stays until the operator's signature."""
        self._heard_at = self._monotonic()
        self._ended = answer.ended
        with self._ledger.exclusive() as tx:
            belonging.meet(tx, answer.agent)
            self._named = bool(tx.recall("agent"))
            if answer.halted and answer.halt_id > tx.newest_halt_on_chain():
                tx.add_halt("halted on chain", tx.now(), on_chain=answer.halt_id)

    def admit(self, intent: Intent, fees: Fees) -> Admission:
        with self._ledger.exclusive() as tx:
            if known := tx.entry(intent.id):
                return Admitted(known, fresh=False)
            who = self._who(tx)
            if refusal := self._silent() or self._forbidden(tx, intent, who):
                return refusal
            now = tx.now()
            verdict = judging.judge(intent, fees, tx.window, now, self._limits, who=who)
            if isinstance(verdict, Refused):
                return verdict
            nonce = tx.next_nonce()
            attempt = self._signed(intent, nonce, fees)
            if isinstance(attempt, Refused):
                return attempt
            tx.add(intent, nonce, now)
            tx.sign(nonce, attempt)
            tx.spend(nonce, now, verdict)
            if is_end(intent.call, who):
                tx.remember("ending", intent.id)
            return Admitted(Entry(intent, nonce, (attempt,)), fresh=True)

    def bump(self, intent_id: str, fees: Fees) -> Attempt | Refused:
        """Counted as what it may cost beyond the attempt before; it may use the reserve."""
        with self._ledger.exclusive() as tx:
            if (entry := tx.entry(intent_id)) is None:
                return Refused("unknown_intent", {"intent": intent_id})
            for attempt in entry.attempts:
                if attempt.fees == fees:
                    return attempt
            last = entry.attempts[-1].fees
            if not (_bumped(last.max_fee, fees.max_fee) and _bumped(last.priority, fees.priority)):
                return Refused(
                    "bump", {"max_fee": str(last.max_fee), "priority": str(last.priority)}
                )
            now = tx.now()
            more = {judging.WEI: entry.intent.call.gas * (fees.max_fee - last.max_fee)}
            whole = judging.worst_case(entry.intent, fees, self._limits, self._who(tx))
            refusal = (
                judging.fits_fees(fees, self._limits)
                or judging.over_action(judging.WEI, whole[judging.WEI], self._limits)
                or judging.over("end", more, tx.window, now, self._limits)
            )
            if refusal:
                return refusal
            if self._signed(entry.intent, entry.nonce, last) != entry.attempts[-1]:
                raise LedgerDamaged("a stored call no longer gives its signed bytes")
            signed = self._signed(entry.intent, entry.nonce, fees)
            if isinstance(signed, Attempt):
                tx.sign(entry.nonce, signed)
                tx.spend(entry.nonce, now, more)
            return signed

    def entries(self, from_nonce: int) -> list[Entry]:
        with self._ledger.exclusive() as tx:
            return tx.entries(from_nonce)

    def checkpoint(self, epoch: int, size: int, root: bytes, prev: bytes) -> bytes | Refused:
        with self._ledger.exclusive() as tx:
            asked = CheckpointRow(
                epoch=epoch, size=size, root=hexed(root), prev=hexed(prev), signature=""
            )
            if (known := tx.checkpoint(epoch)) is not None:
                if (known.size, known.root, known.prev) == (size, asked.root, asked.prev):
                    return bytes.fromhex(known.signature[2:])
                return Refused(
                    "other_head", {"epoch": epoch, "size": known.size, "root": known.root}
                )
            agent = self._who(tx).agent
            if not agent or self._ended:
                return Refused("standing", {"agent": agent, "ended": self._ended})
            if refusal := evidence.follows(tx.checkpoint(), asked):
                return refusal
            head = permit.Checkpoint(agent, epoch, size, root, prev)
            signature = permit.sign(self._keys.log, self._domain, head)
            asked.signature = hexed(signature)
            tx.add_checkpoint(asked)
            return signature

    def access(self, lease: int, provider: Address, at: int, digest: bytes) -> bytes | Refused:
        """Not while halted: a halted agent does not think."""
        with self._ledger.exclusive() as tx:
            at_ = self._standing(tx, self._who(tx))
            if at_ not in (Standing.LIVING, Standing.ENDING):
                return Refused("standing", {"standing": at_.value, "purpose": "access"})
        message = permit.Access(lease, provider, at, digest)
        return permit.sign(self._keys.wallet, self._domain, message)

    def halt(self, reason: str) -> int:
        with self._ledger.exclusive() as tx:
            return tx.add_halt(reason, tx.now())

    def resume(self, signature: bytes) -> bool:
        with self._ledger.exclusive() as tx:
            halt = tx.newest_halt()
            if halt is None or halt.resumed:
                return False
            message = permit.Resume(self._who(tx).agent, halt.id)
            if permit.signed_by(self._domain, message, signature) != self._limits.operator:
                return False
            tx.lift(halt.id, hexed(signature))
            tx.remember("file", self._ledger.file)
            return True

    def _who(self, tx: Transaction) -> Who:
        return Who(
            wallet=self._keys.wallet.address,
            log_key=self._keys.log.address,
            operator=self._limits.operator,
            registry=self._limits.registry,
            chain_id=self._limits.chain_id,
            agent=int(tx.recall("agent") or 0),
        )

    def _standing(self, tx: Transaction, who: Who) -> Standing:
        halt = tx.newest_halt()
        return standing(
            who.agent,
            halted=halt is not None and not halt.resumed,
            ending=bool(tx.recall("ending")),
            ended=self._ended,
        )

    def _silent(self) -> Refused | None:
        if self._heard_at is None:
            return Refused("chain_silent", {"never": True})
        quiet = self._monotonic() - self._heard_at
        return Refused("chain_silent", {"seconds": int(quiet)}) if quiet > self._silence_s else None

    def _forbidden(self, tx: Transaction, intent: Intent, who: Who) -> Refused | None:
        if self._limits.agent and who.agent and self._limits.agent != who.agent:
            return Refused("agent", {"agent": who.agent, "limits": self._limits.agent})
        return (
            may_sign(self._standing(tx, who), intent.purpose)
            or fits(intent, who)
            or evidence.birth_is_permitted(intent, who, self._domain)
            or evidence.head_is_signed(intent, tx.checkpoint)
        )

    def _signed(self, intent: Intent, nonce: int, fees: Fees) -> Attempt | Refused:
        call = intent.call
        try:
            data = calldata(
                call,
                Filling(self._keys.wallet.address, intent.id),
                self._token_domain(intent),
                self._keys.wallet.sign,
            )
        except BadCall as bad:
            return Refused("call", {"why": str(bad)})
        chain_id = self._limits.chain_id
        return sign_transaction(
            self._keys.wallet, chain_id, nonce, fees, call.gas, call.to, call.value, data
        )

    def _token_domain(self, intent: Intent) -> permit.Domain | None:
        if (pull := intent.call.pull) is None or pull.token not in self._limits.tokens:
            return None
        token = self._limits.tokens[pull.token]
        return permit.Domain(self._limits.chain_id, pull.token, token.name, token.version)


def _bumped(old: int, new: int) -> bool:
    more, per = BUMP
    return new * per >= old * more
