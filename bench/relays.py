#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sekimori mail` says of folders of real mail, and what a large mailbox costs.

    script/bench relays [--worst N] [--mbox MEGABYTES] [NAME=PATH...]

Tables: verdicts and signs of each folder (mail/spam and mail/ham of the data in SEKIMORI_DATA, or those that are named), offline
and with a resolver that never answers: both must say the same. With --worst the mails that come nearest to an accusation.

The mailbox: an mbox of 1 GB (--mbox), each mail from another address and delivered just now, so that all would be asked about;
offline, and with a resolver that never answers. Printed are the time, the processor's time, the memory at most, and how often
the progress was told.

Exit status 1 when old mail is called anything but unknown, or memory grows with the mailbox."""
import argparse
import collections
import email.utils
import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEMORY_MAX = 64e6  # bytes, of a mailbox of any size


class Silent:
    """A resolver on loopback that never answers; the system keeps what comes, up to its limit."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.options = ["--resolver", f"127.0.0.1:{self.socket.getsockname()[1]}"]


def read(program, options, path):
    done = subprocess.run([program, "mail", "--json", *options, path], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"sekimori mail {path}: status {done.returncode}")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return [r for r in records if r["event_type"] == "mail"], records[-1]


def count(records):
    """{(what, of it): mails}, each mail once for each; of signs, by the answer."""
    found = collections.Counter()
    for r in records:
        rows = {("verdict", r["class"])}
        if r.get("relay"):
            rows.add(("relay", "known"))
            rows.add(("why not", r.get("why") or "it is"))
        rows |= {("chain", s["sign"] + (" (strong)" if s.get("strong") else "")) for s in r["signs"]}
        found.update(rows)
        for s in r.get("judge") or ():
            answers = found.setdefault(("sign, yes / no", s["sign"]), collections.Counter())
            answers[s["answer"]] += 1
    return found


def cell(value):
    return str(value) if isinstance(value, int) else f"{value['yes']} / {value['no']}"


def table(names, counts, totals):
    print("| | | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    print("| mails | | " + " | ".join(str(totals[n]) for n in names) + " |")
    order = ("verdict", "why not", "relay", "sign, yes / no", "chain")
    for what, of in sorted({key for c in counts.values() for key in c}, key=lambda k: (order.index(k[0]), k[1])):
        print(f"| {what} | {of} | " + " | ".join(cell(counts[n].get((what, of), collections.Counter() if "/" in what else 0)) for n in names) + " |")


def near(record):
    """Near to an accusation. That a server with names in order may be a provider's is none."""
    signs = {s["sign"]: s["answer"] for s in record.get("judge") or ()}
    return record.get("nearest") not in (None, "unknown", "provider_relay") or signs.get("submitted") == "yes"


def folders(program, options, paths):
    """False: somebody was accused by mail that is old."""
    silent, ok, counts, totals, worst = Silent(), True, {}, {}, []
    for name, path in paths.items():
        records, summary = read(program, ["--offline"], path)
        online, _ = read(program, silent.options, path)
        counts[name], totals[name] = count(records), summary["mails"]
        accused = [r["path"] for r in records + online if r["class"] != "unknown"]
        different = [a["path"] for a, b in zip(sorted(records, key=lambda r: r["path"]), sorted(online, key=lambda r: r["path"]))
                     if (a["class"], a.get("score")) != (b["class"], b.get("score"))]
        worst += [(r["score"], name, r) for r in records if near(r)]
        for what, which in (("called something", accused), ("another verdict without an answer than offline", different)):
            if which:
                print(f"{name}: {what}: {', '.join(which[:5])}")
                ok = False
    table(list(paths), counts, totals)
    for score, name, r in sorted(worst, key=lambda w: -w[0])[:options.worst]:
        signs = " ".join(f"{s['sign']}={s['answer']}({s['weight']})" for s in r.get("judge") or () if s["answer"] != "unknown")
        print(f"{score:6.2f} {r['nearest']:15} {name}/{os.path.basename(r['path'])} {r['relay']} {r.get('why')}: {signs}")
    return ok


# --- a large mailbox ---

def write_mbox(path, size):
    now, text = time.time(), ("All work and no play makes a long line of text that nobody reads.\n" * 100)
    stamp, at, n = email.utils.formatdate(now), 0, 0
    with open(path, "w", encoding="ascii", buffering=1 << 20) as f:
        while at < size:
            peer = f"{61 + (n >> 24)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
            at += f.write(f"From x@y.test {time.asctime(time.gmtime(now))}\n"
                          f"Received: from winbox (dsl-{n}.pool.access.test [{peer}])\n\tby mx.ours.test (Postfix) with ESMTP id {n:X}\n"
                          f"\tfor <you@ours.test>; {stamp}\n"
                          f"Received: from a (b [61.200.1.1]) by c.test (8.9.3/8.9.3) with SMTP id {n}; {stamp}\n"
                          f"Date: {stamp}\nSubject: {n}\n\n{text}\n")
            n += 1
    return n


def run_watched(argv):
    """(seconds, of the processor, bytes of memory at most, times that progress was told); its errors go to a terminal of ours."""
    ours, theirs = pty.openpty()
    told = [0]

    def watch():
        try:
            while data := os.read(ours, 65536):
                told[0] += data.count(b" mails  ")
        except OSError:  # closed on the other side
            pass
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    began = time.monotonic()
    with open(os.devnull, "w", encoding="ascii") as nowhere:
        proc = subprocess.Popen(argv, stdout=nowhere, stderr=theirs)
    os.close(theirs)
    _, status, usage = os.wait4(proc.pid, 0)
    proc.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began
    thread.join(timeout=5)
    os.close(ours)
    if proc.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(argv)}: status {proc.returncode}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, told[0]


def mailbox(program, size):
    ok, silent = True, Silent()
    with tempfile.TemporaryDirectory(prefix="sekimori-mbox-") as folder:
        path = os.path.join(folder, "mbox")
        n = write_mbox(path, size)
        for what, options in (("offline", ["--offline"]), ("a resolver that never answers", silent.options)):
            for view in ([], ["--json"]):
                took, cpu, memory, told = run_watched([program, "mail", *view, *options, path])
                print(f"mbox of {size / 1e6:.0f} MB, {n:,} mails and as many relays, {what}{', JSON' if view else ''}: {took:.1f} s, "
                      f"{cpu:.1f} s of the processor, {memory / 1e6:.1f} MB, progress told {told} times")
                ok = ok and memory <= MEMORY_MAX and (told > 0 or took < 1)
    return ok


def main():
    parser = argparse.ArgumentParser(prog="script/bench relays")
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--mbox", type=float, default=1000)
    parser.add_argument("folders", nargs="*")
    options = parser.parse_args()
    program = os.path.join(os.environ.get("SEKIMORI_BUILD", os.path.join(ROOT, "build")), "sekimori")
    data = os.environ.get("SEKIMORI_DATA", os.path.join(ROOT, "../shared/data"))
    paths = dict(text.split("=", 1) for text in options.folders)
    for name in () if paths else ("spam", "ham"):
        path = os.path.join(data, "mail", name)
        if os.path.isdir(path):
            paths[name] = path
    ok = True
    if paths:
        ok = folders(program, options, paths)
    else:
        print("no folders of mail: SEKIMORI_DATA names them")
    if options.mbox:
        ok = mailbox(program, options.mbox * 1e6) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
