"""An audit that goes on where another was left reads only what is new, and comes to the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lives import Teller, count, sign, top_up, whole_life
from served import Honest, serving

from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import Asked, examining
from telemetry.auditing.source import Bounds
from telemetry.errors import BadKept, SourceError

ACT = (-9.0, 9.0, -9.0)
QUICK = Bounds(request_s=0.5, silence_s=0.4, total_s=3.0)


def faults(verdict):
    return {finding.kind for finding in verdict.findings if finding.level == "fault"}


@pytest.fixture
def on_chain(monkeypatch):
    """A chain on which every life goes on: then a log without an ending is sound."""
    from contextlib import asynccontextmanager

    from lives import REGISTRY, FakeWitness, deeds, registered

    from telemetry.auditing import audit as audit_module

    async def run(source, kept, agent=1):
        epochs = []

        @asynccontextmanager
        async def witness(*_):
            known = whole_life()
            life = replace(registered(known), ended=False, cause=0, last=None)
            seen = deeds(known)
            account = replace(seen.account, nonce=1, anchors=(), ended=None)
            yield FakeWitness(life, replace(seen, account=account, out=(), into=()))

        monkeypatch.setattr(audit_module, "_witness", witness)
        async with examining(
            Asked(str(source), agent, None, "http://chain", REGISTRY),
            kept_at=(lambda _: kept) if kept else None,
            bounds=QUICK,
            harvest=count,
            gather=lambda epoch, _: epochs.append(epoch.head.epoch),
        ) as audited:
            if kept:
                audited.keep(kept)
        return audited.verdict, epochs

    return run


def going_on(epochs: int) -> Teller:
    """A life that goes on; nothing it sent is settled, for the fake chain holds only its birth."""
    teller = Teller()
    teller.birth()
    for nonce in range(1, epochs + 1):
        decided = teller.decide(ACT)
        teller.send(f"{decided}.0", decided, "act", nonce=nonce, call=top_up())
        teller.seal()
    return teller


async def test_only_what_is_new_is_read(tmp_path, on_chain):
    kept = tmp_path / "kept"
    for grown, new in ((2, [0, 1]), (3, [2]), (3, []), (6, [3, 4, 5])):
        folder = going_on(grown).write(tmp_path / f"{grown}")
        verdict, epochs = await on_chain(folder, kept)
        assert verdict.ok
        assert epochs == new
        fresh, _ = await on_chain(folder, None)
        assert verdict == fresh


async def test_a_gateway_is_asked_only_for_what_is_new(tmp_path, on_chain):
    kept = tmp_path / "kept"
    await on_chain(going_on(3).write(tmp_path / "cars"), kept)
    grown = Honest(going_on(5))
    async with serving(grown) as url:
        verdict, epochs = await on_chain(url, kept)
        assert (verdict.ok, epochs) == (True, [3, 4])
        assert sum("format=car" in path for path in grown.asked) == 2
        assert sum("format=raw" in path for path in grown.asked) == 2


async def test_what_was_read_before_is_not_forgotten(tmp_path, on_chain):
    """An intent that comes again, a nonce that is named twice, a decision long past."""
    kept, folder = tmp_path / "kept", tmp_path / "cars"
    teller = going_on(2)
    await on_chain(teller.write(tmp_path / "first"), kept)
    teller.send("1.0", 1, "act", nonce=2, call=top_up())
    teller.seal()
    verdict, epochs = await on_chain(teller.write(folder), kept)
    assert epochs == [2]
    assert faults(verdict) == {kinds.INTENT}
    fresh, _ = await on_chain(folder, None)
    assert verdict == fresh


async def test_a_log_that_is_not_sound_is_not_kept(tmp_path, on_chain):
    kept = tmp_path / "kept"
    await on_chain(going_on(2).write(tmp_path / "sound"), kept)
    before = kept.read_bytes()
    bad = going_on(3)
    checkpoint, records = bad.epochs[2]
    lie = replace(checkpoint.head, root=bytes(32))
    bad.epochs[2] = (sign(lie, checkpoint.records, bad), records)
    verdict, _ = await on_chain(bad.write(tmp_path / "bad"), kept)
    assert not verdict.ok
    assert kept.read_bytes() == before


async def test_another_log_than_was_read_before_is_a_fork(tmp_path, on_chain):
    kept = tmp_path / "kept"
    await on_chain(going_on(2).write(tmp_path / "one"), kept)
    other = Teller({2: lambda fields: fields | {"at": fields["at"] + 1}})
    other.birth()
    for nonce in (1, 2, 3):
        decided = other.decide(ACT)
        other.send(f"{decided}.0", decided, "act", nonce=nonce, call=top_up())
        other.seal()
    verdict, _ = await on_chain(other.write(tmp_path / "two"), kept)
    assert kinds.LINK in faults(verdict)
    async with serving(Honest(other)) as url:
        verdict, _ = await on_chain(url, kept)
        assert {kinds.FORK, kinds.LINK} & faults(verdict)


async def test_another_agents_log_does_not_go_on_from_it(tmp_path, on_chain):
    kept = tmp_path / "kept"
    folder = going_on(2).write(tmp_path / "one")
    await on_chain(folder, kept)
    with pytest.raises(SourceError, match="another agent"):
        await on_chain(folder, kept, agent=2)


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 1000, None])
async def test_damage_is_said_and_not_read_over(tmp_path, on_chain, damage):
    kept, folder = tmp_path / "kept", going_on(2).write(tmp_path / "one")
    await on_chain(folder, kept)
    data = kept.read_bytes()
    kept.write_bytes(data[: len(data) // 2] if damage is None else damage)
    with pytest.raises(BadKept):
        await on_chain(folder, kept)
