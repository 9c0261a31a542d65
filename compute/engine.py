"""The engine's process: `python -m compute.engine --model FILE`, one JSON line in, one out.

    → {"ready": {"gguf": "0x…", "adapter": "", "engine": "0x…"}}
      or {"bad": reason, "facts": {…}} and exit code 1
    ← {"id": 7, "prompt": "…", "labels": "ABC"}
    → {"id": 7, "logits": [0.1, -2.3, 0.4]}
      or {"id": 7, "none": reason}

It ends when its input does. Neither web3 nor pydantic is imported here: an agent pays for memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from typing import IO, Final

from compute.errors import BadModel, NoModel
from compute.llama import Llama, engine_digest
from compute.manifest import digest_file

Message = Mapping[str, object]
FOUND_WRONG: Final = 1


def main() -> int:
    asked = _arguments()
    signal(SIGINT, SIG_IGN)  # a terminal's Ctrl-C is for the daemon, which ends us in its own time
    out = _claim_stdout()
    try:
        ids = _identify(asked.model, asked.adapter, asked.digest)
        llama = Llama(asked.model, asked.adapter, asked.context, asked.threads)
        llama.warm()
    except (BadModel, NoModel) as bad:
        _say(out, {"bad": bad.reason, "facts": bad.facts})
        return FOUND_WRONG
    _say(out, {"ready": ids})
    for line in sys.stdin.buffer:
        _say(out, answer(llama, json.loads(line)))
    return 0


def answer(llama: Llama, asked: Mapping[str, object]) -> Message:
    """The reply to one question; that it cannot be scored is an answer too.

    Whoever passes strangers' questions on refuses nonsense himself; none must end us all the same.
    """
    try:
        return {
            "id": asked["id"],
            "logits": llama.score(str(asked["prompt"]), str(asked["labels"])),
        }
    except NoModel as none:
        return {"id": asked["id"], "none": none.reason}
    except KeyError:
        return {"id": asked["id"], "none": "the model has no such label"}
    except UnicodeEncodeError:
        return {"id": asked["id"], "none": "the prompt is not Unicode"}


def _identify(model: Path, adapter: Path | None, expected: str) -> Message:
    """Digests before native code sees the file, so that a wrong one never reaches it."""
    for path in filter(None, (model, adapter)):
        if not path.is_file():
            raise BadModel("there is no such model file", path=str(path))
    gguf = digest_file(model)
    if expected and gguf != expected:
        raise BadModel("the model file is not the one expected", digest=gguf, expected=expected)
    return {
        "gguf": gguf,
        "adapter": digest_file(adapter) if adapter else "",
        "engine": engine_digest(),
    }


def _claim_stdout() -> IO[bytes]:
    """Keep stdout for the protocol alone: whatever native code prints goes to stderr."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return out


def _say(out: IO[bytes], message: Message) -> None:
    out.write(json.dumps(message, default=str).encode() + b"\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="compute.engine", description="Score prompts with a GGUF model."
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--context", type=int, default=512, help="tokens")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--digest", default="", help="refuse a model file with any other SHA-256 (0x…)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
