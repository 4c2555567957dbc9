# SPDX-License-Identifier: GPL-3.0-or-later
"""A network with a virtual clock: hosts hold conversations, and every packet of them is written at its time. Whoever writes
says when something happens; hours cost nothing. The same seed gives the same bytes.

Beside the packets a World keeps what each flow was, so that logs.py can write the same as other sensors would have."""

import ipaddress
import random

from scenarios import wire
from scenarios.wire import ACK, FIN, ICMP, PSH, RST, SYN, TCP, UDP

SECOND = 1_000_000_000
MSS = 1448
START = 1_136_196_000 * SECOND  # a Monday morning of 2006, the time of the sources
GATEWAY = "10.20.0.1"
EPHEMERAL = (1025, 65000)


def ns(seconds):
    return int(seconds * SECOND)


class Flow:
    """What a conversation was, as Zeek and a firewall know it."""

    __slots__ = ("proto", "orig", "resp", "began", "ended", "bytes", "packets", "outcome", "service", "facts")

    def __init__(self, proto, orig, resp, began):
        self.proto, self.orig, self.resp, self.began, self.ended = proto, orig, resp, began, began
        self.bytes, self.packets = [0, 0], [0, 0]
        self.outcome = "silent"  # refused, open, closed, reset
        self.service = None
        self.facts = []  # (log, time, values)


class World:
    def __init__(self, seed, start=START):
        self.random = random.Random(seed)
        self.start = start
        self.capture = wire.Capture()
        self.flows = []
        self.names = {}
        self._ports = {}
        self._rtt = {}
        self._number = 0
        self._pool = 0

    # --- who is where ---

    def outside(self):
        """An address outside nobody else has: RFC 2544's range, so that none of a real network is written."""
        self._pool += 1
        return str(ipaddress.ip_address("198.18.0.0") + 7 * self._pool % 131072)

    def site(self, name, count=1):
        """The addresses of a name outside; the same whenever asked."""
        if name not in self.names:
            self.names[name] = [self.outside() for _ in range(count)]
        return self.names[name]

    def port(self, address):
        """Another ephemeral port of the host."""
        low, high = EPHEMERAL
        at = self._ports.get(address)
        self._ports[address] = at = self.random.randrange(low, high - 4000) if at is None else at + 1 if at < high else low
        return at

    def rtt(self, a, b):
        """Round trip between two hosts, in ns."""
        if self.is_home(a) and self.is_home(b):
            return 300_000
        far = b if self.is_home(a) else a
        if far not in self._rtt:
            self._rtt[far] = self.random.randrange(8_000_000, 180_000_000)
        return self._rtt[far]

    @staticmethod
    def is_home(address):
        return address.startswith(("10.", "fd20:"))

    def jitter(self, mean, part=0.3):
        return ns(mean * self.random.uniform(1 - part, 1 + part))

    def pause(self, mean):
        """Of people: exponential, but not for ever."""
        return ns(min(self.random.expovariate(1 / mean), mean * 6))

    # --- packets ---

    def put(self, time, src, dst, protocol, body, ttl=64):
        self._number += 1
        mac_src = wire.mac_of(src if self.is_home(src) else GATEWAY)
        mac_dst = wire.mac_of(dst if self.is_home(dst) else GATEWAY)
        self.capture.add(time, mac_dst + mac_src +
                         wire.ip(wire.packed(src), wire.packed(dst), protocol, body, self._number, ttl))

    def arp(self, time, sender, target, answered=True):
        mac = wire.mac_of(sender)
        self.capture.add(time, wire.BROADCAST + mac + wire.arp(1, wire.packed(sender), mac, wire.packed(target)))
        if answered:
            other = wire.mac_of(target)
            self.capture.add(time + 200_000, mac + other + wire.arp(2, wire.packed(target), other, wire.packed(sender), mac))

    def datagrams(self, time, src, dst, port, messages, sport=None, service=None):
        """UDP: (seconds after the one before, True if from src, bytes). Returns the time of the last."""
        sport = sport or self.port(src)
        a, b = wire.packed(src), wire.packed(dst)
        flow = Flow(UDP, (src, sport), (dst, port), time)
        flow.service, flow.outcome = service, "silent"
        for after, up, data in messages:
            time += ns(after)
            if up:
                self.put(time, src, dst, UDP, wire.udp(a, b, sport, port, data))
            else:
                self.put(time, dst, src, UDP, wire.udp(b, a, port, sport, data))
                flow.outcome = "open"
            flow.bytes[not up] += len(data)
            flow.packets[not up] += 1
        flow.ended = time
        self.flows.append(flow)
        return flow

    def ping(self, time, src, dst, count=1, every=1.0, answered=True, ident=None):
        a, b = wire.packed(src), wire.packed(dst)
        v6 = len(a) == 16
        ask, answer, protocol = (128, 129, wire.ICMP6) if v6 else (8, 0, ICMP)
        ident = (ident or self.random.randrange(1, 65535)) << 16
        flow = Flow(protocol, (src, ask), (dst, 0), time)
        for i in range(count):
            at = time + ns(i * every)
            data = bytes(range(56))
            self.put(at, src, dst, protocol, wire.icmp(a, b, ask, 0, ident | i & 0xffff, data))
            flow.ended = at
            if answered:
                flow.ended = at + self.rtt(src, dst)
                self.put(flow.ended, dst, src, protocol, wire.icmp(b, a, answer, 0, ident | i & 0xffff, data))
                flow.outcome = "open"
        flow.packets = [count, count if answered else 0]
        flow.bytes = [56 * n for n in flow.packets]
        self.flows.append(flow)
        return flow.ended

    def tcp(self, time, src, dst, port, sport=None, service=None):
        return Tcp(self, time, (src, sport or self.port(src)), (dst, port), service)

    def silent(self, time, src, dst, port, retries=(3.0, 6.0)):
        """A connection that nobody answers, asked for again after so many seconds."""
        sport, seq = self.port(src), self.random.getrandbits(32)
        a, b = wire.packed(src), wire.packed(dst)
        flow = Flow(TCP, (src, sport), (dst, port), time)
        for after in (0, *retries):
            time += ns(after)
            self.put(time, src, dst, TCP, wire.tcp(a, b, (sport, port), seq, 0, SYN))
            flow.packets[0] += 1
        flow.ended = time
        self.flows.append(flow)
        return time

    def refused(self, time, src, dst, port):
        sport, seq = self.port(src), self.random.getrandbits(32)
        a, b = wire.packed(src), wire.packed(dst)
        flow = Flow(TCP, (src, sport), (dst, port), time)
        self.put(time, src, dst, TCP, wire.tcp(a, b, (sport, port), seq, 0, SYN))
        flow.ended = time + self.rtt(src, dst)
        self.put(flow.ended, dst, src, TCP, wire.tcp(b, a, (port, sport), 0, seq + 1, RST | ACK))
        flow.packets, flow.outcome = [1, 1], "refused"
        self.flows.append(flow)
        return flow.ended


