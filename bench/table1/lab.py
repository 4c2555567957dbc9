# SPDX-License-Identifier: GPL-3.0-or-later
"""The laboratory: the network namespaces of tests/e2e/lib.py, the servers on the far side, and a way to start programs on the
near side that sees a user, a home, a resolver and a certificate authority of its own, and of the machine's nothing changed."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import lib
from table1.judge import Recorder
from table1.row import SBIN, CannotRun, which

FAR4, FAR6 = lib.OUTSIDE4, lib.OUTSIDE6
HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
PREFIX = "sekimori-table1-"
TIED = ["setpriv", "--pdeathsig", "KILL", "--"]  # ends with us, even if we are killed
USER, UID = "alice", 1001
# What a program on either side sees in place of the machine's own files; bound in a mount namespace of its own.
ENTER = 'for f in resolv.conf hosts passwd group shadow ssl/certs/ca-certificates.crt; do ' \
        'if [ -e "$0/etc/$f" ] && [ -e "/etc/$f" ]; then mount --bind "$0/etc/$f" "/etc/$f" || exit 125; fi; done; ' \
        'exec "$@"'


class Lab:
    def __init__(self, build, sim=None):
        self.build = pathlib.Path(build)
        self.sekimori = self.build / "sekimori"
        self.sim = pathlib.Path(sim or self.build / "src/demo/sekimori-sim").resolve()
        self.replay = self.build / "tests/replay/replay"
        for program in (self.sekimori, self.sim, self.replay):
            if not os.access(program, os.X_OK):
                raise CannotRun(f"{program} is not built")
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()
        self.once = threading.RLock()  # held while something is made that several rows use
        self.services = {}
        self._started = []
        self._marks = 0
        self.net = self._stack.enter_context(lib.Net(("home", "outside", "other")))
        try:
            self._remove_stale()
            self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
            self._stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
            self._stack.callback(self._end_all)
            self.dir.chmod(0o755)
            self._make_files()
            self._start_far()
            self.recorders = self._start_recorders()
            self.beacon = self.start("home", [PYTHON, "-c", BEACON, FAR4], stdin=subprocess.PIPE, log="beacon")
        except BaseException:
            self.close()
            raise

    def close(self):
        self._stack.close()

    def callback(self, function, *args):
        self._stack.callback(function, *args)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _remove_stale():
        """The folders of runs that were killed."""
        for path in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            owner = path.name[len(PREFIX):].split("-")[0]
            if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                shutil.rmtree(path, ignore_errors=True)

    # --- files ---

    def folder(self, name, user=False):
        """A folder for a row, made new; for `user` it is alice's."""
        path = self.dir / name
        path.mkdir(parents=True, exist_ok=True)
        if user:
            os.chown(path, UID, UID)
        return path

    def file(self, name, text, mode=0o644):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def _make_files(self):
        self.www = self.folder("www")
        self.file("etc/resolv.conf", f"nameserver {FAR4}\noptions timeout:2\n")
        self.file("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        self.home = self.folder(f"home/{USER}", user=True)
        own = pathlib.Path("/etc/passwd").read_text().splitlines()
        own = [line for line in own if line.split(":")[0] != USER and line.split(":")[2] != str(UID)]
        self.file("etc/passwd", "\n".join(own) + f"\n{USER}:x:{UID}:{UID}::{self.home}:/bin/bash\n")
        groups = pathlib.Path("/etc/group").read_text().splitlines()
        groups = [line for line in groups if line.split(":")[2] != str(UID)]
        self.file("etc/group", "\n".join(groups) + f"\n{USER}:x:{UID}:\n")
        shadow = pathlib.Path("/etc/shadow").read_text()
        self.file("etc/shadow", shadow + f"{USER}:*:19000:0:99999:7:::\n", 0o600)
        self._make_certificates()

    def _make_certificates(self):
        """An authority of our own and one certificate for every name under test. and all addresses."""
        if not which("openssl"):
            self.ca = self.cert = None
            return
        d = self.folder("tls")
        self.ca, self.cert = d / "ca.pem", d / "server.pem"
        names = ["DNS:*.test", "DNS:*.far.test", f"IP:{FAR4}", f"IP:{FAR6}"]
        names += [f"IP:10.77.1.{i}" for i in range(10, 32)]
        ext = self.file("tls/ext", "subjectAltName=" + ",".join(names) + "\nextendedKeyUsage=serverAuth\n")

        def openssl(*argv):
            subprocess.run(["openssl", *argv], cwd=d, check=True, capture_output=True, timeout=30)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=Table 1 authority", "-keyout", "ca.key", "-out", "ca.pem")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=far.test",
                "-keyout", "server.key", "-out", "server.csr")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", str(ext), "-out", "server.crt")
        self.cert.write_text((d / "server.crt").read_text() + (d / "server.key").read_text())
        known = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        self.file("etc/ssl/certs/ca-certificates.crt", (known.read_text() if known.exists() else "") + self.ca.read_text())

    # --- programs ---

    def environment(self, more=None):
        env = {"PATH": SBIN, "HOME": str(self.home), "USER": USER, "LOGNAME": USER, "LANG": "C.UTF-8", "TERM": "xterm",
               "XDG_RUNTIME_DIR": str(self.folder("run", user=True)), "TMPDIR": str(self.folder("tmp", user=True)),
               "SHELL": "/bin/bash"}
        if self.ca:
            env["SSL_CERT_FILE"] = env["CURL_CA_BUNDLE"] = env["NODE_EXTRA_CA_CERTS"] = str(self.ca)
        env.update(more or {})
        return env

    def start(self, side, argv, *, user=False, env=None, log=None, netns=None, **kwargs):
        """Starts a program on a side; the pid is the program's own. Its words go to a file in the lab's folder."""
        net = netns or self.net.path(side)
        as_user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--"] if user else []
        words = [*as_user, *(str(a) for a in argv)]
        command = ["nsenter", f"--net={net}", "--", "unshare", "--mount", "--", "sh", "-c", ENTER, str(self.dir), *words]
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("cwd", self.home if user else self.dir)
        name = None
        with contextlib.ExitStack() as stack:
            if "stdout" not in kwargs:
                with self._lock:
                    self._marks += 1
                    name = f"log/{self._marks}-{log or os.path.basename(words[0])}"
                self.folder("log")
                kwargs["stdout"] = stack.enter_context(open(self.dir / name, "wb"))
                kwargs.setdefault("stderr", subprocess.STDOUT)
            process = subprocess.Popen(command, env=self.environment(env), start_new_session=True, **kwargs)
            process.log = self.dir / name if name else None
        with self._lock:
            self._started.append(process)
        return process

    def far(self, argv, **kwargs):
        return self.start("outside", argv, **kwargs)

    def stop(self, process, number=signal.SIGTERM, timeout=5):
        """Ends a program we started, and then what is left of its session."""
        with contextlib.suppress(ProcessLookupError):
            if process.poll() is None:
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with self._lock:
            if process in self._started:
                self._started.remove(process)

    def _end_all(self):
        for process in list(reversed(self._started)):
            self.stop(process, timeout=3)
        for name in self.net.names.values():
            lib._kill_inside(name)  # what left its session

    # --- the far side and the recorders ---

    def _start_far(self):
        argv = [PYTHON, HERE / "far.py", "--root", self.www]
        if self.cert:
            argv += ["--cert", self.cert]
        far = self.far(argv, log="far")
        wait_for(lambda: b"ready" in far.log.read_bytes(), 20, lambda: f"the far servers do not start: {tail(far.log)}")

    def _start_recorders(self):
        try:
            user = pwd.getpwnam("sekimori")
        except KeyError:
            user = pwd.getpwnam("nobody")
        common = f"host:\n  ring_kib: 32768\ndaemon:\n  user: {user.pw_name}\nserver_like:\n  resolvers: [{FAR4}]\n"
        config = self.file("record.yaml", common)
        recorders = {}
        for backend, side in (("bpf", None), ("proc", "home")):
            folder = self.folder(f"record-{backend}")
            os.chown(folder, user.pw_uid, user.pw_gid)
            argv = [self.sekimori, "run", "--config", config, "--store", folder / "store", "--control",
                    folder / "control", "--eve", folder / "eve.json", "--events", "--for", "60m", "--backend", backend,
                    "--quiet"]
            # In the machine's own mount namespace, as it would be run.
            command = [*TIED, *([] if side is None else ["nsenter", f"--net={self.net.path(side)}", "--"])]
            with open(folder / "words", "wb") as words:
                process = subprocess.Popen([*command, *map(str, argv)], stdin=subprocess.DEVNULL, stdout=words,
                                           stderr=subprocess.STDOUT, start_new_session=True)
            self._started.append(process)
            wait_for(lambda f=folder: b"watching" in (f / "words").read_bytes(), 30,
                     lambda f=folder: f"the recorder does not start: {tail(f / 'words')}", process)
            recorders[backend] = Recorder(folder / "eve.json", os.getpid(), everything=backend == "proc")
        return recorders

    def mark(self):
        """Returns when both recorders have written what happened until now: a packet from the beacon says so."""
        with self._lock:
            self._marks += 1
            port = 20000 + self._marks
            self.beacon.stdin.write(f"{port}\n".encode())
            self.beacon.stdin.flush()
        for name, recorder in self.recorders.items():
            wait_for(lambda r=recorder: r.has_port(port), 30, lambda n=name: f"the recorder {n} does not see the mark")

    def wait_port(self, side, port, timeout=20, address=None, udp=False):
        """Until somebody listens there, seen in the namespace's own table so that it costs no flow."""
        names = ["udp", "udp6"] if udp else ["tcp", "tcp6"]

        def there():
            table = self.net.run(side, ["cat", *(f"/proc/self/net/{n}" for n in names)]).stdout
            state = "07" if udp else "0A"
            return any(len(f := line.split()) > 3 and f[1].endswith(f":{port:04X}") and f[3] == state
                       for line in table.splitlines())
        wait_for(there, timeout, lambda: f"nobody listens on port {port}")


