from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from agent.prompt import LABELS, render
from compute.engine_client import OTHER_PROCESSOR, Engine, EngineConfig
from compute.errors import BadModel, EngineGone, NoModel, Unanswerable
from compute.llama import Llama
from compute.manifest import digest_file
from strategies import samples
from strategies.hold import WAIT
from strategies.port import Action

pytestmark = pytest.mark.model

MODEL: Final = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
PROMPT: Final = render(samples.snapshot(), [WAIT, Action("keeper.work", {"reward_micro": 9}, "")])
OTHER: Final = render(samples.snapshot(age_s=9), [WAIT, Action("thrift.open", {"x_n": 2}, "")])


@pytest.fixture(scope="module")
def llama() -> Llama:
    return Llama(MODEL)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    running = Engine(EngineConfig(MODEL, deadline_s=20))
    yield running
    await running.close()


async def refusal(model: Path, **options: str) -> BadModel:
    engine = Engine(EngineConfig(model, **options))
    with pytest.raises(BadModel) as caught:
        await engine.start()
    await engine.close()
    return caught.value


def test_labels_are_single_tokens_of_the_model_that_ships(llama: Llama) -> None:
    assert len(set(llama.labels.values())) == len(LABELS)


def test_a_kept_head_changes_no_logit(llama: Llama) -> None:
    llama.forget()
    fresh = llama.score(PROMPT, "ABCD")
    assert llama.score(OTHER, "AB") != fresh[:2]
    assert llama.score(PROMPT, "ABCD") == pytest.approx(fresh, abs=2e-2)
    llama.forget()
    assert llama.score(PROMPT, "ABCD") == fresh


def test_a_prompt_that_does_not_fit_is_no_score(llama: Llama) -> None:
    with pytest.raises(NoModel, match="does not fit"):
        llama.score(999 * "Z", "AB")
    assert llama.score(PROMPT, "AB")


async def test_the_engine_gives_what_the_model_gives(engine: Engine, llama: Llama) -> None:
    llama.forget()
    scores = await engine.score(PROMPT, "AB")
    assert scores.logits == pytest.approx(llama.score(PROMPT, "AB"), abs=1e-5)
    assert scores.model.gguf == digest_file(MODEL)
    assert scores.model.adapter == ""
    assert len(scores.model.engine) == 66


async def test_questions_asked_at_once_get_their_own_answers(engine: Engine) -> None:
    alone = [(await engine.score(prompt, "AB")).logits for prompt in (PROMPT, OTHER)]
    together = await asyncio.gather(*(engine.score(prompt, "AB") for prompt in (PROMPT, OTHER) * 3))
    for asked, scores in enumerate(together):
        assert scores.logits == pytest.approx(alone[asked % 2], abs=2e-2)


@pytest.mark.parametrize(("prompt", "labels"), [(PROMPT, "A?"), (PROMPT, "Aa"), ("\ud83d", "AB")])
async def test_nonsense_is_an_answer_and_not_the_end_of_the_engine(
    engine: Engine, prompt: str, labels: str
) -> None:
    await engine.start()
    alive = engine.pid
    with pytest.raises(Unanswerable):
        await engine.score(prompt, labels)
    assert await engine.score(PROMPT, "AB")
    assert engine.pid == alive


async def test_a_missing_model_is_refused_with_its_reason(tmp_path: Path) -> None:
    assert (await refusal(tmp_path / "none.gguf")).reason == "there is no such model file"


async def test_a_truncated_model_is_refused_with_its_reason(tmp_path: Path) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(MODEL.read_bytes()[:-1000])
    refused = await refusal(short)
    assert refused.reason == "llama.cpp refuses the model file"
    assert "not within the file bounds" in str(refused.facts["said"])


async def test_a_model_with_a_flipped_bit_is_refused_by_its_digest(tmp_path: Path) -> None:
    raw = bytearray(MODEL.read_bytes())
    raw[len(raw) // 2] ^= 1
    flipped = tmp_path / "flipped.gguf"
    flipped.write_bytes(raw)
    refused = await refusal(flipped, digest=digest_file(MODEL))
    assert refused.reason == "the model file is not the one expected"


async def test_a_broken_header_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUX" + MODEL.read_bytes()[4:])
    assert (await refusal(broken)).reason == "llama.cpp refuses the model file"


async def test_an_engine_of_another_processors_instructions_is_refused(monkeypatch) -> None:
    dies = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    monkeypatch.setattr(EngineConfig, "command", lambda _: [sys.executable, "-c", dies])
    assert (await refusal(MODEL)).reason == OTHER_PROCESSOR


def test_warming_uses_what_prompts_use_and_leaves_no_trace(llama: Llama) -> None:
    llama.forget()
    before = llama.score(PROMPT, "AB")
    llama.warm()
    assert llama.cached == []
    assert llama.score(PROMPT, "AB") == before


async def test_a_hanging_engine_is_given_up_at_the_deadline_and_started_again() -> None:
    now = 0.0
    engine = Engine(EngineConfig(MODEL, deadline_s=1.0), clock=lambda: now)
    await engine.start()
    hung = engine.pid
    assert hung
    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(EngineGone):
        await engine.score(PROMPT, "AB")
    with pytest.raises(NoModel, match="waits before"):
        await engine.score(PROMPT, "AB")
    now += 60
    await engine.start()
    assert await engine.score(PROMPT, "AB")
    assert engine.pid != hung
    await engine.close()


async def test_a_killed_engine_comes_back(engine: Engine) -> None:
    first = await engine.score(PROMPT, "AB")
    assert engine.pid
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(NoModel):
        await engine.score(PROMPT, "AB")
    await asyncio.sleep(0.6)
    assert (await engine.score(PROMPT, "AB")).logits == pytest.approx(first.logits, abs=1e-5)


async def test_the_loop_goes_on_while_the_engine_starts() -> None:
    engine = Engine(EngineConfig(MODEL, deadline_s=20))
    began = asyncio.get_running_loop().time()
    scoring = asyncio.create_task(engine.score(PROMPT, "AB"))
    gaps = []
    while not scoring.done():
        await asyncio.sleep(0.01)
        gaps.append(asyncio.get_running_loop().time() - began - sum(gaps))
    assert max(gaps) < 0.5
    await engine.close()


def test_the_engine_imports_nothing_heavy() -> None:
    listing = "import compute.engine, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    )
    assert not {"web3", "pydantic", "eth_account", "aiohttp", "torch"} & set(done.stdout.split())
