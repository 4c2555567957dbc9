# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked about relays, with a real resolver (unbound with zones, reverse zones and block lists of the test's own) and
real mail servers (postfix, opensmtpd, exim), all in network namespaces; and what goes over the wire meanwhile: to whom, and
which bytes."""

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

import lib
import servers
from patience import PATIENCE
from wire import ETH_P_ALL, PACKET_OUTGOING, SO_RCVBUFFORCE, call_in_netns

TOOL = sys.argv[1] if len(sys.argv) > 1 else ""

# Public addresses, in a /24 each, since a network is not probed twice within minutes. They exist only in the namespaces.
SERVERS = {"postfix": "61.48.10.10", "opensmtpd": "61.48.11.10", "exim": "61.48.12.10"}
CLOSED, SILENT, MUTE, SSH, SIX = "61.48.13.10", "61.48.14.10", "61.48.15.10", "61.48.16.10", "2a00:5:6::25"
OTHERS = ["61.48.17.10", "61.49.1.1"]

UNBOUND = """
remote-control:
    control-enable: no
server:
    directory: "{folder}"
    username: ""
    chroot: ""
    pidfile: "{folder}/pid"
    use-syslog: no
    do-daemonize: no
    interface: 10.77.1.2
    interface: fd77:1::2
    access-control: 10.77.1.0/24 allow
    access-control: fd77:1::/64 allow
    module-config: "iterator"
    root-hints: ""
    local-zone: "." static
    local-zone: "20.48.61.in-addr.arpa" static
    local-zone: "refused.test" refuse
    local-data-ptr: "61.48.20.1 dsl-61-48-20-1.pool.test"
    local-data: "dsl-61-48-20-1.pool.test A 61.48.20.1"
    local-data-ptr: "61.48.20.2 liar.test"
    local-data: "liar.test A 61.48.20.99"
    local-data-ptr: "61.48.20.4 x.refused.test"
    local-data: "4.4.4.4.in-addr.arpa PTR a.test"
    local-data-ptr: "2a00:5:6::25 six.test"
    local-data: "six.test AAAA 2a00:5:6::25"
    local-data: "2.0.0.127.zen.spamhaus.org A 127.0.0.2"
    local-data: "1.20.48.61.zen.spamhaus.org A 127.0.0.4"
    local-data: "1.20.48.61.zen.spamhaus.org A 127.0.0.10"
    local-data: "2.20.48.61.zen.spamhaus.org A 127.255.255.254"
    local-data: "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.0.0.0.5.0.0.0.0.0.a.2.zen.spamhaus.org A 127.0.0.3"
    local-zone: "world.test" redirect
    local-data: "world.test A 127.0.0.2"
    local-data: "2.0.0.127.own.test A 127.0.0.2"
    local-data: "3.20.48.61.own.test A 127.0.0.2"
