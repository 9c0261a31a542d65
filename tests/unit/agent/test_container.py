"""The image's entry point: who becomes whom, what each may read, and who ends whom."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import container, unpacking
from agent.errors import UsedWrongly
from agent.users import AGENT, SIGNER, Places

ROOT = Path(__file__).parents[3]
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can leave root behind")
TWO_CAPABILITIES = (
    *("setpriv", "--bounding-set=-all,+setuid,+setgid", "--inh-caps=-all"),
    "--",
)
HOME = {
    "keys/wallet.json": b"{}",
    "keys/log.json": b"{}",
    "passphrase": b"open sesame\n",
    "limits.json": b"{}",
    "forager.toml": b"use = []\n",
    "genome.json": b"{}",
    "birth.json": b"{}",
    "signer.toml": b'rpc = ["http://anvil:8545"]\nchain_id = 1\nsocket = "/elsewhere/s.sock"\n',
}


@functools.cache
def python() -> str:
    """One that every user may run; a virtual environment's may lie in root's own home."""
    as_nobody = ("setpriv", "--reuid=65534", "--clear-groups", "--") if os.getuid() == 0 else ()
    for candidate in (sys.executable, "/usr/bin/python3"):
        if (
            subprocess.run(
                (*as_nobody, "sh", "-c", 'exec "$0" -c ""', candidate),
                check=False,
                stderr=subprocess.DEVNULL,
            ).returncode
            == 0
        ):
            return candidate
    return pytest.skip("no Python here that another user may run")


@pytest.fixture
def places() -> Iterator[Places]:
    """Folders as the image has them; pytest's own are closed to other users."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    places = Places(root / "signer", root / "agent", root / "door" / "signer.sock")
    for folder, user, mode in (
        (places.signer, SIGNER, 0o700),
        (places.agent, AGENT, 0o700),
        (places.socket.parent, SIGNER, 0o750),
    ):
        folder.mkdir(mode=mode)
        os.chown(folder, *user)
    yield places
    shutil.rmtree(root)


def packed(files: dict[str, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


@contextlib.contextmanager
def alone(signer: str, agent: str) -> Iterator[subprocess.Popen[str]]:
    """The real supervisor, with root's two capabilities, over two stand-ins."""
    script = textwrap.dedent(f"""
        import os, sys
        from agent.alone import Pair, Supervisor
        run = lambda text: (sys.executable, "-c", text)
        pair = Pair(run({signer!r}), run({agent!r}))
        sys.exit(Supervisor().run(pair, os.environ))
    """)
    with subprocess.Popen(
        (*TWO_CAPABILITIES, python(), "-c", script),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FORAGER_CHAIN__RPC": '["http://x"]'},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def standing(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def children(pid: int) -> dict[str, int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {standing(int(child))["Uid"].split()[0]: int(child) for child in found}


def eventually(condition, seconds: float = 10.0):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)
    return found


READY = "print('{\"ready\": true}', flush=True)\n"
SLEEP = "import time\ntime.sleep(60)\n"
LAST_WORDS = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('told', flush=True), sys.exit(7)))\n"
    "print('living', flush=True)\n"
)


@only_root
def test_alone_leaves_nobody_with_root_or_a_capability_and_no_way_back():
    with alone(READY + SLEEP, LAST_WORDS + SLEEP) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "living\n"
        signer_uid, agent_uid = str(SIGNER.uid), str(AGENT.uid)
        eventually(lambda: standing(process.pid)["Uid"].split()[0] == signer_uid)
        both = children(process.pid)
        assert both.keys() == {signer_uid, agent_uid}
        for pid in (process.pid, *both.values()):
            now = standing(pid)
            assert "0" not in now["Uid"].split() + now["Gid"].split() + now["Groups"].split()
            assert int(now["CapEff"], 16) == int(now["CapPrm"], 16) == 0
            assert int(now["CapAmb"], 16) == 0
            assert now["NoNewPrivs"] == "1"
        assert set(standing(both[signer_uid])["Uid"].split()) == {signer_uid}
        assert set(standing(both[agent_uid])["Uid"].split()) == {agent_uid}


@only_root
def test_alone_passes_a_stop_to_the_agent_first_and_ends_with_its_code():
    signer = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(2, b''), sys.exit(0)))\n" + READY
    )
    with alone(signer + SLEEP, LAST_WORDS + SLEEP) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "living\n"
        signer_pid = eventually(lambda: children(process.pid).get(str(SIGNER.uid)))
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "told\n"
        assert process.wait(10) == 7
        assert not Path(f"/proc/{signer_pid}").exists()


@only_root
@pytest.mark.parametrize("when", ["before it serves", "while it serves"])
def test_alone_passes_a_halt_to_the_signer(when):
    """As process 1 it would else be deaf to it; here it shows by the signer's end."""
    heard = "import os, signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: os._exit(0))\n"
    wait = "time.sleep(1.5)\n" if when == "before it serves" else ""
    with alone(heard + wait + READY + SLEEP, LAST_WORDS + SLEEP) as process:
        assert process.stdout is not None
        if wait:
            eventually(lambda: children(process.pid))
            time.sleep(0.3)
        else:
            assert process.stdout.readline() == "living\n"
            eventually(lambda: standing(process.pid)["Uid"].split()[0] == str(SIGNER.uid))
        process.send_signal(signal.SIGUSR1)
        assert process.wait(10) == 1


@only_root
def test_alone_does_not_let_the_agent_live_without_its_signer():
    with alone(READY, LAST_WORDS + SLEEP) as process:
        assert process.wait(10) == 1


@only_root
def test_alone_starts_no_agent_when_the_signer_does_not_serve():
    with alone("print('{\"ready\": false}')", LAST_WORDS + SLEEP) as process:
        assert process.stdout is not None
        assert process.stdout.read() == ""
        assert process.wait(10) == 1


