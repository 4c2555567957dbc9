# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole mail gate and `block` under test: command line, daemon, kernel half and nftables, for a control group and network
namespaces of the test's own.

    behind --- home --- outside --- third
    10.79.1.1  |        |           10.78.1.1: another namespace of the gated machine
               the gated machine; forwards for `behind`, which is somebody else's machine
                        where mail servers listen, and where nftables counts what arrived: the judge

Actors (gate_actor.py) live in the control group; gate.py has them and the judge. Nothing here sleeps."""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

import gate
import lib
from daemon import Daemon, silence
from gate import FREE_PORT, GATED, SERVER4, SERVER6
from lib import HOME4, OUTSIDE4, Net, skip

BEHIND4 = "10.79.1.1"
SYSTEMD = os.path.isdir("/run/systemd/system")


def cgroup_of_test():
    """A slice in which a service of systemd's naming rules would run, since declared units are known by their whole path."""
    return f"{gate.cgroup2()}/system.slice/system-sekimoritest{os.getpid()}.slice"


def remove_stale():
    gate.remove_stale()
    slices = f"{gate.cgroup2()}/system.slice"
    with contextlib.suppress(OSError):
        for name in os.listdir(slices):
            owner = name.removeprefix("system-sekimoritest").removesuffix(".slice")
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                gate.remove_cgroup(f"{slices}/{name}")


