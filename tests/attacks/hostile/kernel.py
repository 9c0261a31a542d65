"""Attacks on the kernel itself: all that has been a way out of some sandbox or other."""

from __future__ import annotations

import ctypes
import os
import struct
import time

from .tools import X86, attack, libc, raw


@attack(by_root=True)
def asks_for_work_in_rings(about):
    return raw(425, 425, 8, ctypes.create_string_buffer(120)) + 1


@attack(teeth=False)
def loads_a_program_into_the_kernel(about):
    steps = ctypes.create_string_buffer(
        struct.pack("BBhi", 0xB7, 0, 0, 0) + struct.pack("BBhi", 0x95, 0, 0, 0)
    )
    words = ctypes.create_string_buffer(b"GPL")
    given = struct.pack("IIQQ", 1, 2, ctypes.addressof(steps), ctypes.addressof(words)).ljust(
        120, b"\0"
    )
    return raw(321, 280, 5, given, len(given)) + 1


@attack(by_root=True)
def makes_a_map_in_the_kernel(about):
    given = struct.pack("IIII", 2, 4, 4, 1).ljust(72, b"\0")
    return raw(321, 280, 0, given, len(given)) + 1


@attack(teeth=False)
def watches_the_processors(about):
    return raw(298, 241, struct.pack("II", 1, 112).ljust(112, b"\0"), 0, -1, -1, 0) + 1


@attack(by_root=True)
def handles_faults_of_memory(about):
    return raw(323, 282, 0x80000) + 1


@attack(teeth=False)
def adds_a_key_to_the_kernels(about):
    return raw(248, 217, b"user", b"mine", b"x", 1, -3)


@attack(teeth=False)
def reads_the_kernels_keys(about):
    return raw(250, 219, 0, -3, 0) + 1


@attack(teeth=False)
def asks_for_a_key(about):
    return raw(249, 218, b"user", b"mine", None, -3)


@attack
def starts_input_and_output_on_its_own(about):
    return raw(206, 0, 1, ctypes.byref(ctypes.c_ulong(0))) + 1


@attack(teeth=False)
def loads_a_module(about):
    return raw(175, 105, b"", 0, b"") + 1


@attack(teeth=False)
def loads_another_kernel(about):
    return raw(246, 104, 0, 0, None, 0) + 1


@attack(teeth=False)
def decides_what_the_three_keys_do(about):
    """The one order of `reboot` that can be given without harm."""
    return raw(169, 142, 0xFEE1DEAD, 672274793, 0x89ABCDEF, None) + 1


@attack(teeth=False)
def swaps(about):
    return raw(167, 224, b"/mine", 0) + 1


@attack(teeth=False)
def keeps_accounts(about):
    return raw(163, 89, b"/mine") + 1


@attack(teeth=False)
def sets_the_clock(about):
    return raw(227, 112, 0, struct.pack("qq", int(time.time()), 0)) + 1


@attack(teeth=False)
def trims_the_clock(about):
    return raw(305, 266, 0, struct.pack("I", 1).ljust(208, b"\0")) + 1


@attack(teeth=False)
def talks_to_ports(about):
    return raw(172, -1, 3) + 1 if X86 else None


@attack(teeth=False)
def changes_segments(about):
    if X86:
        return raw(154, -1, 1, struct.pack("III", 0, 0, 0) + bytes(4), 16) + 1


@attack(by_root=True)
def hides_memory(about):
    return raw(447, 447, 0) + 1


@attack
def makes_a_pipe(about):
    return os.pipe()


@attack
def splices(about):
    source, sink = os.pipe()
    os.write(sink, b"mine")
    return raw(276, 77, source, os.pipe()[1], 4, 0)


@attack
def counts_events(about):
    return os.eventfd(0)


@attack
def reads_signals_from_a_descriptor(about):
    return raw(289, 74, -1, bytes(8), 8, 0) + 1


@attack
def reads_a_clock_from_a_descriptor(about):
    return raw(283, 85, 1, 0) + 1


@attack(teeth=False)
def sets_quotas(about):
    return raw(179, 60, 0x800007, None, 0, None) + 1


@attack(teeth=False)
def looks_into_folders_caches(about):
    return raw(212, 18, 1, ctypes.create_string_buffer(100), 100)


@attack(by_root=True)
def makes_rules_of_landlock(about):
    return raw(444, 444, struct.pack("Q", 1), 8, 0) + 1


@attack
def locks_a_file(about):
    import fcntl

    fcntl.flock(about["null"], fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"


@attack(teeth=False)
def types_into_the_terminal(about):
    import fcntl

    fcntl.ioctl(0, 0x5412, b"x")
    return "typed"


@attack
def gives_its_pipe_an_owner(about):
    import fcntl

    source = os.pipe()[0] if not about["confined"] else 0
    fcntl.fcntl(source, 8, os.getpid())
    return "given"


@attack
def makes_its_pipe_larger(about):
    import fcntl

    source = os.pipe()[0] if not about["confined"] else 0
    return fcntl.fcntl(source, 1031, 1 << 20)


@attack
def makes_its_descriptors_not_wait(about):
    os.set_blocking(0, False)
    return "set"


@attack(teeth=False)
def gets_a_number_that_is_none(about):
    for number in (*range(470, 600), 1000, 0x3FFFFFFF):
        try:
            return raw(number, number) + 1
        except OSError:
            continue


@attack
def writes_into_a_map_of_another(about):
    return raw(437, 437, -100, b"/proc/self/mem", struct.pack("QQQ", 2, 0, 0), 24) + 1


@attack
def writes_to_a_device(about):
    return os.open("/dev/zero", os.O_RDWR)


@attack(teeth=False)
def turns_a_page_of_null_on(about):
    libc.mmap.restype = ctypes.c_long
    found = libc.mmap(ctypes.c_void_p(0), 4096, 3, 0x32, -1, 0)
    return "mapped" if found == 0 and not about["root"] else None
