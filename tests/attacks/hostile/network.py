"""Attacks on the network: anything that could carry a byte to or from somewhere else."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import http.client
import os
import select
import socket
import struct
import urllib.request

from .tools import attack, libc, raw


@attack
def connects_by_tcp(about):
    with socket.create_connection(("127.0.0.1", about["port"]), 1) as line:
        return line.send(b"stolen")


@attack
def connects_by_tcp_6(about):
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM).fileno()


@attack
def sends_a_datagram(about):
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return line.sendto(b"stolen", ("127.0.0.1", about["udp"]))


@attack
def listens(about):
    line = socket.socket()
    line.bind(("127.0.0.1", 0))
    line.listen()
    return line.getsockname()


@attack
def connects_to_a_socket_in_the_home(about):
    line = socket.socket(socket.AF_UNIX)
    line.connect(about["unix"])
    return line.send(b"sign this")


@attack
def connects_to_a_socket_without_a_file(about):
    line = socket.socket(socket.AF_UNIX)
    line.connect("\0" + about["abstract"])
    return line.send(b"sign this")


@attack
def makes_a_pair_of_sockets(about):
    return [line.fileno() for line in socket.socketpair()]


@attack
def makes_a_pair_by_libc(about):
    pair = (ctypes.c_int * 2)()
    return list(pair) if libc.socketpair(1, 1, 0, pair) == 0 else None


@attack
def asks_the_kernel_about_its_links(about):
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno()


@attack(by_root=True)
def writes_raw_packets(about):
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno()


@attack(by_root=True)
def reads_raw_packets(about):
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).fileno()


@attack(teeth=False)
def talks_to_the_machine_below(about):
    return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).fileno()


@attack(teeth=False)
def uses_the_kernels_ciphers(about):
    return socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).fileno()


@attack(teeth=False)
def talks_over_the_air(about):
    return socket.socket(31, socket.SOCK_RAW, 1).fileno()


@attack(teeth=False)
def speaks_sctp(about):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).fileno()


@attack(teeth=False)
def speaks_mptcp(about):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).fileno()


@attack
def makes_a_socket_of_every_family(about):
    for family in range(50):
        for kind in (1, 2, 3, 5):
            try:
                return raw(41, 198, family, kind, 0) + 1
            except OSError:
                continue


@attack
def makes_a_socket_by_libc(about):
    fd = libc.socket(2, 1, 0)
    return fd if fd >= 0 else None


@attack
def fetches_a_page(about):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{about['port']}/", timeout=0.2)
    except TimeoutError:
        return "it was asked for"


@attack
def posts_to_a_page(about):
    line = http.client.HTTPConnection("127.0.0.1", about["port"], timeout=1)
    line.connect()
    return line.send(b"stolen") or "sent"


@attack(teeth=False)
def asks_for_a_name(about):
    found = socket.getaddrinfo("example.com", 80)
    return found


@attack
async def connects_through_its_loop(about):
    _, sink = await asyncio.open_connection("127.0.0.1", about["port"])
    sink.write(b"stolen")
    await sink.drain()
    return "sent"


@attack
def connects_with_the_sockets_of_its_loop(about):
    """The loop was given a pair before it was shut in."""
    for line in [each for each in gc.get_objects() if isinstance(each, socket.socket)]:
        try:
            held = socket.socket(fileno=os.dup(line.fileno()))
            held.connect(about["unix"])
            return held.send(b"stolen")
        except OSError:
            pass
    return connects_to_a_socket_in_the_home(about)


@attack
def sends_a_message_through_its_loops_pair(about):
    for line in [each for each in gc.get_objects() if isinstance(each, socket.socket)]:
        try:
            return line.sendmsg([b"stolen"])
        except OSError:
            pass
    return socket.socket().fileno()


@attack
def hands_over_a_descriptor(about):
    for line in [each for each in gc.get_objects() if isinstance(each, socket.socket)]:
        try:
            return socket.send_fds(line, [b"x"], [0])
        except OSError:
            pass
    return socket.socket().fileno()


@attack(by_root=True)
def asks_the_kernel_to_connect_for_it(about):
    return raw(425, 425, 8, ctypes.create_string_buffer(120)) + 1


@attack(teeth=False)
def joins_the_network_of_another(about):
    raw(308, 268, os.open(f"/proc/{about['parent']}/ns/net", os.O_RDONLY), 0)
    return "joined"


@attack(teeth=False)
def waits_on_its_parents_pipe_for_more(about):
    """Nothing must lie in the pipes but what was meant for it."""
    ready, _, _ = select.select([0], [], [], 0)
    return os.read(0, 100) or None if ready else None


@attack(teeth=False)
def sets_the_name_of_the_machine(about):
    socket.sethostname(socket.gethostname())
    return "set"


@attack
def opens_a_queue_of_messages(about):
    name = b"stranger"
    fd = raw(240, 180, name, 0o102, 0o600, None)
    raw(241, 181, name)
    return fd + 1


@attack
def shares_memory_the_old_way(about):
    found = raw(29, 194, 0, 4096, 0o1600)
    raw(31, 195, found, 0, None)
    return found + 1


@attack
def opens_semaphores(about):
    found = raw(64, 190, 0, 1, 0o1600)
    raw(66, 191, found, 0, 0, 0)
    return found + 1


@attack
def queues_messages_the_old_way(about):
    found = raw(68, 186, 0, 0o1600)
    raw(71, 187, found, 0, None)
    return found + 1
