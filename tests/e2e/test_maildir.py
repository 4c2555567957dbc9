# SPDX-License-Identifier: GPL-3.0-or-later
"""Mails that arrive in watched Maildirs while the daemon runs: judged at once, each once, whatever they hold and whoever is
killed meanwhile. DNS is a small server of the test's own on the loopback device; nothing else is asked."""

import contextlib
import email.utils
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import lib
from badday import on_small_disk
from daemon import Daemon
from hostile_mails import Hostile
from patience import PATIENCE

SEKIMORI = sys.argv[1] if len(sys.argv) > 1 else ""
NO_NAME, NO_ERROR, PTR, A = 3, 0, 12, 1
MAIL = ("Received: from {helo} ({name} [{address}])\n\tby mx.ours.test (Postfix) with ESMTP id {number:X}\n\tfor <you@ours.test>; "
        "{when}\nFrom: <a@b.test>\nSubject: {number}\n\n{body}\n")


class Dns:
    """Names of the pool for all addresses of 61.49.0.0/16, and the list zen.spamhaus.org that has them all; of others nothing."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked, self.silent = [], False
        threading.Thread(target=self._serve, daemon=True).start()

    def _answer(self, name, kind):
        labels = name.split(".")
        if name.endswith(".in-addr.arpa") and kind == PTR and labels[3:1:-1] == ["61", "49"]:
            host = "-".join(reversed(labels[:4]))
            return b"".join(bytes([len(x)]) + x for x in (f"dsl-{host}".encode(), b"pool", b"test")) + b"\0"
        if name.startswith("dsl-") and kind == A:
            return bytes(map(int, labels[0].split("-")[1:]))
        if name.endswith(".zen.spamhaus.org") and kind == A:
            if labels[:4] == ["2", "0", "0", "127"] or labels[3:1:-1] == ["61", "49"]:
                return b"\x7f\0\0\x04"
        return None

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.socket.recvfrom(512)
                labels, at = [], 12
                while query[at]:
                    labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                    at += 1 + query[at]
                name, kind = ".".join(labels), int.from_bytes(query[at + 1:at + 3], "big")
                self.asked.append(name)
                if self.silent:
                    continue
                data = self._answer(name, kind)
                code = NO_NAME if data is None else NO_ERROR
                head = query[:2] + (0x8180 | code).to_bytes(2, "big") + b"\0\1" + (b"\0\1" if data else b"\0\0") + b"\0\0\0\0"
                answer = b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data if data else b""
                self.socket.sendto(head + query[12:at + 5] + answer, peer)

    def close(self):
        self.socket.close()


class Box:
    """A Maildir of another user, as a delivery agent fills it."""

    number = 0

    def __init__(self, path, owner=12345):
        self.path, self.owner = path, owner
        self.folder("")

    def folder(self, name):
        for part in ("tmp", "new", "cur"):
            os.makedirs(f"{self.path}/{name}/{part}", 0o700)
        for folder, _, _ in os.walk(self.path):
            os.chown(folder, self.owner, self.owner)
            os.chmod(folder, 0o700)

    def deliver(self, text=None, name=None, folder="", address="61.49.0.7", how="rename", **more):
        Box.number += 1
        fields = {"helo": "winbox", "name": "unknown", "address": address, "number": Box.number, "body": "text",
                  "when": email.utils.formatdate(time.time()), **more}
        data = MAIL.format(**fields).encode() if text is None else text
        name = name or f"{int(time.time())}.M{Box.number}.host"
        temporary, target = f"{self.path}/{folder}/tmp/{name}", f"{self.path}/{folder}/new/{name}"
        with open(target if how == "write" else temporary, "wb") as f:
            f.write(data)
        if how != "write":
            os.chmod(temporary, 0o600)
            os.chown(temporary, self.owner, self.owner)
        if how == "rename":
            os.rename(temporary, target)
        elif how == "link":
            os.link(temporary, target)
            os.unlink(temporary)
        return name

    def read(self, name, flags="2,S"):
        """As a mail program does when somebody has seen it."""
        os.rename(f"{self.path}/new/{name}", f"{self.path}/cur/{name}:{flags}")


def config(boxes, dns, more=""):
    return (f"host: {{backend: off}}\nmail: {{resolver: \"127.0.0.1:{dns.port}\", lists: [zen.spamhaus.org], "
            f"maildir: [{', '.join(boxes)}]{more}}}\n")


@contextlib.contextmanager
def world(n=1, **options):
    """(daemon, boxes, dns)"""
    dns = Dns()
    with tempfile.TemporaryDirectory(prefix="sekimori-test-mail-") as folder:
        boxes = [Box(f"{folder}/home{i}/Maildir") for i in range(n)]
        with Daemon(SEKIMORI, config=config([b.path for b in boxes], dns), events=False, **options) as d:
            if options.get("start", True):
                d.postman()
                d.wait(lambda: watched(d) == n, "the Maildirs are not watched")
            try:
                yield d, boxes, dns
            finally:
                dns.close()


def state(d):
    status = d.status()
    return status["mail"] if status and status["mail"] and status["mail"]["running"] else {}


def watched(d):
    return state(d).get("maildirs", 0) - state(d).get("missing", 0)


def stored(d):
    return d.rows("select count(*) from relay")[0][0]


def signs(event):
    return {j["sign"]: j["answer"] for j in event["judge"]}


def expect(d, count):
    """So many records, and no more when all is done."""
    d.wait(lambda: stored(d) >= count, f"not all of {count} mails were judged: {state(d)}")
    d.wait(lambda: state(d).get("waiting") == 0, "mails wait on")
    assert stored(d) == count, (stored(d), count)
    assert d.rows("select count(distinct mail) from relay")[0][0] == count


def test_arrival():
    """A bot's mail, from its delivery to the verdict, the event, the alarm and the store."""
    with world() as (d, (box,), dns):
        with open(f"/proc/{d.postman()}/status", encoding="ascii") as f:
            is_ = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        assert is_["Uid"].split()[0] != "0" and is_["NoNewPrivs"] == "1" and is_["Seccomp"] == "2", is_
        assert int(is_["CapPrm"], 16) in (0, 1 << 2) and int(is_["CapBnd"], 16) == 0, is_
        assert os.stat(f"/proc/{d.postman()}/mem").st_uid == 0  # nobody but root may trace it or look into it
        assert "neither processes nor packets are watched" in d.output().decode()
        times = []
        for i in range(20):
            begin = time.monotonic()
            name = box.deliver(address=f"61.49.0.{i + 1}", how=("rename", "link")[i % 2])
            d.wait_for("mail", lambda r: r["relay"] == f"61.49.0.{i + 1}")
            told = time.monotonic() - begin
            d.wait(lambda: stored(d) == i + 1, "it is not stored")
            times.append((told, time.monotonic() - begin))
        print(f"a mail's delivery to its event: median {sorted(t for t, _ in times)[10] * 1000:.0f} ms; to the stored verdict: "
              f"median {sorted(s for _, s in times)[10] * 1000:.0f} ms, at most {max(s for _, s in times) * 1000:.0f} ms")
        r = d.find("mail")[-1]
        assert r["class"] == "direct_bot" and r["rdns"] == "dsl-61-49-0-20.pool.test" and r["helo"] == "winbox", r
        assert signs(r)["list_exploited"] == "yes" and signs(r)["dynamic"] == "yes", r
        d.wait_said("61.49.0.20: score")
        assert d.rows("select count(*) from action where what like '%direct_bot%'")[0][0] == 20
        done = d.command("why", "relay:61.49.0.20")
        assert done.returncode == 0 and "61.49.0.20" in done.stdout, done
        # What is read is no new mail.
        asked = len(dns.asked)
        box.read(name)
        box.deliver(address="61.49.0.20")
        expect(d, 21)
        assert len(dns.asked) == asked, dns.asked[asked:]
        d.wait(lambda: state(d)["judged"]["direct_bot"] >= 21, "it is not counted")  # the postman says so a little later
        assert state(d)["judged"]["direct_bot"] == 21, state(d)
        assert len(d.find("mail")) == 21, d.find("mail")[19:]
        assert d.rows("select count(*) from action where what like '%direct_bot%'")[0][0] == 20  # it was said before