@only_root
def test_the_signer_inherits_none_of_the_agents_settings_and_neither_can_touch_the_other(places):
    secret = places.signer / "secret"
    secret.write_text("x")
    os.chown(secret, *SIGNER)
    secret.chmod(0o644)  # its folder alone must do
    signer = (
        "import json, os\n"
        "print(json.dumps({'ready': not any('FORAGER' in n for n in os.environ)}), flush=True)\n"
    )
    agent = textwrap.dedent(f"""
        import os
        def cannot(work):
            try:
                work()
            except PermissionError:
                return True
            return False
        import time
        time.sleep(0.5)
        signer = os.getppid()
        print(all((
            cannot(lambda: open({str(secret)!r})),
            cannot(lambda: os.listdir({str(places.signer)!r})),
            cannot(lambda: os.kill(signer, 0)),
            cannot(lambda: open(f"/proc/{{signer}}/mem", "rb")),
            cannot(lambda: open({str(places.socket)!r}, "w")),
            cannot(lambda: os.setuid(0)),
        )), flush=True)
    """)
    with alone(signer + SLEEP, agent) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"


def test_alone_is_refused_to_anyone_but_root():
    script = "import sys; from agent.container import *; sys.exit(main(['alone'], Places()))"
    as_nobody = ("setpriv", "--reuid=65534", "--clear-groups") if os.getuid() == 0 else ()
    said = subprocess.run(
        (*as_nobody, python(), "-c", script),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "started as root" in said.stderr


# ------------------------------------------------------------------------------- moving in


@only_root
def test_a_home_is_taken_apart_each_part_readable_by_its_user_alone(places):
    unpacking.unpack(packed({**HOME, "life.json": b"{}", "../evil": b"x"}), places)
    for folder, user, names in (
        (places.signer, SIGNER, unpacking.SIGNERS),
        (places.agent, AGENT, unpacking.AGENTS),
    ):
        found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        assert found == set(names)
        for name in names:
            file = (folder / name).stat()
            assert (file.st_uid, file.st_gid, stat.S_IMODE(file.st_mode)) == (*user, 0o600)


@only_root
def test_keys_are_never_replaced_and_new_limits_may_follow(places):
    unpacking.unpack(packed(HOME), places)
    with pytest.raises(UsedWrongly, match="never replaced"):
        unpacking.unpack(packed({**HOME, "keys/wallet.json": b"other"}), places)
    assert (places.signer / "keys/wallet.json").read_bytes() == b"{}"
    unpacking.unpack(packed({"limits.json": b"new"}), places)
    assert (places.signer / "limits.json").read_bytes() == b"new"
    assert (places.agent / "limits.json").read_bytes() == b"new"


def test_the_signer_is_told_where_things_are_and_whom_to_serve():
    places = Places()
    parts = unpacking.divide(HOME, places)
    assert not any("keys" in name or name == "passphrase" for name in parts.agent)
    told = tomllib.loads(parts.signer["signer.toml"].decode())
    assert told["rpc"] == ["http://anvil:8545"]
    assert (told["allowed_uid"], told["socket_mode"]) == (AGENT.uid, 0o660)
    assert told["socket"] == str(places.socket)


@pytest.mark.parametrize("gone", ["passphrase", "birth.json", "signer.toml"])
def test_half_a_home_is_refused(gone):
    with pytest.raises(UsedWrongly, match=gone):
        unpacking.divide({k: v for k, v in HOME.items() if k != gone}, Places())


def test_what_is_no_archive_is_refused():
    with pytest.raises(UsedWrongly, match="no tar archive"):
        unpacking.read(io.BytesIO(b"nonsense" * 100))


# ---------------------------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("words", "became"),
    [
        (["signer"], ["-P", "-m", "chain.signer", "/home/signer/signer.toml"]),
        (["agent"], ["-P", "-m", "agent", "run", "--home", "/home/agent", "--json"]),
        (["audit", "x", "--json"], ["-P", "-m", "agent", "audit", "x", "--json"]),
        ([], ["-P", "-m", "agent", "--help"]),
    ],
)
def test_a_word_is_a_role_or_a_command(monkeypatch, words, became):
    class Gone(Exception):
        pass

    def execv(path, argv):
        assert list(argv) == [sys.executable, *became]
        raise Gone

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(Gone):
        container.main(words, Places())


def test_a_role_takes_no_arguments(capsys):
    assert container.main(["signer", "--verbose"], Places()) == 2
    assert "takes no arguments" in capsys.readouterr().err


@only_root
def test_health_is_false_while_nobody_answers_and_true_when_the_daemon_does(places):
    run = places.agent / "run"
    run.mkdir()
    os.chown(run, *AGENT)
    ask = (
        "import sys, pathlib; from agent.container import *; "
        f"sys.exit(main(['health'], Places(agent=pathlib.Path({str(places.agent)!r}))))"
    )
    daemon = textwrap.dedent(f"""
        import asyncio, pathlib
        from agent.control import Control
        async def reply(request):
            return {{"vitals": "steady"}}
        async def main():
            control = Control(pathlib.Path({str(run)!r}), reply)
            await control.start()
            print("serving", flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """)

    def health() -> int:
        asked = (*TWO_CAPABILITIES, python(), "-c", ask)
        return subprocess.run(asked, cwd=ROOT, check=False).returncode

    assert health() == 1
    with subprocess.Popen(
        (python(), "-c", daemon),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        user=AGENT.uid,
        group=AGENT.gid,
        extra_groups=(),
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        assert health() == 0
        process.send_signal(signal.SIGSTOP)
        assert health() == 1
        process.send_signal(signal.SIGCONT)
        process.terminate()
