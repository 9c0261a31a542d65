"""Attacks on processes: to start one, to reach into one, to stop one, to be another one."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import ctypes
import fcntl
import multiprocessing
import os
import pty
import resource
import signal
import struct
import subprocess
import threading
import time

from .tools import X86, attack, libc, raw

# -------------------------------------------------------------------------------- starting


def ends(pid):
    """A child of ours says so; the parent goes on."""
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@attack
def forks(about):
    return ends(os.fork())


@attack
def forks_with_a_terminal(about):
    return ends(pty.fork()[0])


@attack
def forks_by_number(about):
    return ends(raw(57, -1) if X86 else raw(-1, 220, 17, 0, 0, 0, 0))


@attack
def clones(about):
    return ends(raw(56, 220, 17, 0, 0, 0, 0))


@attack
def clones_the_new_way(about):
    return ends(raw(435, 435, struct.pack("8Q", 0, 0, 0, 0, 17, 0, 0, 0), 64))


@attack
def clones_into_new_namespaces(about):
    return ends(raw(56, 220, 0x10000000 | 17, 0, 0, 0, 0))


@attack
def spawns(about):
    return os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


@attack
def runs_a_program(about):
    return subprocess.run([about["python"], "-c", "print(1)"], capture_output=True).stdout


@attack
def runs_a_shell(about):
    return subprocess.check_output("echo mine", shell=True)


@attack
def runs_a_shell_by_os(about):
    return "ran" if os.system("exit 0") == 0 else None


@attack
def runs_a_shell_by_libc(about):
    return "ran" if libc.system(b"exit 0") == 0 else None


@attack
def opens_a_pipe_to_a_program(about):
    return os.popen("echo mine").read() or None


@attack
def starts_a_process_of_pythons(about):
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    return "ran"


@attack(teeth=False)
def becomes_another_program(about):
    os.execv("/bin/sh", ["sh", "-c", "exit 0"])


@attack(teeth=False)
def becomes_a_program_that_it_holds(about):
    raw(322, 281, os.open("/bin/true", os.O_PATH), b"", None, None, 0x1000)


@attack(teeth=False)
def becomes_a_program_of_memory(about):
    fd = os.memfd_create("mine")
    os.write(fd, open("/bin/true", "rb").read())
    os.execve(fd, ["true"], {})


@attack(teeth=False)
def becomes_a_library(about):
    os.execv(about["loader"], ["ld.so", "/bin/true"])


@attack
def starts_a_thread(about):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return "ran"


@attack
def starts_a_thread_by_its_number(about):
    return _thread.start_new_thread(int, ())


@attack
def starts_a_pool(about):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(str, 7).result(5)


@attack
async def hands_work_to_a_thread(about):
    return await asyncio.to_thread(str, 7)


@attack
def starts_a_timer(about):
    timer = threading.Timer(0, int)
    timer.start()
    timer.cancel()
    return "started"


# --------------------------------------------------------------------------- reaching into


@attack(by_root=True)
def attaches_to_another(about):
    return raw(101, 117, 0x4206, about["victim"], 0, 0) + 1  # PTRACE_SEIZE


@attack(teeth=False)
def attaches_to_its_parent(about):
    return raw(101, 117, 16, about["parent"], 0, 0) + 1


@attack(teeth=False)
def asks_to_be_traced(about):
    return raw(101, 117, 0, 0, 0, 0) + 1


@attack(by_root=True)
def reads_anothers_memory(about):
    return _moves_memory(310, 270, about["victim"], about["place"])


@attack(by_root=True)
def writes_anothers_memory(about):
    return _moves_memory(311, 271, about["victim"], about["place"])


def _moves_memory(x86, arm, pid, place):
    room = ctypes.create_string_buffer(16)
    ours = struct.pack("QQ", ctypes.addressof(room), 8)
    theirs = struct.pack("QQ", place, 8)
    return raw(x86, arm, pid, ours, 1, theirs, 1, 0)


@attack
def holds_its_parent(about):
    return raw(434, 434, about["parent"], 0) + 1


@attack(by_root=True)
def takes_its_parents_descriptors(about):
    return raw(438, 438, raw(434, 434, about["victim"], 0), 0, 0) + 1


@attack(by_root=True)
def compares_itself_with_its_parent(about):
    return raw(312, 272, os.getpid(), about["parent"], 6, 0, 0) + 1


@attack(teeth=False)
def advises_anothers_memory(about):
    return raw(440, 440, raw(434, 434, about["victim"], 0), struct.pack("QQ", 0, 0), 1, 4, 0) + 1


@attack(teeth=False)
def moves_anothers_pages(about):
    return raw(256, 238, about["victim"], 0, None, None) + 1


# -------------------------------------------------------------------------------- stopping


@attack
def asks_whether_its_parent_lives(about):
    os.kill(about["parent"], 0)
    return "it does"


@attack
def signals_its_parent(about):
    os.kill(about["parent"], signal.SIGURG)
    return "sent"


@attack
def signals_another(about):
    os.kill(about["victim"], signal.SIGURG)
    return "sent"


@attack
def stops_another(about):
    os.kill(about["victim"], signal.SIGSTOP)
    os.kill(about["victim"], signal.SIGCONT)
    return "sent"


@attack(teeth=False)
def signals_everybody(about):
    os.kill(-1, signal.SIGURG)
    return "sent"


@attack
def signals_a_group(about):
    os.killpg(os.getpgid(about["victim"]), signal.SIGURG)
    return "sent"


@attack
def signals_its_own_group(about):
    os.kill(0, signal.SIGURG)
    return "sent"


@attack
def signals_a_thread(about):
    return raw(200, 130, about["victim"], signal.SIGURG) + 1


@attack
def signals_a_thread_of_a_process(about):
    return raw(234, 131, about["victim"], about["victim"], signal.SIGURG) + 1


@attack
def queues_a_signal(about):
    info = struct.pack("iiii", signal.SIGURG, 0, -1, 0).ljust(128, b"\0")
    return raw(129, 138, about["victim"], int(signal.SIGURG), info) + 1


@attack
def signals_what_it_holds(about):
    signal.pidfd_send_signal(raw(434, 434, about["victim"], 0), signal.SIGURG)
    return "sent"


@attack
def has_a_descriptor_signal_its_parent(about):
    """The kernel signals the owner of a descriptor when something arrives."""
    source, sink = os.pipe() if not about["confined"] else (0, 1)
    fcntl.fcntl(source, fcntl.F_SETOWN, about["victim"])
    return "set"


@attack
def has_a_descriptor_signal_by_another_name(about):
    source, sink = os.pipe() if not about["confined"] else (0, 1)
    fcntl.fcntl(source, 15, struct.pack("ii", 1, about["victim"]))  # F_SETOWN_EX
    return "set"


@attack
def has_a_descriptor_kill(about):
    source, sink = os.pipe() if not about["confined"] else (0, 1)
    fcntl.fcntl(source, 10, signal.SIGKILL)  # F_SETSIG
    return "set"


@attack
def has_a_clock_signal_it_while_it_rests(about):
    signal.setitimer(signal.ITIMER_REAL, 100)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return "set"


@attack
def sets_an_alarm(about):
    signal.alarm(100)
    left = signal.alarm(0)
    return left if 0 < left <= 100 else None


@attack
def makes_a_timer(about):
    found = ctypes.c_int()
    return raw(222, 107, 1, None, ctypes.byref(found)) + 1


# ------------------------------------------------------------------------ being another one


@attack
def becomes_nobody(about):
    os.setresuid(os.getuid(), os.geteuid(), os.getuid())
    return "changed"


@attack(teeth=False)
def becomes_root_of_a_world_of_its_own(about):
    return raw(272, 97, 0x10000000 | 0x20000) + 1


@attack
def takes_capabilities(about):
    header, data = struct.pack("Ii", 0x20080522, 0), bytes(24)
    raw(125, 90, header, data)
    return raw(126, 91, header, data) + 1


@attack
def outlives_its_parent(about):
    return raw(157, 167, 1, 0, 0, 0, 0) + 1  # PR_SET_PDEATHSIG


@attack
def renames_itself(about):
    return raw(157, 167, 15, b"innocent", 0, 0, 0) + 1


@attack(teeth=False)
def adopts_orphans(about):
    return raw(157, 167, 36, 1, 0, 0, 0) + 1


@attack(teeth=False)
def filters_itself_anew(about):
    steps = struct.pack("HBBI", 6, 0, 0, 0x7FFF0000)
    room = ctypes.create_string_buffer(steps)
    given = struct.pack("HxxxxxxQ", 1, ctypes.addressof(room))
    return raw(317, 277, 1, 0, given) + 1


@attack(teeth=False)
def leaves_its_session(about):
    try:
        return os.setsid()
    except PermissionError:
        os.setpgid(0, 0)
        return "its group was set"


@attack(teeth=False)
def joins_another_group(about):
    os.setpgid(0, os.getpgid(0))
    return "set"


@attack
def raises_its_memory(about):
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    return "raised"


@attack
def lowers_a_limit_of_its_parent(about):
    soft = resource.prlimit(about["victim"], resource.RLIMIT_CORE)
    return resource.prlimit(about["victim"], resource.RLIMIT_CORE, soft)


@attack
def has_more_memory_than_it_should(about):
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return most if most < 0 or most > 1 << 30 else None


@attack
def is_nicer_than_others(about):
    return os.nice(0) + 1


@attack
def takes_a_processor_for_itself(about):
    os.sched_setaffinity(about["victim"], os.sched_getaffinity(about["victim"]))
    return "set"


@attack(teeth=False)
def schedules_itself_before_all(about):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "set"


@attack
def changes_anothers_priority(about):
    os.setpriority(os.PRIO_PROCESS, about["victim"], os.getpriority(os.PRIO_PROCESS, 0))
    return "set"


@attack
def changes_its_personality(about):
    return raw(135, 92, 0x0040000) + 1


@attack
def allocates_more_than_it_should(about):
    size = (1 << 30) + (1 << 20)
    return len(bytearray(size)) if about["confined"] else size


@attack
def opens_more_files_than_it_should(about):
    import linecache

    held = [os.open(linecache.__file__, os.O_RDONLY) for _ in range(100)]
    for each in held:
        os.close(each)
    return len(held)


@attack(teeth=False)
def locks_memory(about):
    return raw(149, 228, 0, 4096) + 1


@attack
def goes_on_after_it_has_answered(about):
    """Not seen from here: the test asks how much it computed while nobody asked."""
    return None if about["confined"] else time.process_time()
