# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test sees on the wire: sockets inside a namespace without a process in it, a sniffer, and TCP listeners.
Python's standard library only; nothing sleeps."""

import contextlib
import ctypes
import ipaddress
import os
import select
import socket
import struct
import threading
import time

from patience import PATIENCE

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33


def call_in_netns(path, function):
    """function() in a thread of its own inside the namespace; what it opens stays there, we do not."""
    result = []

    def inside():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns {path}")
            finally:
                os.close(fd)
            result.append((function(), None))
        except BaseException as e:  # handed to the caller
            result.append((None, e))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


class Packet:
    """What a packet socket saw, as far as the tests ask."""

    __slots__ = ("src", "dst", "protocol", "sport", "dport", "flags", "time")

    def __init__(self, frame):
        self.time = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        kind, rest = struct.unpack_from("!H", frame, 12)[0], frame[14:]
        if kind == 0x0800:
            self.src, self.dst = (str(ipaddress.IPv4Address(rest[i:i + 4])) for i in (12, 16))
            self.protocol, body = rest[9], rest[(rest[0] & 15) * 4:]
        elif kind == 0x86dd:
            self.src, self.dst = (str(ipaddress.IPv6Address(rest[i:i + 16])) for i in (8, 24))
            self.protocol, body = rest[6], rest[40:]
        else:
            raise ValueError("not IP")
        ports = self.protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
        self.sport, self.dport = struct.unpack_from("!HH", body) if ports else (0, body[0])
        self.flags = body[13] if self.protocol == socket.IPPROTO_TCP else 0

    @property
    def is_syn(self):
        return self.protocol == socket.IPPROTO_TCP and self.flags & 0x12 == 0x02


class Sniffer:
    """Every IP packet that arrives at a device, as a packet socket in that namespace sees it."""

    def __init__(self, path, device):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            s.bind((device, ETH_P_ALL))
            return s
        self.socket = call_in_netns(path, make)
        self.packets = []

    def read(self, timeout=0.0):
        """Takes in what has arrived; waits up to `timeout` for the first."""
        while select.select([self.socket], [], [], max(timeout, 0))[0]:
            timeout = 0.0
            frame, address = self.socket.recvfrom(65536)
            if address[2] == PACKET_OUTGOING:
                continue
            with contextlib.suppress(ValueError, struct.error, IndexError):
                self.packets.append(Packet(frame))
        return self.packets

    def wait(self, predicate, count=1, timeout=PATIENCE):
        """The packets for which predicate holds, once there are `count`."""
        deadline = time.monotonic() + timeout
        self.read()
        while True:
            hits = [p for p in self.packets if predicate(p)]
            if len(hits) >= count:
                return hits
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{len(hits)} of {count} packets arrived; {len(self.packets)} in all")
            self.read(deadline - time.monotonic())

    def clear(self):
        self.read()
        self.packets = []

    def close(self):
        self.socket.close()


class Listeners:
    """TCP listeners that accept, count, read a little, answer an HTTP request and close. One thread of the test."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\negg\r\n"

    def __init__(self, path, addresses, ports):
        def make():
            return [socket.create_server((a, p), family=socket.AF_INET6 if ":" in a else socket.AF_INET, backlog=64)
                    for a in addresses for p in ports]
        self.sockets = call_in_netns(path, make)
        self.accepted, self.received = [], []
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        poll, open_ones = select.poll(), {s.fileno(): s for s in self.sockets}
        clients = {}
        for fd in (self._stop_r, *open_ones):
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._stop_r:
                    for c in clients.values():
                        c.close()
                    return
                if fd in open_ones:
                    client, peer = open_ones[fd].accept()
                    self.accepted.append((client.getsockname()[:2], peer[:2]))
                    clients[client.fileno()] = client
                    poll.register(client, select.POLLIN)
                    continue
                client = clients.pop(fd)
                poll.unregister(fd)
                with contextlib.suppress(OSError):
                    data = client.recv(4096)
                    if data:
                        self.received.append((client.getsockname()[:2], data))
                    if data.startswith(b"GET "):
                        client.sendall(self.ANSWER)
                client.close()

    def close(self):
        os.write(self._stop_w, b"x")
        self._thread.join(timeout=5)
        for s in self.sockets:
            s.close()
        os.close(self._stop_r)
        os.close(self._stop_w)
