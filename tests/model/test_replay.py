"""Decisions run again: what the named model gives is what an honest record says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lives import SEED, Teller

from agent import bodies
from agent.mind import Mind
from agent.prompt import prompt_digest
from agent.replay import SAME_BUILD, Replay, sampler
from compute.engine_client import Engine, EngineConfig
from strategies import samples
from strategies.hold import WAIT
from strategies.port import Action
from telemetry.auditing import findings as kinds
from telemetry.auditing.audit import Asked, examine
from telemetry.auditing.verdict import Verdict
from telemetry.draw import draw, log_probabilities

pytestmark = pytest.mark.model

MODEL = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
PAID = {"paid_s": 9000, "longer_s": 14_400, "deposit_micro": 4_000_000}
EXTEND = Action("thrift.extend", PAID, "")
MANY = Action("keeper.work", {f"{name}_n": 3 for name in "abcdef"}, "more than a prompt shows")


@pytest.fixture
async def mind() -> AsyncIterator[Mind]:
    engine = Engine(EngineConfig(MODEL, deadline_s=20))
    yield Mind(engine, SEED, 0.05, 1.0)
    await engine.close()


async def lived(mind: Mind, **twist: Any) -> Teller:
    """Four decisions in two epochs; the third is twisted."""
    asked = {"model": "tiny", "prompt": prompt_digest()}
    teller = Teller(twists={0: lambda fields: _asked(fields, asked)})
    teller.birth()
    for age_s in (0, 3600, 7200, 10_800):
        seen, menu = samples.snapshot(age_s=age_s), [WAIT, EXTEND, MANY]
        seq = teller.tree.size
        body = bodies.decision(seen, menu, await mind.choose(seen, menu, lambda seq=seq: seq))
        teller.say("decision", body | (twist if seq == 3 else {}))
        if seq == 2:
            teller.seal()
    teller.end(1)
    teller.seal()
    return teller


def _asked(fields: dict[str, Any], genome: dict[str, Any]) -> dict[str, Any]:
    from hashlib import sha256

    from cbrrr import encode_dag_cbor

    digest = "0x" + sha256(encode_dag_cbor(genome)).hexdigest()
    return fields | {"body": fields["body"] | {"genome": genome, "genome_digest": digest}}


async def replayed(folder: Path, *models: Path) -> Verdict:
    again = Replay()
    audited = await examine(Asked(str(folder)), harvest=sampler, gather=again.gather)
    assert audited.verdict.ok
    return audited.verdict.after(*await again.run(models))


async def test_an_honest_life_thinks_again_as_it_thought(mind: Mind, tmp_path: Path) -> None:
    verdict = await replayed((await lived(mind)).write(tmp_path))
    assert verdict.findings == ()
    assert verdict.replay
    assert (verdict.replay.decisions, verdict.replay.sampled) == (4, 4)
    assert verdict.replay.largest < SAME_BUILD / 10


def other(seq: int) -> dict[str, Any]:
    """Probabilities that could be, and the choice that the seed draws from them."""
    chances = log_probabilities((0.5, 0.0, 0.0), 1.0, 0.05)
    return {"logprobs": list(chances), "chosen": draw(SEED, seq, chances)}


LIES: list[dict[str, Any]] = [
    other(3),
    {"prompt": "state thriving\nA hold.wait\nB thrift.extend\nC keeper.work\nchoose:\n"},
    {"observation": {"runway_h": 1.0}},
]


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_that_is_drawn_and_signed_is_found(
    mind: Mind, tmp_path: Path, lie: dict[str, Any]
) -> None:
    verdict = await replayed((await lived(mind, **lie)).write(tmp_path))
    assert not verdict.ok
    assert {(each.kind, each.record) for each in verdict.findings} == {(kinds.REPLAY, 3)}


async def test_a_model_that_is_not_at_hand_is_said(mind: Mind, tmp_path: Path) -> None:
    model = {"gguf": "0x" + "ab" * 32, "adapter": "", "engine": "0x"}
    folder = (await lived(mind, model=model)).write(tmp_path)
    verdict = await replayed(folder)
    assert verdict.ok
    assert verdict.replay
    assert (verdict.replay.decisions, verdict.replay.sampled) == (3, 4)
    [note] = verdict.findings
    assert (note.kind, note.level) == (kinds.REPLAY, "note")


async def test_models_are_found_by_digest_wherever_they_lie(mind: Mind, tmp_path: Path) -> None:
    """Even one that no longer loads is only a note: the log may be right about it."""
    from compute.manifest import digest_file

    broken = tmp_path / "models" / "broken.gguf"
    broken.parent.mkdir()
    broken.write_bytes(b"GGUF" + bytes(100))
    model = {"gguf": digest_file(broken), "adapter": "", "engine": "0x"}
    folder = (await lived(mind, model=model)).write(tmp_path / "cars")
    verdict = await replayed(folder, broken.parent)
    assert verdict.ok
    assert verdict.replay
    assert verdict.replay.decisions == 3
    assert "broken.gguf" in verdict.findings[0].detail
