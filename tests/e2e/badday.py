# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a bad day for a daemon, for test_badday.py: kills, small disks, damaged files, hidden kernel features, a clock
that jumps; and a bot that goes on through all of it. Standard library only."""

import contextlib
import hashlib
import json
import os
import pwd
import re
import select
import signal
import socket
import sqlite3
import subprocess
import time

import lib
from daemon import boot_ns, silence
from lib import Net, Sim
from patience import PATIENCE

SILENCE = 1.5  # the master has been silent for a second, and its traffic has come to rest before
RESTS = (SILENCE, 3, 5, 8)
ATTEMPT = 12  # seconds
SCAN = ".scan tcp 30"


def engine_ids():
    for name in ("sekimori", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
    return 65534, 65534


class Scene:
    """A bot at home that holds its conversation, and its master outside."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        self.net = Net()
        self.sim = Sim(self.net, self.program)
        self.bot = self.sim.bot("child", targets=lib.SILENT4)
        return self

    def __exit__(self, *_):
        self.net.close()

    def is_bot(self, r):
        return r["subject"]["kind"] == "process" and r["subject"]["pid"] == self.bot.pid

    def until(self, daemon, condition, what, ordered=False):
        """Gives orders, each after a silence, until one leads to that; `ordered`: one was given. A machine that is taken away makes
        pauses of its own, so that an answer may come too late to be one."""
        for rest in RESTS:
            if not ordered:
                silence(rest)
                self.sim.order(SCAN)
            ordered, end = False, time.monotonic() + ATTEMPT
            daemon.wait(lambda: condition() or time.monotonic() > end, what)  # noqa: B023
            if value := condition():
                return value
        raise AssertionError(f"{what}; the daemon said:\n{daemon.output().decode()[-3000:]}")

    def order(self, daemon, what="evidence", wanted=lambda r: True):
        """What the daemon finds of an order."""
        start = daemon.mark()
        return self.until(daemon, lambda: daemon.find(what, lambda r: self.is_bot(r) and wanted(r), start),
                          f"the order is not found: no {what}")[0]

    def evidence(self, daemon):
        """kind: how often, as stored."""
        return dict(daemon.rows("SELECT e.kind, count FROM evidence e JOIN subject s ON s.id = e.subject"
                                " WHERE s.pid = ? AND NOT e.excepted", self.bot.pid))

    def wait_stored(self, daemon, kinds=("server_like.order", "server_like.scan")):
        return self.until(daemon, lambda: set(kinds) <= set(stored := self.evidence(daemon)) and stored, f"{kinds} not stored", True)


def gaps(daemon, reason):
    """What the store has of them: (time, text, lost)."""
    names = ["ring_full", "table_full", "no_peer", "no_task", "no_content", "bad_message", "capture_drop", "restart", "clock"]
    return daemon.rows("SELECT time, text, lost FROM gap WHERE reason = ? ORDER BY id", names.index(reason))


def check_integrity(daemon):
    assert daemon.rows("PRAGMA integrity_check") == [("ok",)]


def kernel_ids(pid):
    """{("prog", 12), ...}: the BPF objects that the process has open."""
    ids = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
            ids |= {(kind, int(n)) for kind, n in re.findall(r"^(prog|link|map)_id:\s*(\d+)", f.read(), re.M)}
    return ids


def still_loaded(ids):
    lists = {kind: {e["id"] for e in json.loads(subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True,
                                                               text=True, check=True).stdout or "[]")}
             for kind in ("prog", "link", "map")}
    return {(kind, n) for kind, n in ids if n in lists[kind]}


def descriptors(pid):
    """What a process has open, by number. One that is gone while they are listed (a statistics file) is left out."""
    links = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links[fd] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return links


def kill_engine(daemon):
    """Kills it and waits for the next one to watch."""
    old, said = daemon.engine(), len(daemon.output())
    os.kill(old, signal.SIGKILL)
    daemon.wait_said("sekimori 0", since=said)
    assert daemon.engine() != old
    return daemon.output()[said:].decode()


def on_small_disk(folder, size):
    """Runs what follows in a mount namespace of its own with a small file system on the folder: it goes with the process."""
    uid, gid = engine_ids()
    mount = f"mkdir -p {folder} && mount -t tmpfs -o size={size},mode=750,uid={uid},gid={gid} none {folder}"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{mount} && exec "$@"', "sh"]


def fill(path):
    """Takes all the room there is."""
    with open(path, "wb", buffering=0) as f:
        with contextlib.suppress(OSError):
            while f.write(b"x" * 65536) == 65536:
                pass
        with contextlib.suppress(OSError):
            while f.write(b"x"):
                pass


def digest(folder):
    with open(f"{folder}/sekimori.db", "rb") as f:
        return sorted(os.listdir(folder)), hashlib.sha256(f.read()).hexdigest()


def make_sqlite(path, application=0, version=0):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE notes(text)")
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()


def damage(path):
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(b"\xa5" * 4096)


def hidden(path, how="mount -t tmpfs none"):
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{how} {path} && exec "$@"', "sh"]


@contextlib.contextmanager
def clock_set(nanoseconds):
    """The wall clock set that far, and back by what passed meanwhile."""
    offset = time.clock_gettime_ns(time.CLOCK_REALTIME) - boot_ns()
    try:
        time.clock_settime_ns(time.CLOCK_REALTIME, boot_ns() + offset + nanoseconds)
        yield
    finally:
        time.clock_settime_ns(time.CLOCK_REALTIME, boot_ns() + offset)


def as_nobody(folder):
    os.chown(folder, 65534, 65534)
    return ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", f"HOME={folder}",
            f"XDG_RUNTIME_DIR={folder}"]


def read_terminal(fd, popen, until):
    """What the program writes to its terminal until that text, or its end."""
    out, end = b"", time.monotonic() + PATIENCE
    while until not in out and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                out += os.read(fd, 65536)
        elif popen.poll() is not None:
            break
    assert until in out, out
    return out


def connect(daemon):
    s = socket.socket(socket.AF_UNIX)
    s.connect(daemon.control)
    s.settimeout(5)
    return s


def check_ended(daemon, bpf):
    assert daemon.popen.wait(PATIENCE) == 0, daemon.output().decode()
    assert sorted(os.listdir(daemon.store)) == ["sekimori.db"], "the store was not closed"
    daemon.wait(lambda: not daemon.processes(), "end")
    assert not os.path.exists(daemon.control)
    daemon.wait(lambda: not still_loaded(bpf), "end")
    assert b"error" not in daemon.output(), daemon.output().decode()
