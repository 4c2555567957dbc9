# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames and packets made by hand, hostile ones among them, and sockets that send them as they are."""

import ipaddress
import mmap
import os
import socket
import struct

from patience import PATIENCE

TCP, UDP, DCCP, SCTP, UDPLITE = 6, 17, 33, 132, 136
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
IPV4, ARP, IPV6, TAG, SERVICE_TAG, LOCAL_EXPERIMENT = 0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x88b5
SYN, RST = 0x02, 0x04
SOL_PACKET, PACKET_TX_RING, PACKET_QDISC_BYPASS = 263, 13, 20


def tcp(port, payload=b"", flags=SYN):
    return struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, flags, 1024, 0, 0) + payload


def udp(port, payload=b"x"):
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def sctp(port, payload=b"x"):
    return struct.pack("!HHII", 40000, port, 0, 0) + b"\x01\x00\x00\x14" + bytes(16) + payload


def dccp(port, payload=b"x"):
    return struct.pack("!HHBBHBBHI", 40000, port, 5, 0, 0, 1, 0, 0, 1) + bytes(4) + payload


def ipv4(source, target, protocol, body, options=0, fragment=0, more=False, number=1):
    """`options`: words of them; `fragment`: offset in bytes."""
    words = 5 + options
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(body), number,
                       (0x2000 if more else 0) | fragment // 8, 64, protocol, 0,
                       ipaddress.IPv4Address(source).packed, ipaddress.IPv4Address(target).packed) + b"\x01" * (options * 4)
    total = sum(struct.unpack(f"!{words * 2}H", head))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return head[:10] + struct.pack("!H", total ^ 0xffff) + head[12:] + body


def ipv6(source, target, protocol, body, headers=()):
    """`headers`: (kind, bytes behind next header and length; padded), in order."""
    kinds = [kind for kind, _ in headers] + [protocol]
    chain = b""
    for i, (kind, content) in enumerate(headers):
        if kind == FRAGMENT:
            chain += struct.pack("!BB", kinds[i + 1], 0) + content
            continue
        size = -(-(2 + len(content)) // 8) * 8
        if not content:  # PadN over the rest
            content = b"\x01\x04" + bytes(4)
        chain += struct.pack("!BB", kinds[i + 1], size // 8 - 1) + content.ljust(size - 2, b"\0")
    return struct.pack("!IHBB16s16s", 0x60012345, len(chain) + len(body), kinds[0], 64,
                       ipaddress.IPv6Address(source).packed, ipaddress.IPv6Address(target).packed) + chain + body


def fragment_header(offset, more, number=7):
    return struct.pack("!HI", offset // 8 << 3 | more, number)


def padding(size):
    """Content of a destination options header with so many bytes of padding."""
    return b"\x01" + bytes([size - 2]) + bytes(size - 2)


def ethernet(target, source, kind, body, tags=()):
    """`tags`: (EtherType, control information), outermost first."""
    def packed(mac):
        return bytes.fromhex(mac.replace(":", ""))
    head = packed(target) + packed(source)
    for tag, control in tags:
        head += struct.pack("!HH", tag, control)
    return head + struct.pack("!H", kind) + body


def packet_socket(device, kind, protocol=0, bypass=False):
    """Sends through `device` and tells the kernel `protocol`, whatever the frame says."""
    s = socket.socket(socket.AF_PACKET, kind, 0)
    if bypass:
        s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    s.bind((device, protocol))
    return s


class Ring:
    """A packet socket's transmit ring (TPACKET_V1): frames that the kernel sends from memory of ours."""

    FRAME, COUNT, HEAD = 2048, 8, 32

    def __init__(self, device, protocol, bypass=False):
        self.socket = packet_socket(device, socket.SOCK_RAW, protocol, bypass)
        self.socket.setsockopt(SOL_PACKET, PACKET_TX_RING, struct.pack("IIII", self.FRAME * self.COUNT, 1, self.FRAME,
                                                                       self.COUNT))
        self.memory = mmap.mmap(self.socket.fileno(), self.FRAME * self.COUNT)
        self.next = 0

    def send(self, frame):
        at = self.next * self.FRAME
        self.memory[at + self.HEAD:at + self.HEAD + len(frame)] = frame
        self.memory[at + 8:at + 12] = struct.pack("I", len(frame))
        self.memory[at:at + 8] = struct.pack("L", 1)  # TP_STATUS_SEND_REQUEST
        self.socket.send(b"")
        self.next = (self.next + 1) % self.COUNT  # the kernel stays at a frame that was refused

    def setsockopt(self, *args):
        self.socket.setsockopt(*args)

    def close(self):
        self.memory.close()
        self.socket.close()


class Wire:
    """Everything that arrives at a device, tags included, in the order of arrival."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
        self.socket.bind((device, 3))
        self.socket.settimeout(PATIENCE)

    def until(self, token):
        """The frames before the one that has the token in it."""
        frames = []
        while True:
            frame, address = self.socket.recvfrom(65536)
            if address[2] == 4:  # PACKET_OUTGOING
                continue
            if token in frame:
                return frames
            frames.append(frame)

    def close(self):
        self.socket.close()


def stay_on_one_processor():
    """A veth pair keeps the order of what one processor sends."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