def test_folders():
    """Folders within a Maildir, also new ones; mails that are written where they stay; what is deleted at once."""
    with world() as (d, (box,), _):
        box.folder(".Junk")
        box.deliver(folder=".Junk", address="61.48.0.1")
        expect(d, 1)
        assert signs(d.wait_for("mail"))["spam"] == "yes"
        box.deliver(how="write", address="61.48.0.2")
        expect(d, 2)
        for i in range(50):
            os.unlink(f"{box.path}/new/{box.deliver()}")
        box.deliver(address="61.48.0.3")
        d.wait(lambda: d.find("mail", lambda r: r["relay"] == "61.48.0.3"), "what follows is not judged")
        shutil.rmtree(f"{box.path}/.Junk")
        box.folder(".Junk")
        box.deliver(folder=".Junk", address="61.48.0.4")
        d.wait(lambda: d.find("mail", lambda r: r["relay"] == "61.48.0.4"), "a folder that came again is not watched")


def hostile(box):
    """What a Maildir may hold beside mails. Returns how many of them have a relay."""
    def raw(text, **more):
        box.deliver(text, **more)
    good = MAIL.format(helo="x", name="unknown", address="61.48.9.9", number=1, body="b", when=email.utils.formatdate(time.time())).encode()
    raw(b"")
    raw(b"\n")
    raw(b"\0" * 5000)
    raw(bytes(range(256)) * 64)
    raw(b"X" * (3 << 20))
    raw(good.split(b"\n\n", 1)[0] + b"\n" + b"X-Filler: " + b"y" * (8 << 20) + b"\n\nbody\n", name="huge")
    raw(good.replace(b"from x", b"from x\0y\x1b[2J\xff"), name="nul")
    raw(good * 200, name="many")
    raw(b"Received: from x\n" * 100000 + b"\n", name="hops")
    raw(good.replace(b"Subject: 1", b"Subject: 2"), name="x\n\x1b[31m:\xff".encode("utf-8", "surrogateescape").decode("utf-8") + "y")
    os.symlink("/etc/shadow", f"{box.path}/new/link")
    os.symlink(f"{box.path}/new", f"{box.path}/new/loop")
    os.mkfifo(f"{box.path}/new/pipe")
    os.mkdir(f"{box.path}/new/folder")
    os.symlink("/", f"{box.path}/.Root")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"{box.path}/new/s")
    raw(good.replace(b"Subject: 1", b"Subject: 3"), name="." + "hidden")


