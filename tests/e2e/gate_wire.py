# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that the actors of the mail gate's tests send: D-Bus requests, hand-made SYNs, an io_uring of one request. Imported
by gate_actor.py. Python's standard library only."""

import ctypes
import errno
import mmap
import os
import select
import socket
import struct

SO_MARK = 36
ETH_IPV4, ETH_IPV6 = 0x0800, 0x86dd
IPV6_HDRINCL = 36
SYS_URING_SETUP, SYS_URING_ENTER = 425, 426  # the same on all machines
IORING_OP_CONNECT, IORING_ENTER_GETEVENTS = 16, 1
OFFSET_SQES = 0x10000000


def dbus_call(member):
    """A method call as libraries send it (D-Bus specification, "Message Protocol"): path, interface, member, destination.
    Returns header and body."""
    def string(code, kind, text):
        data = struct.pack("<I", len(text)) + text.encode() + b"\0"
        return bytes([code, 1, ord(kind), 0]) + data

    fields = b""
    for field in (string(1, "o", "/org/freedesktop/systemd1"), string(2, "s", "org.freedesktop.systemd1.Manager"),
                  string(3, "s", member), string(6, "s", "org.freedesktop.systemd1")):
        fields += b"\0" * (-len(fields) % 8) + field
    body = struct.pack("<I", 4) + b"a.sc\0"
    head = b"l\1\0\1" + struct.pack("<III", len(body), 7, len(fields)) + fields
    return head + b"\0" * (-len(head) % 8), body


def tcp_syn(port, source_port=40000):
    return struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 5 << 4, 2, 64240, 0, 0)


def ipv4_packet(src, dst, body, options=b"", fragment=0):
    head = struct.pack("!BBHHHBBH", 4 << 4 | 5 + len(options) // 4, 0, 20 + len(options) + len(body), 1, fragment, 64, 6, 0) + \
        socket.inet_aton(src) + socket.inet_aton(dst) + options
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    total = (total & 0xffff) + (total >> 16)
    check = ~((total & 0xffff) + (total >> 16)) & 0xffff
    return head[:10] + struct.pack("!H", check) + head[12:] + body


def ip_packet(src, dst, port, extension=False):
    """A SYN; with IPv4 options, or an IPv6 extension header, before it."""
    tcp = tcp_syn(port)
    if ":" not in dst:
        return ipv4_packet(src, dst, tcp, b"\x01" * 8 if extension else b"")
    if extension:
        tcp = struct.pack("!BBBB4x", 6, 0, 1, 4) + tcp  # destination options: padding
    return struct.pack("!IHBB", 6 << 28, len(tcp), 60 if extension else 6, 64) + \
        socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + tcp


def send_syn(how, src, dst, port, mark_by, mark, extension):
    v6 = ":" in dst
    family = socket.AF_INET6 if v6 else socket.AF_INET
    to = (dst, 0, 0, 0) if v6 else (dst, 0)
    data = [ip_packet(src, dst, port, extension)]
    control = [(socket.SOL_SOCKET, SO_MARK, struct.pack("I", mark))] if mark_by == "message" else []
    if how == "packet":
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind(("veth0", 0))
            if mark_by == "option":
                s.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            frame = b"\xff" * 6 + b"\2\0\0\0\0\1" + struct.pack("!H", ETH_IPV6 if v6 else ETH_IPV4) + data[0]
            try:
                s.sendmsg([frame], control)
            except OSError as e:  # ENOBUFS: a frame that was refused on its way out
                if e.errno != errno.ENOBUFS:
                    raise
        return
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP if how == "plain" else socket.IPPROTO_RAW) as s:
        if how == "plain":
            data = [tcp_syn(port)]
        elif how == "fragments":
            syn = tcp_syn(port)
            data = [ipv4_packet(src, dst, syn[:8], fragment=0x2000), ipv4_packet(src, dst, syn[8:], fragment=1)]
        elif v6:
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
        if mark_by == "option":
            s.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        for packet in data:
            try:
                s.sendmsg([packet], control, 0, to)
            except PermissionError:  # a packet that was refused on its way out
                pass


def sockaddr(host, port):
    if ":" in host:
        return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + \
            socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def uring_connect(host, port):
    """Connects by io_uring and returns errno, 0 for success."""
    libc = ctypes.CDLL(None, use_errno=True)
    params = ctypes.create_string_buffer(120)
    fd = libc.syscall(SYS_URING_SETUP, 4, params)
    if fd < 0:
        return ctypes.get_errno()
    entries, cq_entries = struct.unpack_from("=II", params, 0)
    sq = struct.unpack_from("=8I", params, 40)  # head, tail, ring_mask, ring_entries, flags, dropped, array
    cq = struct.unpack_from("=8I", params, 80)  # head, tail, ring_mask, ring_entries, overflow, cqes
    ring = mmap.mmap(fd, max(sq[6] + entries * 4, cq[5] + cq_entries * 16), mmap.MAP_SHARED)
    sqes = mmap.mmap(fd, entries * 64, mmap.MAP_SHARED, offset=OFFSET_SQES)
    to = sockaddr(host, port)
    where = ctypes.create_string_buffer(to, len(to))
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as s:
        sqes[0:64] = struct.pack("=BBHiQQIIQ24x", IORING_OP_CONNECT, 0, 0, s.fileno(), len(to), ctypes.addressof(where), 0, 0, 1)
        struct.pack_into("=I", ring, sq[6], 0)
        struct.pack_into("=I", ring, sq[1], 1)
        if libc.syscall(SYS_URING_ENTER, fd, 1, 0, 0, None, 0) < 0:
            return ctypes.get_errno()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        result = -errno.ETIMEDOUT
        if poll.poll(5000):
            result = struct.unpack_from("=i", ring, cq[5] + 8)[0]
    os.close(fd)
    return -result
