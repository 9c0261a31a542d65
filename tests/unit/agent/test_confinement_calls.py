"""The list of calls, held against every number on both machines by a small interpreter."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.confinement import bpf
from agent.confinement.bpf import ALLOW, KILL, REFUSE, Allowed, Among, Nothing, Step, Without
from agent.confinement.syscalls import MACHINES, NUMBERS, allowed

PID = 4242
MOST_STEPS = 4096
X86_64, AARCH64 = 0xC000003E, 0xC00000B7
I386, ARM = 0x40000003, 0x40000028
FORBIDDEN = {
    "x86_64": {
        "socket": 41,
        "connect": 42,
        "accept": 43,
        "sendto": 44,
        "sendmsg": 46,
        "bind": 49,
        "listen": 50,
        "socketpair": 53,
        "clone": 56,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "ptrace": 101,
        "mount": 165,
        "prctl": 157,
        "setrlimit": 160,
        "tkill": 200,
        "io_setup": 206,
        "keyctl": 250,
        "unshare": 272,
        "perf_event_open": 298,
        "process_vm_readv": 310,
        "seccomp": 317,
        "memfd_create": 319,
        "bpf": 321,
        "execveat": 322,
        "userfaultfd": 323,
    },
    "aarch64": {
        "unlinkat": 35,
        "mount": 40,
        "setrlimit": 164,
        "ptrace": 117,
        "tkill": 130,
        "prctl": 167,
        "socket": 198,
        "socketpair": 199,
        "bind": 200,
        "connect": 203,
        "sendto": 206,
        "sendmsg": 211,
        "keyctl": 219,
        "clone": 220,
        "execve": 221,
        "perf_event_open": 241,
        "process_vm_readv": 270,
        "seccomp": 277,
        "memfd_create": 279,
        "bpf": 280,
        "execveat": 281,
        "userfaultfd": 282,
        "unshare": 97,
    },
}
FORBIDDEN_ON_BOTH = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "pidfd_open": 434,
    "clone3": 435,
    "openat2": 437,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "memfd_secret": 447,
}


def run(
    steps: Sequence[Step], architecture: int, number: int, arguments: Sequence[int] = ()
) -> int:
    """What the kernel would do with this call."""
    data = number.to_bytes(4, "little") + architecture.to_bytes(4, "little") + bytes(8)
    for place in range(6):
        value = arguments[place] if place < len(arguments) else 0
        data += (value & 2**64 - 1).to_bytes(8, "little")
    held, at = 0, 0
    while True:
        step = steps[at]
        at += 1
        if step.code == bpf.RETURN:
            return step.value
        if step.code == bpf.LOAD:
            held = int.from_bytes(data[step.value : step.value + 4], "little")
            continue
        true = {
            bpf.EQUAL: held == step.value,
            bpf.AT_LEAST: held >= step.value,
            bpf.ANY_BIT: bool(held & step.value),
        }[step.code]
        at += step.yes if true else step.no


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request):
    return request.param


@pytest.fixture
def asked(machine):
    steps = bpf.program(MACHINES[machine].audit, allowed(machine, PID))

    def ask(call: str | int, *arguments: int) -> int:
        number = NUMBERS[call][MACHINES[machine].column] if isinstance(call, str) else call
        return run(steps, MACHINES[machine].audit, number, arguments)

    return ask


def test_the_kernel_would_take_the_program(machine):
    steps = bpf.program(MACHINES[machine].audit, allowed(machine, PID))
    assert len(steps) < MOST_STEPS
    for at, step in enumerate(steps):
        assert 0 <= step.yes < 256 > step.no >= 0
        assert 0 <= step.value < 2**32
        assert at + 1 + max(step.yes, step.no) < len(steps) or step.code == bpf.RETURN


def test_only_what_is_on_the_list_is_let_through(machine, asked):
    listed = {numbers[MACHINES[machine].column] for numbers in NUMBERS.values()} - {None}
    for number in range(2000):
        verdict = asked(number, PID)
        if number not in listed:
            assert verdict == REFUSE, number
    assert len(listed) == len(
        [n for n in NUMBERS.values() if n[MACHINES[machine].column] is not None]
    )


def test_what_reaches_out_is_not_on_the_list(machine, asked):
    for name, number in (FORBIDDEN[machine] | FORBIDDEN_ON_BOTH).items():
        assert asked(number) == REFUSE, name


@pytest.mark.parametrize("architecture", [I386, ARM, X86_64, AARCH64, 0])
def test_numbers_of_another_architecture_end_the_process(machine, architecture):
    audit = MACHINES[machine].audit
    steps = bpf.program(audit, allowed(machine, PID))
    read = NUMBERS["read"][MACHINES[machine].column]
    assert run(steps, architecture, read) == (ALLOW if architecture == audit else KILL)
    assert run(steps, audit, read | 0x40000000) == KILL


@pytest.mark.parametrize(
    "flags",
    [
        os.O_WRONLY,
        os.O_RDWR,
        os.O_CREAT,
        os.O_TRUNC,
        os.O_APPEND,
        os.O_TMPFILE,
        os.O_RDWR | os.O_EXCL,
    ],
)
def test_nothing_is_opened_to_be_written(asked, machine, flags):
    reading = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
    assert asked("openat", 3, 0x7F00, reading, 0) == ALLOW
    assert asked("openat", 3, 0x7F00, reading | flags, 0o600) == REFUSE
    assert asked("openat", 3, 0x7F00, reading | flags | 2**40, 0o600) == REFUSE
    if machine == "x86_64":
        assert asked("open", 0x7F00, reading) == ALLOW
        assert asked("open", 0x7F00, reading | flags) == REFUSE


@pytest.mark.parametrize("call", ["kill", "tgkill"])
@pytest.mark.parametrize("whom", [0, 1, -1, -PID, PID + 1, 2**31])
def test_it_signals_nobody_but_itself(asked, call, whom):
    assert asked(call, PID, PID, signal.SIGABRT) == ALLOW
    assert asked(call, whom, PID, signal.SIGKILL) == REFUSE


def test_it_may_ask_for_its_limits_and_set_none(asked):
    assert asked("prlimit64", 0, 9, 0, 0x7F00) == ALLOW
    assert asked("prlimit64", 0, 9, 0x7F00, 0) == REFUSE
    assert asked("prlimit64", 0, 9, 2**32, 0) == REFUSE
    assert asked("prlimit64", 1, 9, 0, 0x7F00) == REFUSE


@pytest.mark.parametrize("command", [4, 6, 8, 10, 15, 1024, 1031, 1033])
def test_a_descriptors_flags_and_its_owner_stay_as_they_are(asked, command):
    assert asked("fcntl", 3, 1) == ALLOW
    assert asked("fcntl", 3, command) == REFUSE


@pytest.mark.parametrize("request_", [0x5412, 0x5421, 0x5452, 0x8901, 0x8902, 0x5414])
def test_a_terminal_is_not_typed_into_and_a_descriptor_gets_no_owner(asked, request_):
    assert asked("ioctl", 3, 0x5401) == ALLOW
    assert asked("ioctl", 3, request_) == REFUSE


TESTS = st.one_of(
    st.builds(
        Among, st.integers(0, 5), st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple)
    ),
    st.builds(Without, st.integers(0, 5), st.integers(1, 15)),
    st.builds(Nothing, st.integers(0, 5)),
)
LISTS = st.lists(
    st.builds(Allowed, st.integers(0, 9), st.lists(TESTS, max_size=3).map(tuple)),
    max_size=6,
    unique_by=lambda each: each.number,
)
WORDS = st.integers(0, 15) | st.integers(0, 2**64 - 1)


def holds(test: bpf.Test, arguments: Sequence[int]) -> bool:
    low = arguments[test.argument] & 0xFFFFFFFF
    match test:
        case Among(values=values):
            return low in values
        case Without(bits=bits):
            return not low & bits
        case Nothing():
            return arguments[test.argument] == 0


@given(LISTS, st.integers(0, 12), st.lists(WORDS, min_size=6, max_size=6))
def test_the_program_says_what_the_list_says(listed, number, arguments):
    said = run(bpf.program(X86_64, listed), X86_64, number, arguments)
    meant = any(e.number == number and all(holds(t, arguments) for t in e.tests) for e in listed)
    assert said == (ALLOW if meant else REFUSE)
