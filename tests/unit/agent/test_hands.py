"""Hands with a signer that signs, a chain moved by hand, a real log: each step, each crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from agent.hands import HOUR_S, LEAST_H, REMEMBERED, Hands
from chain.errors import SignerGone
from chain.keys import Key
from chain.outbox import Outbox
from chain.sender import Sender
from chain.types import Block, Call, Intent, Refused, Wei
from chain.watcher import Watcher
from strategies.port import Action
from telemetry.errors import LogBehind, LogUnwritable
from telemetry.record import Record
from tests.fakes import FakeNode, FakeSigner
from tests.logs import open_log

KEY = Key(sha256(b"wallet").digest())
BASE_FEE = Wei(10**9)
BLOCK = Block(31337, 7, "0x" + "ab" * 32, 1_700_000_000)
PAY = Call(KEY.address, "", value=Wei(1), gas=21_000)
MENU = [{"key": "hold.wait"}, {"key": "thrift.extend"}]


class Killed(BaseException):
    """The process ends here."""


class Signer(FakeSigner):
    """A signer that refuses some intents, or is gone before or after it signs."""

    def __init__(self) -> None:
        super().__init__(KEY, 31337)
        self.refuses: dict[str, Refused] = {}
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    async def admit(self, intent, fees):
        self.before()
        if intent.id in self.refuses:
            return self.refuses[intent.id]
        verdict = await super().admit(intent, fees)
        self.after()
        return verdict


class Life:
    """Hands and what they hold; `restart` is a new process over the same home."""

    def __init__(self, tmp_path) -> None:
        self.path = tmp_path / "log.sqlite"
        self.node, self.signer = FakeNode(), Signer()
        self.log = open_log(self.path)
        self.log.append("heartbeat", {"vitals": "steady"}, BLOCK)
        self.hands = self._hands()

    def _hands(self) -> Hands:
        outbox = Outbox()
        sender = Sender(self.node, self.signer, outbox, clock=lambda: 0.0, max_fee=Wei(10**12))
        watcher = Watcher(self.node, sender, outbox, KEY.address, clock=lambda: 0.0)
        return Hands(self.signer, sender, watcher, self.log)

    def restart(self) -> None:
        self.log.close()
        self.log = open_log(self.path)
        self.signer.before = self.signer.after = lambda: None
        self.hands = self._hands()

    def decide(self) -> int:
        return self.log.append("decision", {"menu": MENU, "chosen": 1}, BLOCK).seq

    async def ask(self, name: str = "serve", because: int = 0, key: str = "serve"):
        purpose = "act" if "." in name else "serve"
        return await self.hands.ask(Intent(name, because, purpose, PAY), key, BLOCK, BASE_FEE)

    async def pay(self, name: str, because: int) -> None:
        await self.ask(name, because, "thrift.extend")
        await self.settle()

    async def settle(self, blocks: int = 3) -> None:
        """Blocks come one by one, and are looked at."""
        for _ in range(blocks):
            self.node.mine()
            await self.hands.settle(BLOCK)

    def told(self, kind: str = "effect") -> list[dict]:
        records = (Record.decode(data) for _, data in self.log.records())
        return [record.body for record in records if record.kind == kind]

    def stages(self) -> Counter:
        return Counter((body["intent"], body["stage"]) for body in self.told())


@pytest.fixture
def life(tmp_path):
    made = Life(tmp_path)
    yield made
    made.log.close()


def kill() -> None:
    raise Killed


async def test_sent_is_written_before_anything_leaves(life):
    left: list[int] = []
    broadcast = life.node.broadcast

    async def watched(raw, transaction):
        left.append(life.stages()["serve", "sent"])
        return await broadcast(raw, transaction)

    life.node.broadcast = watched
    await life.ask()
    assert left == [1]
    [sent] = life.told()
    assert (sent["nonce"], sent["purpose"], sent["because"]) == (0, "serve", 0)
    assert sent["call"] == {
        "to": KEY.address,
        "function": "",
        "args": [],
        "value": "1",
        "gas": 21_000,
    }


async def test_an_unsigned_intent_leaves_no_trace_but_its_refusal(life):
    life.signer.refuses["serve"] = Refused("per_hour", {"cap": 2**60, "amount": "7"})
    verdict = await life.ask()
    assert isinstance(verdict, Refused)
    [body] = life.told("refusal")
    assert body["reason"] == "per_hour"
    assert body["facts"] == {"cap": str(2**60), "amount": "7"}
    assert not life.told()
    assert not life.node.broadcasts
    assert not life.hands.open


async def test_a_refusal_ends_an_action(life):
    because = life.decide()
    life.signer.refuses[f"{because}.1"] = Refused("target", {})
    action = Action("a.b", {}, "", (PAY, PAY, PAY))
    await life.hands.act(action, because, BLOCK, BASE_FEE)
    assert life.stages() == {(f"{because}.0", "sent"): 1}
    assert len(life.told("refusal")) == 1


async def test_settled_is_written_once_when_final_and_not_before(life):
    await life.ask()
    life.node.mine()
    await life.hands.settle(BLOCK)
    assert life.stages() == {("serve", "sent"): 1}
    assert life.hands.open
    assert life.hands.shown()[0]["state"] == "mined"
    assert not life.hands.unmined
    await life.settle(5)
    assert life.stages() == {("serve", "sent"): 1, ("serve", "settled"): 1}
    assert not life.hands.open
    assert life.hands.shown()[0]["state"] == "settled"


async def test_asking_again_signs_and_writes_nothing_again(life):
    first = await life.ask()
    assert await life.ask() == first
    await life.settle()
    assert await life.ask() == first
    assert life.stages() == {("serve", "sent"): 1, ("serve", "settled"): 1}


async def test_what_a_reorg_undid_is_in_flight_again_and_burned_once(life):
    await life.ask()
    life.node.mine()
    await life.hands.settle(BLOCK)
    burned = life.hands.doings(BLOCK, 0).gas_per_hour
    assert burned > 0
    life.node.reorg(1)
    await life.hands.settle(BLOCK)
    assert life.hands.doings(BLOCK, 0).gas_per_hour == 0
    assert life.hands.doings(BLOCK, 0).recent == ()
    assert life.hands.unmined
    await life.hands.settle(BLOCK)
    raw = life.node.broadcasts[0]
    life.node.take(raw, life.hands.entry("serve").attempts[-1].hash)
    await life.settle()
    assert life.hands.doings(BLOCK, 0).gas_per_hour == burned
    assert life.stages() == {("serve", "sent"): 1, ("serve", "settled"): 1}


def before_signing(life):
    life.signer.before = kill


def after_signing(life):
    life.signer.after = kill


def before_sent_is_written(life):
    _at_effect(life, "sent", written=False)


def after_sent_is_written(life):
    _at_effect(life, "sent", written=True)


def before_the_bytes_leave(life):
    async def broadcast(raw, transaction):
        raise Killed

    life.node.broadcast = broadcast


def after_the_bytes_left(life):
    send = life.node.broadcast

    async def broadcast(raw, transaction):
        await send(raw, transaction)
        raise Killed

    life.node.broadcast = broadcast


def before_settled_is_written(life):
    _at_effect(life, "settled", written=False)


def after_settled_is_written(life):
    _at_effect(life, "settled", written=True)


def _at_effect(life, stage, *, written):
    append = life.log.append

    def frail(kind, body, block):
        here = kind == "effect" and body["stage"] == stage
        if here and not written:
            raise Killed
        entry = append(kind, body, block)
        if here:
            raise Killed
        return entry

    life.log.append = frail


CRASHES = [
    before_signing,
    after_signing,
    before_sent_is_written,
    after_sent_is_written,
    before_the_bytes_leave,
    after_the_bytes_left,
    before_settled_is_written,
    after_settled_is_written,
]


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.__name__)
@pytest.mark.parametrize("notes", ["old", "fresh"])
async def test_killed_anywhere_every_intent_is_told_as_sent_and_settled_once(life, crash, notes):
    await life.ask()
    await life.settle()
    because = life.decide()
    name = f"{because}.0"
    first = (0, 0) if notes == "old" else life.hands.first_open()
    healthy = life.node.broadcast
    crash(life)
    with pytest.raises(Killed):
        await life.pay(name, because)
    life.node.broadcast = healthy

    life.restart()
    assert life.hands.unsure
    await life.hands.recover(BLOCK, *first)
    assert not life.hands.unsure
    if crash is before_signing:
        assert not life.hands.open
        await life.ask(name, because, "thrift.extend")
    assert life.hands.open or crash is after_settled_is_written
    for pending in life.hands.doings(BLOCK, 0).in_flight:
        assert pending.key == "thrift.extend"
    await life.settle()
    assert set(life.stages().values()) == {1}
    assert life.stages().keys() == {
        (intent, stage) for intent in ("serve", name) for stage in ("sent", "settled")
    }
    order = [(body["nonce"], body["stage"]) for body in life.told()]
    assert order == [(n, s) for n in (0, 1) for s in ("sent", "settled")]


async def test_after_a_silent_signer_nothing_is_sure_until_it_was_asked(life):
    await life.hands.recover(BLOCK, 0, 0)

    def gone():
        raise SignerGone

    life.signer.after = gone
    with pytest.raises(SignerGone):
        await life.ask()
    assert life.hands.unsure
    assert not life.told()
    life.signer.after = lambda: None
    await life.hands.recover(BLOCK, 0, 0)
    assert not life.hands.unsure
    await life.settle()
    assert life.stages() == {("serve", "sent"): 1, ("serve", "settled"): 1}


async def test_a_full_disk_leaves_a_signature_that_is_found_again(life):
    """Its nonce is taken: forgotten, it would hold up all that follow."""
    await life.hands.recover(BLOCK, 0, 0)
    append = life.log.append

    def full(kind, body, block):
        raise LogUnwritable(why="disk full")

    life.log.append = full
    with pytest.raises(LogUnwritable):
        await life.ask()
    assert life.hands.unsure
    assert not life.node.broadcasts
    life.log.append = append
    await life.hands.recover(BLOCK, 0, 0)
    await life.ask("other")
    await life.settle()
    assert [body["nonce"] for body in life.told()] == [0, 1, 0, 1]


async def test_recovering_twice_changes_nothing(life):
    await life.ask()
    await life.hands.recover(BLOCK, 0, 0)
    await life.hands.recover(BLOCK, 0, 0)
    assert life.stages() == {("serve", "sent"): 1}
    await life.settle()
    await life.hands.recover(BLOCK, 0, 0)
    assert life.stages() == {("serve", "sent"): 1, ("serve", "settled"): 1}


async def test_the_birth_is_not_taken_up_again(life):
    await life.signer.admit(Intent("birth", 0, "birth", PAY), life.hands._sender.offer(BASE_FEE))
    await life.hands.recover(BLOCK, 0, 0)
    assert not life.told()
    assert not life.hands.open


async def test_a_restart_need_look_no_further_back_than_what_is_open(life):
    await life.hands.recover(BLOCK, 0, 1)
    assert life.hands.first_open() == (0, 1)
    await life.ask("a")
    await life.ask("b")
    assert life.hands.first_open() == (0, 1)
    await life.settle()
    assert life.hands.first_open() == (2, life.log.next_seq)
    await life.ask("c")
    life.hands.unsure = True
    assert life.hands.first_open() == (2, 5)


async def test_a_restart_remembers_what_the_day_has_burned_and_how_it_went(life):
    because = life.decide()
    await life.ask(f"{because}.0", because, "thrift.extend")
    await life.settle()
    now = life.told()[-1]["block"]["at"]
    block = replace(BLOCK, at=now)
    before = life.hands.doings(block, 10 * HOUR_S)
    assert before.gas_per_hour > 0
    assert [outcome.key for outcome in before.recent] == ["thrift.extend"]
    life.restart()
    await life.hands.recover(block, 1, life.log.next_seq)
    assert life.hands.doings(block, 10 * HOUR_S) == before
    assert life.hands.shown()[0]["state"] == "settled"
    tomorrow = replace(BLOCK, at=now + 25 * HOUR_S)
    assert life.hands.doings(tomorrow, 40 * HOUR_S).gas_per_hour == 0
    life.restart()
    await life.hands.recover(tomorrow, 1, life.log.next_seq)
    assert life.hands.doings(tomorrow, 40 * HOUR_S).recent == ()


async def test_a_first_hour_is_no_measure_of_a_life(life):
    await life.ask()
    await life.settle()
    fee = int(life.told()[-1]["fee"])
    now = replace(BLOCK, at=life.told()[-1]["block"]["at"])
    rates = [life.hands.doings(now, hours * HOUR_S).gas_per_hour for hours in (0, 1, 4, 8)]
    assert rates == [int(fee / LEAST_H), int(fee / LEAST_H), int(fee / 4), int(fee / 8)]


async def test_recent_outcomes_are_few_and_newest_first(life):
    for n in range(REMEMBERED + 3):
        await life.ask(f"i{n}", key=f"k{n}")
        await life.settle()
    recent = life.hands.doings(replace(BLOCK, at=2_000_000_000), 0).recent
    assert [o.key for o in recent] == [f"k{n}" for n in range(REMEMBERED + 2, 2, -1)]
    assert all(outcome.ok and outcome.fee > 0 for outcome in recent)
    assert sorted(o.ago_s for o in recent) == [o.ago_s for o in recent]


async def test_an_old_intent_that_settles_late_is_not_the_newest_outcome(life):
    await life.ask("a", key="a")
    life.node.mine()
    await life.hands.settle(BLOCK)
    await life.ask("b", key="b")
    life.node.mine(2)
    await life.hands.settle(BLOCK)
    recent = life.hands.doings(replace(BLOCK, at=2_000_000_000), 0).recent
    assert [outcome.key for outcome in recent] == ["b", "a"]


async def test_after_the_last_record_nothing_is_written(life):
    await life.ask("a")
    life.log.append("end", {"reason": "died", "cause": "", "intents": []}, BLOCK)
    life.signer.refuses["c"] = Refused("halted", {})
    assert not isinstance(await life.ask("end"), Refused)
    assert isinstance(await life.ask("c"), Refused)
    await life.settle()
    assert life.stages() == {("a", "sent"): 1}
    assert len(life.node.broadcasts) == 2


@pytest.mark.parametrize("notes", ["old", "new"])
async def test_a_log_that_lacks_what_was_signed_for_is_no_log_to_go_on_with(life, tmp_path, notes):
    """A backup, restored: its next record would be another than the one that was signed for."""
    life.log.close()
    backup = life.path.read_bytes()
    life.log = open_log(life.path)
    life.hands = life._hands()
    because = life.decide()
    await life.pay(f"{because}.0", because)
    await life.settle()
    first = (0, 0) if notes == "old" else life.hands.first_open()
    life.log.close()
    for left in life.path.parent.glob("log.sqlite*"):
        left.unlink()
    life.path.write_bytes(backup)
    life.restart()
    with pytest.raises(LogBehind, match="signed for a record that is not in it"):
        await life.hands.recover(BLOCK, *first)
    assert life.hands.unsure
