"""Three ways to start the same training: here, by torchrun on this machine, or by Ray.

`local` joins whatever launched this process: torchrun or accelerate, over any number of machines.
The other two launch it themselves, `torchrun:4` four times. The first process alone prints and
writes; a folder must be the same for all of them.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

import torch

from finetune.crew import PATIENCE, backend, crew
from finetune.errors import BadLaunch, WorkError
from finetune.raising import refuse
from finetune.stage import check
from finetune.training import Course, assist, train

LOCAL: Final = "local"
ASKED: Final = re.compile(r"local|(?P<by>torchrun|ray)(:(?P<count>[1-9]\d*))?", re.ASCII)
FAILED: Final = 2
TAKEN: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True, slots=True)
class Task:
    """What every process is told."""

    data: Path
    parent: Path
    out: Path
    course: Course
    quiet: bool = False


def launch(engine: str, task: Task) -> Mapping[str, Any] | None:
    """The figures of what was made; nothing in a process that only helped."""
    asked = ASKED.fullmatch(engine)
    if not asked:
        raise BadLaunch("there is no such engine", engine=engine, known="local, torchrun:N, ray:N")
    if engine == LOCAL:
        if not run(task):
            return None
    elif "WORLD_SIZE" in os.environ:
        raise BadLaunch("this process was launched already; its engine is local", engine=engine)
    else:
        check(task.data)  # what can be refused is refused once and here, rather than by each
        refuse(task.parent)
        paths = {key: getattr(task, key).resolve() for key in ("data", "parent", "out")}
        LAUNCHERS[asked["by"]](replace(task, **paths), int(asked["count"] or 0))
    figures: Mapping[str, Any] = check(task.out)["figures"]
    return figures


def run(task: Task) -> bool:
    """Train with whoever was launched together; whether this process is the first of them."""
    with crew() as mates:
        if mates.leads:
            train(task.data, task.parent, task.out, task.course, _teller(task), mates)
        else:
            assist(task.data, task.parent, task.course, mates)
        return mates.leads


def _launched(task: Task) -> None:
    """In a process that torchrun started: a refusal is a line of the first, not a trace."""
    try:
        run(task)
    except WorkError as fault:
        if os.environ["RANK"] == "0":
            sys.stderr.write(f"— {fault}\n")
        sys.exit(FAILED)
    except Exception:
        traceback.print_exc()
        raise


def _torchrun(task: Task, count: int) -> None:
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count or torch.cuda.device_count() or os.cpu_count() or 1,
        run_id=str(uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    for loud in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(loud).setLevel(logging.CRITICAL)  # whoever failed has said why
    try:
        with _signals_kept():
            elastic_launch(config, _launched)(task)
    except SignalException:
        raise KeyboardInterrupt from None
    except ChildFailedError as fault:
        raise BadLaunch("a process failed, so all were ended") from fault


@contextmanager
def _signals_kept() -> Iterator[None]:
    """The launcher takes these for itself and never gives them back."""
    before = {each: signal.getsignal(each) for each in TAKEN}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _ray(task: Task, count: int) -> None:
    try:
        import ray  # type: ignore[import-not-found,unused-ignore]
        from ray.train import (  # type: ignore[import-not-found,unused-ignore]
            RunConfig,
            ScalingConfig,
            TrainingFailedError,
        )
        from ray.train.torch import (  # type: ignore[import-not-found,unused-ignore]
            TorchConfig,
            TorchTrainer,
        )
    except ImportError as missing:
        raise BadLaunch("Ray is not installed: the extra `ray`", lacks=missing.name) from missing
    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    accelerated = backend() == "nccl"
    held = ray.cluster_resources().get("GPU" if accelerated else "CPU", 1)
    with TemporaryDirectory() as notes:
        trainer = TorchTrainer(
            run,
            train_loop_config=task,
            torch_config=TorchConfig(backend(), timeout_s=int(PATIENCE.total_seconds())),
            scaling_config=ScalingConfig(num_workers=count or int(held), use_gpu=accelerated),
            run_config=RunConfig(storage_path=notes),
        )
        try:
            trainer.fit()
        except TrainingFailedError as fault:
            raise BadLaunch("a process failed, so all were ended") from fault


def _teller(task: Task) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if not task.quiet:
            sys.stderr.write(f"— {line}\n")
            sys.stderr.flush()

    return tell


LAUNCHERS: Final[Mapping[str, Callable[[Task, int], None]]] = {"torchrun": _torchrun, "ray": _ray}
