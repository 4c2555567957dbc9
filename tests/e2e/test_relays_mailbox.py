# SPDX-License-Identifier: GPL-3.0-or-later
"""Mailboxes that change while `sekimori mail` reads them, and folders of other people's mail. Without a network."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import lib
from patience import PATIENCE

SEKIMORI = sys.argv[1] if len(sys.argv) > 1 else ""
DATA = os.environ.get("SEKIMORI_DATA") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/data")
MAIL = ("Received: from helo.test (name.test [61.48.%d.%d])\r\n\tby mx.ours.test (Postfix) with ESMTP id 4711;\r\n"
        "\tMon, 05 Jan 2026 13:17:20 +0000\r\nSubject: %d\r\n\r\ntext\r\n")
PIPE = 4096


def maildir(folder, count):
    for part in ("cur", "new", "tmp"):
        os.makedirs(f"{folder}/{part}")
    for i in range(count):
        name = f"new/{i:05d}.M{i}.host" if i % 2 else f"cur/{i:05d}.M{i}.host:2,S"
        with open(f"{folder}/{name}", "w", encoding="ascii") as f:
            f.write(MAIL % (i >> 8, i & 255, i))
    with open(f"{folder}/tmp/being-written", "w", encoding="ascii") as f:
        f.write(MAIL % (255, 255, 0))


def stopped_in_the_middle(folder):
    """Reads until its standard output is full: it stands still somewhere in the Maildir."""
    proc = subprocess.Popen([SEKIMORI, "mail", "--json", "--offline", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    fcntl.fcntl(proc.stdout, fcntl.F_SETPIPE_SZ, PIPE)
    first = proc.stdout.read(1)
    assert first == b"{", proc.stderr.read()
    return proc, first


def rest(proc, first):
    out, err = proc.communicate(timeout=PATIENCE)
    assert proc.returncode == 0, (proc.returncode, err[-500:])
    lines = [json.loads(line) for line in (first + out).splitlines()]
    return [int(line["path"].rpartition("/")[2].split(".")[0]) for line in lines if line["event_type"] == "mail"], lines[-1]


def changed(folder, change):
    """(numbers of the mails that were read, summary), with change(part, name) for each file while the reading stands."""
    proc, first = stopped_in_the_middle(folder)
    for part in ("new", "cur"):
        for name in sorted(os.listdir(f"{folder}/{part}")):
            change(part, name)
    return rest(proc, first)


COUNT = 1500


def test_seen_meanwhile():
    """A mail program opens everything: mails go from new to cur. Each is read, and none twice."""
    with tempfile.TemporaryDirectory() as folder:
        maildir(f"{folder}/m", COUNT)
        numbers, summary = changed(f"{folder}/m", lambda part, name: part == "new" and os.rename(
            f"{folder}/m/new/{name}", f"{folder}/m/cur/{name}:2,S"))
        assert sorted(numbers) == list(range(COUNT)), (len(numbers), len(set(numbers)))
        assert summary["mails"] == COUNT and summary["gone"] == 0, summary


def test_flags_meanwhile():
    """Answered, deleted: names in cur change behind the listing."""
    with tempfile.TemporaryDirectory() as folder:
        maildir(f"{folder}/m", COUNT)
        numbers, summary = changed(f"{folder}/m", lambda part, name: part == "cur" and os.rename(
            f"{folder}/m/cur/{name}", f"{folder}/m/cur/{name}RS"))
        assert sorted(numbers) == list(range(COUNT)), (len(numbers), len(set(numbers)))
        assert summary["gone"] == 0, summary


def test_removed_meanwhile():
    """What is removed is counted and no error; what stays is read."""
    with tempfile.TemporaryDirectory() as folder:
        maildir(f"{folder}/m", COUNT)
        numbers, summary = changed(f"{folder}/m", lambda part, name: int(name[:5]) % 4 < 2 and os.unlink(f"{folder}/m/{part}/{name}"))
        assert len(set(numbers)) == len(numbers) < COUNT, len(numbers)
        assert {n for n in range(COUNT) if n % 4 >= 2} <= set(numbers), len(numbers)
        assert summary["mails"] == len(numbers) and summary["gone"] > 0, summary


def test_folder_meanwhile():
    """The whole Maildir goes away."""
    with tempfile.TemporaryDirectory() as folder:
        maildir(f"{folder}/m", COUNT)
        proc, first = stopped_in_the_middle(f"{folder}/m")
        shutil.rmtree(f"{folder}/m")
        out, _ = proc.communicate(timeout=PATIENCE)
        lines = [json.loads(line) for line in (first + out).splitlines()]
        assert lines[-1]["event_type"] == "summary" and proc.returncode in (0, 3), (lines[-1], proc.returncode)


def test_truncated_mbox():
    """An mbox is emptied while it is read: what came before is told, and nothing crashes."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/mbox", "w", encoding="ascii") as f:
            for i in range(20000):
                f.write("From x Mon Jan  5 13:17:20 2026\n" + (MAIL % (i >> 8 & 255, i & 255, i)).replace("\r", "") + "\n")
        proc, first = stopped_in_the_middle(f"{folder}/mbox")
        os.truncate(f"{folder}/mbox", 0)
        out, _ = proc.communicate(timeout=PATIENCE)
        summary = json.loads((first + out).splitlines()[-1])
        assert proc.returncode == 0 and 0 < summary["mails"] < 20000, summary


def folder_of_data(name):
    path = os.path.join(DATA, "mail", name)
    return path if os.path.isdir(path) else None


def verdicts(path, *options):
    done = subprocess.run([SEKIMORI, "mail", "--json", *options, path], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return [r for r in map(json.loads, done.stdout.splitlines()) if r["event_type"] == "mail"]


class Everybody:
    """A resolver on loopback of networks that are long dead: each address has a name given by the dozen, and each list has it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.at = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            end = query.index(b"\0", 12) + 5
            kind, name = query[end - 4:end - 2], query[12:end]
            data = b"\7dsl-1-2\4pool\4test\0" if kind == b"\0\x0c" else socket.inet_aton("127.0.0.4")
            none = name.startswith(b"\0011\0010\0010\003127")
            head = query[:2] + (b"\x81\x83\0\1\0\0" if none else b"\x81\x80\0\1\0\1") + bytes(4)
            answer = b"" if none else b"\xc0\x0c" + kind + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data
            self.socket.sendto(head + name + answer, peer)

    def close(self):
        self.socket.close()


def test_old_mail():
    """Mail of 2002: what is found now says nothing of it. No ham relay is a bot, and no spam relay either."""
    folders = {name: folder_of_data(name) for name in ("spam", "ham")}
    if not all(folders.values()):
        return "no folders of mail; SEKIMORI_DATA names them"
    resolver = Everybody()
    for name, path in folders.items():
        for options in (["--offline"], ["--resolver", resolver.at, "--list", "bl.test=exploited"], ["--offline", f"--{name}"]):
            records = verdicts(path, *options)
            assert len(records) == 250 and sum(bool(r.get("relay")) for r in records) >= 245, (name, len(records))
            # Told that it is spam, one provider's web mailer is what it says.
            called = [(r["relay"], r["class"]) for r in records if r["class"] != "unknown"]
            assert called == ([("159.134.118.17", "provider_relay")] if options[-1] == "--spam" else []), (name, options, called)
            if "--resolver" in options:
                assert sum(e["listed"] == "yes" for r in records for e in r.get("lists") or ()) >= 245, records[0]
    resolver.close()
    return None


if __name__ == "__main__":
    lib.run_tests(sys.modules["__main__"])
