# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces, programs and events for the end-to-end tests. Python's standard library only.

A Net is two network namespaces joined by a veth pair, `home` (where a bot lives) and `outside` (server and targets):

    home     10.77.1.1/24  fd77:1::1/64
    outside  10.77.1.2/24  fd77:1::2/64, and as targets
             10.77.1.10-.31   fd77:1::10-::1f     answer: refused, unless net.listen() opened the port
             10.77.1.32-.39   fd77:1::20-::27     silent: packets arrive on the wire and nobody answers

so that 10.77.1.16/29 (listen there), 10.77.1.24/29 (refusing) and 10.77.1.32/29 (silent) are handy networks.
Nothing outlives the test: programs and namespaces go at exit and on signals, and what a killed run has left behind
goes at the next start. Nothing here sleeps: everything waits for an event, with a limit."""

import atexit
import contextlib
import ipaddress
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

from patience import PATIENCE
from wire import Listeners, Sniffer, call_in_netns

SKIP = 77  # Meson's exit status for a skipped test
PREFIX = "sekimori-test-"
NETNS_DIR = "/run/netns"

HOME4, OUTSIDE4 = "10.77.1.1", "10.77.1.2"
HOME6, OUTSIDE6 = "fd77:1::1", "fd77:1::2"
LISTENING4, REFUSING4, SILENT4 = "10.77.1.16/29", "10.77.1.24/29", "10.77.1.32/29"
TARGETS6 = "fd77:1::10/124"


def skip(reason):
    """Ends the whole test as skipped, and says why."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIP)


def need_root():
    if os.geteuid() != 0:
        skip("needs root, to make network namespaces")
    for program in ("ip", "nsenter"):
        if not any(os.access(f"{d}/{program}", os.X_OK) for d in ("/usr/sbin", "/usr/bin", "/sbin", "/bin")):
            skip(f"needs the program {program}")
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        skip(f"cannot make a network namespace here: {probe.stderr.strip()}")


def _ip(*args, check=True):
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def wait_up(name, *devices, state=" state UP "):
    """Until frames can pass devices of a namespace that were just set up: the kernel tells a queue of its carrier a little later,
    and drops what comes before."""
    deadline = time.monotonic() + PATIENCE
    for device in devices:
        while state not in _ip("-d", "-n", name, "link", "show", device):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{device} does not come up")


def _kill_inside(name):
    """Ends what still runs in one of our namespaces: a test's orphans. Each by its own id."""
    for pid in _ip("netns", "pids", name, check=False).split():
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _remove_namespace(name):
    if os.path.exists(f"{NETNS_DIR}/{name}"):
        _kill_inside(name)
        _ip("netns", "del", name, check=False)


