# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems by their SYNs. This machine's kernel connects in network namespaces under every combination of what an
administrator may set: each SYN and each answer must be called Linux or unknown, never anything else, and a version that
is named must not be newer than the kernel. The same for captures by others, where p0f and User-Agents say what was what.

SEKIMORI_OS_SETTINGS=few varies one setting, or two at once: for slow machines."""

import itertools
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import fcntl

import lib
from patience import PATIENCE
from wire import ETH_P_ALL, PACKET_OUTGOING, SO_RCVBUFFORCE, call_in_netns

TOOL = sys.argv[1] if len(sys.argv) > 1 else ""
P0F = "/etc/p0f/p0f.fp"
SIOCSIFMTU = 0x8922
PORT = 2525

# The first value of each is the default.
SETTINGS = {
    "ip_default_ttl": ("64", "128", "255", "32"),
    "tcp_timestamps": ("1", "0"),
    "tcp_sack": ("1", "0"),
    "tcp_window_scaling": ("1", "0"),
    "tcp_ecn": ("2", "1"),
    "ip_no_pmtu_disc": ("0", "1"),
    "tcp_rmem": ("4096 131072 6291456", "4096 87380 16777216", "4096 1048576 16777216", "4096 16384 65536"),
    "mtu": (1500, 1492, 1400, 1280, 9000),
}
BUFFERS = (0, 4096, 8192, 16384, 32768, 65535, 262144)
ROUTES = ("", "initrwnd 4", "initrwnd 10", "initrwnd 20", "initrwnd 44", "advmss 536", "window 8192", "window 16384",
          "window 65535")


def pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame)


def tool(*args):
    done = subprocess.run([TOOL, *args], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def books():
    return ["--book", P0F] if os.path.exists(P0F) else []


class Wire:
    """All frames with SYN at a device, both ways."""

    def __init__(self, path):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            s.bind(("veth0", ETH_P_ALL))
            s.setblocking(False)
            return s
        self.socket, self.frames = call_in_netns(path, make), []

    def read(self):
        try:
            while True:
                frame, address = self.socket.recvfrom(65536)
                if len(frame) < 54:
                    continue
                kind, at = frame[12:14], 14 + ((frame[14] & 15) * 4 if frame[12:14] == b"\x08\x00" else 40)
                proto = frame[23] if kind == b"\x08\x00" else frame[20] if kind == b"\x86\xdd" else 0
                if proto == 6 and frame[at + 13] & 2:
                    self.frames.append((frame, address[2] == PACKET_OUTGOING))
        except BlockingIOError:
            pass


class Settings:
    """The sysctls of both namespaces, kept open: a file of /proc/sys/net belongs to the namespace it was opened in."""

    def __init__(self, net):
        self.files, self.sockets, self.now = {}, [], {}
        for side in ("home", "outside"):
            call_in_netns(net.path(side), self._open)

    def _open(self):
        for name in SETTINGS:
            if name != "mtu":
                self.files.setdefault(name, []).append(os.open(f"/proc/sys/net/ipv4/{name}", os.O_WRONLY))
        self.files.setdefault("hop_limit", []).append(os.open("/proc/sys/net/ipv6/conf/veth0/hop_limit", os.O_WRONLY))
        self.sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def set(self, values):
        for name, value in values.items():
            if self.now.get(name) == value:
                continue
            self.now[name] = value
            if name == "mtu":
                for s in self.sockets:
                    fcntl.ioctl(s, SIOCSIFMTU, struct.pack("16si12x", b"veth0", value))
                continue
            for fd in self.files[name]:
                os.pwrite(fd, value.encode(), 0)
            if name == "ip_default_ttl":
                for fd in self.files["hop_limit"]:
                    os.pwrite(fd, value.encode(), 0)


def connect(family, address, size=0):
    s = socket.socket(family, socket.SOCK_STREAM)
    try:
        s.settimeout(20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if size:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        s.connect((address, PORT))
    finally:
        s.close()


def combinations():
    names = list(SETTINGS)
    default = {name: SETTINGS[name][0] for name in names}
    if os.environ.get("SEKIMORI_OS_SETTINGS") != "few":
        for values in itertools.product(*SETTINGS.values()):
            yield dict(zip(names, values))
        return
    yield default
    for one, two in itertools.combinations(names, 2):
        for a, b in itertools.product(SETTINGS[one], SETTINGS[two]):
            yield {**default, one: a, two: b}


def kernel():
    return tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])


def judge(seen, told):
    """Counts; the wrong ones as text."""
    wrong, known, versions = [], 0, {}
    for line, what in zip(seen, told):
        if line["family"] not in ("linux", "unknown") or line["tool"]:
            wrong.append(f"{what}: {line['family']} {line['version']} {line['tool']} by line {line['line']} of {line['book']}: {line['raw']}")
        elif line["version"]:
            first = tuple(int(n) for n in re.findall(r"\d+", line["version"])[:2])
            if "or newer" not in line["version"] or first > kernel():
                wrong.append(f"{what}: version {line['version']} on {os.uname().release}: {line['raw']}")
            versions[line["version"]] = versions.get(line["version"], 0) + 1
        known += line["family"] == "linux"
    return wrong, known, versions


def run(net, cases):
    """Connects once for each case, which is (text, function). Returns what the tool says: SYNs, answers."""
    wire, listener = Wire(net.path("outside")), net.listen(lib.OUTSIDE4, [PORT])
    net.listen(lib.OUTSIDE6, [PORT])
    told = []

    def inside():
        for text, make in cases:
            make()
            told.append(text)
            wire.read()
    call_in_netns(net.path("home"), inside)
    wire.read()
    assert listener is not None
    # A SYN that was sent again would shift the order.
    syns, answers, last = [], [], {True: None, False: None}
    for frame, outgoing in wire.frames:
        at = 14 + ((frame[14] & 15) * 4 if frame[12:14] == b"\x08\x00" else 40)
        key = frame[at:at + 8]
        if last[outgoing] != key:
            (answers if outgoing else syns).append(frame)
        last[outgoing] = key
    assert len(syns) == len(told) and len(answers) == len(told), (len(syns), len(answers), len(told))
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        pcap(f.name, syns + answers)
        lines = tool(*books(), f.name)
    assert len(lines) == 2 * len(told), len(lines)
    return told, lines[:len(told)], lines[len(told):]


def report(name, told, lines):
    wrong, known, versions = judge(lines, told)
    print(f"# {name}: {len(lines)}, Linux {known}, unknown {len(lines) - known - len(wrong)}, wrong {len(wrong)}; {versions}")
    assert not wrong, f"{len(wrong)} wrong, such as\n" + "\n".join(wrong[:20])


def test_settings():
    with lib.Net() as net:
        settings = Settings(net)

        def case(values, family, address):
            def make():
                settings.set(values)
                connect(family, address)
            return f"{values} to {address}", make
        cases = []
        for values in combinations():
            cases.append(case(values, socket.AF_INET, lib.OUTSIDE4))
            cases.append(case(values, socket.AF_INET6, lib.OUTSIDE6))
        told, syns, answers = run(net, cases)
        for line in (syns[0], syns[1], answers[0], answers[1]):
            assert line["family"] == "linux" and line["distance"] == 0, line
        assert syns[0]["version"], "a kernel as it is delivered has a version"
        report("SYNs", told, syns)
        report("answers", told, answers)


def test_sockets_and_routes():
    with lib.Net() as net:
        settings = Settings(net)
        cases = []
        for size, ttl, stamps in itertools.product(BUFFERS, ("64", "128"), ("1", "0")):
            def make(size=size, ttl=ttl, stamps=stamps):
                settings.set({"ip_default_ttl": ttl, "tcp_timestamps": stamps})
                connect(socket.AF_INET, lib.OUTSIDE4, size)
            cases.append((f"buffer {size}, TTL {ttl}, timestamps {stamps}", make))
        for route, ttl, stamps, scale in itertools.product(ROUTES, ("64", "128"), ("1", "0"), ("1", "0")):
            def make(route=route, ttl=ttl, stamps=stamps, scale=scale):
                settings.set({"ip_default_ttl": ttl, "tcp_timestamps": stamps, "tcp_window_scaling": scale})
                subprocess.run(["ip", "route", "replace", f"{lib.OUTSIDE4}/32", "dev", "veth0", *route.split()], check=True)
                connect(socket.AF_INET, lib.OUTSIDE4)
            cases.append((f"route {route}, TTL {ttl}, timestamps {stamps}, scales {scale}", make))
        told, syns, answers = run(net, cases)
        report("SYNs of set-up sockets and routes", told, syns)
        report("their answers", told, answers)


# --- captures by others ---

def captures():
    base = os.environ.get("SEKIMORI_DATA") or os.path.join(os.path.dirname(__file__), "../../../shared/data")
    found = []
    for folder, _, names in os.walk(os.path.join(base, "pcap")):
        found += [os.path.join(folder, name) for name in names]
    return sorted(found)


def p0f_says(path, folder):
    """{(cli, port, srv, port, answer): (raw, os)} of IPv4; the first word of each connection."""
    log = os.path.join(folder, "log")
    if os.path.exists(log):
        os.unlink(log)
    subprocess.run(["p0f", "-f", P0F, "-r", path, "-o", log], capture_output=True, timeout=PATIENCE)
    said = {}
    if not os.path.exists(log):
        return said
    with open(log, errors="replace") as f:
        for line in f:
            parts = dict(part.split("=", 1) for part in line.strip().split("] ", 1)[-1].split("|") if "=" in part)
            if parts.get("mod") not in ("syn", "syn+ack") or ":" in parts["cli"]:
                continue
            client, server = (tuple(end.rsplit("/", 1)) for end in (parts["cli"], parts["srv"]))
            a, b = (client, server) if parts["mod"] == "syn" else (server, client)
            said.setdefault((*a, *b, parts["mod"] != "syn"), (parts["raw_sig"], parts.get("os") or parts.get("app")))
    return said


def same_raw(ours, theirs):
    return re.sub(r"[+-][0-9?]+:", ":", ours, count=1) == re.sub(r"[+-][0-9?]*:", ":", theirs, count=1)


def test_like_p0f():
    """With p0f's own book, and without ours, we must say what p0f says, wherever it does not take another TTL than a
    system's for near enough."""
    if not shutil.which("p0f") or not os.path.exists(P0F):
        return "needs the package p0f"
    files = captures()
    if not files:
        return "no captures: set SEKIMORI_DATA"
    counts, odd = {"same": 0, "unknown here": 0}, []
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            said, seen = p0f_says(path, folder), set()
            if not said:
                continue
            for line in tool("--no-own", *books(), path):
                key = (line["src"], str(line["sport"]), line["dst"], str(line["dport"]), line["answer"])
                if key not in said or key in seen:
                    continue
                seen.add(key)
                raw, system = said[key]
                name = line["name"] or line["tool"]
                if not same_raw(line["raw"], raw):
                    odd.append((os.path.basename(path), line["raw"], raw))
                elif name and system and system.startswith(name) and (line["generic"] or system.endswith(line["version"])):
                    counts["same"] += 1
                elif not name and system in (None, "???"):
                    counts["same"] += 1
                elif not name:
                    counts["unknown here"] += 1
                else:
                    raise AssertionError(f"{path}: {line} but p0f says {system}")
    print(f"# as p0f: {counts}, other fields {len(odd)}")
    # Its guess by the other end's MSS, a port used again, and a number to acknowledge that p0f reads as a bit.
    assert counts["same"] > 1500 and counts["unknown here"] < 60 and len(odd) < 10, (counts, odd)


