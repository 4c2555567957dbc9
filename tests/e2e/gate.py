# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail gate's tests: its kernel half at a control group of the test's own, and actors to try it.

An actor is a copy of the python binary under a role (shell, mailer, bot...; each copy has an inode of its own and belongs to
root), started in the test's namespaces, that obeys over a Unix socket (gate_actor.py). gate_tool stands in for the keeper.
What leaves is judged outside, by nftables counters of SYNs to gated ports in the peer's namespace. Nothing here sleeps."""

import atexit
import contextlib
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import lib
from lib import Net, skip
from patience import PATIENCE

HERE = os.path.dirname(os.path.abspath(__file__))
GATED = (25, 465, 587)
FREE_PORT = 8025
SERVER4, SERVER6, MAPPED = "10.77.1.16", "fd77:1::10", "::ffff:10.77.1.16"  # listen
REFUSING = "10.77.1.24"  # answers with RST, so that an attempt ends without ESTABLISHED
USER = 1000
BASES = ("/run", "/var/lib", "/root")  # a file system may refuse to execute programs
SECOND = 1_000_000_000
WINDOW, COMPOSE, ATTEMPT = 10 * SECOND, 120 * SECOND, 5 * SECOND  # the defaults of the configuration


def read_enums():
    """The numbers of gate_map.h, by name."""
    with open(os.path.join(HERE, "../../src/respond/gate_map.h"), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    values = {}
    for body in re.findall(r"enum \w+ \{(.*?)\}", text, re.S):
        at = 0
        for name, value in re.findall(r"(\w+)\s*(?:=\s*([^,]+?))?\s*(?:,|$)", body.strip()):
            if value:
                at = values[value] if value in values else eval(value, {"__builtins__": {}})  # "1 << 3"
            values[name] = at
            at += 1
    return values


ENUM = read_enums()
KIND = {n[10:].lower(): v for n, v in ENUM.items() if n.startswith("GATE_KIND_")}
REASON = {n[12:]: v for n, v in ENUM.items() if n.startswith("GATE_REASON_")}
OP = {n[8:]: v for n, v in ENUM.items() if n.startswith("GATE_OP_")}
LABEL = {n[11:]: v for n, v in ENUM.items() if n.startswith("GATE_LABEL_")}
SESSION = {n[13:]: v for n, v in ENUM.items() if n.startswith("GATE_SESSION_")}
PERSON_THERE = SESSION["USED"] | SESSION["ACTIVE"] | SESSION["LOCAL"] | SESSION["UNLOCKED"]
# Role -> what the gate is told of that program. A bot, and a wrapper, are told of not at all.
ROLES = {"desktop": "desktop", "terminal": "terminal", "shell": "shell", "door": "door", "remote": "remote",
         "broker": "broker", "mailer": "mailer", "tui": "tui_mailer", "submitter": "submitter",
         "wrapper": "wrapper", "server": "server", "asker": "ask", "sender": None, "bot": None}
REASON_NAME = {v: n for n, v in REASON.items() if n != "ALLOWED"}


def cgroup2():
    with open("/proc/self/mounts", encoding="utf-8") as f:
        for line in f:
            if line.split()[2] == "cgroup2":
                return line.split()[1]
    skip("no control groups version 2 here")


def wait_for(predicate, what, timeout=PATIENCE, every=0.02):
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {timeout:.0f} s: {what}")
        select.select([], [], [], every)


class Actor:
    """A process that obeys."""

    def __init__(self, world, connection, pid):
        self.world, self.pid = world, pid
        self._connection = connection
        self._lines = connection.makefile("r")

    def tell(self, do, **o):
        """Without waiting for the answer."""
        self._connection.sendall(json.dumps({"do": do, **o}).encode() + b"\n")

    def answer(self):
        line = self._lines.readline()
        if not line:
            raise EOFError(f"actor {self.pid} is gone")
        return json.loads(line)

    def do(self, do, **o):
        self.tell(do, **o)
        return self.answer()

    def ok(self, do, **o):
        reply = self.do(do, **o)
        assert reply.get("r") == "OK", f"{do}: {reply}"
        return reply

    def spawn(self, role, expect=True, **o):
        """Has it start another actor; returns that one. expect False: it may never say anything; returns the answer."""
        token = self.world.token()
        self.tell("spawn", exe=self.world.exe(role), token=token, **o)
        reply = self.answer()
        assert reply.get("r") == "OK", reply
        if not expect:
            return reply
        child = self.world.wait_hello(token)
        child.pty = reply.get("pty")
        if o.get("how", "fork") not in ("exec", "double"):
            child.pid = reply["pid"]  # its own word may be that of another pid namespace
        return child

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Tool:
    """gate_tool: commands, and the records it prints."""

    def __init__(self, world, *args):
        self.popen = subprocess.Popen([world.tool_path, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.proc = lib.Proc(self.popen, [world.tool_path])
        self._seen = 0
        try:
            lib.wait_json(self.proc, lambda line: "ready" in line, PATIENCE)
        except TimeoutError:
            if self.popen.poll() == lib.SKIP:
                skip("no right to load BPF programs")
            raise
        self._seen = len(self.proc.lines)

    def do(self, command):
        """The number it answers with."""
        at = len(self.proc.lines)
        self.proc.send(command)
        deadline = time.monotonic() + PATIENCE
        while True:
            for line in self.proc.lines[at:]:
                if "ok" in line:
                    return line["ok"]
            at = len(self.proc.lines)
            if not self.proc._read(deadline - time.monotonic()) and (self.proc._ended or time.monotonic() > deadline):
                raise TimeoutError(f"gate_tool does not answer {command!r}")

    def must(self, command):
        r = self.do(command)
        assert r >= 0, f"gate_tool {command}: {os.strerror(-r)}"
        return r

    def lines(self, key, command):
        start = len(self.proc.lines)
        self.must(command)
        return [line[key] for line in self.proc.lines[start:] if key in line]

    def label(self, pid):
        found = self.lines("label", f"label {pid}")
        return found[0]

    def mark(self):
        while self.proc._read(0):
            pass
        return len(self.proc.lines)

    def records(self, start=0, **members):
        self.mark()
        return [r for r in self.proc.lines[start:] if "op" in r and all(r.get(k) == v for k, v in members.items())]

    def wait_record(self, start, **members):
        """The first such record since `start`; what was only counted is told meanwhile."""
        def look():
            found = self.records(start, **members)
            if not found:
                self.must("flush")
            return found
        try:
            return wait_for(look, f"record {members}")[0]
        except TimeoutError as e:
            raise AssertionError(f"{e}; told was {[r for r in self.proc.lines[start:] if 'op' in r][-5:]}") from None

    def stop(self):
        self.proc.stop()


class Person:
    """A session with a desktop, and a hand."""

    def __init__(self, world, slot, focus, uid):
        self.world, self.slot, self.hand, self.uid = world, slot, slot % 16, uid
        self.flags = PERSON_THERE | (SESSION["FOCUS"] if focus else 0)
        self.set(self.flags)
        world.tool.must(f"rest {self.hand}")
        self.desktop = world.start("desktop", uid=uid)
        self.join(self.desktop)

    def set(self, flags):
        self.world.tool.must(f"session {self.slot} {flags} {self.uid} {self.hand}")

    def join(self, actor):
        self.world.tool.must(f"join {actor.pid} {self.slot}")

    def press(self, actor=None):
        self.world.tool.must(f"press {self.hand}" + (f" {actor.pid}" if actor else ""))

    def terminal(self):
        """A terminal emulator, and the shell in it."""
        terminal = self.desktop.spawn("terminal")
        shell = terminal.spawn("shell", pty=True)
        return terminal, shell


def remove_stale():
    """What a killed run has left behind: its actors, control groups, programs, and what it pinned."""
    def owner_is_gone(name):
        owner = name[len(lib.PREFIX):].split(".")[0]
        return name.startswith(lib.PREFIX) and owner.isdigit() and not os.path.exists(f"/proc/{owner}")
    for name in filter(owner_is_gone, os.listdir(cgroup2())):
        remove_cgroup(f"{cgroup2()}/{name}")
    for parent in BASES:
        for name in filter(owner_is_gone, os.listdir(parent)):
            if name.endswith(".gate"):
                subprocess.run(["umount", "-l", f"{parent}/{name}"], check=False, capture_output=True)
            shutil.rmtree(f"{parent}/{name}", ignore_errors=True)


def remove_cgroup(path):
    with contextlib.suppress(OSError), open(f"{path}/cgroup.kill", "w", encoding="ascii") as f:
        f.write("1")
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass

    def empty(base):
        with open(f"{base}/cgroup.procs", encoding="ascii") as f:
            return not f.read()
    for base, _, _ in os.walk(path, topdown=False):
        with contextlib.suppress(OSError, TimeoutError):
            wait_for(lambda b=base: empty(b), "the actors' end")
            os.rmdir(base)


class World:
    """Net, control group, programs, the gate. One per test file."""

    def __init__(self, tool_path, folder=False, shut=True, third=False):
        lib.need_root()
        remove_stale()
        self.tool_path, self._tokens, self._waiting, self._slot = tool_path, 0, {}, 0
        self._actors = []  # an actor ends when nobody holds its connection
        self.net = Net(("home", "outside", "third") if third else ("home", "outside"))
        self.net._keep(self)
        if third:
            self._wire_third()
        self.stem = f"{lib.PREFIX}{os.getpid()}"
        self.cgroup_name = self.stem
        self.cgroup = f"{cgroup2()}/{self.stem}"
        os.mkdir(self.cgroup)
        self.base = self._make_base()
        self.folder = f"/run/{self.stem}.gate" if folder else None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(f"{self.base}/socket")
        os.chmod(f"{self.base}/socket", 0o777)
        self.listener.listen(128)
        self.tool = None
        self._counters()
        self.server = self.net.listen(f"{SERVER4}/32", [*GATED, FREE_PORT])
        self.server6 = self.net.listen(f"{SERVER6}/128", [*GATED, FREE_PORT])
        self.load()
        if shut:
            self.tool.must("shut")

    def _wire_third(self):
        """Another way out, from a namespace of its own."""
        third, outside = self.net.names["third"], self.net.names["outside"]
        lib._ip("-n", third, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", outside)
        for name, device, address in ((third, "veth0", "10.78.1.1/24"), (outside, "veth1", "10.78.1.2/24")):
            lib._ip("-n", name, "addr", "add", address, "dev", device)
            lib._ip("-n", name, "link", "set", device, "up")
        lib.wait_up(third, "veth0")
        lib.wait_up(outside, "veth1")
        lib._ip("-n", third, "route", "add", "10.77.1.0/24", "via", "10.78.1.2")

    def _make_base(self):
        """Root's, not writable by others, and programs may be executed from it."""
        for parent in BASES:
            if not os.statvfs(parent).f_flag & os.ST_NOEXEC:
                break
        base = f"{parent}/{self.stem}"
        os.mkdir(base, 0o755)
        for name in ("gate_actor.py", "gate_wire.py"):
            shutil.copy(f"{HERE}/{name}", base)
        python = os.path.realpath("/usr/bin/python3")
        for role in ROLES:
            self.copy(python, f"{base}/{role}")
        return base

    @staticmethod
    def copy(source, to, mode=0o755):
        """Its own inode and its own bytes."""
        with open(source, "rb") as f, open(to, "wb") as g:
            shutil.copyfileobj(f, g, 1 << 20)
        os.chmod(to, mode)

    def exe(self, role):
        return role if role.startswith("/") else f"{self.base}/{role}"

    def load(self):
        """Loads the gate, or finds the pinned one again with a new version of the programs."""
        self.tool = Tool(self, self.cgroup, *([self.folder] if self.folder else []))
        for role, kind in ROLES.items():
            if kind:
                self.program(role, KIND[kind])

    def program(self, role, kinds, sender=0, uid=0xffffffff):
        self.tool.must(f"program {kinds} {sender} {uid} {self.exe(role)}")

    def set(self, **values):
        """Times and the like, in force at once."""
        for name, value in values.items():
            self.tool.must(f"set {name} {int(value)}")
        self.tool.must("shut")

    @contextlib.contextmanager
    def setting(self, **values):
        defaults = {"window": WINDOW, "compose": COMPOSE, "attempt": ATTEMPT, "remote": 0, "handover": 1}
        self.set(**values)
        try:
            yield
        finally:
            self.set(**{name: defaults[name] for name in values})

    # --- what leaves ---

    def _counters(self):
        ports = ", ".join(map(str, GATED))
        rules = f"""table inet judge {{
            counter syn {{ }}
            counter any {{ }}
            chain in {{
                type filter hook prerouting priority -300; policy accept;
                tcp dport {{ {ports} }} tcp flags & (syn | ack) == syn counter name syn
                meta l4proto {{ tcp, udp }} th dport {{ {ports} }} counter name any
            }}
        }}"""
        done = self.net.run("outside", ["nft", "-f", "-"], input=rules)
        if done.returncode != 0:
            skip(f"nftables does not work here: {done.stderr.strip()}")

    def counted(self, name="syn"):
        out = self.net.run("outside", ["nft", "-j", "list", "counter", "inet", "judge", name]).stdout
        return next(c["counter"]["packets"] for c in json.loads(out)["nftables"] if "counter" in c)

    @contextlib.contextmanager
    def leaks(self, count=0, name="syn"):
        """So many SYNs to gated ports leave meanwhile."""
        before = self.counted(name)
        yield
        after = self.counted(name) - before
        assert after == count, f"{after} packets ({name}) to gated ports left, not {count}"

    # --- actors ---

    def token(self):
        self._tokens += 1
        return str(self._tokens)

    def wait_hello(self, token, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while token not in self._waiting:
            self.listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection = self.listener.accept()[0]
            except TimeoutError:
                raise TimeoutError(f"actor {token} never came") from None
            connection.settimeout(PATIENCE)
            buffer = b""
            while not buffer.endswith(b"\n"):
                buffer += connection.recv(1)
            hello = json.loads(buffer)
            self._waiting[hello["token"]] = Actor(self, connection, hello["pid"])
            self._actors.append(self._waiting[hello["token"]])
        return self._waiting.pop(token)

    def start(self, role, uid=0, side="home", cgroup=None, env=None):
        """An actor that nobody of ours created but the test itself."""
        token, group = self.token(), cgroup or self.cgroup
        path = self.net.path(side)

        def enter():
            with open(f"{group}/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")
            fd = os.open(path, os.O_RDONLY)
            ctypes.CDLL(None).setns(fd, 0)
            os.close(fd)
            if uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
        subprocess.Popen([self.exe(role), "-S", "-s", "-B", f"{self.base}/gate_actor.py", f"{self.base}/socket", token],
                         env={"PYTHONHOME": "/usr", **(env or {})}, preexec_fn=enter, stdin=subprocess.DEVNULL)
        return self.wait_hello(token)

    def person(self, focus=True, uid=USER):
        slot, self._slot = self._slot, (self._slot + 1) % 64
        return Person(self, slot, focus, uid)

    def try_to_send(self, actor, reason, addr=SERVER4, port=25, ends=None, denied=None, **o):
        """A connection, how it ends, and its record. Refused ones end with EPERM."""
        start = self.tool.mark()
        reply = actor.do("connect", addr=addr, port=port, **o)
        number = REASON[reason]
        if denied is None:
            denied = number >= REASON["ALLOWED"]
        record = self.tool.wait_record(start, op=OP["CONNECT"], pid=actor.pid)
        told = REASON_NAME.get(record["reason"])
        assert told == reason, f"{told}, not {reason}: {record}"
        wanted = ends or ("EPERM" if denied else "OK")
        assert reply["r"] == wanted, f"{reply['r']}, not {wanted}: {record}"
        assert record["denied"] == denied, record
        return record

    def wait_reason(self, actor, reason, **o):
        """It goes on trying until that is the reason."""
        start = self.tool.mark()

        def attempt():
            actor.do("connect", **{"addr": REFUSING, "port": 25, **o})
            return self.tool.records(start, op=OP["CONNECT"], pid=actor.pid, reason=REASON[reason])
        return wait_for(attempt, f"reason {reason}")[0]

    # --- the end ---

    def close(self):
        if self.tool:
            self.tool.stop()
        self.listener.close()
        remove_cgroup(self.cgroup)
        if self.folder:
            subprocess.run([self.tool_path, "--unpin", self.folder], check=False)
        shutil.rmtree(self.base, ignore_errors=True)


def main(module_name):
    """A test file's last line."""
    atexit.register(lib._clean_all)
    lib.run_tests(sys.modules[module_name])