def remove_stale():
    """Removes the namespaces of runs whose process is gone."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(NETNS_DIR):
            owner = name[len(PREFIX):].split("-")[0] if name.startswith(PREFIX) else ""
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                _remove_namespace(name)


def _quiet_ipv6():
    """In a namespace: link-local addresses are there at once, and nobody looks for routers."""
    for knob, value in (("accept_dad", "0"), ("router_solicitations", "0")):
        for which in ("all", "default"):
            with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{which}/{knob}", "w") as f:
                f.write(value)


_open_nets = []


def _clean_all():
    for net in list(_open_nets):
        net.close()


def _on_signal(number, _frame):
    _clean_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


atexit.register(_clean_all)


class Proc:
    """A running program with JSON lines (or text) on its standard output, all kept in `lines`."""

    def __init__(self, popen, argv):
        self.popen, self.argv = popen, argv
        self.lines = []  # parsed; a line that is not JSON becomes {"text": line}
        self._rest = b""
        self._ended = False

    @property
    def pid(self):
        return self.popen.pid

    def send(self, line):
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def _read(self, timeout):
        """Reads once. False when there was nothing in time."""
        if self._ended:
            return False
        ready, _, _ = select.select([self.popen.stdout], [], [], max(timeout, 0))
        if not ready:
            return False
        data = os.read(self.popen.stdout.fileno(), 65536)
        self._ended = not data
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            try:
                value = json.loads(line)
                self.lines.append(value if isinstance(value, dict) else {"text": value})
            except ValueError:
                self.lines.append({"text": line.decode(errors="replace")})
        return bool(data)

    def wait_end(self, timeout=PATIENCE):
        """Waits until nobody holds the standard output any more (orphans included) and the program has ended."""
        deadline = time.monotonic() + timeout
        while not self._ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.argv[:2]} still runs; last lines: {self.lines[-3:]}")
            self._read(deadline - time.monotonic())
        return self.popen.wait(timeout=max(deadline - time.monotonic(), 1))

    def find(self, **members):
        return [line for line in self.lines if all(line.get(k) == v for k, v in members.items())]

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for f in (self.popen.stdin, self.popen.stdout):
            if f:
                with contextlib.suppress(OSError):
                    f.close()


def wait_json(proc, predicate, timeout=PATIENCE):
    """The first line of `proc` (also one read earlier) for which predicate(line) holds. A string names the "event"."""
    if isinstance(predicate, str):
        name = predicate
        predicate = lambda line: line.get("event") == name  # noqa: E731
    deadline, seen = time.monotonic() + timeout, 0
    while True:
        while seen < len(proc.lines):
            if predicate(proc.lines[seen]):
                return proc.lines[seen]
            seen += 1
        if not proc._read(deadline - time.monotonic()) and (proc._ended or time.monotonic() >= deadline):
            if seen == len(proc.lines):
                why = "ended" if proc._ended else f"said nothing of it in {timeout} s"
                raise TimeoutError(f"{' '.join(proc.argv[:2])} {why}; last lines: {proc.lines[-4:]}")


def wait_count(proc, predicate, count):
    """The first `count` lines for which predicate holds."""
    hits = []

    def one_more(line):
        if not any(line is h for h in hits) and (
                line.get("event") == predicate if isinstance(predicate, str) else predicate(line)):
            hits.append(line)
            return True
        return False
    for _ in range(count):
        wait_json(proc, one_more)
    return hits


class Net:
    """The namespaces of one test. Use as a context manager."""

    _number = 0

    def __init__(self, sides=("home", "outside")):
        need_root()
        remove_stale()
        Net._number += 1
        stem = f"{PREFIX}{os.getpid()}-{Net._number}" if Net._number > 1 else f"{PREFIX}{os.getpid()}"
        self.names = {side: f"{stem}-{'abcdefgh'[i]}" for i, side in enumerate(sides)}
        self._things = []
        self._closed = False
        _open_nets.append(self)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if threading.current_thread() is threading.main_thread():
                signal.signal(number, _on_signal)
        try:
            for name in self.names.values():
                _ip("netns", "add", name)
                call_in_netns(f"{NETNS_DIR}/{name}", _quiet_ipv6)
                _ip("-n", name, "link", "set", "lo", "up")
            if "home" in self.names and "outside" in self.names:
                self._wire()
        except BaseException:
            self.close()
            raise

    def _wire(self):
        home, outside = self.names["home"], self.names["outside"]
        _ip("-n", home, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", outside)
        for name, v4, v6 in ((home, HOME4, HOME6), (outside, OUTSIDE4, OUTSIDE6)):
            _ip("-n", name, "addr", "add", f"{v4}/24", "dev", "veth0")
            _ip("-n", name, "addr", "add", f"{v6}/64", "dev", "veth0", "nodad")
            _ip("-n", name, "link", "set", "veth0", "up")
        for name in (home, outside):
            wait_up(name, "veth0")
        batch = [f"addr add 10.77.1.{i}/32 dev veth0" for i in range(10, 32)]
        batch += [f"addr add fd77:1::{i:x}/128 dev veth0 nodad" for i in range(0x10, 0x20)]
        self._batch(outside, batch)
        # The silent ones: home knows a link address for them, and outside does not own theirs.
        mac = json.loads(_ip("-j", "-n", outside, "link", "show", "veth0"))[0]["address"]
        batch = [f"neigh replace 10.77.1.{i} lladdr {mac} dev veth0 nud permanent" for i in range(32, 40)]
        batch += [f"neigh replace fd77:1::{i:x} lladdr {mac} dev veth0 nud permanent" for i in range(0x20, 0x28)]
        self._batch(home, batch)

    @staticmethod
    def _batch(name, lines):
        done = subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise RuntimeError(f"ip -batch in {name}: {done.stderr.strip()}")

    def path(self, side):
        """For setns() and --netns."""
        return f"{NETNS_DIR}/{self.names[side]}"

    def _argv(self, side, argv):
        argv = [str(a) for a in argv]
        # nsenter and not `ip netns exec`, which would hide the cgroup and bpf file systems.
        return argv if side is None else ["nsenter", f"--net={self.path(side)}", "--", *argv]

    def run(self, side, argv, timeout=PATIENCE, **kwargs):
        """Runs to its end; side None is the namespace the test itself is in."""
        kwargs.setdefault("capture_output", True)
        kwargs.setdefault("text", True)
        return subprocess.run(self._argv(side, argv), timeout=timeout, **kwargs)

    def popen(self, side, argv, **kwargs):
        """Starts it; ended with the net. The pid is the program's own. stderr passes through."""
        kwargs.setdefault("stdin", subprocess.PIPE)
        kwargs.setdefault("stdout", subprocess.PIPE)
        proc = Proc(subprocess.Popen(self._argv(side, argv), **kwargs), [str(a) for a in argv])
        self._things.append(proc)
        return proc

    def socket(self, side, *args):
        return call_in_netns(self.path(side), lambda: socket.socket(*args))

    def sniff(self, side="outside", device="veth0"):
        return self._keep(Sniffer(self.path(side), device))

    def listen(self, network, ports, side="outside"):
        """Listeners on each address of the network (or the one address) and each port."""
        addresses = [str(a) for a in ipaddress.ip_network(network)]
        return self._keep(Listeners(self.path(side), addresses, list(ports)))

    def _keep(self, thing):
        self._things.append(thing)
        return thing

    def close(self):
        if self._closed:
            return
        self._closed = True
        for thing in reversed(self._things):
            with contextlib.suppress(Exception):
                (thing.stop if isinstance(thing, Proc) else thing.close)()
        for name in self.names.values():
            _remove_namespace(name)
        _open_nets.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sim:
    """The server outside, and bots at home, of a net."""

    def __init__(self, net, program, transport="tcp", address=OUTSIDE4, port=6667):
        self.net, self.program, self.transport = net, program, transport
        self.at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        flag = {"tcp": [], "udp": ["--udp"], "tls": ["--tls"]}[transport]
        self.server = net.popen("outside", [program, "server", "--listen", self.at, *flag, "--orders-from-stdin"])
        wait_json(self.server, "listening")

    def bot(self, shape, *options, targets=LISTENING4, ports="8000-8003", side="home", ready=True):
        bot = self.net.popen(side, [self.program, "bot", "--server", self.at, "--shape", shape, "--targets", targets,
                                    "--ports", ports, "--transport", self.transport, *options])
        if ready:
            wait_json(bot, "ready")
        return bot

    def order(self, text):
        self.server.send(text)


def run_tests(module):
    """Runs each test_* function of a module and prints TAP. On the command line: those to run, or with - before them to leave out."""
    wanted = [n for n in sys.argv[2:] if not n.startswith("-")]
    left_out = [n[1:] for n in sys.argv[2:] if n.startswith("-")]
    tests = [(n, f) for n, f in vars(module).items()
             if n.startswith("test_") and (not wanted or n in wanted) and n not in left_out]
    if not tests or not set(wanted + left_out) <= {n for n in vars(module) if n.startswith("test_")}:
        sys.exit(f"no such tests: {' '.join(wanted + left_out)}")  # a list of none would pass
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for i, (name, function) in enumerate(tests, 1):
        began = time.monotonic()
        try:
            reason = function()
            note = f" # SKIP {reason}" if reason else ""
            print(f"ok {i} - {name[5:]}{note or f' ({time.monotonic() - began:.1f} s)'}", flush=True)
        except Exception as e:
            failed += 1
            print(f"not ok {i} - {name[5:]}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
            print(f"# {e}", flush=True)
    sys.exit(1 if failed else 0)
