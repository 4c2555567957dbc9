# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori mail --store`: each mail is judged once, whatever ends the run. A mailbox of a few thousand mails is read by runs
that are killed in the middle, and the store is then what an uninterrupted run makes it; mails that move in a Maildir are
known again; relays are asked about again when their time has come; report, why and --stats tell of them. Offline: nobody is
asked, so no namespaces and no root are needed."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from email.utils import formatdate

SEKIMORI = sys.argv[1]
MAILS, RELAYS, COPIES = 4000, 500, 100
BOTS = "61.48.0.0/17"  # on a list, as end-users' addresses
WAIT = 100


def relay(n):
    return f"61.48.{n % 250}.{n // 250 + 1}"


def mail(n, now):
    """A mail as a server of ours took it from a relay, a few hours ago."""
    address = relay(n * 7919 % RELAYS)
    date = formatdate(now - n % 7200)
    return (f"Return-Path: <x{n}@example.net>\n"
            f"Received: from pc{n} (unknown [{address}])\n"
            f"\tby mx.example.org (Postfix) with SMTP id {n:08X}\n\tfor <me@example.org>; {date}\n"
            f"From: x{n}@example.net\nTo: me@example.org\nSubject: offer {n}\nDate: {date}\nMessage-ID: <{n}@pc>\n\nBuy.\n")


def write_mbox(path, now):
    order = list(range(MAILS)) + [n * 31 % MAILS for n in range(COPIES)]  # copies of some come later
    with open(path, "w", encoding="ascii") as box:
        for n in order:
            box.write(f"From x{n}@example.net {time.asctime(time.gmtime(now))}\n{mail(n, now)}\n")


