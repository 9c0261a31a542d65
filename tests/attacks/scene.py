"""What a stranger could steal, break or reach: laid out by the test, and looked over afterwards."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VICTIM = """
import ctypes, sys, time
held = ctypes.create_string_buffer(sys.stdin.readline().strip().encode())
print(ctypes.addressof(held), flush=True)
time.sleep(600)
"""
FILES = ("victim", "victim2", "victim3")


@dataclass
class Scene:
    """A home with a key, listeners, another process, and a folder that anyone may write to."""

    home: Path
    token: str = field(default_factory=lambda: "canary" + secrets.token_hex(12))
    about: dict[str, Any] = field(default_factory=dict)
    listeners: dict[str, socket.socket] = field(default_factory=dict)
    victim: subprocess.Popen[str] | None = None

    def visitors(self) -> list[str]:
        """The listeners that somebody has called."""
        return [name for name, line in self.listeners.items() if _was_called(line)]

    def traces(self) -> list[str]:
        """What is no longer as it was laid out."""
        scratch = Path(self.about["scratch"])
        library = Path(self.about["library"])
        changed = [p.name for p in scratch.iterdir() if p.name not in FILES]
        changed += [n for n in FILES if not _is(scratch / n, self.token)]
        changed += [p.name for p in library.iterdir() if "stranger" in p.name]
        return changed + [p.name for p in self.home.iterdir() if p.name.endswith(".written")]


def _is(path: Path, token: str) -> bool:
    return path.exists() and path.read_text() == token


def _was_called(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        line.recv(10) if line.type == socket.SOCK_DGRAM else line.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def laid_out(home: Path, *, confined: bool) -> Iterator[Scene]:
    scene = Scene(home)
    scratch = home / "scratch"
    scratch.mkdir(parents=True, mode=0o777)
    for name in FILES:
        (scratch / name).write_text(scene.token)
    (home / "key").write_text(scene.token)
    (home / "code.py").write_text(f"TOKEN = {scene.token!r}\n")
    (home / "link").symlink_to(home / "key")
    with contextlib.closing(sqlite3.connect(home / "log.sqlite")) as base:
        base.execute("CREATE TABLE secrets (token)")
        base.execute("INSERT INTO secrets VALUES (?)", (scene.token,))
        base.commit()
    with contextlib.ExitStack() as stack:
        for name, family, kind, at in (
            ("port", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, f"/tmp/{scene.token}"),  # noqa: S108
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + scene.token),
        ):
            line = stack.enter_context(socket.socket(family, kind))
            line.bind(at)
            if kind == socket.SOCK_STREAM:
                line.listen()
            scene.listeners[name] = line
        stack.callback(Path(f"/tmp/{scene.token}").unlink)  # noqa: S108
        secret = os.open(home / "key", os.O_RDONLY)
        stack.callback(os.close, secret)
        os.set_inheritable(secret, True)
        victim = stack.enter_context(_another(scene.token))
        place = int(victim.stdout.readline())
        scene.victim = victim
        scene.about |= {
            "abstract": scene.token,
            "canary": str(home / "key"),
            "code": str(home / "code.py"),
            "confined": confined,
            "database": str(home / "log.sqlite"),
            "disk": "/dev/vda" if Path("/dev/vda").exists() else "/dev/sda",
            "home": str(home),
            "library": sysconfig.get_path("purelib"),
            "link": str(home / "link"),
            "loader": "/lib64/ld-linux-x86-64.so.2",
            "null": 0,
            "parent": os.getpid(),
            "place": place,
            "port": scene.listeners["port"].getsockname()[1],
            "python": sys.executable,
            "root": os.getuid() == 0,
            "scratch": str(scratch),
            "secret_fd": secret,
            "token": scene.token,
            "udp": scene.listeners["udp"].getsockname()[1],
            "unix": scene.listeners["unix"].getsockname(),
            "victim": victim.pid,
        }
        yield scene


@contextlib.contextmanager
def _another(token: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the same user that knows the token."""
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as victim:
        victim.stdin.write(token + "\n")
        victim.stdin.flush()
        try:
            yield victim
        finally:
            victim.kill()


def in_session(leader: int) -> list[int]:
    """Processes that live in this session, whoever started them."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state, _parent, _group, session = (
                    (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                )
                if int(session) == leader and state != "Z":
                    found.append(int(folder.name))
    return found