class Tcp:
    """A connection; `now` is how far it has come. The first end opened it."""

    def __init__(self, world, time, orig, resp, service=None):
        self.world, self.now, self.ends = world, time, (orig, resp)
        self.packed = tuple(wire.packed(end[0]) for end in self.ends)
        self.seq = [world.random.getrandbits(32), world.random.getrandbits(32)]
        self.rtt = world.rtt(orig[0], resp[0])
        self.flow = Flow(TCP, orig, resp, time)
        self.flow.service = service
        world.flows.append(self.flow)
        self._put(0, SYN)
        self.now += self.rtt
        self._put(1, SYN | ACK)
        self.now += 100_000
        self._put(0, ACK)
        self.flow.outcome = "open"

    def _put(self, side, flags, data=b""):
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        ack = self.seq[1 - side] if flags & ACK else 0
        self.world.put(self.now, src, dst, TCP, wire.tcp(self.packed[side], self.packed[1 - side], (sport, dport),
                                                         self.seq[side], ack, flags, data))
        self.seq[side] += len(data) + (1 if flags & (SYN | FIN) else 0)
        self.flow.packets[side] += 1
        self.flow.bytes[side] += len(data)
        self.flow.ended = max(self.flow.ended, self.now)

    def wait(self, seconds):
        self.now += ns(seconds)
        return self

    def until(self, time):
        self.now = max(self.now, time)
        return self

    def say(self, side, data, rate=1_500_000):
        """Data from one end, in segments, acknowledged by the other; `rate` in bytes a second."""
        if isinstance(data, str):
            data = data.encode()
        for at in range(0, len(data), MSS):
            part = data[at:at + MSS]
            self._put(side, PSH | ACK if at + MSS >= len(data) else ACK, part)
            self.now += max(len(part) * SECOND // rate, 50_000)
            if (at // MSS) % 2 or at + MSS >= len(data):
                self._put(1 - side, ACK)
        return self

    def up(self, data, **how):
        return self.say(0, data, **how)

    def down(self, data, **how):
        self.now += self.rtt
        return self.say(1, data, **how)

    def close(self, side=0):
        self._put(side, FIN | ACK)
        self.now += self.rtt // 2
        self._put(1 - side, FIN | ACK)
        self.now += self.rtt // 2
        self._put(side, ACK)
        self.flow.outcome = "closed"
        return self.now

    def reset(self, side=0):
        self._put(side, RST | ACK)
        self.flow.outcome = f"reset{side}"
        return self.now