BEACON = """
import socket, sys, time
keep = []
for line in sys.stdin:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"mark", (sys.argv[1], int(line)))
    keep = [*keep[-8:], s]
"""


def tail(path, size=400):
    with contextlib.suppress(OSError):
        return path.read_bytes()[-size:].decode(errors="replace").strip()
    return ""


def wait_for(condition, timeout, why, process=None):
    """Until the condition holds; asks again every 20 ms."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline or (process and process.poll() is not None):
            raise CannotRun(why() if callable(why) else why)
        time.sleep(0.02)


class Run:
    """One row being run: which processes are its roots, and since when."""

    def __init__(self, lab, row):
        self.lab, self.row = lab, row
        self.name = row.name
        self.roots = []  # (pid, started)
        self.notes = []
        self._mine = []
        self._stack = contextlib.ExitStack()
        self.began = time.time_ns()
        self.deadline = time.monotonic() + row.limit

    def left(self):
        return max(self.deadline - time.monotonic(), 0.1)

    def folder(self, user=True):
        return self.lab.folder(f"rows/{self.name}", user=user)

    def file(self, name, text, mode=0o644, user=True):
        path = self.lab.file(f"rows/{self.name}/{name}", text, mode)
        if user:
            os.chown(path.parent, UID, UID)
            os.chown(path, UID, UID)
        return path

    def near(self, argv, root=True, **kwargs):
        """Starts a program of the row; with root=False one that only helps and is not judged."""
        kwargs.setdefault("user", True)
        began = time.time_ns()
        process = self.lab.start(kwargs.pop("side", "home"), argv, log=self.name, **kwargs)
        if root:
            self.roots.append((process.pid, began))
        self._mine.append(process)
        return process

    def far(self, argv, **kwargs):
        process = self.lab.far(argv, log=f"{self.name}-far", **kwargs)
        self._mine.append(process)
        return process

    def sh(self, script, timeout=None, **kwargs):
        """A shell script as the row's root, run to its end, which must be a success."""
        process = self.near(["bash", "-c", script], **kwargs)
        self.wait(process, timeout)
        return process

    def wait(self, process, timeout=None, ok=(0,)):
        try:
            status = process.wait(min(timeout or 1e9, self.left()))
        except subprocess.TimeoutExpired:
            raise CannotRun(f"did not end in time; its last words: {tail(process.log)}") from None
        if ok is not None and status not in ok:
            raise CannotRun(f"ended with status {status}; its last words: {tail(process.log)}")
        return process

    def wait_text(self, path, text, why):
        """Until a program has said it."""
        wait_for(lambda: text.encode() in path.read_bytes(), self.left(), lambda: f"{why}; last words: {tail(path)}")

    def settle(self, seconds):
        """Lets a program that has no end do its work for a while."""
        time.sleep(min(seconds, self.left()))

    def callback(self, function, *args):
        self._stack.callback(function, *args)

    def close(self):
        for process in reversed(self._mine):
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self.lab.stop(process)
        self._stack.close()
