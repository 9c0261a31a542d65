"""The image's entry point: a role, or any `forager` command.

signer    keep the keys, sign within limits
agent     live; the signer is in another container
alone     both in this container, as two users; started as root, which is left behind at once
unpack    take a home from standard input (tar) apart into the folders of both
health    exit 0 only when whoever lives here answers
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from agent.users import AGENT, ROOT, SIGNER, Places, become
from telemetry.others_words import printable

ROLES: Final = ("signer", "agent", "alone", "unpack", "health")
HEALTH_S: Final = 5.0


def main(words: Sequence[str], places: Places) -> int:
    if not words or words[0] not in ROLES:
        _turn_into((sys.executable, "-P", "-m", "agent", *(words or ("--help",))))
    role = words[0]
    if len(words) > 1:
        sys.stderr.write(f"forager: the role {role} takes no arguments\n")
        return 2
    if role == "health":
        return int(not healthy(places))
    from agent.errors import UsedWrongly

    try:
        return _act(role, places)
    except UsedWrongly as fault:
        sys.stderr.write(f"forager: {printable(str(fault))}\n")
        return 2


def _act(role: str, places: Places) -> int:
    from agent.alone import Supervisor, pair

    commands = pair(places)
    if role == "unpack":
        from agent.unpacking import unpack

        unpack(sys.stdin.buffer, places)
        return 0
    if role != "alone":
        _turn_into(commands.signer if role == "signer" else commands.agent)
    return Supervisor().run(commands, os.environ)


def healthy(places: Places) -> bool:
    """Asked of the daemon as its own user; of the signer as the signer's.

    The signer serves the agent's user alone: hanging up on us at once is its way of being well.
    """
    if os.getuid() == ROOT:
        become(AGENT)
    try:
        if os.getuid() != SIGNER.uid:
            from agent.control import ask

            return ask(places.agent / "run", {"op": "status"}) is not None
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(HEALTH_S)
            link.connect(str(places.socket))
            return link.recv(1) == b""
    except Exception:  # noqa: BLE001 - whatever it is, nobody answered
        return False


def _turn_into(program: tuple[str, ...]) -> NoReturn:
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Places()))
