# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori read` under test: run to its end in a folder of its own, and its findings compared. Standard library only."""

import json
import os
import resource
import shutil
import subprocess
import tempfile

NOBODY = 65534
OK, FOUND, USAGE, INPUT, CONFIG = 0, 1, 2, 3, 78


class Done:
    """How a reading ended: status, output, and the records of --json."""

    def __init__(self, done):
        self.status = done.returncode
        self.out, self.err = done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")
        for word in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
            assert word not in self.err, self.err
        assert self.status >= 0, f"ended by signal {-self.status}: {self.err}"

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind):
        return [r for r in self.records if r["event_type"] == kind]

    @property
    def summary(self):
        assert self.records[-1]["event_type"] == "summary", self.out[-500:]
        return self.records[-1]

    def gaps(self):
        return {r["gap"].get("text") or r["gap"]["reason"]: r["gap"]["lost"] for r in self.of("gap")}


class Reader:
    """A folder with files, and `sekimori read` in it."""

    def __init__(self, program):
        self.own = tempfile.TemporaryDirectory(prefix="sekimori-read-")
        self.folder = self.own.name
        os.chmod(self.folder, 0o755)
        # Somewhere another user can reach, wherever the build is.
        self.program = shutil.copy(program, self.path("sekimori-under-test"))
        self.write("no.yaml", b"home: [10.20.0.0/16]\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        return name

    def argv(self, *args, command="read"):
        config = [] if "--config" in args else ["--config", "no.yaml"]
        return [self.program, command, *args, *config] if "--" not in args else [self.program, command, *config, *args]

    def start(self, *args, command="read", env=None, limits=(), **more):
        """`limits`: pairs of a resource and its hard and soft limit."""
        def limit():
            for what, most in limits:
                resource.setrlimit(what, (most, most))
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.argv(*args, command=command), cwd=self.folder, preexec_fn=limit if limits else None,
                                env={**os.environ, "TZ": "UTC", "LC_ALL": "C", **(env or {})}, **more)

    def run(self, *args, stdin=None, timeout=60, **more):
        process = self.start(*args, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, **more)
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"read {args} does not end; it said {err.decode()}") from None
        return Done(subprocess.CompletedProcess(args, process.returncode, out or b"", err or b""))

    def read(self, *args, status=None, **more):
        done = self.run(*args, **more)
        assert status is None or done.status == status, f"read {args}: status {done.status}\n{done.out[-2000:]}{done.err}"
        return done

    def json(self, *args, status=None, **more):
        return self.read("--json", *args, status=status, **more)

    def refused(self, status, *args, says, **more):
        """It must not run, and must say why in one line."""
        done = self.read(*args, status=status, **more)
        assert done.out == "" and says in done.err, f"{says!r} not in {done.err!r}; {done.out!r}"
        assert done.err.count("\n") == 1, done.err
        return done

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.own.cleanup()


def as_nobody():
    """Options of start() that give up root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def findings(records):
    """What was found, told without the order in which it was said: subjects, levels, and each claim."""
    verdicts = sorted((r["subject"]["key"], r["level"], r["score"], tuple(r["stages"])) for r in records
                      if r["event_type"] == "verdict")
    claims = sorted(json.dumps(r, sort_keys=True) for r in records if r["event_type"] == "evidence")
    return verdicts, claims


def kinds(records):
    """Subjects with levels and kinds of evidence."""
    levels = {r["subject"]["key"]: r["level"] for r in records if r["event_type"] == "verdict"}
    return levels, {(r["subject"]["key"], r["evidence"]["kind"]) for r in records if r["event_type"] == "evidence"}


def by_time_and_flow(records):
    return sorted((json.dumps(r, sort_keys=True) for r in records if r["event_type"] != "summary"),
                  key=lambda line: (json.loads(line)["timestamp"], json.loads(line).get("flow_id", 0), line))
