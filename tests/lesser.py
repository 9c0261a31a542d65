"""A stranger's child on a kernel that has less: `python -m tests.lesser CALL…` lacks these calls.

`everything` is what a control needs: the child confines itself in no way at all.
"""

from __future__ import annotations

import errno
import sys
from typing import Final

from agent import plugin_host
from agent.confinement import bpf, kernel, seccomp
from agent.confinement.bpf import Step
from agent.confinement.confine import Confinement
from agent.confinement.syscalls import MACHINES

EVERYTHING: Final = "everything"
LACKING: Final = {
    "landlock": ({"x86_64": 444, "aarch64": 444}, errno.EOPNOTSUPP),
    "namespaces": ({"x86_64": 272, "aarch64": 97}, errno.EPERM),
    "seccomp": ({"x86_64": 317, "aarch64": 277}, errno.EINVAL),
    "limits": ({"x86_64": 302, "aarch64": 261}, errno.EPERM),
}
"""The call that each layer begins with, and how a kernel without it answers."""


def program(lacking: list[str]) -> tuple[Step, ...]:
    """Everything but these."""
    steps = [Step(bpf.LOAD, 0, 0, 0)]
    for layer in lacking:
        numbers, fault = LACKING[layer]
        steps.append(Step(bpf.EQUAL, 0, 1, numbers[kernel.MACHINE]))
        steps.append(Step(bpf.RETURN, 0, 0, 0x00050000 | fault))
    return (*steps, Step(bpf.RETURN, 0, 0, bpf.ALLOW))


def main() -> None:
    lacking = sys.argv[1:]
    if lacking == [EVERYTHING]:
        plugin_host.confine = lambda readable, settle: Confinement((), ("everything",), {})
    elif lacking:
        assert kernel.MACHINE in MACHINES
        seccomp.install(program(lacking))
    plugin_host.main()


if __name__ == "__main__":
    main()