"""
LISTS = ["--list", "zen.spamhaus.org", "--list", "world.test", "--list", "own.test=exploited", "--list", "gone.test"]


class Wire:
    """IP packets that come from home, both versions: (destination, protocol, port, payload of TCP)."""

    def __init__(self, net):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            s.bind(("veth0", ETH_P_ALL))
            s.setblocking(False)
            return s
        self.socket, self.packets = call_in_netns(net.path("outside"), make), []

    def read(self):
        try:
            while True:
                data, address = self.socket.recvfrom(65536)
                if address[2] == PACKET_OUTGOING or not data:
                    continue
                six = data[0] >> 4 == 6
                if data[0] >> 4 not in (4, 6):
                    continue
                proto, at = (data[6], 40) if six else (data[9], (data[0] & 15) * 4)
                target = socket.inet_ntop(socket.AF_INET6, data[24:40]) if six else socket.inet_ntop(socket.AF_INET, data[16:20])
                body = data[at:] if six else data[at:int.from_bytes(data[2:4], "big")]
                port = int.from_bytes(body[2:4], "big") if proto in (6, 17) else 0
                said = body[(body[12] >> 4) * 4:] if proto == 6 else b""
                if proto == 58 and body[0] in range(130, 138) or proto == 0:  # neighbours, multicast
                    continue
                self.packets.append((target, proto, port, bytes(said)))
        except BlockingIOError:
            return self.packets

    def close(self):
        self.socket.close()


def world():
    """The namespaces, with public addresses outside."""
    net = lib.Net()
    outside, home = net.names["outside"], net.names["home"]
    addresses = [*SERVERS.values(), CLOSED, MUTE, SSH, *OTHERS]
    lib.Net._batch(outside, [f"addr add {a}/32 dev veth0" for a in addresses] + [f"addr add {SIX}/128 dev veth0 nodad"])
    lib.Net._batch(home, [f"route add 61.48.0.0/15 via {lib.OUTSIDE4}", f"route add 2a00::/16 via {lib.OUTSIDE6}"])
    # Nobody has the silent address, and no router says so.
    net.run("outside", ["ip", "route", "add", "blackhole", f"{SILENT}/32"])

    def quiet():
        for name, value in (("ip_forward", "1"), ("ping_group_range", "0 2147483647")):
            with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as f:
                f.write(value)
    call_in_netns(net.path("outside"), quiet)
    call_in_netns(net.path("home"), quiet)
    return net


def run(net, *args, timeout=PATIENCE):
    done = net.run("home", [TOOL, *args], timeout=timeout)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- the resolver ---

class Unbound:
    def __init__(self, net, folder):
        self.net = net
        with open(f"{folder}/conf", "w", encoding="ascii") as f:
            f.write(UNBOUND.format(folder=folder))
            # More names than fit into a datagram: the rest of the way is TCP.
            f.writelines(f'local-data: "6.20.48.61.in-addr.arpa PTR a-rather-long-name-number-{i}.of-many.test"\n' for i in range(90))
        self.proc = net.popen("outside", ["unbound", "-d", "-c", f"{folder}/conf"])
        self.wait()

    def wait(self):
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\4liar\4test\0\0\1\0\1"
        s = self.net.socket("home", socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(0.2)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                s.sendto(query, (lib.OUTSIDE4, 53))
                if s.recv(512):
                    s.close()
                    return
            except OSError:
                pass
        raise TimeoutError("unbound does not answer")


def need_unbound():
    return None if shutil.which("unbound") else "needs the package unbound"


def asked(lines, address, event, **members):
    found = [line for line in lines if line["event"] == event and line["addr"] == address and
             all(line[k] == v for k, v in members.items())]
    assert len(found) == 1, (address, event, members, lines)
    return found[0]


def expect_known(lines):
    for address, has, confirmed, name in (("61.48.20.1", "yes", "yes", "dsl-61-48-20-1.pool.test"),
                                          ("61.48.20.2", "yes", "no", "liar.test"), ("61.48.20.3", "no", "no", ""),
                                          ("61.48.20.4", "yes", "unknown", "x.refused.test"),
                                          (SIX, "yes", "yes", "six.test")):
        got = asked(lines, address, "names")
        assert (got["has_name"], got["confirmed"], got["name"]) == (has, confirmed, name), got


def test_resolver():
    if need_unbound():
        return need_unbound()
    addresses = ["61.48.20.1", "61.48.20.2", "61.48.20.3", "61.48.20.4", SIX]
    with world() as net, tempfile.TemporaryDirectory() as folder:
        unbound, wire = Unbound(net, folder), Wire(net)
        for where in (f"{lib.OUTSIDE4}", f"[{lib.OUTSIDE6}]:53", f"{lib.OUTSIDE4},{lib.OUTSIDE6}"):
            lines = run(net, "resolve", "--servers", where, *LISTS, *addresses)
            expect_known(lines)
            zen = {a: asked(lines, a, "listing", list="zen.spamhaus.org") for a in addresses}
            assert [zen[a]["listed"] for a in addresses] == ["yes", "unknown", "no", "no", "yes"], zen
            assert zen["61.48.20.1"]["meanings"] == ["exploited", "policy"] and zen[SIX]["meanings"] == ["spam"], zen
            for a in addresses:
                # One that lists everybody and one that is not there any more say nothing.
                for name in ("world.test", "gone.test"):
                    got = asked(lines, a, "listing", list=name)
                    assert got["listed"] == "unknown" and got["broken"] == "yes", got
            assert asked(lines, "61.48.20.3", "listing", list="own.test")["meanings"] == ["exploited"]
            assert asked(lines, "61.48.20.1", "listing", list="own.test")["listed"] == "no"
        got = asked(run(net, "resolve", "--servers", lib.OUTSIDE4, "61.48.20.6"), "61.48.20.6", "names")
        assert (got["has_name"], got["confirmed"]) == ("yes", "unknown"), got
        seen = {(target, proto, port) for target, proto, port, _ in wire.read()}
        assert seen == {(lib.OUTSIDE4, 17, 53), (lib.OUTSIDE6, 17, 53), (lib.OUTSIDE4, 6, 53)}, seen

        # A resolver that hangs: all is unknown, in time; and then it is back.
        os.kill(unbound.proc.pid, signal.SIGSTOP)
        began = time.monotonic()
        lines = run(net, "resolve", "--servers", lib.OUTSIDE4, "--timeout", "700", *LISTS, *addresses)
        assert time.monotonic() - began < 5
        assert len(lines) == 25 and all(line.get("listed", "unknown") == "unknown" and
                                        line.get("has_name", "unknown") == "unknown" for line in lines), lines
        os.kill(unbound.proc.pid, signal.SIGCONT)
        unbound.wait()
        expect_known(run(net, "resolve", "--servers", lib.OUTSIDE4, *addresses))

        # Nobody there: refused at once, and unknown.
        lines = run(net, "resolve", "--servers", "10.77.1.30", *LISTS, *addresses)
        assert all(line.get("listed", "unknown") == "unknown" for line in lines), lines
        wire.close()
    return None


def test_resolver_many():
    """A thousand addresses by the default limits, each answered, none by anybody else."""
    if need_unbound():
        return need_unbound()
    with world() as net, tempfile.TemporaryDirectory() as folder:
        Unbound(net, folder)
        wire = Wire(net)
        addresses = [f"61.48.{i // 250 + 30}.{i % 250}" for i in range(300)]
        began = time.monotonic()
        lines = run(net, "resolve", "--servers", lib.OUTSIDE4, *addresses)
        took, packets = time.monotonic() - began, wire.read()
        assert len(lines) == 300 and all(line["has_name"] == "no" for line in lines)
        assert took > 2, took  # a hundred a second
        assert {(target, port) for target, _, port, _ in packets} == {(lib.OUTSIDE4, 53)}
        print(f"# {len(lines)} names in {took:.1f} s, {len(packets)} packets")
        wire.close()
    return None


def test_offline():
    with world() as net:
        wire = Wire(net)
        lines = run(net, "resolve", "--offline", "--servers", lib.OUTSIDE4, *LISTS, "61.48.20.1", SIX)
        assert len(lines) == 10 and all(line.get("listed", "unknown") == "unknown" for line in lines)
        assert wire.read() == [], wire.packets
        wire.close()


# --- probes ---

def odd_servers(net):
    """One that says nothing, one that speaks something else. Sockets without a process."""
    def make():
        made = []
        for address in (MUTE, SSH):
            s = socket.create_server((address, 25))
            s.setblocking(False)
            made.append(s)
        return made
    return call_in_netns(net.path("outside"), make)


def wait_for(net, proc, address, seconds=30):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        s = net.socket("outside", family, socket.SOCK_STREAM)
        s.settimeout(1)
        try:
            s.connect((address, 25))
            if s.recv(100):
                return
        except OSError:
            proc._read(0.05)
        finally:
            s.close()
    raise TimeoutError(f"nobody greets at {address}:25")


def greet_as_ssh(listener, proc):
    deadline = time.monotonic() + PATIENCE
    while proc.popen.poll() is None and time.monotonic() < deadline:
        try:
            client, _ = listener.accept()
            client.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
            proc._kept = client
        except BlockingIOError:
            pass
        proc._read(0.05)


def test_probes():
    with world() as net:
        ready = {}
        for kind, address in SERVERS.items():
            try:
                ready[kind] = servers.start(net, "outside", kind, address, f"mail.{kind}.test")
            except servers.Unavailable as e:
                print(f"# without {kind}: {e}")
        for kind in list(ready):
            try:
                wait_for(net, ready[kind], SERVERS[kind])
            except TimeoutError:
                ready[kind]._read(0.2)
                raise AssertionError(f"{kind} did not start: {ready[kind].lines[-5:]}") from None
        _mute, ssh = odd_servers(net)
        wire = Wire(net)
        targets = [*(SERVERS[kind] for kind in ready), CLOSED, SILENT, MUTE, SSH]
        proc = net.popen("home", [TOOL, "probe", "--allow", "61.48.0.0/16", "--spacing", "20", "--ping", "--packets",
                                  "--opt-out", "61.48.17.0/24", *targets, *OTHERS])
        greet_as_ssh(ssh, proc)
        proc.wait_end(30)
        ends = {line["addr"]: line for line in proc.lines if line["event"] == "probe"}
        for kind in ready:
            got = ends[SERVERS[kind]]
            assert (got["end"], got["server"], got["ping"], got["os"]) == ("server", "yes", "yes", "linux"), got
            assert got["banner"].startswith(f"mail.{kind}.test ESMTP"), got
            said = "".join(line["data"] for line in proc.lines if line["event"] == "log" and
                           line["addr"] == SERVERS[kind] and line["what"] == "said")
            assert said == "EHLO probe.home.test\r\nQUIT\r\n", said
            print(f"# {kind}: {got['banner']}")
        for address, end, server, system in ((CLOSED, "refused", "no", "unknown"), (SILENT, "silent", "unknown", "unknown"),
                                             (MUTE, "mute", "unknown", "linux"), (SSH, "odd", "unknown", "linux")):
            assert (ends[address]["end"], ends[address]["server"], ends[address]["os"]) == (end, server, system), ends[address]
        refused = {line["addr"]: line["reason"] for line in proc.lines if line["event"] == "refused"}
        assert refused == {"61.48.17.10": "opted_out", "61.49.1.1": "not_allowed"}, refused
        check_wire(wire.read(), set(targets))
        wire.close()


def check_wire(packets, permitted):
    """Only permitted targets, only port 25 and pings, and of TCP only these bytes."""
    said = {}
    for target, proto, port, data in packets:
        assert target in permitted, (target, proto, port)
        assert (proto == 6 and port == 25) or proto in (1, 58), (target, proto, port)
        said[target] = said.get(target, b"") + data
    for target, data in said.items():
        assert data in (b"", b"QUIT\r\n", b"EHLO probe.home.test\r\nQUIT\r\n"), (target, data)


def test_nothing_is_sent_without_permit():
    """Ten thousand addresses of every kind: nothing leaves but to the one that is allowed."""
    reserved = ["10.1.2.3", "127.0.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1",
                "fe80::1", "fc00::1", "2002:3d30:a0a::1", "64:ff9b::3d30:a0a", "192.0.2.1", "0.0.0.0"]
    many = [f"{a}.{b}.{c}.9" for a in (5, 61, 203) for b in (48, 49) for c in range(230)]
    with world() as net:
        wire = Wire(net)
        for options in (["--off", "--allow", "0.0.0.0/0"], ["--not-last", "--allow", "0.0.0.0/0"], [],
                        ["--allow", "0.0.0.0/0", "--opt-out", "0.0.0.0/0", "--allow", "::/0", "--opt-out", "::/0"],
                        ["--allow", "0.0.0.0/0", "--own", "0.0.0.0/0", "--allow", "::/0", "--own", "::/0"]):
            lines = run(net, "probe", "--ping", "--packets", "--spacing", "1", *options, *reserved, *many, CLOSED)
            assert len(lines) == len(reserved) + len(many) + 1 and all(line["event"] == "refused" for line in lines)
        lines = run(net, "probe", "--ping", "--packets", "--spacing", "1", "--allow", "::/0", "--allow", "0.0.0.0/0", *reserved)
        assert len(lines) == len(reserved) and all(line["reason"] == "reserved" for line in lines), lines
        assert wire.read() == [], wire.packets[:5]
        lines = run(net, "probe", "--spacing", "1", "--allow", f"{CLOSED}/32", *many, CLOSED, CLOSED)
        assert [line["reason"] for line in lines if line["addr"] == CLOSED and line["event"] == "refused"] == ["today"], lines[-4:]
        assert {target for target, _, _, _ in wire.read()} == {CLOSED}
        assert len([p for p in wire.packets if p[2] == 25]) == 1, wire.packets
        wire.close()


def test_rate_and_stop():
    with world() as net:
        wire = Wire(net)
        targets = [f"61.48.{i}.10" for i in range(50, 90)]
        lib.Net._batch(net.names["outside"], [f"addr add {a}/32 dev veth0" for a in targets])
        began = time.monotonic()
        lines = run(net, "probe", "--allow", "61.48.0.0/16", "--spacing", "50", *targets)
        took = time.monotonic() - began
        assert [line["end"] for line in lines if line["event"] == "probe"] == ["refused"] * 40
        assert took >= 39 * 0.05, took
        assert {target for target, _, _, _ in wire.read()} == set(targets)

        # Stopped in the middle: nothing follows, and what was open is reset.
        mute, _ssh = odd_servers(net)
        wire.packets.clear()
        proc = net.popen("home", [TOOL, "probe", "--allow", "61.48.0.0/16", "--spacing", "100", MUTE, *targets])
        lib.wait_json(proc, lambda line: line.get("what") == "connected")
        lib.wait_count(proc, lambda line: line.get("event") == "probe", 3)
        proc.popen.send_signal(signal.SIGTERM)
        proc.wait_end(10)
        ends = {line["addr"]: line["end"] for line in proc.lines if line["event"] == "probe"}
        assert ends[MUTE] == "stopped", ends
        sent = {target for target, _, _, _ in wire.read()}
        assert len(sent) < 20, sent
        client, _ = mute.accept()
        try:
            assert client.recv(10) == b"", "a probe that is stopped says nothing"
        except ConnectionResetError:
            pass
        wire.close()


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules["__main__"])
