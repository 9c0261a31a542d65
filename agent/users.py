"""The users of the container image, where each one's things are, and becoming one for good."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from agent.errors import UsedWrongly

PR_SET_NO_NEW_PRIVS: Final = 38
ROOT: Final = 0


class User(NamedTuple):
    uid: int
    gid: int


SIGNER: Final = User(10001, 10000)
AGENT: Final = User(10002, 10000)


@dataclass(frozen=True, slots=True)
class Places:
    """The signer's folder and the agent's are 0700 and each its own; both reach the socket."""

    signer: Path = Path("/home/signer")
    agent: Path = Path("/home/agent")
    socket: Path = Path("/run/forager/signer.sock")


def refuse_new_privileges() -> None:
    """From here on no program that is started can gain what its starter lacks."""
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def become(user: User, *, commanding: User | None = None) -> None:
    """Leave root and every capability behind, and make sure that there is no way back.

    `commanding` is a second user whose processes may be signalled too: it is the effective user,
    `user` the real and the saved one. Neither may then signal or trace this process alone.
    """
    effective = commanding or user
    os.setgroups([])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, effective.uid, user.uid)
    try:
        os.setresuid(ROOT, ROOT, ROOT)
    except PermissionError:
        return
    raise UsedWrongly("root was not left behind", "start the container with SETUID and SETGID")


def as_user(user: User, work: Callable[[], None]) -> bool:
    """Do it in a child that is this user; true when it was done."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            become(user)
            work()
            code = 0
        except (OSError, UsedWrongly) as fault:
            os.write(2, f"forager: {fault}\n".encode())
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0
