"""The layers on this very kernel, and on kernels that have less of them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from agent import apart, child, plugins, preflight
from agent.apart import Apart
from agent.confinement import landlock, libraries, proof
from agent.confinement.confine import Confinement
from agent.errors import BadConfig, PluginFailed
from tests.lesser import LACKING
from tests.snapshots import snapshot
from tests.strangers import FACTS, ROOT, install_quiet


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    install_quiet(tmp_path, monkeypatch)


def lesser(monkeypatch, *lacking: str) -> None:
    """This kernel, less some layers."""
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-P", "-m", "tests.lesser", *lacking))


def confinement() -> Confinement:
    return asyncio.run(Apart("quiet", {}, FACTS).confinement())


def names(layers) -> list[str]:
    return [layer.partition(" ")[0] for layer in layers]


def test_this_kernel_confines_a_stranger(quiet):
    """What this fails on runs no stranger's strategy unless the operator says so."""
    found = confinement()
    assert found.lacks == ()
    assert {"limits", "seccomp"} < set(names(found.layers))


@pytest.mark.parametrize(
    ("lacking", "lacks"),
    [
        ((), ()),
        (("namespaces",), ()),
        (("landlock",), ()),
        (("namespaces", "landlock"), ("files",)),
        (("seccomp",), ("network", "processes")),
        (("limits",), ("memory",)),
        (("seccomp", "landlock", "namespaces"), ("files", "network", "processes")),
    ],
)
def test_files_need_one_of_two_layers_and_the_network_needs_seccomp(
    quiet, monkeypatch, lacking, lacks
):
    lesser(monkeypatch)
    here = set(names(confinement().layers))
    lesser(monkeypatch, *lacking)
    found = confinement()
    assert set(names(found.layers)) == here - set(lacking)
    if {"landlock", "namespaces"} <= here:
        assert set(found.lacks) - {"processes"} == set(lacks) - {"processes"}
    assert set(found.reasons) == set(LACKING) - set(names(found.layers))


def test_where_it_cannot_be_confined_a_stranger_is_not_run(quiet, monkeypatch):
    lesser(monkeypatch, "landlock", "namespaces")
    stranger = Apart("quiet", {}, FACTS)
    with pytest.raises(PluginFailed) as fault:
        asyncio.run(stranger.propose(snapshot()))
    for words in ("quiet is not run", "leaves open: files", "landlock: ", "allow_unconfined"):
        assert words in str(fault.value)
    assert stranger._child is None


def test_where_it_cannot_be_confined_the_operator_may_allow_it_by_name(quiet, monkeypatch):
    lesser(monkeypatch, "landlock", "namespaces", "seccomp")

    async def propose():
        stranger = Apart("quiet", {}, FACTS, may_lack=True)
        try:
            return await stranger.propose(snapshot())
        finally:
            await stranger.close()

    assert asyncio.run(propose()) == []


def test_a_life_does_not_begin_with_a_stranger_that_cannot_be_confined(quiet, monkeypatch):
    def begin(allowed):
        class Chosen:
            use = ("hold", "quiet")
            compute = "lease-market"

            class plugins:  # noqa: N801
                allow_unconfined = allowed

        asyncio.run(preflight._confined(Chosen))

    begin(())
    lesser(monkeypatch, "landlock", "namespaces")
    with pytest.raises(BadConfig, match=r"quiet is not run.*; list it in plugins.allow_unconfined"):
        begin(())
    begin(("quiet",))


def test_strangers_are_told_from_our_own(quiet):
    assert plugins.strangers(("hold", "quiet", "keeper")) == ("quiet",)


def test_what_a_layer_that_failed_leaves_open_is_said_with_its_reason():
    told = Confinement(("limits",), ("files",), {"landlock": "Function not implemented"}).told()
    assert told == "limits, which leaves open: files (landlock: Function not implemented)"
    assert Confinement(("limits", "seccomp"), (), {"landlock": "no"}).told() == "limits, seccomp"


def test_unconfined_nothing_is_proved():
    """The proof must be able to fail: here, where all is open, each part of it does."""
    assert set(proof.lacking(proof.openable(), ())) == {
        proof.FILES,
        proof.NETWORK,
        proof.PROCESSES,
        proof.MEMORY,
    }
    assert proof.FILES in proof.lacking((), ())


@pytest.mark.parametrize(
    ("version", "rights", "size"),
    [(1, 13, 8), (2, 14, 8), (3, 15, 8), (4, 15, 16), (5, 16, 16), (6, 16, 24), (9, 16, 24)],
)
def test_each_version_of_landlock_is_asked_for_what_it_knows(version, rights, size):
    assert (landlock.rights(version), landlock.size(version)) == (rights, size)


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        (["/a", "/a/b", "/a/b/c"], ("/a",)),
        (["/a/b", "/a/bc", "/a/b.py"], ("/a/b", "/a/b.py", "/a/bc")),
        (["/a/", "/a"], ("/a",)),
        (["/b", "/a/../b/c"], ("/b",)),
    ],
)
def test_what_lies_in_another_is_not_named_twice(paths, kept):
    assert libraries.outermost(paths) == kept


def test_of_folders_that_are_no_libraries_only_the_package_itself_is_readable(quiet, tmp_path):
    readable = libraries.readable("quiet.of.something")
    assert str(tmp_path / "quiet.py") in readable
    assert not any(tmp_path.is_relative_to(path) for path in readable)
    assert not any(Path.home().is_relative_to(path) for path in readable)
    assert not any(ROOT.is_relative_to(path) for path in readable)


def test_a_folder_is_not_readable_for_having_a_name_that_a_stranger_gives(quiet, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").touch()
    readable = libraries.readable("home")
    assert not any((tmp_path / "home").is_relative_to(path) for path in readable)
    (tmp_path / "home" / "__init__.py").touch()
    libraries.look_again("home")
    assert str(tmp_path / "home") in libraries.readable("home")


def test_a_fault_of_a_child_that_is_only_tried_is_a_plugins_failure(quiet, monkeypatch):
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", "print('{}')"))
    with pytest.raises(PluginFailed, match="quiet cannot be tried"):
        confinement()
    monkeypatch.setattr(apart, "START_S", 0.05)
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    with pytest.raises(PluginFailed, match="quiet cannot be tried: TimeoutError"):
        confinement()
