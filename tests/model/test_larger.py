"""A large model is taught by an adapter alone, and llama.cpp wears it as torch does."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import largemodels
import lessons
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from compute.llama import Llama
from finetune import adapter
from finetune.base import load, open_base, reread
from finetune.crew import ALONE, CPU
from finetune.critic import CriticCourse
from finetune.engines import Task, launch
from finetune.errors import BadBase
from finetune.larger import ADAPTER, PEFT, Larger, by_tuned, rear
from finetune.lora import tune, wearing
from finetune.parents import parent_digest, parent_of
from finetune.parity import by_llama, compare, sample
from finetune.stage import digest
from finetune.teach import Improving, Tuning
from finetune.training import CARD, Course

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
G0 = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
WEIGHTS = "adapter_model.safetensors"
HOW = Improving(moments=320, batch=8, warmup=2)


@pytest.fixture(scope="module")
def told():
    return lessons.moments(6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return largemodels.make(tmp_path_factory.mktemp("model"))


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def worn(base):
    """An adapter that changes every matrix, and a lot."""
    torch.manual_seed(3)
    tuned = wearing(load(base, CPU), None, Tuning(rank=8, alpha=24)).eval()
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.02)
    return tuned


def apart(base, tuned, told, path):
    """Torch with the adapter against llama.cpp, with it if there is a path."""
    read = reread(told, base.encode)
    llama = Llama(base.gguf, path, context=512)
    return compare(sample(read)[::3], by_tuned(tuned, torch.tensor(base.labels)), by_llama(llama))


@pytest.mark.parametrize("kind", largemodels.CONFIGS)
def test_an_adapter_is_one_policy_in_torch_and_in_llama_cpp(tmp_path, told, kind):
    base = open_base(largemodels.make(tmp_path, kind, quantized=False))
    tuned = worn(base)
    adapter.export_adapter(tuned, base.gguf, tmp_path / ADAPTER)
    assert apart(base, tuned, told, None).tv > 0.1
    found = apart(base, tuned, told, tmp_path / ADAPTER)
    assert found.worst < 2e-3


def test_rows_in_another_order_would_be_noticed(tmp_path, told, monkeypatch):
    base = open_base(largemodels.make(tmp_path, quantized=False))
    tuned = worn(base)
    monkeypatch.setattr(adapter, "PAIRED", ())
    adapter.export_adapter(tuned, base.gguf, tmp_path / ADAPTER)
    assert apart(base, tuned, told, tmp_path / ADAPTER).tv > 0.03


def sums(folder):
    return {path.name: sha256(path.read_bytes()).digest() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_child_learns_its_lesson_and_nothing_of_the_model_is_altered(tmp_path, folder, told):
    before, seen = sums(folder), []
    base = open_base(folder)
    read = reread(told, base.encode)
    llama = Llama(base.gguf, context=512)
    tuning = Tuning(lr=3e-3)
    taught = lessons.lesson(told, sharp=0.99)
    tuned = tune(base, None, read, taught, HOW, tuning, seen.append, ALONE, kto=False)
    written = Larger(base, read, tuned, llama).write(tmp_path)
    assert written.holds
    assert written.parity.tv < 0.01
    assert written.figures["longest_prompt"] > 100
    assert written.figures["model"] == digest(base.gguf)
    judge = by_tuned(tuned, torch.tensor(base.labels))
    last = [judge(each).argmax() == len(each.scores) - 1 for each in sample(read)]
    assert np.mean(last) > 0.9
    assert sums(folder) == before

    again = []
    parent = parent_of(tmp_path / PEFT)
    assert parent.model == folder.resolve()
    short = Improving(moments=16, batch=8, warmup=1)
    tune(base, parent.adapter, read, taught, short, tuning, again.append, ALONE, kto=False)
    assert again[0].apart == pytest.approx(0, abs=1e-6)
    assert again[0].here < 0.8 * seen[0].here  # where the parent ended, not where it began
    assert again[1].apart > 1e-5


def test_the_same_seed_writes_the_same_adapter(tmp_path, folder, told):
    how = Improving(moments=16, batch=8)
    for name in ("a", "b"):
        child = rear(folder, told, lessons.lesson(told), how, lambda _: None, ALONE, kto=False)
        child.write(tmp_path / name)
    first, second = ((tmp_path / name / ADAPTER).read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.slow
def test_a_stage_takes_a_folder_for_a_parent_and_a_crew_teaches_its_child(tmp_path):
    largemodels.make(tmp_path, inner=256, quantized=False)
    data = lessons.dataset(tmp_path / "data")
    critic = CriticCourse(members=2, width=16, steps=20, batch=64)
    course = Course(critic=critic, policy=Improving(moments=22, batch=11), trial=False)
    tasks = [Task(data, tmp_path, tmp_path / name, course, quiet=True) for name in ("one", "two")]
    one, two = (launch(by, task) for by, task in zip(("local", "torchrun:2"), tasks, strict=True))
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["model"] == two["model"] == digest(tmp_path / "full.gguf")
    for task, figures in zip(tasks, (one, two), strict=True):
        assert figures["adapter"] == digest(task.out / ADAPTER)
        assert figures["adapter"] in (task.out / CARD).read_text()
        parent = parent_of(task.out / PEFT)
        assert parent.model == tmp_path
        assert parent_digest(task.out / PEFT) != parent_digest(tmp_path)
    alone, together = (load_file(task.out / PEFT / WEIGHTS) for task in tasks)
    assert all(torch.allclose(alone[name], together[name], atol=1e-5) for name in alone)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def joins_labels(folder):
    text = [prompt + label for prompt in largemodels.prompts() for label in "ABC"]
    largemodels.tokenizer(text, split=False, size=2000).save_pretrained(folder)


def lacks_labels(folder):
    told = json.loads((folder / "tokenizer.json").read_text())
    del told["model"]["vocab"]["Q"]
    (folder / "tokenizer.json").write_text(json.dumps(told))


def is_called(kind):
    return lambda folder: edit(folder / "config.json", model_type=kind)


REFUSED = {
    "a kind that nobody checked": (is_called("gemma3_text"), "no adapter for this kind"),
    "a folder and a file of two kinds": (is_called("qwen3"), "another kind of model"),
    "a folder of no kind": (is_called(None), "no adapter for this kind"),
    "no model": (lambda f: (f / "config.json").unlink(), "neither a model nor an adapter"),
    "no GGUF file": (lambda f: (f / "base.gguf").unlink(), "not one GGUF file"),
    "two GGUF files": (lambda f: shutil.copy(G0, f / "other.gguf"), "not one GGUF file"),
    "a damaged GGUF file": (lambda f: (f / "base.gguf").write_bytes(b"GGUF"), "cannot be read"),
    "another model's GGUF file": (lambda f: shutil.copy(G0, f / "base.gguf"), "other tokens"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer cannot be read"),
    "labels that join the prompt": (joins_labels, "otherwise where a prompt ends"),
    "labels that are no tokens": (lacks_labels, "not single tokens"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taught_or_run_is_refused_in_a_line(copy, told, name):
    spoil, reason = REFUSED[name]
    spoil(copy)
    with pytest.raises(BadBase, match=reason) as refused:
        rear(copy, told, lessons.lesson(told), HOW, pytest.fail, ALONE, kto=False)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [{"use_dora": True}, {"bias": "all"}, {"peft_type": "IA3"}, {"rank_pattern": {"q": 1}}],
)
def test_an_adapter_that_llama_cpp_could_not_wear_is_no_parent(tmp_path, folder, changes):
    wearing(load(open_base(folder), CPU), None, Tuning()).save_pretrained(tmp_path)
    parent_of(tmp_path)
    edit(tmp_path / "adapter_config.json", **changes)
    with pytest.raises(BadBase, match="no plain LoRA"):
        parent_of(tmp_path)


def test_an_adapter_for_another_model_is_not_written(tmp_path, folder):
    other = largemodels.make(tmp_path, inner=256)
    with pytest.raises(BadBase, match="another model"):
        adapter.export_adapter(worn(open_base(folder)), other / "base.gguf", tmp_path / "adapter")