def says(agent):
    if re.search(r"iPhone|iPad|iPod|Mac OS X|Macintosh|Darwin", agent):
        return "apple"
    if re.search(r"Windows NT|Microsoft-CryptoAPI|Windows-Update|Microsoft BITS", agent):
        return "windows"
    if re.search(r"Android|Dalvik|Linux|Ubuntu|Debian", agent):
        return "linux"
    return None


def test_user_agents():
    """What browsers and phones say of themselves in captures by others, against the SYN of the same connection."""
    program = os.path.join(os.environ.get("SEKIMORI_BUILD") or os.path.join(os.path.dirname(TOOL), "../.."), "sekimori")
    files = captures()
    if not files or not os.path.exists(program):
        return "no captures: set SEKIMORI_DATA" if not files else "the program is not built"
    counts = {"right": 0, "unknown": 0}
    for path in files:
        if not 0 < os.path.getsize(path) < 20 << 20:
            continue
        systems = {(line["src"], line["sport"], line["dst"], line["dport"]): line
                   for line in reversed(tool(*books(), path)) if not line["answer"]}
        if not systems:
            continue
        done = subprocess.run([program, "read", "--json", "--home", "0.0.0.0/0", path], capture_output=True, text=True,
                              errors="replace", timeout=120)
        for text in done.stdout.splitlines():
            if '"http_user_agent"' not in text:
                continue
            event = json.loads(text)
            key = (event["src_ip"], event["src_port"], event["dest_ip"], event["dest_port"])
            line, family = systems.pop(key, None), says(event["http"]["http_user_agent"])
            if not line or not family:
                continue
            assert line["family"] in (family, "unknown"), (path, line, event["http"]["http_user_agent"])
            counts["right" if line["family"] == family else "unknown"] += 1
    print(f"# against User-Agents: {counts}, wrong 0")
    assert counts["right"] >= 40, counts


if __name__ == "__main__":
    lib.run_tests(sys.modules["__main__"])
