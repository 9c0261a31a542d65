"""The log loses nothing it has acknowledged and never contradicts itself."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from logs import BLOCK, DOMAIN, LOG_KEY, live, open_log, root_of, seal

from telemetry import log as log_module
from telemetry.checkpoint import FIRST_PREV
from telemetry.cid import cid_of, digest_of
from telemetry.errors import (
    BadCheckpoint,
    BadRecord,
    LogClosed,
    LogDamaged,
    LogHeld,
    LogMoved,
    LogUnwritable,
)
from telemetry.log import SILENCE_MS, Log
from telemetry.record import NO_PREV, Record
from telemetry.tree import leaf_hash


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.sqlite"


@pytest.fixture
def log(path):
    found = open_log(path)
    yield found
    found.close()


def edit(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def test_records_are_linked_leaf_to_leaf(log):
    live(log, 5)
    before = NO_PREV
    for seq, data in log.records():
        record = Record.decode(data)
        assert (record.seq, record.prev) == (seq, before)
        before = leaf_hash(data)
    assert log.root == root_of([leaf_hash(data) for _, data in log.records()])


def test_an_entry_says_where_its_record_is(log):
    live(log, 3)
    entry = log.append("heartbeat", {}, BLOCK)
    (found,) = [data for _, data in log.records(3)]
    assert (entry.seq, entry.leaf, entry.cid) == (3, leaf_hash(found), cid_of(found))
    assert log.next_seq == 4


def test_time_never_runs_backwards_in_the_log(path):
    times = iter([100, 90, 120])
    log = Log(path, 1, lambda: next(times))
    live(log, 3)
    log.close()
    again = Log(path, 1, lambda: 5)
    live(again, 1)
    assert [again.record(seq).at for seq in range(4)] == [100, 100, 120, 120]
    again.close()


def test_a_silence_is_written_down_before_what_follows_it(path):
    times = iter([1000, 1900, 3000, 3001, 3002, 9000, 9001])
    log = Log(path, 1, lambda: next(times))
    log.append("birth", {"silence_ms": 1000}, BLOCK)
    live(log, 2)  # 1900, and a gap before 3002
    log.append("gap", {"since_ms": 3002, "reason": "killed"}, BLOCK)  # one that is known already
    live(log, 1)
    kinds = [log.record(seq).kind for seq in range(log.next_seq)]
    assert kinds == ["birth", "heartbeat", "gap", "heartbeat", "gap", "heartbeat"]
    assert log.record(2).body == {"since_ms": 1900, "reason": "stalled"}
    log.close()


def test_the_silence_that_was_promised_at_birth_stays(path):
    for times in ([1000], [2001, 2002, 2003]):
        log = Log(path, 1, iter(times).__next__)
        log.append("birth" if not log.found else "heartbeat", {"silence_ms": 1000}, BLOCK)
        log.close()
    log = Log(path, 1, lambda: 0)
    assert (log.silence_ms, log.found, log.record(1).kind) == (1000, 3, "gap")
    log.close()


@pytest.mark.parametrize("said", [None, "x", True, 10**12])
def test_no_log_promises_less_than_one_record_an_hour(path, said):
    log = Log(path, 1, lambda: 1)
    log.append("birth", {"silence_ms": said}, BLOCK)
    assert log.silence_ms == SILENCE_MS
    log.close()


def test_a_place_is_asked_for_when_a_gap_would_still_go_first(path):
    times = iter([1000, 1500, 5000, 5001, 5002, 5003])
    log = Log(path, 1, lambda: next(times))
    log.append("birth", {"silence_ms": 1000}, BLOCK)
    assert log.place(BLOCK) == 1  # 1500
    assert log.place(BLOCK) == 2  # 5000, and the gap
    assert log.append("decision", {}, BLOCK, log.place(BLOCK)).seq == 2
    assert [log.record(seq).kind for seq in range(log.next_seq)] == ["birth", "gap", "decision"]
    log.close()


def test_what_was_made_for_a_place_takes_no_other(path):
    times = iter([1000, 5000, 5001, 5002, 5003])
    log = Log(path, 1, lambda: next(times))
    log.append("birth", {"silence_ms": 1000}, BLOCK)
    with pytest.raises(LogMoved):
        log.append("decision", {}, BLOCK, place=1)  # a gap goes first
    assert [log.record(seq).kind for seq in range(log.next_seq)] == ["birth", "gap"]
    assert log.append("decision", {}, BLOCK, place=2).seq == 2
    log.close()


def test_a_refused_record_leaves_no_trace(log):
    live(log, 1)
    with pytest.raises(BadRecord):
        log.append("heartbeat", {"nan": float("nan")}, BLOCK)
    with pytest.raises(BadRecord):
        log.append("confession", {}, BLOCK)
    live(log, 1)
    log.verify()
    assert log.next_seq == 2


def test_nothing_follows_an_ending(path):
    log = open_log(path)
    log.append("end", {"reason": "died"}, BLOCK)
    for _ in range(2):
        assert log.ended
        with pytest.raises(LogClosed):
            log.append("heartbeat", {}, BLOCK)
        log.close()
        log = open_log(path)
    seal(log)
    assert log.sealed.head.size == 1
    log.close()


def test_a_log_goes_on_where_it_was(path):
    root = None
    for _ in range(3):
        log = open_log(path)
        assert root in (None, log.root)
        live(log, 4)
        seal(log)
        live(log, 3)
        root = log.root
        log.close()
    log = open_log(path)
    assert log.next_seq == 21
    assert [epoch.size for epoch in log.epochs(1, 0, 10)] == [4, 11, 18]
    log.verify()
    log.close()


def test_a_log_is_held_by_one(path, log):
    with pytest.raises(LogHeld):
        open_log(path)
    child = f"from logs import open_log; from pathlib import Path; open_log(Path({str(path)!r}))"
    with _python(child) as found:
        _, errors = found.communicate()
    assert found.returncode == 1
    assert "LogHeld" in errors


def test_a_log_is_one_agents(path):
    open_log(path, agent=1).close()
    with pytest.raises(LogDamaged):
        open_log(path, agent=2)


# Epochs


def test_a_cut_is_decided_once_however_much_follows(path):
    log = open_log(path)
    assert log.cut() is None
    live(log, 3)
    head = log.cut()
    live(log, 2)
    assert log.cut() == head
    log.close()
    log = open_log(path)
    assert log.cut() == head
    assert (head.epoch, head.size, head.prev) == (0, 3, FIRST_PREV)
    live(log, 1)
    seal(log)
    assert log.unsealed == 3
    second = log.cut()
    assert (second.epoch, second.size) == (1, 6)
    assert second.prev == digest_of(log.sealed.cid)
    log.close()


def test_a_checkpoint_covers_all_records_since_birth(log):
    for count in (3, 1, 4):
        live(log, count)
        seal(log)
    leaves = [leaf_hash(data) for _, data in log.records()]
    assert log.sealed.head.root == root_of(leaves)
    assert log.sealed.head.size == 8
    assert len(log.sealed.records) == 4
    assert log.sealed.signed_by(LOG_KEY.address, DOMAIN)


def test_a_long_backlog_is_cut_into_epochs(log, monkeypatch):
    monkeypatch.setattr(log_module, "MAX_RECORDS", 5)
    live(log, 2)
    seal(log)
    live(log, 12)
    leaves = [leaf_hash(data) for _, data in log.records()]
    for size in (7, 12, 14):
        seal(log)
        assert log.sealed.head.size == size
        assert log.sealed.head.root == root_of(leaves[:size])
    assert log.cut() is None


def test_only_sealed_epochs_are_served(log):
    live(log, 2)
    names = [cid_of(data) for _, data in log.records()]
    assert log.block(names[0]) is None
    assert (log.agents(), log.head(1)) == ([], None)
    seal(log)
    live(log, 1)
    cid, blocks = log.epoch_blocks(0)
    assert [cid_of(block) for block in blocks] == [cid, *names]
    assert [log.block(name) for name in [cid, *names]] == blocks
    assert log.block(cid_of(b"unknown")) is None
    assert log.head(1) == (0, cid, 2)
    assert (log.head(2), log.epochs(2, 0, 9)) == (None, [])
    with pytest.raises(IndexError):
        log.epoch_blocks(1)


def test_a_seal_needs_a_cut(log):
    with pytest.raises(BadCheckpoint):
        log.seal(bytes(65))


def test_what_targets_keep_is_remembered(path):
    log = open_log(path)
    log.mark_sent("archive", 3)
    log.close()
    log = open_log(path)
    assert (log.sent("archive"), log.sent("another")) == (3, 0)
    log.close()


# Damage


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM records WHERE seq = 6",
        "DELETE FROM records WHERE seq = 3",
        "UPDATE records SET data = (SELECT data FROM records WHERE seq = 5) WHERE seq = 6",
        "UPDATE records SET data = x'a0' WHERE seq = 7",
        "UPDATE epochs SET size = 3",
        "UPDATE epochs SET tree = x'00'",
        "UPDATE epochs SET block = x'a0'",
        "UPDATE epochs SET prev = zeroblob(31)",
        "PRAGMA user_version = 9",
    ],
)
def test_damage_is_found_when_the_log_is_opened(path, harm):
    log = open_log(path)
    live(log, 4)
    seal(log)
    live(log, 4)
    log.close()
    edit(path, harm)
    with pytest.raises(LogDamaged) as found:
        open_log(path)
    assert found.value.consequence == "halt"
    assert "Backups" in found.value.advice


def test_older_damage_is_found_by_a_full_walk(path):
    log = open_log(path)
    for _ in range(3):
        live(log, 4)
        seal(log)
    log.verify()
    log.close()
    edit(path, "DELETE FROM records WHERE seq = 1")
    log = open_log(path)
    with pytest.raises(LogDamaged):
        log.verify()
    log.close()


def test_a_changed_block_is_never_served(path):
    log = open_log(path)
    for _ in range(3):
        live(log, 2)
        seal(log)
    cid = log.epoch_blocks(0)[0]
    name = cid_of(log.epoch_blocks(0)[1][2])
    log.close()
    edit(path, "UPDATE records SET data = x'00' WHERE seq = 1")
    log = open_log(path)
    assert log.block(cid)
    with pytest.raises(LogDamaged):
        log.block(name)
    log.close()


def test_a_birth_that_cannot_be_read_is_damage(path):
    log = open_log(path)
    for _ in range(3):
        live(log, 2)
        seal(log)
    log.close()
    edit(path, "UPDATE records SET data = x'00' WHERE seq = 0")
    with pytest.raises(LogDamaged, match="record 0"):
        open_log(path)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + bytes(4000)])
def test_a_file_that_is_no_database_is_damage(path, content):
    path.write_bytes(content)
    with pytest.raises(LogDamaged):
        open_log(path)


def test_torn_pages_are_damage_not_a_crash(path):
    log = open_log(path)
    live(log, 200)
    log.close()
    raw = bytearray(path.read_bytes())
    for at in range(4096, len(raw), 4096):
        raw[at : at + 600] = os.urandom(600)
    path.write_bytes(raw)
    with pytest.raises(LogDamaged):
        open_log(path)


def test_a_full_disk_takes_nothing_and_can_be_tried_again(log):
    live(log, 1)
    db = log._tables._db
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    big = {"text": "x" * 30_000}
    with pytest.raises(LogUnwritable) as found:
        log.append("heartbeat", big, BLOCK)
    assert found.value.consequence == "retry"
    db.execute("PRAGMA max_page_count = 100000")
    assert log.append("heartbeat", big, BLOCK).seq == 1
    log.verify()


# Sudden death

WRITER = """
import sys
from pathlib import Path
from logs import live, open_log, seal
log = open_log(Path(sys.argv[1]))
while True:
    entry = log.append("heartbeat", {"n": log.next_seq, "pad": "x" * 900}, __import__("logs").BLOCK)
    print(entry.seq, entry.leaf.hex(), flush=True)
    if entry.seq % 7 == 6:
        seal(log)
        print("sealed", log.sealed.cid, flush=True)
"""


@pytest.mark.parametrize("lines", [20, 61])
def test_no_acknowledged_record_is_lost_to_a_kill(path, lines):
    seen: list[str] = []
    for _ in range(2):
        with _python(WRITER, str(path)) as child:
            seen += [child.stdout.readline() for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().splitlines(keepends=True)
            seen += [line for line in rest if line.endswith("\n")]
    log = open_log(path)
    leaves = [leaf_hash(data).hex() for _, data in log.records()]
    cids = {epoch.cid for epoch in log.epochs(1, 0, 10_000)}
    for line in seen:
        what, value = line.split()
        assert value in cids if what == "sealed" else leaves[int(what)] == value
    log.verify()
    log.close()


def _python(code: str, *args: str) -> subprocess.Popen[str]:
    here = Path(__file__).resolve().parents[3]
    env = os.environ | {"PYTHONPATH": f"{here}:{here / 'tests'}"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_names_are_those_of_the_content(log):
    live(log, 1)
    seal(log)
    assert digest_of(log.sealed.records[0]) == sha256(next(log.records())[1]).digest()