def test_hostile():
    """Hostile mails, and 10,000 at once: all are read, nobody dies, what is good is judged."""
    with world() as (d, (box,), dns):
        before = [d.engine(), d.postman()]
        hostile(box)
        mails = Hostile([f"61.48.{i}.1" for i in range(200)], lambda: "61.47.0.1")
        for i in range(1000):
            box.deliver(mails.mail(i)[0])
        d.wait(lambda: state(d).get("mails", 0) >= 1000 and state(d)["waiting"] == 0, "hostile mails are not read")
        told = {r["relay"] for r in d.find("mail")}
        assert "61.48.9.9" in told and "61.47.0.1" not in told, told
        begun, base, n = time.monotonic(), stored(d), 10000
        for i in range(n):
            box.deliver(address=f"61.49.{i % 50}.{i % 250 + 1}")
        sent = time.monotonic() - begun
        d.wait(lambda: stored(d) >= base + n, f"not all of {n} were judged: {state(d)}", 4 * PATIENCE)
        print(f"{n} mails of 250 relays: delivered in {sent:.1f} s, all verdicts stored after {time.monotonic() - begun:.1f} s")
        assert [d.engine(), d.postman()] == before
        for word in ("\x1b[2J", "\x1b[31m"):
            assert word not in d.output().decode(errors="replace")
        assert not [name for name in dns.asked if name.startswith("1.0.47.61")], "somebody was asked whom only a sender names"


def test_killed():
    """Postman and engine are killed while mails arrive: each is judged once, none is lost; nor what came while all was down."""
    with world(start=False) as (d, (box,), _):
        box.deliver(address="61.48.0.1")  # before the first start: left alone
        d.start()
        d.postman()
        d.wait(lambda: watched(d) == 1, "it is not watched")
        n = 0
        for kill in ("postman", "engine", "postman", "engine"):
            for i in range(300):
                box.deliver(address=f"61.48.{i % 10}.{i % 100 + 1}")
                n += 1
                if i == 200:
                    os.kill(getattr(d, kill)(), signal.SIGKILL)
            d.postman()
        expect(d, n)
        d.stop()
        for i in range(50):
            name = box.deliver(address="61.48.1.1")
            n += 1
            if i % 2:
                box.read(name)
        d.start()
        expect(d, n)
        assert not d.rows("select 1 from relay where came < ?", 0)


