# SPDX-License-Identifier: GPL-3.0-or-later
"""The sensor under test: starts `sekimori run`, follows its EVE file, and weighs its processes. For the benches."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.dont_write_bytecode = True

TICK = os.sysconf("SC_CLK_TCK")
STEP = 0.02  # between two looks at the EVE file


def build_folder(path=None):
    return path or os.environ.get("SEKIMORI_BUILD") or os.path.join(ROOT, "build")


def end_in_order():
    """Signals become SystemExit, so that sensors end, namespaces go and sysctls come back. Call after lib.Net()."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda n, _frame: sys.exit(128 + n))


def generator(build):
    return os.path.join(build, "bench", "gen", "sekimori-gen")


class Eve:
    """The EVE file, read as it grows."""

    def __init__(self, path):
        self.path, self.file, self.rest = path, None, b""
        self.bad = 0

    def read(self):
        """The objects written since the last call."""
        if not self.file:
            try:
                self.file = open(self.path, "rb")
            except FileNotFoundError:
                return []
        *whole, self.rest = (self.rest + self.file.read()).split(b"\n")
        events = []
        for line in whole:
            try:
                events.append(json.loads(line))
            except ValueError:
                self.bad += 1
        return events

    def close(self):
        if self.file:
            self.file.close()


class Sensor:
    """One run of the daemon. `ready` is False when it did not come up; `text` is what it said."""

    def __init__(self, build, backend, events=False, netns=None, timeout=30):
        self.program = os.path.join(build, "sekimori")
        self.folder = tempfile.mkdtemp(prefix="sekimori-bench-")
        os.chmod(self.folder, 0o777)  # the engine, another user, writes there
        self.eve = Eve(os.path.join(self.folder, "eve.json"))
        self.text, self._said = "", threading.Condition()
        self.config = os.path.join(self.folder, "sekimori.yaml")
        with open(self.config, "w") as f:
            f.write(f"daemon:\n  control: {self.folder}/control\nstore:\n  path: {self.folder}/store\n")
        argv = [self.program, "run", "--config", self.config, "--backend", backend, "--quiet"]
        if events:
            argv += ["--eve", self.eve.path, "--events"]
        if netns:
            argv = ["nsenter", f"--net={netns}", "--", *argv]  # which becomes the program, under the same number
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ready = self._wait("watching", timeout)

    def _read(self):
        while data := os.read(self.popen.stdout.fileno(), 65536):
            with self._said:
                self.text += data.decode(errors="replace")
                self._said.notify_all()
        with self._said:
            self._said.notify_all()

    def _wait(self, word, timeout):
        with self._said:
            return self._said.wait_for(lambda: word in self.text or not self._reader.is_alive(),
                                       timeout) and word in self.text

    def pids(self):
        """Its processes: the warden first, then what it started."""
        found, rest = [], [self.popen.pid]
        while rest:
            pid = rest.pop(0)
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as f:
                        rest += [int(child) for child in f.read().split()]
            except OSError:
                continue
        return found

    def cpu_seconds(self):
        """User and system time of all its processes so far."""
        ticks = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            except OSError:
                continue
        return ticks / TICK

    def memory(self):
        """[(name, resident KiB, KiB with shared pages divided among their users)] per process, the warden first."""
        rows = []
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/status") as f:
                    rss = int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1))
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    pss = int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            except (OSError, AttributeError):
                continue
            rows.append(("warden" if pid == self.popen.pid else "engine", rss, pss))
        return rows

    def status(self):
        """What `sekimori status --json` says; {} when it does not answer."""
        argv = [self.program, "status", "--json", "--config", self.config]
        done = subprocess.run(argv, capture_output=True, text=True)
        try:
            return json.loads(done.stdout.splitlines()[0])
        except (IndexError, ValueError):
            return {}

    def programs(self):
        """Numbers of the BPF programs that it holds."""
        found = set()
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                    with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}") as f:
                        found |= {int(n) for n in re.findall(r"^prog_id:\s+(\d+)", f.read(), re.M)}
        return found

    def wait_quiet(self, timeout=3.0):
        """Until its processes have used no CPU for a moment, or the timeout: a new sensor first lists what exists."""
        deadline, last, since = time.monotonic() + timeout, None, time.monotonic()
        while time.monotonic() < deadline:
            now = self.cpu_seconds()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > 0.2:
                return
            time.sleep(STEP)

    def stop(self):
        """Ends it; its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
                self.popen.wait()
        self._reader.join(5)
        self.popen.stdout.close()
        return self.popen.returncode

    def close(self):
        self.stop()
        self.eve.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def lost(events):
    """{reason: count} of the gap events."""
    sums = {}
    for e in events:
        if e.get("event_type") == "gap":
            gap = e.get("gap", {})
            sums[gap.get("reason", "?")] = sums.get(gap.get("reason", "?"), 0) + gap.get("lost", 0)
    return sums