class Machine(gate.World):
    """A machine with the gate's configuration; nothing is shut and no daemon runs yet."""

    def __init__(self, program, sim):  # pylint: disable=super-init-not-called
        lib.need_root()
        if not shutil.which("nft"):
            skip("needs the program nft")
        remove_stale()
        self.program, self.sim = program, sim
        self.tool = None
        self._tokens, self._waiting, self._actors = 0, {}, []
        self.stem = f"{lib.PREFIX}{os.getpid()}"
        self.unit = f"sekimoritest{os.getpid()}@1.service"
        self.slice = os.path.dirname(cgroup_of_test())
        self.made_slice = not os.path.isdir(self.slice)
        self.cgroup = cgroup_of_test()
        self.base = self.folder = None
        self.net = Net(("home", "outside", "third", "behind"))
        self.net._keep(self)
        self._wire_third()
        self._wire_behind()
        self._retransmit_soon()
        os.makedirs(self.cgroup)
        self.base = self._make_base()
        self.folder, self.state = f"/run/{self.stem}.gate", f"{self.base}/state"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(f"{self.base}/socket")
        os.chmod(f"{self.base}/socket", 0o777)
        self.listener.listen(128)
        self._counters()
        self.server = self.net.listen(f"{SERVER4}/32", [*GATED, FREE_PORT])
        self.server6 = self.net.listen(f"{SERVER6}/128", [*GATED, FREE_PORT])
        self.daemon_folder = f"{self.base}/daemon"
        os.mkdir(self.daemon_folder, 0o755)
        self.daemon = None
        self.config = self.write_config()

    def _wire_behind(self):
        home, behind = self.net.names["home"], self.net.names["behind"]
        lib._ip("-n", home, "link", "add", "veth1", "type", "veth", "peer", "name", "veth0", "netns", behind)
        for name, device, address in ((home, "veth1", "10.79.1.2/24"), (behind, "veth0", f"{BEHIND4}/24")):
            lib._ip("-n", name, "addr", "add", address, "dev", device)
            lib._ip("-n", name, "link", "set", device, "up")
        lib.wait_up(home, "veth1")
        lib.wait_up(behind, "veth0")
        lib._ip("-n", behind, "route", "add", "default", "via", "10.79.1.2")
        lib._ip("-n", self.net.names["outside"], "route", "add", "10.79.1.0/24", "via", HOME4)
        done = self.net.run("home", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        assert done.returncode == 0, done.stderr

    def _retransmit_soon(self):
        """What was blocked goes on as soon as TCP tries again, which takes the longer the longer it was blocked. Before Linux 6.15
        that is waited for."""
        for side in ("home", "outside"):
            self.net.run(side, ["sh", "-c", "cd /proc/sys/net/ipv4 && test -e tcp_rto_max_ms && echo 255 > tcp_retries2 && "
                                            "echo 1000 > tcp_rto_max_ms"])

    def _make_base(self):
        for parent in ("/run", "/var/lib", "/root"):
            if not os.statvfs(parent).f_flag & os.ST_NOEXEC:
                break
        base = f"{parent}/{self.stem}"
        os.mkdir(base, 0o755)
        for name in ("gate_actor.py", "gate_wire.py"):
            shutil.copy(f"{gate.HERE}/{name}", base)
        for role in ("bot", "sender"):
            self.copy(os.path.realpath("/usr/bin/python3"), f"{base}/{role}")
        return base

    def write_config(self, respond="", gate_more="", name="config.yaml"):
        text = f"gate: {{cgroup: {self.cgroup}, folder: {self.folder}, state: {self.state}{gate_more}}}\n" \
               f"store: {{path: {self.daemon_folder}/store}}\n" \
               f"daemon: {{control: {self.daemon_folder}/control.sock}}\nhost: {{rescan: 0s}}\n{respond}"
        path = f"{self.base}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.config_text = text
        return path

    # --- the program ---

    def cli(self, *argv, program=None, config=None, timeout=60):
        return self.net.run("home", [program or self.program, *argv, "--config", config or self.config], timeout=timeout)

    def must(self, *argv, **kwargs):
        done = self.cli(*argv, **kwargs)
        assert done.returncode == 0, f"sekimori {' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *argv, says, status=None):
        done = self.cli(*argv)
        assert done.returncode != 0 and (status is None or done.returncode == status), (argv, done)
        assert says in done.stderr, f"sekimori {' '.join(argv)} says {done.stderr!r}, and not {says!r}"
        return done

    def json(self, *argv):
        done = self.cli(*argv, "--json")
        assert done.returncode in (0, 1), done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def status(self):
        return self.json("gate", "status")[0]

    def gate_log(self, **members):
        return [r for r in self.json("gate", "log") if all(r.get(k) == v for k, v in members.items())]

    def start_daemon(self, program=None, respond=None, options=()):
        self.daemon = Daemon(program or self.program, *options, folder=self.daemon_folder, events=False,
                             wrapper=["nsenter", f"--net={self.net.path('home')}", "--"],
                             config=self.config_text if respond is None else self.config_text + respond)
        self.wait_keeper()
        return self.daemon

    def keeper(self):
        for pid in self.children():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read().strip() == "sekimori-keeper":
                    return pid
        return None

    def engine(self):
        with contextlib.suppress(ProcessLookupError):
            return self.daemon.engine()
        return None

    def children(self):
        pid = self.daemon.popen.pid
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
        return []

    def wait_keeper(self, but=None):
        return self.daemon.wait(lambda: (k := self.keeper()) and k != but and k, "no keeper")

    def stop_daemon(self):
        if self.daemon:
            daemon, self.daemon = self.daemon, None
            with contextlib.suppress(OSError):
                assert daemon.stop() in (0, 1), daemon.output().decode()

    @contextlib.contextmanager
    def running(self, **kwargs):
        try:
            yield self.start_daemon(**kwargs)
        finally:
            self.stop_daemon()

    @contextlib.contextmanager
    def shut(self):
        self.must("gate", "shut")
        try:
            yield
        finally:
            self.must("gate", "remove")

    # --- what is there ---

    def ruleset(self, side="home"):
        """Without counts."""
        done = self.net.run(side, ["nft", "-s", "list", "ruleset"])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def everything(self):
        """All that the gate may change: rules, control group's programs, mounts, files."""
        with open("/proc/self/mounts", encoding="utf-8") as f:
            mounts = sorted(line for line in f if self.stem in line)
        files = [(base, sorted(dirs), sorted(names)) for base, dirs, names in os.walk(self.base)
                 if not base.startswith(self.daemon_folder)]
        return {"rules": self.ruleset(), "programs": self.cgroup_programs(), "mounts": mounts, "files": files,
                "folder": os.path.exists(self.folder), "frozen": os.path.exists("/run/sekimori.frozen"),
                "units": [p for p in ("/etc/systemd/system/sekimori-gate.service",
                                      "/etc/systemd/system/sysinit.target.wants/sekimori-gate.service")
                          if os.path.lexists(p)],
                "groups": sorted(d for d, _, _ in os.walk(self.cgroup))}

    def cgroup_programs(self):
        if not shutil.which("bpftool"):
            return None
        return subprocess.run(["bpftool", "cgroup", "show", self.cgroup], capture_output=True, text=True, check=False).stdout

    def pinned_ids(self):
        """Numbers of the kernel's objects that are pinned, by kind."""
        kinds = {"links": "link", "programs": "prog", "maps": "map"}
        return {word: set().union(*(bpf_ids(word, "pinned", f"{self.folder}/{kind}/{name}")
                                    for name in os.listdir(f"{self.folder}/{kind}"))) for kind, word in kinds.items()}

    # --- the end ---

    def close(self):
        with contextlib.suppress(Exception):
            self.stop_daemon()
        if self.daemon and self.daemon.popen.poll() is None:
            self.daemon.popen.kill()
        if self.folder and os.path.exists(self.folder):
            with contextlib.suppress(Exception):
                self.cli("unblock", "all")
            with contextlib.suppress(Exception):
                self.cli("gate", "remove")
            subprocess.run(["umount", "-q", "-l", self.folder], check=False)
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
        with contextlib.suppress(AttributeError):
            self.listener.close()
        gate.remove_cgroup(self.cgroup)
        if self.made_slice:
            with contextlib.suppress(OSError):
                os.rmdir(self.slice)
        if self.base:
            shutil.rmtree(self.base, ignore_errors=True)


def bpf_ids(word, *args):
    out = subprocess.run(["bpftool", "-j", word, "show", *args], capture_output=True, text=True, check=False).stdout
    try:
        found = json.loads(out)
    except ValueError:
        return set()
    return {o["id"] for o in (found if isinstance(found, list) else [found]) if "id" in o}


class State:
    """The gate's state as root may change it without us: struct gate_state in the pinned map (gate_map.h)."""

    FIELDS = "IIQQQQQIIIIHHHHHHHHIIII"
    NAMES = ("layout", "mode", "open_until", "shut_since", "window", "compose", "attempt", "attempt_sockets", "mark", "handover",
             "remote", *(f"port{i}" for i in range(8)), "serial", "asked_max", "blocks", "spare")
    SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    LOOKUP, UPDATE, GET = 1, 2, 7

    def __init__(self, folder):
        path = ctypes.create_string_buffer(f"{folder}/maps/state".encode())
        self.fd = self._bpf(self.GET, struct.pack("QII", ctypes.addressof(path), 0, 0))
        self.value = ctypes.create_string_buffer(struct.calcsize(self.FIELDS))

    def _bpf(self, command, attributes):
        attributes = ctypes.create_string_buffer(attributes, 128)
        r = ctypes.CDLL(None, use_errno=True).syscall(self.SYS_BPF, command, attributes, 128)
        if r < 0:
            raise OSError(ctypes.get_errno(), "bpf")
        return r

    def _element(self, command):
        key = ctypes.create_string_buffer(4)
        self._bpf(command, struct.pack("I4xQQQ", self.fd, ctypes.addressof(key), ctypes.addressof(self.value), 0))

    def get(self):
        self._element(self.LOOKUP)
        return dict(zip(self.NAMES, struct.unpack(self.FIELDS, self.value.raw)))

    def change(self, **members):
        """As an order would, with the next serial."""
        now = self.get()
        now |= {"serial": now["serial"] + 1} | members
        self.value.raw = struct.pack(self.FIELDS, *(now[n] for n in self.NAMES))
        self._element(self.UPDATE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


class Tries:
    """Actors that try to connect all the time, each to one address and port."""

    def __init__(self, *actors_with):
        self.running = []
        for actor, addr, port in actors_with:
            os.sched_setscheduler(actor.pid, os.SCHED_IDLE, os.sched_param(0))  # the machine is needed for others
            actor.ok("loop_start", addr=addr, port=port)
            self.running.append(actor)

    def stop(self):
        """How they ended: {"EPERM": 1234}."""
        ends = {}
        for actor in self.running:
            for end, n in actor.ok("loop_stop")["ends"].items():
                ends[end] = ends.get(end, 0) + n
        self.running = []
        return ends

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for actor in self.running:
            with contextlib.suppress(Exception):
                actor.tell("loop_stop")


class Sink:
    """A mail server outside that takes all mail and counts it; each takes `slow` seconds."""

    def __init__(self, net, address=OUTSIDE4, port=25, slow=0):
        def make():
            s = socket.create_server((address, port), backlog=256)
            s.settimeout(0.2)
            return s
        self.socket = lib.call_in_netns(net.path("outside"), make)
        self.mails, self.times, self._stop, self._slow = 0, [], False, slow
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while not self._stop:
            try:
                client = self.socket.accept()[0]
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client):
        with client, contextlib.suppress(OSError):
            client.settimeout(20)
            lines = client.makefile("rb")
            client.sendall(b"220 sink.invalid\r\n")
            data = False
            for line in lines:
                if data:
                    if line == b".\r\n":
                        data = False
                        silence(self._slow)
                        self.mails += 1
                        self.times.append(time.monotonic())
                        client.sendall(b"250 taken\r\n")
                    continue
                word = line[:4].upper()
                if word == b"DATA":
                    data = True
                client.sendall({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(word, b"250 yes\r\n"))
                if word == b"QUIT":
                    return

    def close(self):
        self._stop = True
        self._thread.join(5)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main(module_name):
    gate.main(module_name)


def arguments():
    """The programs; what follows on the command line are names of tests."""
    return sys.argv[1], sys.argv.pop(2)
