"""Attacks on files: the keys of the agent, the system, this and other processes."""

from __future__ import annotations

import ctypes
import glob
import io
import linecache
import mmap
import os
import pathlib
import runpy
import shutil
import sqlite3
import struct
import tarfile
import tempfile
import tokenize
import zipfile
from importlib.machinery import ExtensionFileLoader, SourceFileLoader

from .tools import X86, attack, libc, raw, reads

AT_FDCWD = -100


# --------------------------------------------------------------------------------- reading


@attack
def opens_the_key(about):
    return open(about["canary"]).read()


@attack
def opens_it_by_os(about):
    return reads(os.open(about["canary"], os.O_RDONLY))


@attack
def reads_it_through_pathlib(about):
    return pathlib.Path(about["canary"]).read_bytes()


@attack
def reads_it_raw(about):
    return io.FileIO(about["canary"]).readall()


@attack
def opens_it_for_reading_and_writing(about):
    return reads(os.open(about["canary"], os.O_RDWR))


@attack
def maps_it(about):
    with open(about["canary"], "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[:]


@attack
def reads_it_as_source(about):
    return linecache.getlines(about["canary"]) or None


@attack
def asks_the_import_system_for_its_bytes(about):
    return SourceFileLoader("key", about["canary"]).get_data(about["canary"])


@attack
def tokenizes_it(about):
    with tokenize.open(about["canary"]) as file:
        return file.read()


@attack
def runs_it(about):
    return runpy.run_path(about["code"])["TOKEN"]


@attack
def loads_it_as_a_library(about):
    try:
        ctypes.CDLL(about["canary"])
    except OSError as fault:
        if "invalid ELF header" in str(fault) or "file too short" in str(fault):
            return "it was opened"
        raise


@attack
def loads_it_as_an_extension(about):
    try:
        loader = ExtensionFileLoader("key", about["canary"])
        from importlib.util import module_from_spec, spec_from_file_location

        module_from_spec(spec_from_file_location("key", about["canary"], loader=loader))
    except ImportError as fault:
        if "invalid ELF header" in str(fault) or "file too short" in str(fault):
            return "it was opened"
        raise


@attack
def copies_it(about):
    shutil.copy(about["canary"], about["scratch"] + "/copied")
    return open(about["scratch"] + "/copied").read()


@attack
def packs_it(about):
    with tarfile.open(about["scratch"] + "/packed", "w") as archive:
        archive.add(about["canary"])
    return "packed"


@attack
def zips_it(about):
    with zipfile.ZipFile(about["scratch"] + "/zipped", "w") as archive:
        archive.write(about["canary"])
    return "zipped"


@attack
def opens_a_database(about):
    return sqlite3.connect(about["database"]).execute("SELECT token FROM secrets").fetchall()


@attack
def attaches_a_database(about):
    base = sqlite3.connect(":memory:")
    base.execute("ATTACH ? AS other", (about["database"],))
    return base.execute("SELECT token FROM other.secrets").fetchall()


@attack
def goes_there_first(about):
    os.chdir(about["home"])
    return open("key").read()


@attack
def climbs_out_of_a_library(about):
    return open(about["library"] + "/" + "../" * 30 + about["canary"]).read()


@attack
def goes_through_a_link(about):
    return open(about["link"]).read()


@attack
def goes_through_a_link_it_makes_in_a_library(about):
    link = about["library"] + "/link-of-a-stranger"
    os.symlink(about["canary"], link)
    try:
        return open(link).read()
    finally:
        os.unlink(link)


@attack
def links_it_under_another_name(about):
    os.link(about["canary"], about["scratch"] + "/linked")
    return open(about["scratch"] + "/linked").read()


@attack
def goes_through_the_root_of_its_process(about):
    return open("/proc/self/root" + about["canary"]).read()


@attack
def goes_through_the_folder_it_is_in(about):
    return open("/proc/self/cwd/" + "../" * 30 + about["canary"]).read()


@attack
def goes_through_its_threads_root(about):
    return open("/proc/thread-self/root" + about["canary"]).read()


@attack
def opens_it_by_number(about):
    return reads(raw(257, 56, AT_FDCWD, about["canary"].encode(), 0, 0))


@attack
def opens_it_the_old_way(about):
    if not X86:
        return opens_it_by_number(about)
    return reads(raw(2, -1, about["canary"].encode(), 0, 0))


@attack
def opens_it_the_new_way(about):
    how = struct.pack("QQQ", 0, 0, 0)
    return reads(raw(437, 437, AT_FDCWD, about["canary"].encode(), how, len(how)))


@attack
def opens_it_by_libc(about):
    fd = libc.open(about["canary"].encode(), 0)
    return reads(fd) if fd >= 0 else None


@attack
def opens_it_as_a_stream_of_c(about):
    libc.fopen.restype = ctypes.c_void_p
    libc.fgets.restype = ctypes.c_char_p
    stream = libc.fopen(about["canary"].encode(), b"r")
    room = ctypes.create_string_buffer(100)
    return libc.fgets(room, 100, ctypes.c_void_p(stream)) if stream else None


@attack
def holds_it_and_opens_it_again(about):
    held = os.open(about["canary"], os.O_PATH)
    try:
        return open(f"/proc/self/fd/{held}").read()
    finally:
        os.close(held)


@attack
def holds_the_root_and_walks_down(about):
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    try:
        return reads(os.open(about["canary"].lstrip("/"), os.O_RDONLY, dir_fd=root))
    finally:
        os.close(root)


@attack(by_root=True)
def opens_it_by_its_handle(about):
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    where = ctypes.c_int()
    raw(303, 264, AT_FDCWD, about["canary"].encode(), handle, ctypes.byref(where), 0)
    folder = os.open(about["home"], os.O_RDONLY)
    return reads(raw(304, 265, folder, handle, 0))


@attack
def sends_it_into_its_own_pipe(about):
    held = os.open(about["canary"], os.O_RDONLY)
    source, sink = os.pipe()
    os.sendfile(sink, held, 0, 100)
    return reads(source)


@attack
def lists_the_home(about):
    return os.listdir(about["home"])


@attack
def scans_the_home(about):
    return [entry.name for entry in os.scandir(about["home"])]


@attack
def globs_for_keys(about):
    return glob.glob(about["home"] + "/*") or None


@attack
def walks_the_disk(about):
    return [names for _, _, names in os.walk(about["scratch"] + "/..")] or None


@attack
def reads_the_users(about):
    return open("/etc/passwd").read()


@attack(by_root=True)
def reads_the_passwords(about):
    return open("/etc/shadow").read()


@attack
def asks_who_the_users_are(about):
    import pwd

    return pwd.getpwall() or None


@attack
def reads_where_names_are_resolved(about):
    return open("/etc/hosts").read()


@attack
def lists_settings(about):
    return os.listdir("/etc")


@attack(by_root=True)
def lists_the_users_home(about):
    return os.listdir("/root") + os.listdir("/home")


@attack
def lists_temporary_files(about):
    return [name for name in os.listdir("/tmp") if about["token"] in name] or None


@attack
def lists_shared_memory(about):
    return [*os.listdir("/dev/shm"), "."]


@attack
def lists_sockets(about):
    return [*os.listdir("/run"), "."]


@attack
def lists_devices(about):
    return os.listdir("/dev")


@attack
def lists_the_kernel(about):
    return os.listdir("/sys")


@attack
def reads_a_device(about):
    return open("/dev/urandom", "rb").read(8)


@attack(teeth=False)
def reads_all_memory(about):
    return open("/dev/mem", "rb").read(8)


@attack(teeth=False)
def reads_the_disk(about):
    return open(about["disk"], "rb").read(8)


@attack(teeth=False)
def reads_the_kernels_log(about):
    return raw(103, 116, 3, ctypes.create_string_buffer(100), 100)


@attack
def opens_the_terminal_or_null(about):
    return os.open("/dev/null", os.O_RDONLY)


# ------------------------------------------------------------------------------- processes


@attack
def lists_processes(about):
    return os.listdir("/proc")


@attack
def reads_its_environment_as_it_was(about):
    return open("/proc/self/environ").read()


@attack
def reads_its_own_memory_map(about):
    return open("/proc/self/maps").read()


@attack
def opens_its_own_memory(about):
    return os.open("/proc/self/mem", os.O_RDWR)


@attack
def lists_its_descriptors(about):
    return os.listdir("/proc/self/fd")


@attack
def reads_its_mounts(about):
    return open("/proc/self/mountinfo").read()


@attack
def reads_open_connections(about):
    return open("/proc/self/net/tcp").read()


@attack
def reads_its_parents_environment(about):
    return open(f"/proc/{about['parent']}/environ").read()


@attack
def reads_its_parents_arguments(about):
    return open(f"/proc/{about['parent']}/cmdline").read()


@attack(by_root=True)
def opens_its_parents_memory(about):
    return os.open(f"/proc/{about['parent']}/mem", os.O_RDONLY)


@attack
def lists_its_parents_descriptors(about):
    return os.listdir(f"/proc/{about['parent']}/fd")


@attack
def opens_its_parents_descriptors(about):
    return os.open(f"/proc/{about['parent']}/fd/0", os.O_RDONLY)


@attack
def goes_through_its_parents_root(about):
    return open(f"/proc/{about['parent']}/root{about['canary']}").read()


@attack(teeth=False)
def goes_through_the_first_process(about):
    return open(f"/proc/1/root{about['canary']}").read()


# ----------------------------------------------------------------------------------- names


@attack(after_names=True)
def asks_whether_the_key_is_there(about):
    return os.stat(about["canary"]).st_size


@attack(after_names=True)
def asks_whether_it_may_read_it(about):
    return os.access(about["canary"], os.F_OK) or None


@attack(after_names=True)
def asks_where_a_link_leads(about):
    return os.readlink(about["link"])


@attack(after_names=True)
def asks_which_program_it_is(about):
    return os.readlink("/proc/self/exe")


@attack
def asks_where_its_parent_is(about):
    return os.readlink(f"/proc/{about['parent']}/cwd")


# --------------------------------------------------------------------------------- writing


@attack
def writes_over_the_key(about):
    with open(about["canary"] + ".written", "w") as file:
        return file.write("mine")


@attack
def appends_to_a_file(about):
    with open(about["scratch"] + "/appended", "a") as file:
        return file.write("mine")


@attack
def makes_a_nameless_file(about):
    return os.open(about["scratch"], os.O_TMPFILE | os.O_RDWR)


@attack
def makes_a_temporary_file(about):
    return tempfile.TemporaryFile().write(b"mine")


@attack
def makes_a_file_by_number(about):
    path = (about["scratch"] + "/created").encode()
    return raw(85, -1, path, 0o600) + 1 if X86 else raw(-1, 56, AT_FDCWD, path, 0o101, 0o600) + 1


@attack
def makes_a_folder(about):
    os.mkdir(about["scratch"] + "/folder")
    return "made"


@attack
def takes_a_file_away(about):
    os.unlink(about["scratch"] + "/victim")
    return "gone"


@attack
def renames_a_file(about):
    os.rename(about["scratch"] + "/victim2", about["scratch"] + "/renamed")
    return "renamed"


@attack
def empties_a_file(about):
    os.truncate(about["scratch"] + "/victim3", 0)
    return "empty"


@attack
def makes_a_link(about):
    os.symlink("/etc/passwd", about["scratch"] + "/pointer")
    return "linked"


@attack
def makes_a_pipe_with_a_name(about):
    os.mkfifo(about["scratch"] + "/fifo")
    return "made"


@attack(teeth=False)
def makes_a_device(about):
    os.mknod(about["scratch"] + "/device", 0o60600, os.makedev(259, 0))
    return "made"


@attack
def makes_a_key_readable_for_all(about):
    os.chmod(about["scratch"] + "/victim3", 0o666)
    return "changed"


@attack
def gives_a_file_away(about):
    os.chown(about["scratch"] + "/victim3", os.getuid(), os.getgid())
    return "given"


@attack
def sets_a_files_time(about):
    os.utime(about["scratch"] + "/victim3", (1, 1))
    return "changed"


@attack(teeth=False)
def sets_a_files_attributes(about):
    os.setxattr(about["scratch"] + "/victim3", "user.mine", b"1")
    return "changed"


@attack
def leaves_code_among_the_libraries(about):
    """A `.pth` file would be run by every Python of this installation."""
    path = about["library"] + "/stranger-was-here.pth"
    with open(path, "w") as file:
        file.write("\n")
    os.unlink(path)
    return "left"


@attack
def changes_a_library(about):
    fd = os.open(about["library"] + "/../../../pyvenv.cfg", os.O_RDWR)
    return fd


@attack
def changes_our_own_code(about):
    import agent

    return os.open(agent.__file__, os.O_RDWR)


@attack
def makes_shared_memory(about):
    from multiprocessing.shared_memory import SharedMemory

    memory = SharedMemory(create=True, size=16)
    memory.unlink()
    return "made"


@attack
def makes_a_file_of_memory(about):
    return os.memfd_create("mine")


@attack
def makes_itself_hard_to_kill(about):
    with open("/proc/self/oom_score_adj", "w") as file:
        return file.write("0")


# -------------------------------------------------------------------------- the root itself


@attack(teeth=False)
def mounts_the_home_into_a_library(about):
    if libc.mount(about["home"].encode(), about["library"].encode(), b"", 4096, None) == 0:
        return "mounted"


@attack(teeth=False)
def mounts_processes(about):
    if libc.mount(b"proc", about["library"].encode(), b"proc", 0, None) == 0:
        return "mounted"


@attack(teeth=False)
def takes_the_new_root_off(about):
    return "off" if libc.umount2(b"/", 2) == 0 else None


@attack(teeth=False)
def changes_its_root(about):
    os.chroot(about["library"])
    return "changed"


@attack(teeth=False)
def opens_a_tree_of_mounts(about):
    return raw(428, 428, AT_FDCWD, b"/", 1) + 1


@attack(teeth=False)
def opens_a_new_file_system(about):
    return raw(430, 430, b"tmpfs", 0) + 1


@attack
def watches_files(about):
    return raw(294, 26, 0) + 1


@attack(teeth=False)
def watches_the_whole_system(about):
    return raw(300, 262, 0, 0) + 1
