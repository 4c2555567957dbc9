# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames and capture files, by the specifications: Ethernet, ARP, IPv4, IPv6, ICMP, UDP, TCP with right checksums. Nothing
here opens a socket: what is made goes into a file."""

import functools
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
BROADCAST = b"\xff" * 6
TTL = 64


@functools.lru_cache(maxsize=None)
def packed(address):
    return ipaddress.ip_address(address).packed


@functools.lru_cache(maxsize=None)
def mac_of(address):
    """One per address, locally administered."""
    return b"\x02\x00" + packed(address)[-4:]


def checksum(*parts):
    """RFC 1071: the sum of 16-bit words in ones' complement is the number modulo 65,535."""
    total = 0
    for part in parts:
        total += int.from_bytes(part if len(part) % 2 == 0 else part + b"\0", "big")
    rest = total % 0xffff
    return 0xffff - rest if total else 0xffff


def ip(src, dst, protocol, body, number=0, ttl=TTL):
    if len(src) == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), number & 0xffff, 0x4000, ttl, protocol, 0, src, dst)
        return b"\x08\x00" + head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
    return b"\x86\xdd" + struct.pack("!IHBB16s16s", 0x60000000, len(body), protocol, ttl, src, dst) + body


def pseudo(src, dst, protocol, length):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, protocol, length)
    return src + dst + struct.pack("!II", length, protocol)


def udp(src, dst, sport, dport, data):
    head = struct.pack("!HHH", sport, dport, 8 + len(data))
    total = checksum(pseudo(src, dst, UDP, 8 + len(data)), head, data) or 0xffff
    return head + struct.pack("!H", total) + data


def tcp(src, dst, ports, seq, ack, flags, data=b"", window=64240):
    """`ports`: source and destination."""
    options = b"\x02\x04\x05\xb4\x01\x01\x04\x02" if flags & SYN else b""
    head = struct.pack("!HHIIBBH", *ports, seq & 0xffffffff, ack & 0xffffffff, (20 + len(options)) << 2, flags, window)
    total = checksum(pseudo(src, dst, TCP, 20 + len(options) + len(data)), head, options, data)
    return head + struct.pack("!HH", total, 0) + options + data


def icmp(src, dst, kind, code, rest, data):
    head, extra = struct.pack("!BB", kind, code), b""
    if len(src) == 16:
        extra = pseudo(src, dst, ICMP6, 8 + len(data))
    return head + struct.pack("!HI", checksum(extra, head, struct.pack("!I", rest), data), rest) + data


def arp(op, sender, sender_mac, target, target_mac=b"\0" * 6):
    return b"\x08\x06" + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, op, sender_mac, sender, target_mac, target)


class Capture:
    """Frames with their times, in nanoseconds; written in order of time."""

    def __init__(self):
        self.frames = []

    def add(self, time, frame):
        self.frames.append((time, frame))

    def save(self, path):
        """A pcap file of Ethernet frames with nanoseconds."""
        # Equal times stay in the order in which they were made.
        self.frames.sort(key=lambda f: f[0])
        record = struct.Struct("<IIII")
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
            file.writelines(record.pack(t // 1_000_000_000, t % 1_000_000_000, len(f), len(f)) + f for t, f in self.frames)
