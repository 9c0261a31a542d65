"""`forager-finetune`: the worker that turns lives that ended into the next generation."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from finetune.breed import breed
from finetune.errors import WorkError
from finetune.read import read
from finetune.verify import verify

app: Final = typer.Typer(
    help="Turns the telemetry of ended lives into the next generation, and judges it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Out = Annotated[Path, typer.Option(help="The stage's folder; done already, it is left alone.")]
JsonOut = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Child = Annotated[Path, typer.Argument(help="The child's GGUF file.")]
Parent = Annotated[Path, typer.Argument(help="Its parent's GGUF file.")]
Scenarios = Annotated[
    list[Path] | None,
    typer.Option("--scenario", help="Files or shipped names; by default all that live by jobs."),
]
Worlds = Annotated[int, typer.Option(min=4, help="Worlds of each scenario.")]
Workers = Annotated[int, typer.Option(min=0, help="Lives at once; all cores by default.")]
USED_WRONGLY: Final = 2

app.command()(breed)
app.command()(read)
app.command()(verify)


@app.command()
def dataset(
    sources: Annotated[list[Path], typer.Argument(help="Folders that forager export wrote.")],
    out: Out,
    as_json: JsonOut = False,
) -> None:
    """Choose the lives that may teach, and make arrays of their decisions."""
    from finetune.dataset import dataset as work

    _say(work(sources, out, _tell(as_json)).manifest["figures"], as_json)


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="A finished dataset.")],
    parent: Annotated[
        Path,
        typer.Argument(help="A small model's GGUF file, or a large one's folder or its adapter's."),
    ],
    out: Out,
    objective: Annotated[
        str, typer.Option(help="awrq, filtered, kto, per_sample, shuffled or zero.")
    ] = "awrq",
    bred: Annotated[
        bool, typer.Option("--bred", help="PARENT was bred: improve its choices, not the lives'.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same file.")] = 0,
    moments: Annotated[int, typer.Option(help="How many decisions are read.")] = 40_000,
    engine: Annotated[
        str, typer.Option(help="local, torchrun or ray; torchrun:4 starts four processes.")
    ] = "local",
    as_json: JsonOut = False,
) -> None:
    """Learn a critic, teach a child of PARENT, and write a file that agents can run."""
    from finetune.engines import Task, launch
    from finetune.objective import NAMES, Aim
    from finetune.training import Course, bred_on

    if objective not in NAMES:
        raise WorkError("no such objective", objective=objective, known=", ".join(NAMES))
    course = Course()
    course = replace(
        course,
        aim=Aim(objective, seed=seed),
        critic=replace(course.critic, seed=seed),
        policy=replace(course.policy, seed=seed, moments=moments),
    )
    if bred:
        course = bred_on(course)
    made = launch(engine, Task(data, parent, out, course, quiet=as_json))
    if made is not None:
        _say(made, as_json)


@app.command()
def evaluate(
    child: Child,
    parent: Parent,
    out: Annotated[Path, typer.Option(help="Results; asked again, they are gone on with.")],
    scenario: Scenarios = None,
    worlds: Worlds = 8,
    seed: Annotated[int, typer.Option(min=0, help="The first world's.")] = 1,
    workers: Workers = 0,
    as_json: JsonOut = False,
) -> None:
    """Live CHILD, PARENT and the rules in the same worlds and compare; nothing is decided."""
    from finetune.gating import evaluated, plan_of

    plan = plan_of(scenario, worlds, workers)
    _say(evaluated(child, parent, out, seed, plan, _tell(as_json)), as_json)


@app.command()
def gate(
    child: Child,
    parent: Parent,
    out: Annotated[Path, typer.Option(help="The gate's folder: a promise, lives, a verdict.")],
    register: Annotated[
        bool, typer.Option("--register", help="Only promise, on chain, what will count.")
    ] = False,
    scenario: Scenarios = None,
    worlds: Worlds = 8,
    number: Annotated[int, typer.Option(min=1, help="The child's generation.")] = 1,
    tries: Annotated[int, typer.Option(min=1, help="Children of this parent so far.")] = 1,
    rpc: Annotated[
        str | None, typer.Option(help="The chain to promise on; a small one of its own else.")
    ] = None,
    keystore: Annotated[Path | None, typer.Option(help="Whose key promises there.")] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="Its first line opens it.")] = None,
    workers: Workers = 0,
    as_json: JsonOut = False,
) -> None:
    """Judge CHILD against PARENT by what was registered before; exit code 1 if it is rejected."""
    from finetune.gating import gated, notary_of, plan_of, there
    from finetune.plan import Generation

    plan = plan_of(scenario, worlds, workers)
    before, now = Generation(number - 1, there(parent)), Generation(number, there(child))
    notary = notary_of(out, rpc, keystore, passphrase_file)
    told = gated(now, before, out, plan, notary, tries, _tell(as_json), register=register)
    _say(told, as_json)
    raise typer.Exit(0 if register or told["promoted"] else 1)


@app.command()
def run(
    out: Annotated[Path, typer.Option(help="Everything goes here; asked again, it goes on.")],
    scenario: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files or shipped names; all that live by jobs alone."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Children to try, one a round.")] = 3,
    learn: Annotated[int, typer.Option(min=1, help="Worlds of each to learn in.")] = 12,
    judge: Annotated[int, typer.Option(min=4, help="Worlds of each to be judged in.")] = 8,
    sealed: Annotated[int, typer.Option(min=1, help="Worlds of each for the end.")] = 16,
    moments: Annotated[int, typer.Option(min=64, help="Decisions a child reads.")] = 40_000,
    controls: Annotated[
        bool, typer.Option(help="Teach and live the other objectives and the controls too.")
    ] = True,
    parent: Annotated[Path | None, typer.Option(help="Generation 0; the built-in model.")] = None,
    workers: Workers = 0,
    as_json: JsonOut = False,
) -> None:
    """All stages, generation after generation, on worlds of this machine."""
    from agent.models import FIRST, resolve
    from finetune.evolving import evolve
    from finetune.gating import shipped, there
    from finetune.notary import notary
    from finetune.plan import Plan
    from finetune.training import Course

    course, cores = Course(), workers or os.cpu_count() or 1
    plan = Plan(
        files=tuple(shipped(scenario or [])),
        rounds=rounds,
        learn_seeds=learn,
        judge_seeds=judge,
        sealed_seeds=sealed,
        workers=cores,
        course=replace(course, policy=replace(course.policy, moments=moments, threads=cores)),
        controls=controls,
    )
    first, its = there(parent or resolve(FIRST)), lambda: notary(out / "notary")
    line = evolve(out, first, plan, its, _tell(as_json))
    _say({"line": [each.name for each in line], "report": str(out / "report.html")}, as_json)


def _tell(quiet: bool) -> Any:
    def tell(line: str) -> None:
        if not quiet:
            sys.stderr.write(f"— {line}\n")
            sys.stderr.flush()

    return tell


def _say(figures: Any, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:>14}  {value}\n")


def main() -> None:
    """One line for what went wrong, and exit code 2."""
    from agent.errors import AgentError
    from chain.errors import ChainError
    from world.errors import WorldError

    try:
        app()
    except (WorkError, WorldError, AgentError, ChainError) as fault:
        _complain(str(fault), getattr(fault, "advice", ""))
    except OSError as fault:
        _complain(f"{fault.filename or 'a file'}: {fault.strerror or fault}", "")
    except KeyboardInterrupt:
        sys.stderr.write("\nforager-finetune: stopped; run again to go on\n")
        sys.exit(130)


def _complain(what: str, advice: str) -> None:
    sys.stderr.write(f"forager-finetune: {what}\n" + (f"  {advice}\n" if advice else ""))
    sys.exit(USED_WRONGLY)


if __name__ == "__main__":
    main()
