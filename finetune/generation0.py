"""`python -m finetune.generation0`: train the small model that ships, check it, write its card."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Final, NamedTuple

from agent.prompt import prompt_digest
from compute.llama import Llama
from compute.manifest import digest_file
from finetune.export import export, quantize
from finetune.imitate import Course, Progress, train
from finetune.parity import Parity, by_llama, by_reflex, by_torch, compare
from finetune.policy import Policy
from finetune.situations import Example, examples

MODEL: Final = Path(__file__).parents[1] / "compute/models/forager-g0.gguf"
CARD: Final = MODEL.with_suffix(".md")
HELD_OUT_SEED: Final = 1_000_000
HELD_OUT: Final = 2000


class Checks(NamedTuple):
    """Torch against llama.cpp; llama.cpp against the reflex, on real menus and on mixed ones."""

    parity: Parity
    reflex: Parity
    mixed: Parity


def main() -> int:
    asked = _arguments()
    course = replace(Course(), steps=asked.steps, threads=asked.threads)
    print(
        f"training on {course.steps * course.batch} moments, {course.threads} threads", flush=True
    )
    began = process_time()
    policy = train(course, _show)
    write(policy, asked.out)
    checks = check(policy, asked.out)
    card = describe(asked.out, course, checks, process_time() - began)
    asked.out.with_suffix(".md").write_text(card)
    print(card)
    return 0 if checks.parity.holds else 1


def write(policy: Policy, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        full = Path(folder) / "full.gguf"
        export(policy, full, "forager-g0")
        quantize(full, path)


def check(policy: Policy, path: Path) -> Checks:
    """On moments that training never saw."""
    llama = Llama(path)
    real, mixed = held_out(foreign=0, shuffled=0), held_out(foreign=0.5, shuffled=0.5)
    return Checks(
        parity=compare([*real, *mixed], by_torch(policy), by_llama(llama)),
        reflex=compare(real, by_llama(llama), by_reflex),
        mixed=compare(mixed, by_llama(llama), by_reflex),
    )


def held_out(*, foreign: float, shuffled: float) -> list[Example]:
    return list(islice(examples(HELD_OUT_SEED, foreign=foreign, shuffled=shuffled), HELD_OUT))


def describe(path: Path, course: Course, checks: Checks, seconds: float) -> str:
    """The card, in Markdown."""
    command = f"python -m finetune.generation0 --steps {course.steps}"
    options = ", ".join(f"{name} {value}" for name, value in asdict(course).items())
    return f"""# {path.stem}

The model that ships: a llama of two layers that has learned to choose as the built-in strategies'
own scores would, from the prompt's words alone. It is generation 0, meant to be bred from.

| | |
| --- | --- |
| SHA-256 | `{digest_file(path)}` |
| size | {path.stat().st_size:,} bytes, Q8_0 |
| prompt | `{prompt_digest()}` |
| data | {course.steps * course.batch:,} random moments (`finetune/situations.py`), no lives |
| objective | divergence from softmax(score / {course.temperature:g}) at the chosen label's token |
| course | {options} |
| made by | `{command}`, {seconds / 60:.0f} CPU minutes |

Measured on {HELD_OUT:,} moments that training never saw:

| | same favourite | total variation, mean | worst |
| --- | --- | --- | --- |
| against the reflex, built-in strategies | {_row(checks.reflex)} |
| against the reflex, shuffled menus, half with strangers | {_row(checks.mixed)} |
| torch against llama.cpp, both sets | {_row(checks.parity)} |

Strangers' actions carry scores that no word reveals, so nobody could match those.
It knows no language: other prompts than `agent/prompt.py` makes are noise to it.
"""


def _row(found: Parity) -> str:
    return f"{found.agreement:.1%} | {found.tv:.4f} | {found.worst:.3f}"


def _show(at: Progress) -> None:
    if at.step % 50 == 0 or at.step == 1:
        print(f"{at.step:6} steps  {at.seconds:5.0f} s  {at.divergence:.4f} nats", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="finetune.generation0", description=__doc__)
    parser.add_argument("--steps", type=int, default=Course().steps)
    parser.add_argument("--threads", type=int, default=Course().threads)
    parser.add_argument("--out", type=Path, default=MODEL)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
