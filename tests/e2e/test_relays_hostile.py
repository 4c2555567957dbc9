# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand hostile mails through `sekimori mail`, and what leaves meanwhile: nftables on the peer's side of the only wire
counts every packet by address, protocol and port. And resolvers that are slow, lie, or are not there."""

import contextlib
import json
import os
import random
import select
import socket
import struct
import sys
import tempfile
import threading
import time

import hostile_mails
import lib
from patience import PATIENCE
from wire import SO_RCVBUFFORCE, call_in_netns

ETH_P_IP, SO_TIMESTAMPNS = 0x0800, 35
SEKIMORI = sys.argv[1] if len(sys.argv) > 1 else ""
MAILS = 10000
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # ten thousand files take long on a busy disk
RESOLVER = lib.OUTSIDE4

# Whom our own server saw (never itself: what it took from loopback is a step within the machine). The allow-list has ALLOWED and BELOW, and networks that no list can allow.
ALLOWED = [f"61.48.{net}.{host}" for net in range(20) for host in (10, 20)]
OPTED_OUT = [f"61.48.200.{i}" for i in range(5)]
STRANGERS = [f"61.{49 if i % 2 else 51}.{i}.9" for i in range(150)]
RESERVED = ["10.1.2.3", "192.168.1.1", "169.254.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0",
            "192.0.2.1", "198.51.100.7", lib.HOME4, lib.OUTSIDE4]
SIX = ["IPv6:2a00:5:6::25", "IPv6:fe80::1", "IPv6:fc00::1", "IPv6:2002:3d30:a0a::1", "IPv6:64:ff9b::3d30:a0a",
       "IPv6:::ffff:61.48.3.10"]
ALLOW = "61.48.0.0/16\n61.50.0.0/16\n2a00:5:6::/48\n10.0.0.0/8\n127.0.0.0/8\n192.0.2.0/24\n224.0.0.0/4\nfe80::/10\nfc00::/7\n::1\n"
SPACING, NET_SPACING = 0.1, 3

COUNTERS = """
table inet count {
  set tcp4 { type ipv4_addr . inet_proto . inet_service; flags dynamic; size 262144; counter; }
  set icmp4 { type ipv4_addr . icmp_type; flags dynamic; size 262144; counter; }
  set other4 { type ipv4_addr . inet_proto; flags dynamic; size 262144; counter; }
  set tcp6 { type ipv6_addr . inet_proto . inet_service; flags dynamic; size 262144; counter; }
  set icmp6 { type ipv6_addr . icmpv6_type; flags dynamic; size 262144; counter; }
  chain in {
    type filter hook prerouting priority -300;
    iifname != "veth0" return
    icmpv6 type { 133, 134, 135, 136, 143 } return
    meta nfproto ipv4 meta l4proto { tcp, udp } update @tcp4 { ip daddr . meta l4proto . th dport }
    meta nfproto ipv4 meta l4proto icmp update @icmp4 { ip daddr . icmp type }
    meta nfproto ipv4 meta l4proto != { tcp, udp, icmp } update @other4 { ip daddr . meta l4proto }
    meta nfproto ipv6 meta l4proto { tcp, udp } update @tcp6 { ip6 daddr . meta l4proto . th dport }
    meta nfproto ipv6 meta l4proto icmpv6 update @icmp6 { ip6 daddr . icmpv6 type }
  }
}
"""


class Counters:
    def __init__(self, net):
        self.net = net
        self.restart()

    def restart(self):
        self.net.run("outside", ["nft", "delete", "table", "inet", "count"])
        done = self.net.run("outside", ["nft", "-f", "-"], input=COUNTERS)
        assert done.returncode == 0, done.stderr

    def read(self):
        """{(address, protocol, port or type): packets}; ports of ICMP are its types by name."""
        found = {}
        for entry in json.loads(self.net.run("outside", ["nft", "-j", "list", "table", "inet", "count"]).stdout)["nftables"]:
            for elem in entry.get("set", {}).get("elem", ()):
                *key, last = elem["elem"]["val"]["concat"]
                kind = entry["set"]["name"]
                protocol = key[1] if kind.startswith("tcp") else kind[:5] if kind.startswith("icmp") else "other"
                found[(key[0], str(protocol), last)] = elem["elem"]["counter"]["packets"]
        return found


def world():
    """The whole Internet answers on the other side of the wire: every address is one of `outside`."""
    net = lib.Net()
    lib.Net._batch(net.names["outside"], ["route add local 0.0.0.0/1 dev lo", "route add local 128.0.0.0/1 dev lo",
                                          "route add local 2000::/3 dev lo"])
    lib.Net._batch(net.names["home"], [f"route add default via {lib.OUTSIDE4}", f"route add default via {lib.OUTSIDE6}"])

    def pings():
        with open("/proc/sys/net/ipv4/ping_group_range", "w", encoding="ascii") as f:
            f.write("0 2147483647")
    call_in_netns(net.path("home"), pings)
    return net


_folder = []


def mails():
    """The Maildir, made once."""
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory(prefix="sekimori-hostile-", dir=MEMORY))
        below = random.Random(5)
        peers = ALLOWED * 3 + OPTED_OUT + STRANGERS + RESERVED + SIX
        hostile = hostile_mails.Hostile(peers, lambda: f"61.50.{below.randrange(256)}.{below.randrange(1, 255)}")
        hostile.maildir(f"{_folder[0].name}/all", MAILS)
        hostile.maildir(f"{_folder[0].name}/some", 300)
    return _folder[0].name


class Resolver:
    """What a resolver may do, on UDP: `answer(query, name)` gives a list of (seconds from now, datagram)."""

    def __init__(self, net, answer, seconds=120):
        self.socket = net.socket("outside", socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((RESOLVER, 53))
        self.answer, self.asked, self.deadline, self.ended = answer, [], time.monotonic() + seconds, False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        late = []
        while not self.ended and time.monotonic() < self.deadline:
            late.sort(key=lambda entry: entry[0])
            ready, _, _ = select.select([self.socket], [], [], max(0, min(0.2, late[0][0] - time.monotonic())) if late else 0.2)
            if ready:
                query, peer = self.socket.recvfrom(4096)
                self.asked.append(question(query))
                late += [(time.monotonic() + after, data, peer) for after, data in self.answer(query, self.asked[-1])]
            while late and late[0][0] <= time.monotonic():
                _, data, peer = late.pop(0)
                with contextlib.suppress(OSError):
                    self.socket.sendto(data, peer)

    def close(self):
        self.ended = True
        self.thread.join()
        self.socket.close()


def question(query):
    """The name that is asked for, and its type."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += query[at] + 1
    return ".".join(labels), int.from_bytes(query[at + 1:at + 3], "big")


