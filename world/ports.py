"""A port of this machine that is kept for somebody who will listen on it later."""

from __future__ import annotations

import socket
import sys
from typing import Final

HERE: Final = "127.0.0.1"


class KeptPort:
    """Nobody else is given it meanwhile, and no connection leaves by it.

    Linux lets one socket listen where another is only bound, if both say that they share; a server
    of asyncio does. Elsewhere it is a port that was free, and somebody may come first.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HERE, 0))
        self.number: int = self._socket.getsockname()[1]
        if sys.platform != "linux":
            self._socket.close()

    def close(self) -> None:
        self._socket.close()
