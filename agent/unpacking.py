"""Moves an agent into the containers: one home, packed by tar, becomes the folders of two users."""

from __future__ import annotations

import json
import os
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from agent.errors import UsedWrongly
from agent.users import AGENT, SIGNER, Places, as_user
from chain.signer_config import FOR_GROUP

KEYS: Final = ("keys/wallet.json", "keys/log.json")
SIGNERS: Final = (*KEYS, "passphrase", "limits.json", "signer.toml")
AGENTS: Final = ("forager.toml", "genome.json", "birth.json", "limits.json")
"""Its limits are a copy to quote from; those that bind lie with the signer."""
LARGEST: Final = 1 << 20
PRIVATE: Final = 0o600

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Parts:
    """What goes to whom."""

    signer: Files
    agent: Files


def divide(home: Files, places: Places) -> Parts:
    """A whole home, or new limits alone for one that has moved in before."""
    missing = sorted({*SIGNERS, *AGENTS} - home.keys())
    if missing and home.keys() != {"limits.json"}:
        raise UsedWrongly(
            f"the home lacks {', '.join(missing)}",
            "make it with forager init and permit, with the passphrase file in it",
        )
    signers = {name: home[name] for name in SIGNERS if name in home}
    if "signer.toml" in signers:
        signers["signer.toml"] = _for_two_users(signers["signer.toml"], places)
    return Parts(signers, {name: home[name] for name in AGENTS if name in home})


def read(stream: IO[bytes]) -> Files:
    """The files we know, out of a tar archive; everything else in it stays where it is."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isfile() and name in {*SIGNERS, *AGENTS} and member.size <= LARGEST:
                    content = archive.extractfile(member)
                    found[name] = content.read() if content else b""
    except tarfile.TarError as fault:
        raise UsedWrongly(f"this is no tar archive ({fault})", "tar -C HOME -c .") from None
    return found


def unpack(stream: IO[bytes], places: Places) -> None:
    """Each part is written by its own user, so that no third one ever needs a right to it."""
    parts = divide(read(stream), places)
    for user, folder, files in (
        (SIGNER, places.signer, parts.signer),
        (AGENT, places.agent, parts.agent),
    ):
        if not as_user(user, partial(write, folder, files)):
            raise UsedWrongly(
                f"{folder} could not be written by user {user.uid}",
                "it must be that user's; keys that are there are never replaced",
            )


def write(folder: Path, files: Files) -> None:
    """Whole or not at all, file by file; keys only where there are none."""
    for name in KEYS:
        if name in files and (folder / name).exists():
            raise FileExistsError(f"{folder / name} is there already")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as to:
            to.write(content)
            to.flush()
            os.fsync(to.fileno())
        fresh.replace(path)


def _for_two_users(text: bytes, places: Places) -> bytes:
    """The same settings, with the paths of the container and the agent's user let in."""
    try:
        settings = tomllib.loads(text.decode())
    except ValueError as fault:
        raise UsedWrongly(f"signer.toml is not TOML: {fault}", "make the home again") from None
    settings |= {
        "wallet_key": KEYS[0],
        "log_key": KEYS[1],
        "passphrase_file": "passphrase",
        "limits": "limits.json",
        "ledger": "ledger.sqlite",
        "socket": str(places.socket),
        "allowed_uid": AGENT.uid,
        "socket_mode": FOR_GROUP,
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()).encode()
