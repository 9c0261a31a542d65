"""Where a home's sockets are: beside it, or in the temp folder when the path would be too long."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from chain.errors import BadSettings

LONGEST: Final = 100
"""The kernel takes 107 bytes; some systems fewer."""


def socket_path(folder: Path, name: str) -> Path:
    """A path the kernel accepts; the same for every caller, private to this user."""
    path = folder.resolve() / name
    if len(os.fsencode(path)) <= LONGEST:
        return path
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"forager-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BadSettings("the folder for sockets is not ours alone", path=str(short))
    return short / name
