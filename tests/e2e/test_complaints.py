# SPDX-License-Identifier: GPL-3.0-or-later
"""Complaints that come in by mail, and reports that go out: what `sekimori mail` makes of them, and what `why` then tells of the
host at home. Offline: nobody is asked. Argument: the program."""
import base64
import contextlib
import email
import email.policy
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time

import lib

SEKIMORI = sys.argv[1]
HOST, SERVER, BOT = "10.1.2.3", "192.0.2.25", "61.48.71.52"
CONFIG = f"home: [10.1.0.0/16, {SERVER}/32]\nnetwork:\n  mail_servers: [10.1.0.25, {SERVER}]\n"


def stamp(t):
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(t))


def came(t, address="198.51.100.7", extra=""):
    return f"{extra}Received: from x (unknown [{address}]) by mx.example.com (Postfix) with ESMTP id 1; {stamp(t)}\n"


def spam(t, inner=HOST, server=SERVER):
    return (f"Received: from mx.example.com (mx.example.com [{server}]) by mx.example.org (Postfix) with ESMTP id 2; {stamp(t)}\n"
            f"Received: from pc (pc.example.com [{inner}]) by mx.example.com (Postfix) with SMTP id 3; {stamp(t - 2)}\n"
            "From: <x@example.com>\nSubject: buy\n\nBuy.\n")


def arf(t, accused=None, kind="abuse", embedded="", head=None):
    source = f"Source-IP: {accused}\n" if accused else ""
    return ((came(t + 600) if head is None else head) +
            f"From: Abuse <abuse@example.org>\nDate: {stamp(t + 500)}\nSubject: complaint\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
            "--b\nContent-Type: text/plain\n\nSpam from you.\n"
            f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: x/1\nVersion: 1\n{source}"
            f"Arrival-Date: {stamp(t)}\n\n--b\nContent-Type: message/rfc822\n\n{embedded}\n--b--\n")


class World:
    def __init__(self):
        self.own = tempfile.TemporaryDirectory(prefix="sekimori-complaints-")
        self.dir = self.own.name
        self.config, self.store = self.path("sekimori.yaml"), self.path("store")
        self.number = 0
        with open(self.config, "w", encoding="ascii") as f:
            f.write(CONFIG)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.own.cleanup()

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *args, status=0):
        done = subprocess.run([SEKIMORI, *args], capture_output=True, text=True, timeout=100, check=False, errors="replace",
                              env=dict(os.environ, TZ="UTC", LC_ALL="C", NO_COLOR="1", ASAN_OPTIONS="detect_leaks=0"))
        assert done.returncode == status, (args, done.returncode, done.stdout[-2000:], done.stderr)
        return done

    def write(self, text):
        self.number += 1
        path = self.path(f"{self.number}.eml")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(text)
        return path

    def mail(self, text, *args):
        return self.run("mail", "--offline", "--config", self.config, *args, self.write(text))

    def complaint(self, text, *args):
        """The record of the one complaint in it, or None."""
        records = [json.loads(line) for line in self.mail(text, "--json", *args).stdout.splitlines()]
        found = [r for r in records if r["event_type"] == "complaint_mail"]
        assert len(found) < 2, found
        return found[0] if found else None

    def why(self, host, status=0):
        return self.run("why", "--store", self.store, "--config", self.config, host, status=status).stdout


def test_story():
    now = int(time.time()) - 3600
    with World() as w:
        said = w.complaint(arf(now, HOST), "--store", w.store)
        assert (said["host"], said["about"], said["trust"], said["kept"]) == (HOST, "spam", "stranger", True), said
        told = w.why(HOST)
        assert "somebody outside complains of mail from it" in told.lower() and "example.org" in told and "198.51.100.7" in told, told
        # The same mail again says nothing new; another one joins it.
        assert w.complaint(arf(now, HOST), "--store", w.store) is None
        said = w.complaint(arf(now + 60, HOST, "virus"), "--store", w.store)
        assert said["about"] == "attack", said
        told = w.why(HOST).lower()
        assert "complains of attacks" in told and "complains of mail" in told, told
        assert "is a bot" not in told and "suspect" not in told.splitlines()[0], told
        text = w.mail(arf(now, HOST)).stdout
        assert "a complaint (arf, \"abuse\")" in text and f"spam came from {HOST}" in text, text


