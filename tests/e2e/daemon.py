# SPDX-License-Identifier: GPL-3.0-or-later
"""A sekimori daemon under test: started on the whole machine, read through its EVE file. Standard library only."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import time

import lib
from patience import PATIENCE

TICK = 0.005


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def pid_of(record):
    """Whose flow it is, or whom the gate decided about; None where nobody knows."""
    return record[record["event_type"]].get("task", {}).get("pid")


class Daemon:
    """`sekimori run` with store, EVE file and control socket in a folder of its own, which goes with it."""

    def __init__(self, program, *options, config=None, events=True, folder=None, wrapper=(), start=True):
        self.program, self.wrapper = program, list(wrapper)
        self.own = tempfile.TemporaryDirectory(prefix="sekimori-test-") if folder is None else None
        self.folder = folder or self.own.name
        os.chmod(self.folder, 0o755)  # the engine is another user
        self.eve_path = f"{self.folder}/eve/eve.json"
        self.store = f"{self.folder}/store"
        self.control = f"{self.folder}/control.sock"
        self.config = f"{self.folder}/sekimori.yaml"
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(config or "host: {rescan: 0s}\n")
        self.argv = [*self.wrapper, program, "run", "--config", self.config, "--store", self.store, "--eve", self.eve_path,
                     "--control", self.control, "--quiet", *(["--events"] if events else []), *options]
        self.records, self._rest, self._eve = [], b"", None
        self.popen, self.log = None, None
        if start:
            self.start()

    def start(self):
        self.log = open(f"{self.folder}/log", "ab")
        at = os.path.getsize(f"{self.folder}/log")
        self.popen = subprocess.Popen(self.argv, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.wait(lambda: b"watching" in self.output()[at:], "the daemon does not start")

    def output(self):
        with open(f"{self.folder}/log", "rb") as f:
            return f.read()

    def wait_said(self, text, since=0, timeout=PATIENCE):
        """Waits until the daemon has said that (after byte `since` of its output)."""
        self.wait(lambda: text.encode() in self.output()[since:], f"the daemon never said {text!r}", timeout)

    def wait(self, condition, what, timeout=PATIENCE):
        """Waits until condition() is true; its value is returned."""
        end = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if self.popen.poll() is not None and what != "end":
                raise AssertionError(f"the daemon ended ({self.popen.returncode}):\n{self.output().decode()}")
            if time.monotonic() > end:
                raise AssertionError(f"{what}; the daemon said:\n{self.output().decode()[-3000:]}")
            time.sleep(TICK)

    def follow_new_eve(self):
        """The file was moved away: what comes goes to a new one of the same name."""
        self.read()
        self._eve.close()
        self._eve = None

    def read(self):
        """Takes in what the EVE file has got since."""
        if self._eve is None:
            if not os.path.exists(self.eve_path):
                return self.records
            self._eve = open(self.eve_path, "rb")
        data = self._rest + self._eve.read()
        *lines, self._rest = data.split(b"\n")
        now = boot_ns()
        for line in lines:
            record = json.loads(line)
            record["seen"] = now
            self.records.append(record)
        return self.records

    def find(self, kind, wanted=lambda r: True, start=0):
        return [r for r in self.read()[start:] if r["event_type"] == kind and wanted(r)]

    def wait_for(self, kind, wanted=lambda r: True, what=None, start=0):
        return self.wait(lambda: self.find(kind, wanted, start), what or f"no such {kind}")[0]

    def mark(self):
        return len(self.read())

    def engine(self):
        """The engine's pid: the warden's child that is neither the mail gate's keeper nor the postman."""
        for pid, name in self.children():
            if name not in ("sekimori-keeper", "keeper starting", "sekimori-mail", "postman startin"):
                return pid
        raise ProcessLookupError("no engine runs")

    def postman(self):
        """The pid of the process that reads mail, once it is at work."""
        return self.wait(lambda: next((pid for pid, name in self.children() if name == "sekimori-mail"), None),
                         "no postman runs")

    def children(self):
        """The warden's: (pid, name)."""
        with open(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children", encoding="ascii") as f:
            children = [int(pid) for pid in f.read().split()]
        found = []
        for pid in children:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as f:
                found.append((pid, f.read().strip()))
        return found

    def processes(self):
        """All processes of this daemon, orphans too: forks keep the command line, which names the folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
                if self.config.encode() in f.read().split(b"\0") and int(pid) != os.getpid():
                    found.append(int(pid))
        return found

    def rows(self, sql, *values):
        """What the store holds now, read beside the daemon."""
        if self.wrapper:  # it may be in a mount namespace of its own
            ask = "import json, sqlite3, sys; " \
                "print(json.dumps(sqlite3.connect(sys.argv[1], uri=True).execute(sys.argv[2], sys.argv[3:]).fetchall()))"
            done = subprocess.run(["nsenter", "--mount", "-t", str(self.popen.pid), "python3", "-c", ask, self._uri(), sql,
                                   *map(str, values)], capture_output=True, text=True, check=True)
            return [tuple(row) for row in json.loads(done.stdout)]
        with contextlib.closing(sqlite3.connect(self._uri(), uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def _uri(self):
        return f"file:{self.store}/sekimori.db?mode=ro"

    def status(self):
        done = subprocess.run([self.program, "status", "--json", "--config", self.config_for_control()],
                              capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def config_for_control(self):
        path = f"{self.folder}/ask.yaml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"daemon: {{control: {self.control}}}\nstore: {{path: {self.store}}}\n")
        return path

    def command(self, *argv):
        return subprocess.run([self.program, *argv, "--store", self.store, "--config", self.config],
                              capture_output=True, text=True)

    def kill(self, number):
        self.popen.send_signal(number)

    def stop(self):
        """Ends the daemon in order; returns its exit status."""
        if self.popen is None:
            return None
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self.log.close()
        for word in (b"AddressSanitizer", b"runtime error", b"LeakSanitizer"):
            assert word not in self.output(), self.output().decode()
        return self.popen.returncode

    def close(self):
        self.stop()
        if self._eve:
            self._eve.close()
        if self.own:
            with contextlib.suppress(OSError):
                self.own.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def silence(seconds):
    """Lets the conversation be silent: what the rule under test is about, and no event can stand for it."""
    time.sleep(seconds)


def skip_without_root():
    lib.need_root()
