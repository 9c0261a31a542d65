"""An ending, step by step: what is lost, refused or halted on the way, and what comes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import pytest

from agent.ending import Ending, Will
from agent.hands import Hands
from agent.host import WALL
from agent.senses import Self
from chain import abi
from chain.contracts import BALANCE_OF, LIFE_OF
from chain.errors import SignerGone, Unreachable
from chain.keys import Key
from chain.outbox import Outbox
from chain.permit import digest
from chain.sender import Sender
from chain.types import Address, Call, Refused, Wei
from chain.watcher import Watcher
from strategies.homeward import homeward
from strategies.port import Places, Placing
from strategies.samples import lease
from telemetry.cadence import Cadence
from telemetry.checkpoint import Head
from telemetry.errors import LogUnwritable
from telemetry.publisher import Publisher
from telemetry.record import Record
from tests.fakes import FakeNode, FakeSigner
from tests.logs import BLOCK, DOMAIN, LOG_KEY, open_log

KEY, OPERATOR, TOKEN, MARKET, VAULT = (
    Key(sha256(name).digest()) for name in (b"wallet", b"operator", b"token", b"market", b"vault")
)
SHARES = f"sweep.{VAULT.address}"
ZERO = Address("0x" + "00" * 20)
WORD = "0x" + "00" * 32


class Chain(FakeNode):
    """Mines a block whenever its head is looked at; tokens stay until they are swept."""

    def __init__(self, signer: Signer) -> None:
        super().__init__()
        self.signer = signer
        self.ended = False
        """By the operator."""
        self.wei = 10**18

    async def head(self):
        self.mine()
        return await super().head()

    async def check(self) -> None:
        self._answer()

    async def balance(self, of) -> Wei:
        return Wei(self.wei)

    def took(self, intent: str) -> bool:
        entry = self.signer._entries.get(intent)
        return entry is not None and any(entry.attempts[-1].hash in each for each in self.blocks)

    async def rpc(self, method, *params):
        self._answer()
        if method == "eth_getCode":
            return "0x"
        if method == "eth_getBalance":
            return hex(self.wei)
        held, life = abi.function(BALANCE_OF), abi.function(LIFE_OF)
        if params[0]["data"].startswith("0x" + held.selector.hex()):
            return "0x" + abi.encode(held.outputs, [0 if self.took("sweep.token") else 7]).hex()
        ended = int(self.ended or self.took("end"))
        row = [ZERO, ZERO, ZERO, WORD, WORD, 5, ended, 0, False, 0, 0, 0, WORD, WORD, False]
        return "0x" + abi.encode(life.outputs, [row]).hex()


class Signer(FakeSigner):
    """Signs heads too; may be halted after it signed something, and its answer may be lost."""

    def __init__(self) -> None:
        super().__init__(KEY, 31337)
        self.halted_after = ""
        self.ended = False
        self.loses: list[str] = []
        """Intents whose answers are lost, once each."""
        self.refuses = ""

    async def state(self):
        return replace(await super().state(), halted=self.halted_after in self._entries)

    async def admit(self, intent, fees):
        if intent.id == self.refuses:
            return Refused("token", {})
        verdict = await super().admit(intent, fees)
        if intent.id in self.loses:
            self.loses.remove(intent.id)
            raise SignerGone
        return verdict

    async def checkpoint(self, epoch, size, root, prev):
        if self.ended:
            return Refused("standing", {})
        return LOG_KEY.sign(digest(DOMAIN, Head(1, epoch, size, root, prev)))


class Compute:
    """One lease, closed by one call."""

    async def leases(self, read, tenant):
        return [lease(id=3)]

    async def discover(self, read):
        return []

    def close(self, lease) -> Call:
        return Call(MARKET.address, "close(uint256)", (lease.id,), gas=150_000)


class Saver:
    """Holds shares until they are sent home."""

    name = "saver"

    def __init__(self, fault: Exception | None = None, fails: int = 0) -> None:
        self.fault = fault
        self.fails = fails
        """So many surveys are not answered."""
        self.looks: list[int] = []

    async def survey(self, read, seen):
        self.looks.append(read.block.number)
        if len(self.looks) <= self.fails:
            raise Unreachable
        return {"shares": "9"}

    def parting(self, seen):
        if self.fault:
            raise self.fault
        return homeward(seen, VAULT.address, seen.surveys.get("saver", {}).get("shares"))


class Life:
    """All that an ending needs; `restart` is a new process over the same home."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.signer = Signer()
        self.chain = Chain(self.signer)
        self.now = 0.0
        self.proposers: list[object] = []
        self.log = open_log(folder / "log.sqlite")
        self.log.append("heartbeat", {"vitals": "steady"}, BLOCK)
        self._wake()

    def clock(self) -> float:
        self.now += 0.05
        return self.now

    def restart(self) -> None:
        self.log.close()
        self.log = open_log(self.folder / "log.sqlite")
        self._wake()

    def _wake(self) -> None:
        outbox = Outbox()
        sender = Sender(
            self.chain, self.signer, outbox, clock=lambda: self.now, max_fee=Wei(10**12)
        )
        watcher = Watcher(self.chain, sender, outbox, KEY.address, clock=lambda: self.now)
        self.hands = Hands(self.signer, sender, watcher, self.log)
        self.publisher = Publisher(
            self.log,
            self.signer,
            [],
            cars=self.folder / "cars",
            domain=DOMAIN,
            log_key=LOG_KEY.address,
            cadence=Cadence(retry_s=0.01, retry_max_s=0.02),
            clock=lambda: 0,
        )
        self.body = SimpleNamespace(
            log=self.log,
            hands=self.hands,
            publisher=self.publisher,
            compute=Compute(),
            proposers=self.proposers,
            tools=SimpleNamespace(
                client=self.chain,
                signer=self.signer,
                sender=sender,
                time=replace(WALL, clock=self.clock),
            ),
            who=Self(
                agent=1,
                wallet=KEY.address,
                guardian=OPERATOR.address,
                places=Places(
                    registry=MARKET.address, token=TOKEN.address, lease_market=MARKET.address
                ),
                placing=Placing.EMBODIED,
                manifest="",
                born_at=0,
                horizon_s=1,
                hibernate_max_s=1,
            ),
        )

    async def end(self, patience_s: float = 20, *, drained: bool = False) -> bool:
        will = Will("died", "insolvent", drained=drained, patience_s=patience_s)
        return await Ending(self.body, will).run()

    def told(self, kind: str) -> list[dict]:
        records = (Record.decode(data) for _, data in self.log.records())
        return [record.body for record in records if record.kind == kind]

    def stages(self) -> Counter:
        return Counter((body["intent"], body["stage"]) for body in self.told("effect"))