def test_through_our_server():
    now = int(time.time()) - 3600
    with World() as w:
        # Our server handed it on: its own header names the host.
        assert w.complaint(arf(now, SERVER, embedded=spam(now)))["host"] == HOST
        assert w.complaint(arf(now, embedded=spam(now)))["host"] == HOST
        # It names no home host: the server itself is meant.
        assert w.complaint(arf(now, SERVER, embedded=spam(now, "203.0.113.9")))["host"] == SERVER
        assert w.complaint(arf(now, SERVER))["host"] == SERVER


def test_forged():
    """What a prankster can and cannot do."""
    now = int(time.time()) - 3600
    with World() as w:
        # Another's server as the first hop: what stands below is anybody's word.
        for text in (arf(now, "203.0.113.9", embedded=spam(now)), arf(now, "203.0.113.9", embedded=spam(now, server="203.0.113.9")),
                     arf(now, SERVER, embedded=spam(now, server="203.0.113.9")), arf(now, embedded=spam(now, server="203.0.113.9"))):
            said = w.complaint(text)
            assert said.get("host") in (None, SERVER), said
        # No complaint that counts, and no complaint at all.
        assert not w.complaint(arf(now - 1, HOST, "not-spam"), "--store", w.store)["kept"]
        assert w.complaint(came(now) + f"Subject: hi\n\nFeedback-Type: abuse\nSource-IP: {HOST}\n") is None
        # Many complaints, of all kinds, at any time: no suspect.
        for i in range(30):
            said = w.complaint(arf(now + i, HOST, ("abuse", "virus")[i % 2]), "--store", w.store)
            assert said["kept"], said
        for year in (1971, 2099):
            w.complaint(arf(int(time.mktime((year, 1, 2, 0, 0, 0, 0, 0, 0))), HOST), "--store", w.store)
        records = [json.loads(line) for line in w.run("why", "--json", "--store", w.store, "--config", w.config, HOST).stdout.splitlines()]
        levels = {r["level"] for r in records if "level" in r}
        assert not levels & {"suspect", "bot"}, records


def test_trust():
    now = int(time.time()) - 3600
    signed = "Authentication-Results: mx.example.com; dkim=pass header.d=example.org\n"
    with World() as w:
        assert w.complaint(arf(now, HOST, head=came(now, extra=signed)))["trust"] == "signed"
        assert w.complaint(arf(now, HOST, head=came(now) + signed))["trust"] == "stranger", "what the sender wrote is not believed"
        assert w.complaint(arf(now, HOST), "--trust", "198.51.100.0/24")["trust"] == "trusted"


def test_others():
    seeds = os.path.join(os.path.dirname(__file__), "../fuzz/seeds/complaint")
    with World() as w:
        for name, accused, form in (("xarf02", "192.0.2.7", "xarf"), ("xarf4", "2001:db8::7", "xarf"), ("xarf3", "192.168.1.100", "xarf"),
                                    ("spamcop", "192.0.2.9", "spamcop")):
            with open(os.path.join(seeds, name + ".eml"), encoding="utf-8") as f:
                said = w.complaint(f.read())
            assert (said["accused"], said["format"]) == (accused, form), said


def test_mbox():
    """A complaint among other mails, one of them large."""
    now = int(time.time()) - 3600
    line = "From x@example.org Tue Aug 15 10:00:00 2023\n"
    large = came(now) + "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n" + "x" * 3000000 + "\n\n"
    box = line + came(now) + "Subject: a\n\nbody\n\n" + line + arf(now, HOST) + "\n" + line + large + line + arf(now, HOST, "virus")
    with World() as w:
        done = w.mail(box, "--json")
        assert "looks like a complaint, and is longer than 1 MiB: not read" in done.stderr, done.stderr
        records = [json.loads(r) for r in done.stdout.splitlines()]
        found = [(r["number"], r["about"]) for r in records if r["event_type"] == "complaint_mail"]
        assert found == [(2, "spam"), (4, "attack")], found
        assert records[-1]["mails"] == 4, records[-1]


