"""Secrets in every form they might leak in, and a search for them in files and processes."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

from chain import keystore
from chain.keys import Key


def forms_of(home: Path, passphrase_file: Path) -> dict[str, bytes]:
    """The two keys of a home and what opens them, by what a finding should be called."""
    passphrase = keystore.read_passphrase(passphrase_file)
    forms = {"passphrase": passphrase}
    for name in ("wallet", "log"):
        forms |= forms_of_key(name, keystore.open_key(home / "keys" / f"{name}.json", passphrase))
    return forms


def forms_of_key(name: str, key: Key) -> dict[str, bytes]:
    secret = key._key.secret
    return {
        f"{name} raw": secret,
        f"{name} hex": secret.hex().encode(),
        f"{name} HEX": secret.hex().upper().encode(),
        f"{name} base64": base64.b64encode(secret).rstrip(b"="),
        f"{name} decimal": str(int.from_bytes(secret, "big")).encode(),
    }


def in_files(forms: dict[str, bytes], folder: Path, but: Iterable[Path] = ()) -> Iterator[str]:
    """Where which form is found; `but` are files whose business it is."""
    allowed = set(but)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in allowed:
            yield from _in(forms, path.read_bytes(), str(path.relative_to(folder)))


def in_process(forms: dict[str, bytes], pid: int) -> Iterator[str]:
    """What everyone may read of a process of theirs: its environment and its command line."""
    for name in ("environ", "cmdline"):
        yield from _in(forms, Path(f"/proc/{pid}/{name}").read_bytes(), f"{pid}/{name}")


def _in(forms: dict[str, bytes], data: bytes, where: str) -> Iterator[str]:
    return (f"{name} in {where}" for name, form in forms.items() if form in data)
