# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon on a bad day: killed, full disks, damaged stores, bad configurations, missing rights.
Each time: a clear message, and nothing lost that was stored. Usage: test_badday.py SEKIMORI SEKIMORI-SIM [test_...]"""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

import lib
from badday import (SCAN, SILENCE, Scene, as_nobody, check_ended, check_integrity, connect, damage, descriptors,
                    digest, engine_ids, fill, gaps, hidden, kernel_ids, kill_engine, make_sqlite, on_small_disk, read_terminal,
                    still_loaded)
from daemon import Daemon, pid_of, silence
from patience import PATIENCE

SEKIMORI = sys.argv[1]
SIM = sys.argv.pop(2)
HOST = "host: {rescan: 0s, ring_kib: 16384}\n"  # room for what others do on this machine meanwhile


def test_kill_engine():
    with Daemon(SEKIMORI, config=HOST) as daemon, Scene(SIM) as scene:
        scene.order(daemon, "verdict", lambda r: r["level"] == "bot")
        before = scene.wait_stored(daemon)
        said = kill_engine(daemon)
        assert "the engine was ended by signal 9 (Killed); what is stored stays; starting it again in 100 ms" in said, said
        daemon.wait(lambda: gaps(daemon, "restart"), "no gap for the restart")
        assert "what the kernel recorded meanwhile follows" in gaps(daemon, "restart")[-1][1]
        after = scene.evidence(daemon)
        assert all(after[k] >= n for k, n in before.items()), f"evidence was lost with the engine: {before}, now {after}"
        status = daemon.status()
        assert status["restarts"] == 1 and status["subjects"]["bot"] >= 1, f"it forgot its verdict: {status}"
        assert 1000 < status["memory_kib"] < 200000, status["memory_kib"]

        # The conversation is older than this engine, and the next order in it is found; it adds to what was stored.
        found = scene.order(daemon)
        assert found["evidence"]["kind"].startswith("server_like."), found
        scene.until(daemon, lambda: all(scene.evidence(daemon)[k] > n for k, n in before.items()),
                    f"the next order did not add to {before}", True)
        assert not daemon.find("verdict", lambda r: scene.is_bot(r) and r["level"] == "suspect", daemon.mark())

        waits = [re.search(r"again in (\d+) ms", kill_engine(daemon))[1] for _ in range(3)]
        assert waits == ["200", "400", "800"], f"no backing off: {waits}"
        check_integrity(daemon)
        assert daemon.stop() == 0


def test_engine_has_only_its_own():
    with Daemon(SEKIMORI, config=HOST) as daemon:
        engine = daemon.engine()
        links = descriptors(engine)
        assert links["0"] == "/dev/null", links
        kernel = [t for t in links.values() if "bpf" in t]
        # The rings of the sensor and of the mail gate, and of neither anything else.
        rings = sum(what in daemon.output().decode() for what in ("eBPF", "mail gate: "))
        assert kernel == ["anon_inode:bpf-map"] * rings, f"the engine was left with {kernel}"
        files = [t for t in links.values() if t.startswith("/") and not t.startswith((daemon.folder, "/dev/null", "/proc/"))]
        assert not files, files
        with open(f"/proc/{engine}/status", encoding="ascii") as f:
            status = f.read()
        assert f"Uid:\t{engine_ids()[0]}\t" in status and "CapPrm:\t0000000000000000" in status, status


def check_killed_warden(daemon, prepare, check):
    bpf = kernel_ids(daemon.popen.pid)
    prepare()
    last = time.time_ns()
    daemon.kill(signal.SIGKILL)
    daemon.popen.wait()
    daemon.wait(lambda: not daemon.processes(), "end")
    if bpf:
        assert len(bpf) > 10, bpf
        daemon.wait(lambda: not still_loaded(bpf), "end")
    check_integrity(daemon)
    check()

    daemon.start()
    (at, text, lost), = daemon.wait(lambda: gaps(daemon, "restart"), "no gap for the time between")
    assert "nothing was watched from 20" in text and 1 <= lost < 60 and at > last, (text, lost)
    check()
    assert daemon.status()["restarts"] == 0
    assert daemon.stop() == 0
    assert not os.path.exists(daemon.control)


def test_kill_warden():
    if not bpf_works():
        return "eBPF does not work here"
    with Daemon(SEKIMORI, config=HOST) as daemon, Scene(SIM) as scene:
        stored = {}

        def prepare():
            scene.order(daemon, "verdict", lambda r: r["level"] == "bot")
            stored.update(scene.wait_stored(daemon))

        def check():
            assert scene.evidence(daemon) == stored
            told = daemon.command("why", str(scene.bot.pid))
            assert told.returncode == 1 and "10.77.1.2 port 6667/TCP" in told.stdout, told

        check_killed_warden(daemon, prepare, check)
    return None


def test_kill_warden_proc():
    with Daemon(SEKIMORI, "--backend", "proc", config=HOST) as daemon:
        def prepare():
            daemon.wait(lambda: len(daemon.processes()) == 4, "no scanner or no keeper")
            daemon.wait(lambda: daemon.rows("SELECT 1 FROM meta WHERE key = 'alive'"), "nothing stored")

        check_killed_warden(daemon, prepare, lambda: None)


def bpf_works():
    return "ok" in next(line for line in run("doctor").stdout.splitlines() if "host_bpf" in line)


def run(*argv, wrapper=(), timeout=20, **kwargs):
    return subprocess.run([*wrapper, SEKIMORI, *argv], capture_output=True, text=True, timeout=timeout, **kwargs)


def test_full_disk():
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as folder, \
            Daemon(SEKIMORI, config=HOST, folder=folder, wrapper=on_small_disk(f"{folder}/store", "64m")) as daemon, \
            Scene(SIM) as scene:
        inside = f"/proc/{daemon.popen.pid}/root{daemon.store}"
        daemon.wait(lambda: daemon.rows("SELECT 1 FROM meta WHERE key = 'status'"), "no status stored")
        fill(f"{inside}/filler")
        scene.order(daemon, "verdict", lambda r: r["level"] == "bot")
        daemon.wait_said(f"the store in {daemon.store} cannot be written: No space left on device")
        assert f"bot  process {scene.bot.pid}" in daemon.output().decode(), "nothing printed with a full disk"
        scene.order(daemon)
        lost = daemon.wait(lambda: daemon.status()["lost"]["store"], "the loss is not counted")
        assert 2 <= lost < 2000, lost  # rows, not tries; whoever else runs on the machine adds some
        assert daemon.output().count(b"cannot be written") == 1, "said more than once"
        assert daemon.rows("SELECT 1 FROM meta WHERE key = 'status'"), "earlier rows cannot be read"
        assert daemon.status()["restarts"] == 0

        os.unlink(f"{inside}/filler")
        daemon.wait_said("the store can be written again")
        kinds = daemon.wait(lambda: daemon.rows("SELECT e.kind FROM evidence e JOIN subject s ON s.id = e.subject WHERE pid = ?",
                                                scene.bot.pid), "what was lost did not come after")
        assert ("server_like.order",) in kinds and ("server_like.scan",) in kinds, kinds
        check_integrity(daemon)
        assert daemon.stop() == 0


def test_full_eve():
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as folder, \
            Daemon(SEKIMORI, config=HOST, folder=folder, wrapper=on_small_disk(f"{folder}/eve", "64m")) as daemon, \
            Scene(SIM) as scene:
        daemon.eve_path = f"/proc/{daemon.popen.pid}/root{daemon.eve_path}"
        fill(f"{os.path.dirname(daemon.eve_path)}/filler")
        spawn = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done"  # events, for as long as they find room
        daemon.wait(lambda: subprocess.run(["sh", "-c", spawn], check=True) and daemon.status()["lost"]["eve"],
                    "the lines lost are not counted")
        daemon.wait_said("eve.json: No space left on device")
        scene.until(daemon, lambda: f"bot  process {scene.bot.pid}" in daemon.output().decode(), "no bot is found")
        scene.wait_stored(daemon)
        assert daemon.output().count(b"No space left") == 1, "said more than once"
        os.unlink(f"{os.path.dirname(daemon.eve_path)}/filler")
        daemon.wait_said("eve.json can be written again")
        scene.order(daemon)  # read through the file: each of its lines is whole
        assert daemon.find("verdict", scene.is_bot), "what was found was lost to events"
        assert daemon.stop() == 0
    with Daemon(SEKIMORI, "--eve", "/dev/full", "--for", "1s", config=HOST) as daemon:
        daemon.popen.wait(PATIENCE)
        assert daemon.popen.returncode == 0
        assert daemon.output().count(b"cannot write /dev/full: No space left on device") == 1, daemon.output()


def test_bad_store():
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as top:
        os.chmod(top, 0o755)
        config = f"{top}/c.yaml"
        with open(config, "w", encoding="ascii") as f:
            f.write(f"host: {{backend: proc}}\ndaemon: {{control: {top}/sock}}\n")

        def start(store):
            return run("run", "--config", config, "--store", store, "--for", "200ms", "--quiet")

        assert start(f"{top}/good").returncode == 0
        cases = [
            ("garbage", lambda p: open(p, "wb").write(os.urandom(9000)), "is damaged", "move it away"),
            ("foreign", lambda p: make_sqlite(p, 0x1234, 7), "database of another program", "move it away"),
            ("newer", lambda p: make_sqlite(p, 0x53454B49, 99), "written by a newer version", "upgrade"),
            ("torn", lambda p: (open(p, "wb").write(open(f"{top}/good/sekimori.db", "rb").read()), damage(p)),
             "is damaged", "move it away"),
        ]
        for name, make, why, advice in cases:
            folder = f"{top}/{name}"
            os.mkdir(folder)
            make(f"{folder}/sekimori.db")
            for path in (folder, f"{folder}/sekimori.db"):
                os.chown(path, *engine_ids())
            before = digest(folder)
            done = start(folder)
            assert done.returncode == 3, (name, done)
            assert f"{folder}/sekimori.db" in done.stderr and why in done.stderr and advice in done.stderr, (name, done.stderr)
            assert len(done.stderr.splitlines()) == 1, f"{name}: started again?\n{done.stderr}"
            assert digest(folder) == before, f"{name}: touched"

        os.mkdir(f"{top}/closed", 0o700)
        done = start(f"{top}/closed")
        assert done.returncode == 3 and "cannot be opened for writing by user" in done.stderr, done
        assert os.stat(f"{top}/closed").st_uid == 0, "a folder that was there was given away"
        done = start(f"{config}/store")
        assert done.returncode == 3 and "cannot make the store's folder" in done.stderr, done


def test_bad_configuration():
    with Daemon(SEKIMORI, config=HOST) as daemon, Scene(SIM) as scene:
        with open(f"{daemon.folder}/bad.yaml", "w", encoding="ascii") as f:
            f.write("host:\n  backend: auto\n  rings: 3\n")
        done = run("run", "--config", f"{daemon.folder}/bad.yaml")
        assert done.returncode == 78 and "bad.yaml:3: " in done.stderr, done

        def reload(text):
            said = len(daemon.output())
            with open(daemon.config, "w", encoding="ascii") as f:
                f.write(text)
            daemon.kill(signal.SIGHUP)
            return said

        said = reload(HOST + "server_like:\n  windows: 3s\n")
        daemon.wait_said("the old one stays in force", since=said)
        daemon.wait_said("sekimori.yaml:3: ", since=said)
        scene.order(daemon, "verdict")
        before = scene.wait_stored(daemon)

        said = reload(HOST + "exceptions:\n  - {detector: server_like, subject: sekimori-sim, reason: a test}\n"
                      "  - {detector: serverlike, subject: x, reason: a slip}\nverdict: {weights: {server_like.ordr: 3}}\n")
        daemon.wait_said("is in force", since=said)
        for note in ('sekimori.yaml:4: note: there is no detector "serverlike"', 'no kind of evidence "server_like.ordr"'):
            daemon.wait_said(note, since=said)
        scene.order(daemon, wanted=lambda r: r["evidence"].get("excepted"))
        daemon.wait(lambda: daemon.rows("SELECT 1 FROM evidence WHERE excepted"), "what was silenced is not stored")
        assert scene.evidence(daemon) == before, "silenced claims counted"
        why = json.loads(daemon.command("why", "--json", str(scene.bot.pid)).stdout)
        assert any(e["claim"]["excepted"] and e["exception"]["reason"] == "a test" for e in why["evidence"]), why
        assert daemon.status()["excepted"] >= 1
        check = run("config", "check", daemon.config)
        assert check.returncode == 0 and 'there is no detector "serverlike"' in check.stderr, check

        # It holds for an engine that starts later, too.
        daemon.read()
        os.rename(daemon.eve_path, f"{daemon.eve_path}.1")
        kill_engine(daemon)
        daemon.follow_new_eve()
        scene.order(daemon, wanted=lambda r: r["evidence"].get("excepted"))
        assert scene.evidence(daemon) == before


def test_rotation():
    with Daemon(SEKIMORI, config=HOST) as daemon:
        subprocess.run(["/bin/true"], check=True)
        daemon.wait_for("process")
        os.rename(daemon.eve_path, f"{daemon.eve_path}.1")
        said = len(daemon.output())
        daemon.kill(signal.SIGHUP)
        daemon.wait_said("is in force", since=said)
        assert os.path.exists(daemon.eve_path)
        daemon.follow_new_eve()
        size, start = os.path.getsize(f"{daemon.eve_path}.1"), daemon.mark()
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        daemon.wait_for("process", lambda r: r["process"]["task"]["pid"] == child.pid, start=start)
        assert os.path.getsize(f"{daemon.eve_path}.1") == size, "still written to the old file"


def test_missing_rights():
    if not bpf_works():
        return "eBPF does not work here anyway"
    with open("/proc/self/mounts", encoding="ascii") as f:
        cgroup2 = next(line.split()[1] for line in f if line.split()[2] == "cgroup2")
    drop = ["setpriv", "--bounding-set", "-bpf,-sys_admin,-perfmon", "--inh-caps", "-bpf,-sys_admin,-perfmon"]
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as top:
        os.chmod(top, 0o755)
        places = ["--store", f"{top}/store", "--config", f"{top}/c.yaml"]
        with open(f"{top}/c.yaml", "w", encoding="ascii") as f:
            f.write(f"daemon: {{control: {top}/sock}}\n")
        for name, wrapper, why in (
                ("BTF", hidden("/sys/kernel/btf"), "this kernel has no BTF (/sys/kernel/btf/vmlinux)"),
                ("rights", drop, "no right to load BPF programs: this process lacks CAP_BPF, CAP_PERFMON"),
                ("cgroup2", hidden(cgroup2, "umount"), "cgroup v2 is not mounted"),
        ):
            done = run("run", *places, "--for", "500ms", "--quiet", wrapper=wrapper)
            assert done.returncode == 0, (name, done)
            assert "host_bpf is not usable here" in done.stderr and why in done.stderr, (name, done.stderr)
            assert "/proc and packet capture, by process" in done.stdout, (name, done.stdout)
            done = run("run", *places, "--backend", "bpf", "--for", "500ms", wrapper=wrapper)
            assert done.returncode == 3 and why in done.stderr, (name, done)
            assert "nothing can be watched here" in done.stderr and "--backend auto" in done.stderr, (name, done.stderr)
            done = run("doctor", wrapper=wrapper)
            line = done.stdout[done.stdout.index("host_bpf"):]
            assert why in " ".join(line.split()), (name, done.stdout)
        # What helps is said only to whom it helps.
        for name, wrapper, why in (
                ("not root", as_nobody(top), "no right to load BPF programs: run as root "),
                ("user namespace", ["unshare", "--user", "--map-root-user"], "the kernel refuses them even with all capabilities"),
        ):
            said = " ".join(run("doctor", wrapper=wrapper).stdout.split())
            assert why in said and (name == "not root") == ("run as root" in said[said.index("host_bpf"):]), (name, said)
    return None


def test_without_root():
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as folder:
        wrapper = as_nobody(folder)
        done = run("scan", "--for", "1s", wrapper=wrapper)
        assert done.returncode == 0 and "host_bpf is not usable here" in done.stderr, done
        assert "Watched for" in done.stdout and "host_proc" in done.stdout, done.stdout
        done = run("scan", "--for", "500ms", "--json", wrapper=wrapper)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0 and lines[-1]["event_type"] == "summary", done

        with Daemon(SEKIMORI, "--backend", "proc", config=HOST, folder=folder, wrapper=wrapper) as daemon, \
                socket.create_server(("127.0.0.1", 0)) as server:
            text = daemon.output().decode()
            assert "without root: only your own processes are attributed; run as root to see all" in text, text
            assert "/proc polled every second, by process; no capture" in text, text
            talk = f"import socket,sys; s=socket.create_connection(('127.0.0.1',{server.getsockname()[1]})); sys.stdin.read()"
            own = subprocess.Popen([*wrapper, "python3", "-c", talk], stdin=subprocess.PIPE)
            try:
                daemon.wait_for("flow", lambda r: pid_of(r) == own.pid, "its own process is not attributed")
            finally:
                own.stdin.close()
                own.wait()
            assert daemon.status(), "no answer on the control socket"
            assert daemon.stop() == 0
            daemon.wait(lambda: not daemon.processes(), "end")
            assert {st.st_uid for st in map(os.stat, (daemon.eve_path, f"{daemon.store}/sekimori.db"))} == {65534}


def test_journal_starts_anew():
    journal = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal"
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{journal} && exec "$@"', "sh"]
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as folder, \
            Daemon(SEKIMORI, config=HOST, folder=folder, wrapper=wrapper) as daemon:
        path = f"/proc/{daemon.popen.pid}/root/run/systemd/journal/socket"
        for _ in range(2):  # not there at the start; then stopped and started again
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s, Scene(SIM) as scene:
                s.bind(path)
                os.chmod(path, 0o666)
                s.settimeout(5)
                scene.order(daemon, "verdict")
                entry = s.recv(65536)
                while f"process {scene.bot.pid} ".encode() not in entry:  # other bots of this machine
                    entry = s.recv(65536)
            os.unlink(path)


def test_live_line():
    width = 60
    with tempfile.TemporaryDirectory(prefix="sekimori-test-") as folder:
        os.chmod(folder, 0o755)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        with open(f"{folder}/c.yaml", "w", encoding="ascii") as f:
            f.write(f"daemon: {{control: {folder}/sock}}\nstore: {{path: {folder}/store}}\n")
        popen = subprocess.Popen([SEKIMORI, "run", "--backend", "proc", "--config", f"{folder}/c.yaml"], stdin=theirs,
                                 stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
        out = read_terminal(ours, popen, b"watching for ")
        popen.send_signal(signal.SIGHUP)
        out += read_terminal(ours, popen, b"is in force")
        out += read_terminal(ours, popen, b"watching for ")
        popen.send_signal(signal.SIGINT)
        assert popen.wait(PATIENCE) == 0
        os.close(theirs)
        os.close(ours)
    assert re.search(rb"\r\x1b\[Ksekimori-engine: the configuration was read", out), "a message stands within the live line"
    lines = re.findall(rb"watching for [^\r\n]*", out)
    assert lines and max(map(len, lines)) < width, f"wraps, and could not be taken back: {lines}"


def test_scan_json():
    with Scene(SIM) as scene:
        scan = subprocess.Popen([SEKIMORI, "scan", "--for", "9s", "--json", "--fail-on", "suspect"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4):  # it says nothing before its end: one of them comes when it watches
            silence(SILENCE)
            scene.sim.order(SCAN)
        out, err = scan.communicate(timeout=PATIENCE)
    lines = [json.loads(line) for line in out.splitlines()]  # nothing else is on standard output
    assert scan.returncode == 1, (scan.returncode, err)
    assert any(r["event_type"] == "verdict" and r["subject"].get("pid") == scene.bot.pid for r in lines), out


def is_order(r):
    return r["evidence"]["kind"] == "server_like.order"


def test_ends_in_order():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Scene(SIM) as scene, Daemon(SEKIMORI, config=HOST) as daemon:
            bpf = kernel_ids(daemon.popen.pid)
            # At once, before the next commit; to all of its processes, as a terminal or a service manager does.
            scene.order(daemon, wanted=is_order)
            for pid in daemon.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            check_ended(daemon, bpf)
            assert scene.evidence(daemon).get("server_like.order"), "the last evidence was not stored"
    with Daemon(SEKIMORI, "--backend", "proc", config=HOST) as daemon:
        daemon.kill(signal.SIGTERM)
        check_ended(daemon, set())


def test_ends_by_itself():
    for span in (8, 16, 32):  # it counts from before the sensor is there, which takes long on a busy machine
        with Scene(SIM) as scene, Daemon(SEKIMORI, "--for", f"{span}s", config=HOST) as daemon:
            bpf = kernel_ids(daemon.popen.pid) if daemon.popen.poll() is None else set()
            silence(SILENCE)
            scene.sim.order(SCAN)

            def found():
                return daemon.find("evidence", lambda r: scene.is_bot(r) and is_order(r))  # noqa: B023
            daemon.wait(lambda: found() or daemon.popen.poll() is not None, "end")  # noqa: B023
            if not found():
                continue  # it was over before the order, or the answer came too late
            check_ended(daemon, bpf)
            assert scene.evidence(daemon).get("server_like.order"), "the last evidence was not stored"
            return
    raise AssertionError("no order is found")


def test_control_socket():
    with Daemon(SEKIMORI, config=HOST) as daemon:
        for request in (b"\0\xff\n", b"status", b"x" * 10_000_000, b"\n" * 1000, b"GET / HTTP/1.0\r\n\r\n"):
            with connect(daemon) as s, contextlib.suppress(OSError):
                s.sendall(request)
                assert s.recv(100) == b"", request[:20]
        slow = []  # they ask nothing, and hold all places
        for _ in range(8):
            slow.append(connect(daemon))
            slow[-1].send(b"")
        assert daemon.status()["version"], "slow clients keep others out"
        daemon.wait(lambda: slow[-1].recv(1) == b"", "who asks nothing is not hung up on")
        many = []
        for _ in range(64):
            with contextlib.suppress(OSError):
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(0.05)
                many.append(s)
                s.connect(daemon.control)
                s.sendall(b"status\n")
        for s in many + slow:
            s.close()
        # One who asks and does not read.
        with connect(daemon) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.sendall(b"status\n")
            status = daemon.wait(daemon.status, "no answer any more")
        assert status["restarts"] == 0
        other = run("run", "--config", daemon.config, "--store", f"{daemon.folder}/two", "--control", daemon.control,
                    "--backend", "proc", "--for", "300ms", "--quiet")
        assert other.returncode == 0 and "another sekimori answers on" in other.stderr, other
        assert os.path.exists(daemon.control), "the other one took the socket along"
        with open(f"{daemon.folder}/precious", "w", encoding="ascii") as f:
            f.write("keep")
        other = run("run", "--config", daemon.config, "--store", f"{daemon.folder}/two", "--control",
                    f"{daemon.folder}/precious", "--backend", "proc", "--for", "300ms", "--quiet")
        assert other.returncode == 0 and "no control socket at" in other.stderr, other
        assert os.path.getsize(f"{daemon.folder}/precious") == 4, "a file was removed to make room for the socket"
        assert daemon.stop() == 0


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