def test_reread():
    """SIGHUP: another Maildir, one less, and a configuration that is wrong."""
    with world(2) as (d, boxes, dns):
        def write(text):
            with open(d.config, "w", encoding="utf-8") as f:
                f.write(text)
        at = len(d.output())
        old = d.postman()
        write("mail: {maildir: 7}\n")
        d.kill(signal.SIGHUP)
        d.wait_said("stays in force", since=at)
        boxes[1].deliver(address="61.48.0.1")
        expect(d, 1)
        assert d.postman() == old
        write(config([boxes[0].path], dns))
        d.kill(signal.SIGHUP)
        d.wait(lambda: watched(d) == 1, "the configuration is not read again")
        boxes[1].deliver(address="61.48.0.2")
        boxes[0].deliver(address="61.48.0.3")
        expect(d, 2)
        write("host: {backend: off}\n")
        d.kill(signal.SIGHUP)
        d.wait(lambda: all(name != "sekimori-mail" for _, name in d.children()), "the postman works on")
        write(config([b.path for b in boxes], dns))
        d.kill(signal.SIGHUP)
        d.wait(lambda: watched(d) == 2, "the configuration is not read again")
        expect(d, 3)  # what came to the second one meanwhile
        boxes[1].deliver(address="61.48.0.4")
        expect(d, 4)
        for text in (config([boxes[0].path], dns), "host: {backend: off}\n", "mail: {}\n", config([b.path for b in boxes], dns)):
            write(text)
            d.kill(signal.SIGHUP)  # faster than anybody follows
        d.wait(lambda: watched(d) == 2, "the last order is not followed")
        boxes[1].deliver(address="61.48.0.5")
        expect(d, 5)


def test_away():
    """A Maildir that is moved away and comes back, that is made anew, and that is not there at the start."""
    with world(2, start=False) as (d, (box, late), _):
        shutil.rmtree(late.path)
        d.start()
        d.wait(lambda: watched(d) == 1, "the Maildir is not watched")
        d.wait_said("No such file")
        Box(late.path)
        d.wait(lambda: watched(d) == 2, "one that was made later is not watched")
        late.deliver(address="61.48.0.1")
        expect(d, 1)
        os.rename(box.path, f"{box.path}.away")
        d.wait(lambda: watched(d) == 1, "nobody saw that it is away")
        away = Box.__new__(Box)
        away.path, away.owner = f"{box.path}.away", box.owner
        away.deliver(address="61.48.0.2")
        os.rename(away.path, box.path)
        d.wait(lambda: watched(d) == 2, "it is back, and not watched")
        expect(d, 2)
        d.wait_said("is there, and watched")
        shutil.rmtree(box.path)
        d.wait(lambda: watched(d) == 1, "nobody saw that it is gone")
        box.folder("")
        d.wait(lambda: watched(d) == 2, "a new one in its place is not watched")
        box.deliver(address="61.48.0.3")
        expect(d, 3)