def reply(query, rcode=0, records=(), number=None, cut=False):
    """An answer to it with records (type, data), each of the question's own name."""
    end = query.index(b"\0", 12) + 5
    head = (number or query[:2]) + bytes([0x81 | (2 if cut else 0), 0x80 | rcode]) + b"\0\1" + len(records).to_bytes(2, "big") + bytes(4)
    return head + query[12:end] + b"".join(b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data
                                           for kind, data in records)


def honest(query, asked):
    """Nobody has a name, and a list that is in order lists nobody."""
    return [(0, reply(query, 0, [(1, socket.inet_aton("127.0.0.2"))]) if asked[0] == "2.0.0.127.bl.test" else reply(query, 3))]


def late(query, asked):
    return [(3, data) for _, data in honest(query, asked)]


_dice = random.Random(7)


def lies(query, asked):
    """Everything but a decent answer."""
    name, kind = asked
    a, ptr = (1, socket.inet_aton("127.0.0.2")), (12, b"\4mail\4ours\4test\0")
    return [(0, data) for data in _dice.choice((
        [reply(query, 0, [a]), reply(query, 0, [a])], [reply(query, 0, [a], number=b"\xff\xff")], [reply(query, 0, [ptr] * 60)],
        [reply(query, 0, [(kind, b"\xc0\x0c")])], [reply(query, 0, [(12, b"\xc0\xff"), (1, b"1")])], [query], [b""], [os.urandom(40)],
        [reply(query, 2)], [reply(query, 5)], [reply(query, 0, [], cut=True)], [query[:12]], [reply(query, 0, [(1, bytes(4))] * 200)],
        [reply(query, 0, [(5, b"\1a\xc0\x0c"), a])], [reply(query)[:-3]],
        [reply(b"".join((query[:12], b"\1x\0\0\1\0\1")), 0, [a])]))]


