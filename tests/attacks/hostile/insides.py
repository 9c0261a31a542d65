"""Attacks from within Python: what its own process might still hold."""

from __future__ import annotations

import gc
import os
import stat
import sys

from .tools import attack


@attack(teeth=False)
def looks_for_secrets_in_the_environment(about):
    return {key: value for key, value in os.environ.items() if about["token"][:8] in value} or None


@attack(teeth=False)
def looks_for_variables_of_ours(about):
    return [
        key for key in os.environ if key.startswith(("FORAGER_", "HOME", "USER", "PATH"))
    ] or None


@attack(teeth=False)
def looks_for_secrets_in_memory(about):
    """What was read before it was shut in would still lie about."""
    half, rest = about["token"][:8], about["token"][8:]
    texts = (each for each in gc.get_objects() if isinstance(each, (list, tuple, dict)))
    for each in texts:
        for item in each.values() if isinstance(each, dict) else each:
            if isinstance(item, bytes) and (half + rest).encode() in item:
                return item[:100]


@attack(teeth=False)
def looks_for_open_descriptors(about):
    """Beside the pipes and what its loop wakes itself with."""
    found = []
    for number in range(3, 4096):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISCHR(mode):
            found.append(number)
    return found or None


@attack(teeth=False)
def reads_whatever_is_open(about):
    """Two pipes, and what the loop wakes itself with, hold nothing."""
    import select

    for number in range(3, 256):
        try:
            ready, _, _ = select.select([number], [], [], 0)
            if ready and (found := os.read(number, 100)):
                return found
        except (OSError, ValueError):
            continue


@attack(teeth=False)
def reads_the_inherited_descriptor(about):
    return os.pread(about["secret_fd"], 100, 0) if _is_file(about["secret_fd"]) else None


def _is_file(number):
    try:
        return stat.S_ISREG(os.fstat(number).st_mode)
    except OSError:
        return False


@attack(teeth=False)
def looks_at_the_arguments(about):
    return [each for each in sys.orig_argv if "key" in each or about["token"] in each] or None


@attack(teeth=False)
def looks_for_the_signer(about):
    return [
        name for name in sys.modules if name.startswith(("chain.signer", "chain.keystore"))
    ] or None


@attack
def imports_the_keystore_and_opens_it(about):
    from pathlib import Path

    from chain import keystore

    return keystore.read_passphrase(Path(about["canary"]))


@attack(teeth=False)
async def asks_its_reader_for_a_file(about, read=None):
    return await read.call(about["canary"], "f()(string)", [])


@attack(teeth=False)
async def asks_its_reader_for_what_it_does_not_know(about, read=None):
    return read._wire.ask(open=about["canary"])


@attack(teeth=False)
async def asks_its_reader_to_sign(about, read=None):
    return read._wire.ask(sign={"to": "0x" + "66" * 20})
