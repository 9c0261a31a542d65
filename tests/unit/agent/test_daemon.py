"""What the daemon does about faults and halts, bell by bell."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from agent import life
from agent.daemon import Daemon
from agent.errors import NotesUnwritable
from agent.host import WALL
from agent.life import Notes, Phase
from agent.mind import reflex
from chain.errors import LedgerFull, SignerGone, WrongChain
from chain.types import Block
from telemetry.record import Record
from tests.logs import BLOCK, open_log

READ = SimpleNamespace(block=Block(BLOCK.chain, BLOCK.number, BLOCK.hash, 1_700_000_000))


class Signer:
    """Is halted by whoever asks, when it can write that down."""

    def __init__(self) -> None:
        self.halts: list[str] = []
        self.halted = False
        self.fault: Exception | None = None

    async def state(self):
        return SimpleNamespace(
            halted=self.halted, halt_id=len(self.halts), halt_reason=(self.halts or [""])[-1]
        )

    async def halt(self, reason):
        if self.fault:
            raise self.fault
        self.halts.append(reason)
        self.halted = True
        return len(self.halts)


class Client:
    """A chain that is another than it should be."""

    async def check(self) -> None:
        raise WrongChain(expected=1, served=2)


class Life:
    """A daemon whose world is a signer and a log."""

    def __init__(self, folder, phase: Phase = Phase.LIVING) -> None:
        self.folder = folder
        self.signer = Signer()
        self.log = open_log(folder / "log.sqlite")
        self.log.append("heartbeat", {"vitals": "steady"}, BLOCK)
        self.shut = 0
        """How often whoever sells was told to rest."""
        self.wake(Notes(phase=phase, agent=1))

    def wake(self, notes: Notes) -> None:
        config = SimpleNamespace(
            mind=SimpleNamespace(epsilon=0.1, temperature=1.0),
            life=SimpleNamespace(tick_s=1000, heartbeat_s=1000, will_s=1),
            telemetry=SimpleNamespace(epoch_s=4000),
        )
        home = SimpleNamespace(run=self.folder, notes=self.folder / "life.json")
        body = SimpleNamespace(
            tools=SimpleNamespace(
                config=config, signer=self.signer, client=Client(), home=home, time=WALL
            ),
            log=self.log,
            scorer=None,
            rule=reflex,
            seed=bytes(32),
            who=SimpleNamespace(born_at=1, agent=1, places=SimpleNamespace(registry="0x")),
            hands=SimpleNamespace(unsure=False, first_open=lambda: (0, 0)),
            trade=SimpleNamespace(rest=self.rest),
        )
        self.daemon = Daemon(body, notes, lambda: None)

    def rest(self) -> None:
        self.shut += 1

    def kinds(self) -> list[str]:
        return [Record.decode(data).kind for _, data in self.log.records()]


@pytest.fixture
def alive(tmp_path):
    made = Life(tmp_path)
    yield made
    made.log.close()


async def test_a_fault_that_stays_halts_once_and_rings_no_bell_for_ever(alive):
    """The operator's signature names one halt: another at every tick would never fit."""
    bells = alive.daemon._bells
    await bells.due()
    for _ in range(5):
        await alive.daemon._step("tick")
    assert alive.signer.halts == ["integrity: WrongChain"]
    assert await bells.due() == ("tick",)
    await alive.daemon._step("tick")
    assert not bells._rung.is_set()


async def test_a_fault_that_comes_back_after_a_resume_halts_again(alive):
    await alive.daemon._step("tick")
    alive.signer.halted = False
    await alive.daemon._step("tick")
    assert len(alive.signer.halts) == 2


@pytest.mark.parametrize("phase", Phase)
async def test_only_a_life_that_goes_on_sells(alive, phase):
    alive.daemon._save(Notes(phase=phase, agent=1))
    assert alive.shut == (phase is not Phase.LIVING)


async def test_what_cannot_be_right_when_it_wakes_ends_it_halted(alive):
    with pytest.raises(WrongChain):
        await alive.daemon._well(alive.daemon._wake())
    assert alive.signer.halts == ["integrity: WrongChain"]