def run(*args, status=0):
    done = subprocess.run([SEKIMORI, *args], capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == status, (args, done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout


def lines(*args, status=0):
    return [json.loads(line) for line in run(*args, "--json", status=status).splitlines()]


def rows(store, sql):
    with contextlib.closing(sqlite3.connect(f"file:{store}/sekimori.db?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def change(store, sql):
    with contextlib.closing(sqlite3.connect(f"{store}/sekimori.db")) as db:
        db.execute(sql)
        db.commit()


class World:
    def __init__(self, folder):
        self.folder, self.now = folder, time.time()
        self.mbox, self.list = f"{folder}/mbox", f"{folder}/policy"
        write_mbox(self.mbox, self.now)
        with open(self.list, "w", encoding="ascii") as file:
            file.write(BOTS + "\n")
        with open(f"{folder}/config", "w", encoding="ascii"):
            pass

    def args(self, store, *paths):
        return ["mail", "--offline", "--spam", "--list", f"{self.list}=policy", "--config", f"{self.folder}/config", "--store",
                f"{self.folder}/{store}", *paths]

    def store(self, name):
        return f"{self.folder}/{name}"


ALL = """SELECT hex(mail), hex(addr), came, inquiry, moved, class, nearest, why, score, signs, speak_for, against, lists, helo
    FROM relay ORDER BY mail"""
VERDICTS = "SELECT key, level, score, stages FROM subject ORDER BY key"


def test_whole(world):
    """The run that nothing disturbs."""
    told = lines(*world.args("whole", world.mbox))
    summary = told[-1]
    assert summary["event_type"] == "summary", summary
    assert summary["mails"] == MAILS + COPIES, summary
    assert summary["kept"] == MAILS and summary["judged_before"] == COPIES and summary["lost"] == 0, summary
    assert rows(world.store("whole"), "SELECT count(*), count(DISTINCT mail), count(DISTINCT addr) FROM relay") == [
        (MAILS, MAILS, RELAYS)]
    accused = rows(world.store("whole"), "SELECT count(DISTINCT addr) FROM relay WHERE class = 'direct_bot'")[0][0]
    assert 0 < accused < RELAYS, accused
    assert len(rows(world.store("whole"), VERDICTS)) == accused
    again = lines(*world.args("whole", world.mbox))
    assert again[-1]["judged_before"] == MAILS + COPIES and again[-1]["kept"] == 0, again[-1]
    assert len(again) == 1, "what was judged before is not told again"


def kill_in_the_middle(world, store, after):
    """Reads so many mails' answers and kills. Returns how many records stand then, or None: it had ended before."""
    child = subprocess.Popen([SEKIMORI, *world.args(store, world.mbox), "--json"], stdout=subprocess.PIPE, text=True)
    for _ in range(after):
        if '"summary"' in child.stdout.readline():
            break
    child.send_signal(signal.SIGKILL)
    child.wait(WAIT)
    child.stdout.close()
    assert child.returncode in (0, -signal.SIGKILL), child.returncode
    return None if child.returncode == 0 else rows(world.store(store), "SELECT count(*) FROM relay")[0][0]


def test_killed(world):
    """Killed a dozen times, each time further on."""
    pick, before, kills = random.Random(20090803), 0, 0
    for _ in range(12):
        kept = kill_in_the_middle(world, "killed", pick.randrange(1, 500))
        if kept is None:
            break
        kills += 1
        assert kept >= before, (kept, before)
        before = kept
    assert kills >= 3, "the test must kill in the middle"
    assert 0 < before < MAILS, before
    last = lines(*world.args("killed", world.mbox))[-1]
    assert last["kept"] == MAILS - before, (last, before)
    assert last["judged_before"] == before + COPIES, (last, before)
    assert rows(world.store("killed"), ALL) == rows(world.store("whole"), ALL)
    assert rows(world.store("killed"), VERDICTS) == rows(world.store("whole"), VERDICTS)
    assert rows(world.store("killed"), "PRAGMA integrity_check") == [("ok",)]
    # Each accused relay was counted once for each of its mails, not for each run.
    judged = "SELECT s.key, e.count FROM evidence e JOIN subject s ON s.id = e.subject WHERE e.kind = 'relay.judged' ORDER BY 1"
    killed, whole = rows(world.store("killed"), judged), rows(world.store("whole"), judged)
    assert killed == whole, [(a, b) for a, b in zip(killed, whole) if a != b]


def test_maildir(world):
    """What mail programs do to a mail does not make it another one."""
    box = f"{world.folder}/Maildir"
    for name in ("cur", "new", "tmp"):
        os.makedirs(f"{box}/{name}")
    for n in range(20):
        with open(f"{box}/new/{n}.host", "w", encoding="ascii") as file:
            file.write(mail(n, world.now))
    first = lines(*world.args("maildir", box))[-1]
    assert first["kept"] == 20, first
    for n in range(20):
        text = mail(n, world.now).replace("\nSubject:", "\nStatus: RO\nX-Keywords: seen\nSubject:", 1)
        if n % 2:
            text = ("X-Mozilla-Status: 0001\n" + text).replace("\n", "\r\n")
        os.unlink(f"{box}/new/{n}.host")
        with open(f"{box}/cur/{n}.host:2,S", "w", encoding="ascii", newline="") as file:
            file.write(text)
    second = lines(*world.args("maildir", box))[-1]
    assert second["judged_before"] == 20 and second["kept"] == 0, second


def test_told(world):
    """report, why and --stats."""
    config = ["--config", f"{world.folder}/config", "--store", world.store("whole")]
    bot, other = relay(7), relay(200)
    report = lines("report", *config)
    stats = [line for line in report if line["event_type"] == "relay_stats"]
    assert len(stats) == 1 and stats[0]["relays"] == RELAYS and stats[0]["mails"] == MAILS, stats
    assert stats == lines("mail", "--stats", *config)
    accused = stats[0]["classes"]["direct_bot"]
    assert sum(stats[0]["classes"].values()) == RELAYS
    assert sum(stats[0]["unknown"].values()) == stats[0]["classes"]["unknown"] == RELAYS - accused
    assert sum(month["relays"] for month in stats[0]["months"]) >= RELAYS
    relays = [line for line in report if line["event_type"] == "verdict"]
    assert len(relays) == accused and all(line["subject"]["kind"] == "relay" for line in relays)
    summary = report[-1]
    assert summary["relays"] == accused and not any(summary["subjects"].values()), "relays are no hosts of ours"
    text = run("report", *config)
    assert "0 bots, 0 suspects" in text and "Relays that handed us mail" in text and "First and second inquiry" in text, text
    for words in (bot, f"relay:{bot}"):
        told = run("why", words, *config)
        assert f"{bot} is suspect" in told and "end-user's address" in told and "What the inquiries found" in told, told
    told = run("why", other, *config)
    assert "not known" in told and "is suspect" not in told, told
    run("why", "61.49.1.1", *config, status=3)
    assert "holds 0 bots, 0 suspects, and 0 more" in run("status", *config, status=3)


def test_again(world):
    """Nothing is due at once; after hours each relay is asked about once; and then not until the next day."""
    store = world.store("whole")
    first = lines(*world.args("whole", "--again"))
    assert first[-1]["asked_again"] == 0 and first[-1]["not_due"] == RELAYS, first[-1]
    change(store, f"UPDATE relay SET time = time - {7 * 3600 * 10**9}")
    second = lines(*world.args("whole", "--again"))
    assert second[-1]["asked_again"] == RELAYS, second[-1]
    told = [line for line in second if line["event_type"] == "relay_again"]
    assert len(told) == RELAYS and {line["inquiry"] for line in told} == {2}
    assert rows(store, "SELECT count(*), count(mail) FROM relay WHERE inquiry = 2") == [(RELAYS, 0)]
    third = lines(*world.args("whole", "--again"))
    assert third[-1]["asked_again"] == 0, third[-1]
    stats = lines("mail", "--stats", "--config", f"{world.folder}/config", "--store", store)[0]
    assert stats["asked_twice"] == RELAYS and sum(row["relays"] for row in stats["again"]) == RELAYS, stats
    assert lines(*world.args("whole", world.mbox))[-1]["kept"] == 0  # mails stay judged


def test_wishes(world):
    """An owner's no stands above the allow-list."""
    config = ["--config", f"{world.folder}/config", "--store", world.store("wishes")]
    one = f"{world.folder}/one"
    with open(one, "w", encoding="ascii") as file:
        file.write(mail(1, world.now))
    plan = ["mail", "--plan", "--allow", "61.48.0.0/16", "--offline", *config, one]

    def planned():
        return [line["text"] for line in lines(*plan) if line["event_type"] == "plan"]

    os.mkdir(world.store("wishes"))
    before = planned()
    assert len(before) == 1 and "one connection to port 25" in before[0], before
    address = relay(7919 % RELAYS)
    run("mail", "--opt-out", address, *config, status=2)  # who says so?
    run("mail", "--opt-out", "nobody", "--by", "x", *config, status=2)
    run("mail", "--opt-out", address, "--by", "abuse@example.net, mail of today", *config)
    change(world.store("wishes"), "DELETE FROM relay")
    after = planned()
    assert len(after) == 1 and "its owner does not want" in after[0], (before, after)
    assert rows(world.store("wishes"), "SELECT wish, by FROM wish") == [("opt_out", "abuse@example.net, mail of today")]


def test_refused(world):
    """Stores that cannot be are said, and nothing is judged as if there were none."""
    bad = world.store("bad")
    os.mkdir(bad)
    with open(f"{bad}/sekimori.db", "w", encoding="ascii") as file:
        file.write("this is no database, but longer than a header of one would be: " * 20)
    run(*world.args("bad", world.mbox), status=3)
    run("mail", "--stats", "--config", f"{world.folder}/config", "--store", world.store("nowhere"), status=3)
    assert not os.path.exists(world.store("nowhere"))
    run(*world.args("whole", "--again", world.mbox), status=2)


def main():
    with tempfile.TemporaryDirectory(prefix="sekimori-test-mail-") as folder:
        world = World(folder)
        for test in (test_whole, test_killed, test_maildir, test_told, test_again, test_wishes, test_refused):
            began = time.monotonic()
            test(world)
            print(f"{test.__name__}: ok, {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
