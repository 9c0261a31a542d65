"""Attacks that end or hold up the process itself, or speak out of turn on its pipes."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import faulthandler
import gc
import json
import mmap
import os
import re
import signal
import sys
import time

AT_BIRTH = {}
ASKED = {}
PROPOSING = {}
HANGING = set()


def hanging(function):
    """Nothing but a deadline ends it."""
    HANGING.add(function.__name__)
    return function


def at_birth(function):
    AT_BIRTH[function.__name__] = function
    return function


def asked(function):
    ASKED[function.__name__] = function
    return function


def proposing(function):
    PROPOSING[function.__name__] = function
    return function


def wire():
    """What the host speaks through: it is in this very process, so it can be had."""
    from __main__ import Wire

    return next(each for each in gc.get_objects() if isinstance(each, Wire))


def sink():
    return wire()._sink.fileno()


# --------------------------------------------------------------------------------- at birth


@at_birth
def is_born_with_an_exit():
    sys.exit(0)


@at_birth
def dies_at_birth():
    os._exit(0)


@at_birth
def refuses_to_be_born():
    raise RuntimeError("\x1b[31mnot me\n\n" + "x" * 5000)


@at_birth
def raises_what_is_no_exception():
    raise KeyboardInterrupt


# ---------------------------------------------------------------------- while it is surveyed


@hanging
@asked
async def computes_for_ever(read, seen):
    while True:
        pass


@hanging
@asked
async def sleeps_for_ever(read, seen):
    time.sleep(3600)


@hanging
@asked
async def waits_for_ever(read, seen):
    await asyncio.Event().wait()


@hanging
@asked
async def waits_for_ever_and_will_not_be_told(read, seen):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        time.sleep(1)


@hanging
@asked
async def stops_itself(read, seen):
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


@asked
async def kills_itself(read, seen):
    os.kill(os.getpid(), signal.SIGKILL)


@asked
async def aborts(read, seen):
    os.abort()


@asked
async def reads_address_zero(read, seen):
    faulthandler.disable()
    ctypes.string_at(0)


@asked
async def jumps_into_nowhere(read, seen):
    ctypes.CFUNCTYPE(None)(12345)()


@asked
async def exits(read, seen):
    sys.exit(1)


@asked
async def exits_at_once(read, seen):
    os._exit(1)


@hanging
@asked
async def hangs_at_its_exit(read, seen):
    atexit.register(time.sleep, 3600)
    sys.exit(0)


@hanging
@asked
async def hangs_when_it_is_collected(read, seen):
    class Slow:
        def __del__(self):
            time.sleep(3600)

    Slow()
    return {}


@asked
async def overflows_the_stack(read, seen):
    sys.setrecursionlimit(10**9)

    class Deep:
        def __repr__(self):
            return repr(self)

    return {"deep": repr(Deep())}


@asked
async def eats_memory(read, seen):
    held = []
    while True:
        held.append(bytearray(1 << 22))


@asked
async def eats_memory_in_one_bite(read, seen):
    return {"n": len([0] * 10**12)}


@asked
async def eats_memory_that_is_mapped(read, seen):
    held = []
    while True:
        held.append(mmap.mmap(-1, 1 << 26))
        held[-1][:] = b"x" * (1 << 26)


@hanging
@asked
async def computes_a_number_without_end(read, seen):
    return {"n": len(str(9**9**9))}


@hanging
@asked
async def matches_a_pattern_without_end(read, seen):
    re.match(r"(a|a)*$", "a" * 40 + "b")
    return {}


@hanging
@asked
async def forks_without_end(read, seen):
    while True:
        try:
            os.fork()
        except OSError:
            pass


@hanging
@asked
async def starts_threads_without_end(read, seen):
    import threading

    while True:
        try:
            threading.Thread(target=time.sleep, args=(3600,)).start()
        except RuntimeError:
            pass


@hanging
@asked
async def prints_without_end(read, seen):
    while True:
        os.write(1, b"x" * 4096)
        os.write(2, b"x" * 4096)


@hanging
@asked
async def raises_without_end(read, seen):
    while True:
        try:
            raise RuntimeError
        except RuntimeError:
            continue


@hanging
@asked
async def starts_tasks_without_end(read, seen):
    async def again():
        while True:
            asyncio.ensure_future(again())
            await asyncio.sleep(0)

    await again()


@asked
async def turns_its_loop_off(read, seen):
    asyncio.get_running_loop().stop()
    await asyncio.sleep(3600)


# --------------------------------------------------------------------------- on its own wire


@asked
async def writes_a_line_without_end(read, seen):
    to = sink()
    while True:
        os.write(to, b"x" * 4096)


@asked
async def writes_lines_without_end(read, seen):
    to = sink()
    while True:
        os.write(to, b"{}\n" * 1000)


@asked
async def writes_brackets(read, seen):
    os.write(sink(), b"[" * 60_000 + b"\n")
    time.sleep(3600)


@asked
async def writes_a_number_of_many_digits(read, seen):
    os.write(sink(), b'{"ok": ' + b"9" * 50_000 + b"}\n")
    time.sleep(3600)


@asked
async def writes_what_is_no_text(read, seen):
    os.write(sink(), b"\xff\xfe\x00\n")
    time.sleep(3600)


@asked
async def writes_half_a_line_and_dies(read, seen):
    os.write(sink(), b'{"ok": ')
    os._exit(0)


@asked
async def writes_nothing_but_a_line_end(read, seen):
    os.write(sink(), b"\n")
    time.sleep(3600)


@asked
async def answers_with_another_mark(read, seen):
    os.write(sink(), b'{"mark": "00", "ok": {"said": "before it was asked"}}\n')
    time.sleep(3600)


@asked
async def answers_without_a_mark(read, seen):
    os.write(sink(), b'{"ok": {}}\n')
    time.sleep(3600)


@asked
async def answers_twice(read, seen):
    """The second answer meets the next question, and is not what it asked for."""
    said = json.dumps({"mark": wire()._mark, "ok": {"said": "twice"}}).encode() + b"\n"
    os.write(sink(), said)
    return {}


@asked
async def asks_twice(read, seen):
    said = json.dumps({"mark": wire()._mark, "read": {"base_fee": None}}).encode() + b"\n"
    os.write(sink(), said * 3)
    time.sleep(3600)


@asked
async def reads_without_end(read, seen):
    while True:
        await read.base_fee()


@asked
async def reads_what_there_is_not(read, seen):
    wire().ask(file="/etc/passwd")


@asked
async def reads_a_list(read, seen):
    wire().say({"read": ["call", "balance"]})
    time.sleep(3600)


@asked
async def reads_a_view_of_a_megabyte(read, seen):
    await read.call(seen.wallet, "f(" + "uint256," * 10_000 + "uint256)()")


@asked
async def closes_its_pipes(read, seen):
    os.closerange(0, 64)
    time.sleep(3600)


@asked
async def puts_its_own_words_for_the_hosts(read, seen):
    type(wire()).say = lambda self, line: os.write(sink(), b'{"ok": "mine"}\n')
    return {}


@asked
async def mends_json(read, seen):
    json.dumps = lambda *_, **__: '{"ok": {}}'
    return {}


@hanging
@asked
async def traces_everything(read, seen):
    sys.settrace(lambda *_: time.sleep(3600))
    return {}


@asked
async def surveys_no_number(read, seen):
    return {"n": float("nan")}


@asked
async def surveys_infinity(read, seen):
    return {"n": float("inf")}


@asked
async def surveys_too_much(read, seen):
    return {str(n): n for n in range(10_000)}


@asked
async def surveys_too_deep(read, seen):
    nested = {}
    for _ in range(500):
        nested = {"n": nested}
    return nested


@asked
async def surveys_half_a_character(read, seen):
    return {"\ud800": 1}


@asked
async def surveys_what_means_another_number(read, seen):
    return {"$int": "99999999999999999999"}


@asked
async def surveys_a_list(read, seen):
    return [1, 2]


@asked
async def surveys_itself(read, seen):
    found = {}
    found["again"] = found
    return found


@asked
async def fails_in_colours(read, seen):
    raise RuntimeError("\x1b[2J\x1b]0;owned\x07" + "\n" * 50 + "\ud800" + "y" * 100_000)


@asked
async def calls_the_old_kernel(read, seen):
    """The numbers of 32-bit x86 mean other calls; its door is open to 64-bit code as well."""
    if os.uname().machine != "x86_64":
        os._exit(0)
    code = bytes.fromhex("b867010000bb0200000031c931d2cd80c3")  # socket, by int 0x80
    room = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    room.write(code)
    made = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(room)))()
    return {"made": made}


@asked
async def calls_by_the_other_numbers(read, seen):
    """On x86-64 every call has a second number, for programs of 32-bit pointers."""
    libc = ctypes.CDLL(None)
    return {"made": libc.syscall(ctypes.c_long(0x40000000 + 41), 2, 1, 0)}


# ------------------------------------------------------------------------- while it proposes


@hanging
@proposing
def proposes_for_ever(seen):
    while True:
        pass


@proposing
def proposes_to_read(seen):
    wire().ask(base_fee=None)
    return []


@proposing
def proposes_after_its_death(seen):
    os._exit(0)


@hanging
@proposing
def proposes_what_never_ends(seen):
    while True:
        yield None
        time.sleep(0.01)


@proposing
async def proposes_later(seen):
    return []