def bot_mail(t, to="alice@example.com", extra=""):
    return (f"Received: from pc (unknown [{BOT}])\n\tby mx.example.com (Postfix) with SMTP id 1\n\tfor <{to}>; {stamp(t)}\n"
            f"From: =?utf-8?B?{base64.b64encode(to.encode()).decode()}?= <{to}>\nTo: Alice <{to}>\nSubject: {to}, buy\n{extra}\nBuy, {to}.\n")


def listed(w):
    names = []
    for meaning in ("exploited", "policy"):
        path = w.path(meaning)
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{BOT}\n")
        names += ["--list", f"{path}={meaning}"]
    return names


def test_reports():
    now = int(time.time()) - 3600
    with World() as w:
        out = w.path("reports")
        args = [*listed(w), "--spam", "--abuse-report", out, "--reporter", "abuse@example.com"]
        done = w.mail(bot_mail(now), *args)
        assert "None was sent" in done.stderr, done.stderr
        names = sorted(os.listdir(out))
        base = time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime(now)) + BOT
        assert names == [base + ".arf.eml", base + ".xarf.json"], names
        assert stat.S_IMODE(os.stat(out).st_mode) == 0o700
        assert all(stat.S_IMODE(os.stat(os.path.join(out, n)).st_mode) == 0o600 for n in names)
        with open(os.path.join(out, names[0]), "rb") as f:
            raw = f.read()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert not message.defects and message.get_content_type() == "multipart/report", message.defects
        assert message.get_param("report-type") == "feedback-report" and message["To"] is None
        parts = message.get_payload()
        assert [p.get_content_type() for p in parts] == ["text/plain", "message/feedback-report", "text/rfc822-headers"]
        fields = parts[1].get_payload()
        fields = fields[0] if isinstance(fields, list) else email.message_from_string(fields)
        assert (fields["Feedback-Type"], fields["Version"], fields["Source-IP"]) == ("abuse", "1", BOT), fields
        head = parts[2].get_payload(decode=True).decode()
        assert f"[{BOT}]" in head and "Buy" not in head and "alice" not in raw.decode().lower() and "alice" not in head.lower(), head
        with open(os.path.join(out, names[1]), encoding="utf-8") as f:
            xarf = json.load(f)
        assert xarf["source_identifier"] == BOT and xarf["category"] == "messaging" and xarf["type"] == "spam", xarf
        payload = base64.b64decode(xarf["evidence"][0]["payload"])
        assert xarf["evidence"][0]["hash"] == "sha256:" + hashlib.sha256(payload).hexdigest() and b"alice" not in payload.lower()
        # What is there is not written over, and somebody's link is not followed.
        before = raw
        w.mail(bot_mail(now, "bob@example.com"), *args)
        with open(os.path.join(out, names[0]), "rb") as f:
            assert f.read() == before
        target = w.path("target")
        other = os.path.join(out, time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime(now + 1)) + BOT + ".arf.eml")
        os.symlink(target, other)
        w.mail(bot_mail(now + 1), *args)
        assert os.path.islink(other) and not os.path.exists(target)
        # Our own report is a complaint that is understood.
        shutil.copy(os.path.join(out, names[0]), w.path("own.eml"))
        records = [json.loads(r) for r in w.run("mail", "--offline", "--json", "--config", w.config, w.path("own.eml")).stdout.splitlines()]
        own, = [r for r in records if r["event_type"] == "complaint_mail"]
        assert (own["accused"], own["format"], own["about"]) == (BOT, "arf", "spam"), own


def test_no_reports():
    now = int(time.time()) - 3600
    with World() as w:
        out = w.path("reports")
        done = w.mail(bot_mail(now), "--abuse-report", out, "--reporter", "abuse@example.com")
        assert os.listdir(out) == [] and "abuse reports" not in done.stderr, done.stderr
        w.run("mail", "--offline", "--abuse-report", out, "--reporter", "nobody", w.write(bot_mail(now)), status=2)
        with contextlib.suppress(FileNotFoundError):
            w.run("mail", "--offline", "--abuse-report", "/proc/nowhere", "--reporter", "a@example.com", w.write(bot_mail(now)), status=3)


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