def test_overflow():
    """More changes than the kernel keeps for us: the folder is looked through, and nothing is judged twice."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as f:
        most = int(f.read())
    if most > 100000:
        return f"the kernel keeps {most} changes for us"
    with world() as (d, (box,), _):
        names = [box.deliver(address="61.48.0.1") for _ in range(20)]
        expect(d, 20)
        os.kill(d.postman(), signal.SIGSTOP)
        for i in range(most // len(names) + 1):
            for name in names:
                a, b = f"{box.path}/new/{name}", f"{box.path}/cur/{name}:2,"
                os.rename(*((a, b) if i % 2 == 0 else (b, a)))
        box.deliver(address="61.48.0.2")
        os.kill(d.postman(), signal.SIGCONT)
        expect(d, 21)
        d.wait(lambda: state(d).get("rescans", 0) >= 1, "the kernel lost nothing")


def test_seen():
    """What the packet engine saw of the relay: its system by the SYN to our port 25, and that it tried other ports."""
    with lib.Net() as net, tempfile.TemporaryDirectory(prefix="sekimori-test-mail-") as folder:
        box = Box(f"{folder}/Maildir")
        for address in ("61.49.0.9", "61.49.0.10"):
            net.run("outside", ["ip", "addr", "add", f"{address}/32", "dev", "veth0"])
        net.run("home", ["ip", "route", "add", "61.49.0.0/24", "via", lib.OUTSIDE4])
        settings = f"host: {{backend: off}}\nmail: {{ask: false, maildir: [{box.path}]}}\n"
        with Daemon(SEKIMORI, "--interface", "veth0", "--home", lib.HOME4, config=settings, events=False,
                    wrapper=["nsenter", f"--net={net.path('home')}", "--"]) as d:
            d.wait(lambda: watched(d) == 1, "the Maildir is not watched")

            def touch(address, port):
                with net.socket("outside", socket.AF_INET, socket.SOCK_STREAM) as s:
                    s.bind((address, 0))
                    assert s.connect_ex((lib.HOME4, port)) != 0
            touch("61.49.0.10", 25)
            for port in range(20, 40):
                touch("61.49.0.9", port)
            # Each flow's beginning and end: what is told of them is told with their SYNs.
            d.wait(lambda: d.status()["events"]["flow"] >= 42, f"packets are not seen: {d.status()['events']}")
            for address in ("61.49.0.9", "61.49.0.10", "61.49.0.11"):
                box.deliver(address=address)
            expect(d, 3)
            by = {r["relay"]: r for r in d.find("mail")}
            assert by["61.49.0.9"]["os"]["family"] == by["61.49.0.10"]["os"]["family"] == "linux", by
            assert by["61.49.0.11"]["os"] is None, by
            assert signs(by["61.49.0.9"]).get("ours_attack") == "yes", by
            assert "ours_attack" not in signs(by["61.49.0.10"]), by


def test_doctor():
    """What doctor and status say of it."""
    def findings(d):
        done = d.command("doctor", "--json")
        return {(f["what"], f["grade"]): f["found"] for f in map(json.loads, done.stdout.splitlines())
                if f["what"] in ("Maildir", "resolver", "list", "mail")}
    with world() as (d, (box,), dns):
        said = findings(d)
        assert set(said) == {("Maildir", "ok"), ("resolver", "ok"), ("list", "ok")}, said
        done = subprocess.run([SEKIMORI, "status", "--config", d.config_for_control()], capture_output=True, text=True)
        assert "maildirs 1" in done.stdout, done
        os.rename(f"{box.path}/new", f"{box.path}/old")
        dns.silent = True
        said = findings(d)
        assert set(said) == {("Maildir", "fail"), ("resolver", "warn")}, said


def test_full_disk():
    """A store that is full: mails wait in their folders, and are judged when there is room."""
    with tempfile.TemporaryDirectory(prefix="sekimori-test-mail-") as folder, tempfile.TemporaryDirectory() as own:
        box = Box(f"{folder}/Maildir")
        settings = f"host: {{backend: off}}\nmail: {{ask: false, maildir: [{box.path}]}}\n"
        with Daemon(SEKIMORI, config=settings, events=False, folder=own, wrapper=on_small_disk(f"{own}/store", "1m")) as d:
            d.wait(lambda: watched(d) == 1, "the Maildir is not watched")
            fill = ["nsenter", "--mount", "-t", str(d.popen.pid), "sh", "-c"]
            subprocess.run([*fill, f"cat /dev/zero > {own}/store/filler"], capture_output=True)
            for i in range(400):
                box.deliver(address=f"61.48.0.{i % 250 + 1}")
            d.wait_said("cannot be written")
            subprocess.run([*fill, f"rm {own}/store/filler"], check=True)
            d.wait_said("can be written again")
            expect(d, 400)


def test_resolver_silent():
    """A resolver that says nothing: mails are judged by what is known, later ones go on."""
    with world() as (d, (box,), dns):
        dns.silent = True
        box.deliver(address="61.49.0.9")
        d.wait_for("mail", lambda r: r["relay"] == "61.49.0.9")
        assert "list_exploited" not in signs(d.find("mail")[-1])
        d.wait(lambda: state(d)["unanswered"] > 0, "the silence is not counted")


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules["__main__"])