@pytest.fixture
def life(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.ending.PAUSE_S", 0)
    made = Life(tmp_path)
    yield made
    made.log.close()


async def test_an_ending_closes_sweeps_says_so_and_sweeps_the_rest(life):
    await life.hands.recover((await life.chain.head()).block, 0, 0)
    assert await life.end()
    assert life.stages() == {
        (intent, stage): 1 for intent in ("close.3", "sweep.token") for stage in ("sent", "settled")
    }
    assert list(life.signer._entries) == ["close.3", "sweep.token", "end", "sweep.wei"]
    assert all(life.chain.took(intent) for intent in life.signer._entries)
    [end] = life.told("end")
    assert [named["nonce"] for named in end["intents"]] == [2, 3]


@pytest.mark.parametrize("lost", ["close.3", "sweep.token", "end", "sweep.wei"])
async def test_an_answer_that_is_lost_on_the_way_loses_no_intent(life, lost):
    """It is signed: left alone, its nonce would hold up everything that follows."""
    await life.hands.recover((await life.chain.head()).block, 0, 0)
    life.signer.loses.append(lost)
    assert await life.end()
    assert all(life.chain.took(intent) for intent in life.signer._entries)
    assert life.stages() == {
        (intent, stage): 1 for intent in ("close.3", "sweep.token") for stage in ("sent", "settled")
    }
    [end] = life.told("end")
    assert [named["nonce"] for named in end["intents"]] == [2, 3]


async def test_the_registry_is_told_of_the_last_record_or_of_nothing(life):
    """Its word is final: an older checkpoint would leave the end out for ever."""
    await life.hands.recover((await life.chain.head()).block, 0, 0)
    assert await life.publisher.publish()
    seal = life.log.seal

    def full(sig):
        raise LogUnwritable(why="disk full")

    life.log.seal = full
    assert not await life.end(patience_s=3)
    assert "end" not in life.signer._entries
    life.log.seal = seal
    assert await life.end()
    assert life.log.sealed.head.size == life.log.next_seq
    assert life.signer._entries["end"].intent.call.args[3] == life.log.next_seq


@pytest.mark.parametrize(
    ("after", "signed"),
    [("close.3", ["close.3"]), ("sweep.token", ["close.3", "sweep.token"])],
)
async def test_a_halt_on_the_way_stays_the_ending_before_its_last_word(life, after, signed):
    life.signer.halted_after = after
    assert not await life.end()
    assert list(life.signer._entries) == signed
    assert not life.told("end")
    assert life.now < 10, "it waited for nothing"


async def test_a_halt_after_the_last_word_cannot_take_it_back(life):
    life.signer.halted_after = "end"
    assert await life.end()
    assert life.chain.took("sweep.wei")


async def test_a_drained_ending_is_not_stayed_by_the_halt_that_it_follows(life):
    life.signer.halted_after = "sweep.token"
    assert await life.end(drained=True)
    assert "close.3" not in life.signer._entries
    assert life.signer._entries["sweep.token"].intent.purpose == "drain"


async def test_an_ending_that_a_reorg_takes_back_is_said_again(life):
    """The process that could send it again is about to end."""
    finish = life.publisher.finish

    async def reorganized(deadline_s):
        life.chain.reorg(2)
        assert not life.chain.took("sweep.wei")
        return await finish(deadline_s)

    life.publisher.finish = reorganized
    assert await life.end()
    assert all(life.chain.took(intent) for intent in life.signer._entries)


async def test_a_life_that_the_operator_has_ended_brings_its_money_home(life):
    """Nothing more of its log is signed, so nothing waits for that."""
    life.chain.ended = life.signer.ended = True
    assert await life.end(drained=True)
    assert list(life.signer._entries) == ["sweep.token", "sweep.wei"]
    assert life.chain.took("sweep.wei")
    assert life.now < 10


@pytest.mark.parametrize("drained", [False, True])
async def test_what_strategies_hold_elsewhere_goes_home_before_the_token(life, drained):
    life.proposers += [object(), Saver()]
    await life.hands.recover((await life.chain.head()).block, 0, 0)
    if drained:
        life.signer.halted_after = "birth"
        life.signer._entries["birth"] = None
    assert await life.end(drained=drained)
    life.signer._entries.pop("birth", None)
    order = [SHARES, "sweep.token", "end", "sweep.wei"]
    assert list(life.signer._entries) == (order if drained else ["close.3", *order])
    intent = life.signer._entries[SHARES].intent
    assert intent.purpose == ("drain" if drained else "end")
    assert all(life.chain.took(name) for name in life.signer._entries)
    beginning = next(body for body in life.told("effect") if body["intent"] == SHARES)
    assert life.told("heartbeat")[-1]["ending"] == "died"
    assert beginning["because"] == 1


async def test_what_was_in_flight_is_seen_before_it_is_asked_what_is_elsewhere(life):
    """Money that was put away in the last tick is in no survey of that tick."""
    saver = Saver()
    life.proposers.append(saver)
    assert await life.end()
    [look] = saver.looks
    closed = next(body for body in life.told("effect") if body["stage"] == "settled")
    assert closed["intent"] == "close.3"
    assert look >= closed["block"]["number"]


async def test_a_survey_that_fails_is_tried_again_and_then_done_without(life):
    life.proposers.append(Saver(fails=2))
    assert await life.end()
    assert life.chain.took(SHARES)


@pytest.mark.parametrize("how", ["raises", "no survey", "refused", "poor", "lost answer"])
async def test_a_parting_that_fails_keeps_no_life_from_its_ending(life, how):
    fault = RuntimeError("ill") if how == "raises" else None
    life.proposers.append(Saver(fault, fails=99 if how == "no survey" else 0))
    if how == "refused":
        life.signer.refuses = SHARES
    elif how == "poor":
        life.chain.wei = 3 * 10**14
    elif how == "lost answer":
        life.signer.loses.append(SHARES)
    await life.hands.recover((await life.chain.head()).block, 0, 0)
    assert await life.end()
    assert life.chain.took("sweep.token")
    assert life.chain.took("end")
    assert life.chain.took(SHARES) == (how == "lost answer")


async def test_an_ending_that_was_halted_and_goes_on_sends_home_once_what_is_elsewhere(life):
    life.proposers.append(Saver())
    life.signer.halted_after = SHARES
    assert not await life.end()
    assert list(life.signer._entries) == ["close.3", SHARES]
    life.signer.halted_after = ""
    life.restart()
    await life.hands.recover((await life.chain.head()).block, 0, 0)
    assert await life.end()
    assert list(life.signer._entries) == ["close.3", SHARES, "sweep.token", "end", "sweep.wei"]
    assert life.stages()[SHARES, "sent"] == 1
