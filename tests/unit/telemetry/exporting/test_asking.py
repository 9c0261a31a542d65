"""Which lives are asked for, when a registry that may be anybody's counts them."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from lives import whole_life

from telemetry.auditing.audit import Asked
from telemetry.errors import SourceError
from telemetry.exporting import asking
from telemetry.exporting.asking import MOST_LIVES, lives_asked
from telemetry.exporting.export import export

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@pytest.fixture
def registry(monkeypatch):
    """A chain whose registry says that so many were born."""

    def says(count):
        class Chain:
            async def view(self, address, function):
                assert (address, function) == (REGISTRY, asking.COUNT)
                return [count]

        @asynccontextmanager
        async def connect(_url):
            yield Chain()

        monkeypatch.setattr(asking, "connect", connect)

    return says


async def asked(agents=()):
    return await lives_asked([], agents, "http://chain", REGISTRY)


async def test_a_registry_says_who_was_born(registry):
    registry(3)
    assert [each.agent for each in await asked()] == [1, 2, 3]
    registry(0)
    assert await asked() == []
    registry(3)
    assert [each.agent for each in await asked([7, 2])] == [7, 2]  # those that were named


@pytest.mark.parametrize("count", [MOST_LIVES + 1, 2**256 - 1])
async def test_no_registry_is_believed_to_hold_more_lives_than_can_be(registry, count):
    registry(count)
    with pytest.raises(SourceError, match="more lives were born than can be"):
        await asked()


async def test_somebody_must_know_of_lives():
    for rpc, address in ((None, None), ("http://chain", None), (None, REGISTRY)):
        with pytest.raises(SourceError, match="name a source"):
            await lives_asked([], [], rpc, address)


async def test_a_source_that_does_not_answer_is_refused_alone(tmp_path):
    """It is asked all the same, so that it can say why; the others are not lost with it."""
    sound = whole_life().write(tmp_path / "cars")
    dead = ["http://127.0.0.1:9", str(tmp_path / "nowhere")]
    found = await lives_asked([dead[0], str(sound), dead[1]], [], None, None)
    assert [each.agent for each in found] == [None, 1, None]
    exported = await export(found, tmp_path / "out", lambda _: None)
    assert [done.asked.source for done in exported.refused] == dead
    assert all(done.refused != "the log is not sound" for done in exported.refused)
    assert exported.lives == 1


@pytest.mark.parametrize("agent", [-1, 2**53, 2**300])
async def test_a_number_that_no_agent_has_is_refused(tmp_path, agent):
    asked = Asked("http://127.0.0.1:9", agent, None, "http://127.0.0.1:9", REGISTRY)
    exported = await export([asked], tmp_path / "out", lambda _: None)
    assert "no agent has this number" in exported.refused[0].refused