def run(net, folder, *options, config="", timeout=100):
    """(records, summary, seconds)."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("mail:\n" + config if config else "")
        f.flush()
        began = time.monotonic()
        done = net.run("home", [SEKIMORI, "mail", "--json", *(["--config", f.name] if config else []), *options, folder], timeout=timeout)
        took = time.monotonic() - began
    assert done.returncode in (0, 1), (done.returncode, done.stderr[-2000:])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if line["event_type"] == "mail"], lines[-1], took


def check_resolver_only(sent):
    """Our machine itself may say that it no longer waits for what comes twice."""
    for address, protocol, port in sent:
        assert address == RESOLVER and (port == 53 or (protocol, port) == ("icmp4", "destination-unreachable")), sent


def check_mails(records, summary, count):
    assert len(records) == summary["mails"] == count, (len(records), summary)
    seen = set(ALLOWED + OPTED_OUT + STRANGERS + RESERVED) | {a.removeprefix("IPv6:") for a in SIX} | {"61.48.3.10", None}
    relays = {r.get("relay") for r in records}
    assert relays <= seen, relays - seen
    assert not any(str(r).startswith("61.50.") for r in relays)


def test_offline():
    with world() as net:
        counters = Counters(net)
        records, summary, took = run(net, f"{mails()}/all", "--offline")
        check_mails(records, summary, MAILS)
        assert counters.read() == {}, counters.read()
        assert {r["class"] for r in records} == {"unknown"}
        print(f"# {MAILS} mails in {took:.1f} s, {summary['with_relay']} with a relay, no packet")


def test_default():
    """Only to the resolver that is configured; and only about whom our own server saw."""
    with world() as net:
        counters, resolver = Counters(net), Resolver(net, honest)
        records, summary, took = run(net, f"{mails()}/all", "--resolver", RESOLVER, "--list", "bl.test=exploited")
        check_mails(records, summary, MAILS)
        sent = counters.read()
        check_resolver_only(sent)
        below = [name for name, _ in resolver.asked if ".50.61." in name]
        assert not below, below[:5]
        print(f"# {sum(sent.values())} packets to the resolver in {took:.1f} s")
        resolver.close()


class Probes:
    """When the first packets to port 25 came, by the kernel's clock: (seconds, address)."""

    def __init__(self, net):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            s.bind(("veth0", ETH_P_IP))
            s.setblocking(False)
            return s
        self.socket = net._keep(call_in_netns(net.path("outside"), make))

    def read(self):
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, _ = self.socket.recvmsg(200, 100)
                if data[9] == 6 and data[22:24] == b"\0\x19" and data[33] & 0x12 == 2:
                    second, nano = struct.unpack("qq", extra[0][2])
                    found.append((second + nano / 1e9, socket.inet_ntoa(data[16:20])))
        return found


def check_spacing(probes):
    """One a moment, and one of a network each NET_SPACING; a busy machine may take a packet a little later than it was permitted."""
    times = sorted(probes)
    assert times[-1][0] - times[0][0] >= (len(times) - 1) * SPACING * 0.95, times
    close = [(a, b) for a, b in zip(times, times[1:]) if b[0] - a[0] < SPACING / 2]
    assert len(close) <= len(times) // 10, close
    last = {}
    for when, address in times:
        network = address.rpartition(".")[0]
        assert when - last.get(network, 0) >= NET_SPACING * 0.9, (address, when, last)
        last[network] = when


def test_nothing_configured():
    """Only to the resolvers of this machine."""
    with open("/etc/resolv.conf", encoding="ascii", errors="replace") as f:
        resolvers = {line.split()[1].partition("%")[0] for line in f if line.startswith("nameserver")}
    with world() as net:
        counters = Counters(net)
        records, summary, _ = run(net, f"{mails()}/some")
        check_mails(records, summary, 300)
        asked = {(address, port) for address, protocol, port in counters.read() if protocol != "icmp4"}
        assert asked <= {(address, 53) for address in resolvers or {"127.0.0.1"}}, asked
        assert {r["class"] for r in records} == {"unknown"}


