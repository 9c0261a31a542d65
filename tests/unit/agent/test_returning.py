"""Taking a life up again: its own log and no other, its absence admitted, its address told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from logs import BLOCK, live, open_log, seal

from agent.returning import admit_absence, judge_log, say_where
from chain.types import Block
from telemetry.cid import digest_of
from telemetry.errors import LogBehind

READ = SimpleNamespace(block=Block(BLOCK.chain, BLOCK.number, BLOCK.hash, 1_700_000_000))


@pytest.fixture
def log(tmp_path):
    found = open_log(tmp_path / "log.sqlite")
    yield found
    found.close()


def anchored(log, epoch):
    """What the registry says once this epoch is anchored."""
    [info] = log.epochs(1, epoch, 1)
    digest = "0x" + digest_of(info.cid).hex()
    return SimpleNamespace(anchored=True, epoch=epoch, size=info.size, digest=digest)


def test_a_log_that_holds_what_is_anchored_goes_on(log):
    for nothing in (None, SimpleNamespace(anchored=False)):
        assert judge_log(log, nothing) is None
    for _ in range(3):
        live(log, 4)
        seal(log)
    live(log, 1)
    for epoch in range(3):
        assert judge_log(log, anchored(log, epoch)) == epoch


def test_a_log_that_lacks_what_is_anchored_is_no_log_to_go_on_with(log, tmp_path):
    """An old backup of the whole home, ledger and all: nothing on this machine knows."""
    backup = open_log(tmp_path / "backup.sqlite")
    for each in (log, backup):
        live(each, 4)
        seal(each)
    live(log, 4)
    seal(log)
    registered = anchored(log, 1)
    with pytest.raises(LogBehind, match="an epoch is anchored that is not in it"):
        judge_log(backup, registered)
    live(backup, 4)  # as many records do not help
    with pytest.raises(LogBehind, match="an epoch is anchored that is not in it"):
        judge_log(backup, registered)
    live(backup, 1)
    seal(backup)  # nor does an epoch of that number
    with pytest.raises(LogBehind, match="another epoch is anchored"):
        judge_log(backup, registered)
    backup.close()


@pytest.mark.parametrize(("stopped", "reason"), [(True, "stopped"), (False, "killed")])
def test_an_absence_is_admitted_by_the_process_that_comes_after_it(tmp_path, stopped, reason):
    path = tmp_path / "life.sqlite"
    log = open_log(path)
    live(log, 1)
    admit_absence(SimpleNamespace(log=log), READ, stopped=stopped)  # born by this process
    assert log.next_seq == 1
    since = log.record(0).at
    log.close()
    log = open_log(path)
    admit_absence(SimpleNamespace(log=log), READ, stopped=stopped)
    assert log.record(1).body == {"since_ms": since, "reason": reason}
    log.append("end", {}, BLOCK)
    log.close()
    log = open_log(path)
    admit_absence(SimpleNamespace(log=log), READ, stopped=stopped)
    assert log.next_seq == 3
    log.close()


@pytest.mark.parametrize(
    ("known", "flying", "asked"),
    [
        ("http://here", {}, []),
        ("", {"serve": None}, []),
        ("http://elsewhere", {}, ["serve.1"]),
    ],
)
async def test_the_registry_is_told_where_the_log_is_when_that_has_changed(
    log, known, flying, asked
):
    names = []

    class Hands:
        open = flying

        async def ask(self, intent, key, block, fee):
            names.append(intent.id)

    class Read:
        block = READ.block

        async def call(self, to, signature, args):
            return [known]

        async def base_fee(self):
            return 1

    live(log, 2)
    body = SimpleNamespace(
        log=log,
        hands=Hands(),
        serves="http://here",
        who=SimpleNamespace(agent=1, places=SimpleNamespace(registry="0x")),
    )
    await say_where(body, Read())
    assert names == asked
