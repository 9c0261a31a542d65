from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

import pytest
import torch

from agent.prompt import HEAD, LABELS, TAIL
from compute.llama import Llama
from finetune.export import export, quantize, restore
from finetune.parity import LEAST_AGREEMENT, MOST_TV, by_llama, by_reflex, by_torch, compare
from finetune.policy import Policy, Shape
from finetune.situations import Example, examples
from finetune.vocab import SIZE, Tokenizer, entries

pytestmark = pytest.mark.model

MODEL: Final = Path(__file__).parents[2] / "compute/models/forager-g0.gguf"
STRANGE: Final = "acme.swap-9_x é\t\\ <|end|> A B\nZ m9999 -m1 \x00 thrift.extended"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def llama() -> Llama:
    return Llama(MODEL)


@pytest.fixture(scope="module")
def moments() -> list[Example]:
    return list(islice(examples(2_000_000, foreign=0, shuffled=0), 150))


def test_the_vocabulary_holds_every_byte_and_the_words_of_a_prompt() -> None:
    known = entries()
    assert len(known) == len(set(known)) == SIZE
    assert [known[ord(label)] for label in LABELS] == [label.encode() for label in LABELS]
    tokens = Tokenizer().encode(f"{HEAD} lean m12\nA thrift.extend t3{TAIL}")
    assert len(tokens) == 8


def test_llama_cpp_reads_as_the_vocabulary_does(llama: Llama) -> None:
    encode = Tokenizer().encode
    assert llama.tokenize(STRANGE) == encode(STRANGE)
    words = [entry.decode("latin-1") for entry in entries()]
    for row in islice(examples(3, foreign=0.5), 1000):
        text = "".join(words[token] for token in row.tokens)
        assert llama.tokenize(text) == row.tokens


def test_prompts_of_a_dozen_actions_keep_within_128_tokens() -> None:
    rows = islice(examples(4, foreign=0, shuffled=0), 2000)
    assert max(len(row.tokens) for row in rows if len(row.scores) <= 12) <= 128


def test_any_weights_come_out_of_llama_cpp_as_torch_has_them(
    tmp_path: Path, moments: list[Example]
) -> None:
    torch.manual_seed(1)
    policy = Policy(Shape()).eval()
    export(policy, tmp_path / "full.gguf", "random")
    found = compare(moments, by_torch(policy), by_llama(Llama(tmp_path / "full.gguf")))
    assert found.worst < 0.005


def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    policy = restore(MODEL)
    for name in ("a", "b"):
        export(policy, tmp_path / name, "again")
        quantize(tmp_path / name, tmp_path / f"{name}.q8")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a.q8").read_bytes() == (tmp_path / "b.q8").read_bytes()


def test_the_model_that_ships_is_one_policy_in_torch_and_in_llama_cpp(
    llama: Llama, moments: list[Example]
) -> None:
    found = compare(moments, by_torch(restore(MODEL)), by_llama(llama))
    assert found.tv <= MOST_TV
    assert found.agreement >= LEAST_AGREEMENT


def test_the_model_that_ships_chooses_much_as_the_reflex_does(
    llama: Llama, moments: list[Example]
) -> None:
    found = compare(moments, by_llama(llama), by_reflex)
    assert found.tv <= 0.2
    assert found.agreement >= 0.8