def test_probe():
    """Only who is allowed, port 25 and one ping, each once, with space between."""
    with world() as net, tempfile.TemporaryDirectory() as folder:
        for name, text in (("allow", ALLOW), ("out", "61.48.200.0/24\n")):
            with open(f"{folder}/{name}", "w", encoding="ascii") as f:
                f.write(text)
        config = (f"  probe_allowed: {folder}/allow\n  probe_opted_out: {folder}/out\n  probe_spacing: {int(SPACING * 1000)}ms\n"
                  f"  probe_network_spacing: {NET_SPACING}s\n  probe_name: probe.ours.test\n")
        counters, resolver, probes, store = Counters(net), Resolver(net, honest), Probes(net), f"{folder}/store"
        records, summary, took = run(net, f"{mails()}/all", "--resolver", RESOLVER, "--probe", "--store", store, config=config)
        check_mails(records, summary, MAILS)
        sent = {key: n for key, n in counters.read().items() if key[0] != RESOLVER}
        probed = {a for a, _, _ in sent}
        believed = {r.get("relay") for r in records} & {*ALLOWED, SIX[0].removeprefix("IPv6:")}
        assert probed == believed and len(probed) > 30, (probed - believed, believed - probed)
        assert {(protocol, port) for _, protocol, port in sent} == {("tcp", 25), ("icmp4", "echo-request"), ("icmp6", "echo-request")}, sent
        assert all(n == 1 for n in sent.values()), sent
        check_spacing(probes.read())
        assert {r["class"] for r in records} == {"unknown"}
        print(f"# {len(probed)} probes in {took:.1f} s")
        # Once a day, whoever asks: other mails of the same relays, in another run.
        counters.restart()
        run(net, f"{mails()}/some", "--resolver", RESOLVER, "--probe", "--store", store, config=config)
        check_resolver_only(counters.read())
        resolver.close()


def test_not_asked_for():
    """The list of who agrees alone probes nobody, and neither does the plan."""
    with world() as net, tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/allow", "w", encoding="ascii") as f:
            f.write(ALLOW)
        for options in ([], ["--plan"]):
            counters, resolver = Counters(net), Resolver(net, honest)
            run(net, f"{mails()}/some", "--resolver", RESOLVER, *options, config=f"  probe_allowed: {folder}/allow\n")
            check_resolver_only(counters.read())
            resolver.close()
        counters = Counters(net)
        run(net, f"{mails()}/some", "--offline", "--plan", config=f"  probe_allowed: {folder}/allow\n")
        assert counters.read() == {}


TROUBLES = {"slow": late, "lies": lies, "silent": lambda query, asked: [], "gone": None}


def test_resolver_troubles():
    """Slow, lying, silent, not there: the run ends in time, and what could not be learnt is unknown. All four at a time."""
    folder, ends = f"{mails()}/some", {}
    with contextlib.ExitStack() as stack:
        def trouble(name, net, counters):
            try:
                records, summary, took = run(net, folder, "--resolver", RESOLVER, "--list", "bl.test=exploited", timeout=PATIENCE)
                check_mails(records, summary, 300)
                assert {r["class"] for r in records} == {"unknown"}, [r for r in records if r["class"] != "unknown"][:3]
                check_resolver_only(counters.read())
                ends[name] = f"{took:.1f} s, {sum(counters.read().values())} packets"
            except Exception as e:  # told by the test's own thread
                ends[name] = e
        threads = []
        for name, answer in TROUBLES.items():
            net = stack.enter_context(world())
            if answer:
                stack.enter_context(contextlib.closing(Resolver(net, answer)))
            threads.append(threading.Thread(target=trouble, args=(name, net, Counters(net))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in TROUBLES:
        print(f"# {name}: {ends[name]}")
    assert not [e for e in ends.values() if isinstance(e, Exception)], ends


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules["__main__"])
