"""`forager-finetune verify`: an evolution, from its report back to its chain and its logs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from finetune.errors import BadStage


def verify(
    folder: Annotated[Path, typer.Argument(help="What `forager-finetune run` wrote.")],
    again: Annotated[
        int, typer.Option(min=0, help="Lives of each model that choose once more.")
    ] = 4,
    parent: Annotated[Path | None, typer.Option(help="Generation 0; the built-in model.")] = None,
    rpc: Annotated[
        str | None, typer.Option(help="The chain that was promised on; the folder's own else.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Believe nothing of FOLDER: does every step follow from the one before? Exit code 1 if not."""
    from contextlib import nullcontext

    from agent.models import FIRST, resolve
    from chain.keys import Key
    from finetune.gating import there
    from finetune.notary import KEY, notary
    from finetune.plan import Registrar
    from finetune.verifying import verify as work

    if not folder.is_dir():
        raise BadStage("there is no such folder", folder=folder)

    def tell(line: str) -> None:
        if not as_json:
            sys.stderr.write(f"— {line}\n")
            sys.stderr.flush()

    at = (
        (lambda: nullcontext(Registrar(rpc, Key(KEY))))
        if rpc
        else lambda: notary(folder / "notary")
    )
    steps = []
    for step in work(folder, there(parent or resolve(FIRST)), at, again, tell):
        steps.append(step)
        if not as_json:
            told = [f"{step.what}: {step.found}"] if not step.wrong else []
            told += [f"{step.what}: {why}" for why in step.wrong]
            sys.stdout.writelines(
                f"{'WRONG' if step.wrong else 'ok':>5}  {line}\n" for line in told
            )
            sys.stdout.flush()
    wrong = sum(bool(step.wrong) for step in steps)
    if as_json:
        sys.stdout.write(
            json.dumps({"ok": not wrong, "steps": [s._asdict() for s in steps]}) + "\n"
        )
    elif wrong:
        sys.stdout.write(f"{wrong} of {len(steps)} steps do not hold\n")
    else:
        sys.stdout.write(f"OK: all {len(steps)} steps hold\n")
    raise typer.Exit(1 if wrong else 0)
