from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import product

import pytest

from agent import life
from agent.errors import IntegrityFault, UsedWrongly
from agent.life import NEXT, Notes, Phase, Turn

LAWFUL = {
    ("unborn", "born"): "living",
    ("living", "halted"): "halted",
    ("halted", "resumed"): "living",
    ("living", "dying"): "ending",
    ("halted", "drained"): "ending",
    ("ending", "halted"): "halted",
    ("ending", "gone"): "ended",
}


@pytest.mark.parametrize(("phase", "turn"), list(product(Phase, Turn)))
def test_a_life_turns_as_the_table_says_and_no_other_way(phase, turn):
    notes = Notes(phase=phase, agent=3)
    if (phase.value, turn.value) in LAWFUL:
        assert notes.turn(turn) == Notes(phase=Phase(LAWFUL[phase.value, turn.value]), agent=3)
    else:
        with pytest.raises(IntegrityFault):
            notes.turn(turn)


def test_nothing_follows_the_end():
    assert not [phase for phase, _ in NEXT if phase is Phase.ENDED]
    assert len(NEXT) == len(LAWFUL)


def test_a_turn_may_note_why():
    notes = Notes(phase=Phase.LIVING).turn(Turn.DYING, reason="died", cause="insolvent")
    assert (notes.phase, notes.reason, notes.cause) == ("ending", "died", "insolvent")


def test_notes_come_back_as_they_were(tmp_path):
    path = tmp_path / "life.json"
    assert life.load(path) == Notes()
    notes = Notes(phase=Phase.HALTED, agent=7, last_active_at=5, stopped=True, cause="…")
    life.save(path, notes)
    assert life.load(path) == notes
    assert [each.name for each in tmp_path.iterdir()] == ["life.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"phase": "asleep"}', '{"phase": "living", "odd": 1}', "{}"]
)
def test_damaged_notes_are_one_line(tmp_path, text):
    path = tmp_path / "life.json"
    path.write_text(text)
    with pytest.raises(UsedWrongly, match="is damaged"):
        life.load(path)


WRITER = """
import sys
from pathlib import Path
from agent import life
path = Path(sys.argv[1])
print("ready", flush=True)
n = 0
while True:
    n += 1
    life.save(path, life.Notes(phase=life.Phase.LIVING, agent=n, cause="x" * 20_000))
"""


def test_killed_at_any_moment_the_notes_are_the_old_or_the_new(tmp_path):
    path = tmp_path / "life.json"
    last = 0
    for round_ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env={**os.environ}
        ) as writer:
            assert writer.stdout.readline()
            began = time.monotonic()
            while not path.exists() or life.load(path).agent < 3 + round_:
                assert time.monotonic() - began < 20
            writer.send_signal(signal.SIGKILL)
        notes = life.load(path)
        assert notes.phase is Phase.LIVING
        assert len(notes.cause) == 20_000
        last = notes.agent
        path.unlink()
    assert last