@pytest.mark.parametrize("fault", [SignerGone(), LedgerFull()], ids=["gone", "full"])
async def test_a_halt_that_cannot_be_written_yet_ends_no_daemon_and_is_asked_again(alive, fault):
    alive.signer.fault = fault
    await alive.daemon._step("tick")
    alive.signer.fault = None
    await alive.daemon._step("tick")
    assert alive.signer.halts == ["integrity: WrongChain"]


async def test_notes_that_a_full_disk_does_not_take_end_no_life(alive, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(life, "_replace", full)
    with pytest.raises(NotesUnwritable, match="No space left"):
        life.save(alive.folder / "life.json", Notes())
    await alive.daemon._step("heartbeat")
    assert "No space left" in alive.daemon._faults["heartbeat"]


@pytest.mark.parametrize(
    ("phase", "halted", "kinds", "after"),
    [
        (Phase.LIVING, True, ["heartbeat", "halt"], Phase.HALTED),
        (Phase.ENDING, True, ["heartbeat", "halt"], Phase.HALTED),
        (Phase.HALTED, False, ["heartbeat", "resume"], Phase.LIVING),
    ],
)
async def test_killed_between_a_halts_record_and_its_note_it_is_told_once(
    tmp_path, phase, halted, kinds, after
):
    alive = Life(tmp_path, phase)
    alive.signer.halted = halted
    alive.daemon._save = lambda notes: None  # killed before
    await alive.daemon._heed(READ)
    alive.wake(Notes(phase=phase, agent=1))
    alive.daemon._follow_log()
    await alive.daemon._heed(READ)
    assert alive.kinds() == kinds
    assert life.load(tmp_path / "life.json").phase is after
    alive.log.close()


async def test_killed_as_a_drained_ending_begins_it_is_still_drained(tmp_path):
    alive = Life(tmp_path, Phase.HALTED)
    alive.log.append("halt", {"halt_id": 1, "reason": "x"}, BLOCK)
    alive.wake(Notes(phase=Phase.ENDING, agent=1, drained=True))
    alive.daemon._follow_log()
    assert alive.daemon._notes == replace(alive.daemon._notes, phase=Phase.HALTED, drained=True)
    alive.log.close()


@pytest.mark.parametrize("phase", [Phase.LIVING, Phase.HALTED])
@pytest.mark.parametrize("ended_at", [0, 5])
async def test_what_the_registry_calls_ended_goes_home(tmp_path, monkeypatch, phase, ended_at):
    """The signer's one question may have been answered by a liar: it is asked again."""

    async def life_of(read, registry, agent):
        return SimpleNamespace(ended_at=ended_at)

    monkeypatch.setattr("agent.daemon.life_of", life_of)
    alive = Life(tmp_path, phase)
    await alive.daemon._obey_registry(READ)
    assert alive.daemon._notes.drained is bool(ended_at)
    dying = ended_at and phase is Phase.LIVING
    assert alive.daemon._notes.phase is (Phase.ENDING if dying else phase)
    alive.log.close()


async def test_told_to_stop_in_the_middle_of_a_tick_it_still_asks_what_that_means(
    alive, monkeypatch
):
    """An eviction that came during a tick was taken for a pause, and the life was lost."""
    daemon, asked = alive.daemon, []
    daemon._body.tools.time = replace(WALL, clock=lambda: 0.0)

    async def tick():
        daemon.stop()

    async def told():
        asked.append(True)

    monkeypatch.setattr(daemon, "_tick", tick)
    monkeypatch.setattr(daemon, "_beat", told_nothing := _nothing)
    monkeypatch.setattr(daemon, "_anchor", told_nothing)
    monkeypatch.setattr(daemon, "_told_to_stop", told)
    await asyncio.wait_for(daemon._loop([]), 5)
    assert asked == [True]


async def _nothing() -> None:
    """Another bell, of no matter here."""
