# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sekimori read` says, to people, to programs and to a store; how it ends, and how it is ended; what it needs.
Usage: test_read_output.py SEKIMORI SEKIMORI-SIM [test_...]"""

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import time

import capture
import lib
from patience import PATIENCE
from reader import FOUND, INPUT, OK, USAGE, Done, Reader, as_nobody, by_time_and_flow, findings, kinds

SEKIMORI = sys.argv[1]
sys.argv.pop(2)
BOT = f"host:{capture.BOT}"
FRAMES = capture.network()
PLAIN = capture.pcap(FRAMES, nano=True)
CLEAN = capture.pcap(capture.network(bot=False))


def test_json():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        done = reader.json("cap", status=FOUND)
        records = done.records  # every line parses
        assert [r["event_type"] for r in records].index("verdict") > max(
            i for i, r in enumerate(records) if r["event_type"] in ("evidence", "flow", "dns"))
        assert [r["event_type"] for r in records[-2:]] == ["verdict", "summary"], records[-2:]
        verdict, = done.of("verdict")
        assert verdict["subject"] == {"kind": "host", "key": BOT, "ip": capture.BOT} and verdict["level"] == "bot", verdict
        assert verdict["stages"] == ["egg", "control", "spread"] and verdict["score"] >= verdict["threshold"], verdict
        assert {e["kind"] for e in verdict["evidence"]} == {k for _, k in kinds(records)[1]}, verdict
        for kind in ("flow", "dns", "irc", "http", "file", "evidence"):
            assert done.of(kind), f"no {kind}"
        told = dict(done.summary["events"])
        assert told == {k: len(done.of(k)) for k in told}, "the summary counts what was told"
        assert done.summary["claims"] == len(done.of("evidence"))
        flow = next(r for r in done.of("flow") if r.get("dest_port") == 21)
        assert flow["src_ip"] == capture.BOT and flow["dest_ip"] == capture.CONTROLLER and flow["proto"] == "TCP", flow
        assert flow["flow_id"] and flow["community_id"].startswith("1:"), flow
        few = reader.json("cap", "--no-events", status=FOUND)
        assert {r["event_type"] for r in few.records} == {"evidence", "verdict", "summary"}
        assert findings(few.records) == findings(records)
        reader.write("clean", CLEAN)
        few = reader.json("clean", "--no-events", status=OK)
        assert [r["event_type"] for r in few.records] == ["summary"], few.out


def test_faded():
    """A bot of a month ago, in a reading that goes on until today: it is told, and counts."""
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        reader.write("later", capture.pcap([(t + 30 * 86400 * 10**9, f) for t, f in capture.network(bot=False)]))
        done = reader.read("cap", "later", status=FOUND)
        assert "0 bots, 0 suspects." in done.out and f"{capture.BOT} was a bot at 2006-01-02 10:00:" in done.out, done.out
        assert "was a bot" not in reader.read("cap", status=FOUND).out
        assert reader.json("cap", "later", status=FOUND).summary["faded"] == {"suspect": 0, "bot": 1}
        assert reader.json("cap", status=FOUND).summary["faded"] == {"suspect": 0, "bot": 0}
        reader.read("cap", "later", "--fail-on", "never", status=OK)
        # In a store it stays what it was.
        reader.read("cap", "later", "--store", "kept", status=FOUND)
        assert f"Bots\n  {capture.BOT}" in reader.read("--store", "kept", command="report", status=FOUND).out
        told = reader.read(capture.BOT, "--store", "kept", command="why", status=FOUND).out
        assert "By now the evidence has faded" in told, told


def test_workers():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        cut = capture.pcapng(capture.network(90))[:-5]
        reader.write("cut.gz", capture.gz(cut))
        for name in ("cap", "cut.gz"):
            one = reader.json(name, "--workers", "1", status=FOUND)
            for workers in ("2", "3", "8", "32"):
                many = reader.json(name, "--workers", workers, status=FOUND)
                assert by_time_and_flow(many.records) == by_time_and_flow(one.records), f"{name} with {workers} workers"
                a, b = one.summary, many.summary
                assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}
        for wrong in ("0", "33", "-1", "2x", ""):
            reader.refused(USAGE, "cap", "--workers", wrong, says="--workers wants a number from 1 to 32")


def test_store():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        plain = reader.json("cap", "--no-events")
        done = reader.json("cap", "--store", "kept", "--no-events", status=FOUND)
        assert findings(done.records) == findings(plain.records)
        for subject in (capture.BOT, BOT):
            told = reader.read(subject, "--store", "kept", command="why", status=FOUND).out
            assert f"{capture.BOT} is a bot" in told and ".advscan asn1smb 100 5 0 -r" in told, told
            assert "It tries one TCP port on many hosts" in told and "2006-01-02 10:00:0" in told, told
        told = reader.read("--store", "kept", command="report", status=FOUND).out
        assert capture.BOT in told and not any(host in told for host in capture.PEOPLE), told
        told = reader.read("--json", "--store", "kept", command="report").out
        assert BOT in told and all(json.loads(line) for line in told.splitlines()), told
        # What was lost is kept as well; and a second capture adds to it.
        reader.write("late", capture.pcap([(t + 3600 * 10**9, f) for t, f in capture.network(seconds=8)])[:-5])
        reader.json("late", "--store", "kept", status=FOUND)
        told = reader.read(capture.BOT, "--store", "kept", command="why", status=FOUND).out
        assert "11:00:0" in told and "10:00:0" in told, told
        told = reader.read("--store", "kept", command="report", status=FOUND).out
        assert "cut short" in told or "files that end within a record" in told, told
        assert reader.read("192.0.2.9", "--store", "kept", command="why").status != OK
        # A place where no store can be.
        reader.write("file", b"")
        done = reader.read("cap", "--store", "file", status=INPUT)
        assert "file" in done.err and done.out == "", done.err
        done = reader.read("cap", "--store", "no/such", status=INPUT)
        assert "no/such: No such file or directory" in done.err, done.err
        if os.geteuid() == 0:
            done = reader.read("cap", "--store", "kept", status=INPUT, **as_nobody())
            assert "kept" in done.err and done.out == "", done.err


def test_status():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        reader.write("clean", CLEAN)
        world = capture.World("a sign", capture.START)
        for i in range(100):
            world.silent(capture.START + i * 10**9, "10.20.0.99", f"198.18.{i}.1", 135, (3.0,))
        reader.write("sign", capture.pcap(capture.in_order(world)))
        signs = reader.json("sign", "--no-events")
        rows = (("clean", [], OK), ("clean", ["--fail-on", "suspect"], OK), ("cap", [], FOUND), ("cap", ["--fail-on", "bot"], FOUND),
                ("cap", ["--fail-on", "suspect"], FOUND), ("cap", ["--fail-on", "never"], OK), ("cap", ["--json"], FOUND))
        for name, options, status in rows:
            assert reader.run(name, *options).status == status, (name, options)
        # A scan alone is one stage: at most suspect.
        levels = kinds(signs.records)[0]
        assert "bot" not in levels.values(), levels
        reader.write("sure.yaml", b"home: [10.20.0.0/16]\nverdict: {suspect: 2}\n")
        assert reader.read("sign", "--config", "sure.yaml", status=OK).out.splitlines()[1] == "0 bots, 1 suspect."
        reader.read("sign", "--config", "sure.yaml", "--fail-on", "suspect", status=FOUND)
        reader.refused(USAGE, "cap", "--fail-on", "clear", says="--fail-on wants bot, suspect or never")
        reader.refused(USAGE, "cap", "--no-such", says="there is no option --no-such")
        # Something found weighs more than something that could not be read.
        assert reader.read("clean", "no-such-file-or-filter", status=USAGE).out == ""
        with open("/dev/full", "wb") as full:
            for options in ([], ["--json"], ["--json", "--no-events"]):
                done = reader.read("cap", *options, stdout=full, status=INPUT)
                assert "standard output: No space left on device" in done.err, done.err


class Terminal:
    """A pseudo-terminal, what was written to it, and a program on it."""

    def __init__(self, reader, *args, outputs=("stderr",), **more):
        self.master, slave = pty.openpty()
        import fcntl
        import termios
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        self.child = reader.start(*args, **{name: slave for name in outputs}, **more)
        os.close(slave)
        self.text = ""

    def read(self, timeout=0.0):
        while select.select([self.master], [], [], timeout)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other end is closed
                return False
            self.text += data.decode()
            timeout = 0
        return True

    def end(self, timeout=PATIENCE):
        until = time.monotonic() + timeout
        while self.read(0.1) or self.child.poll() is None:
            assert time.monotonic() < until, self.text
        os.close(self.master)
        return self.child.wait()


def test_colour():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        for env, colour in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            terminal = Terminal(reader, "cap", outputs=("stdout", "stderr"), env=env)
            assert terminal.end() == FOUND
            assert ("\x1b[3" in terminal.text or "\x1b[1" in terminal.text) == colour, (env, terminal.text[:300])
            assert "is a bot" in re.sub(r"\x1b\[[0-9;]*m", "", terminal.text), terminal.text
        assert "\x1b" not in reader.read("cap", env={"TERM": "xterm"}).out, "colour in a pipe"
        terminal = Terminal(reader, "cap", "--json", outputs=("stdout",), env={"TERM": "xterm"})
        assert terminal.end() == FOUND and "\x1b" not in terminal.text, "colour in JSON"


class Feed:
    """A program whose standard input is a pipe that gets a capture bit by bit, and whose output is read."""

    def __init__(self, reader, *args, **more):
        self.child = reader.start(*args, stdin=subprocess.PIPE, **more)

    def give(self, data):
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def taken(self):
        """Waits until the program has read everything and waits for more."""
        import fcntl
        import termios
        room = bytearray(4)
        until = time.monotonic() + PATIENCE
        while True:
            fcntl.ioctl(self.child.stdin, termios.FIONREAD, room)
            if room == bytes(4) and self.is_waiting():
                return
            assert time.monotonic() < until and self.child.poll() is None, "it does not read"
            time.sleep(0.005)

    def is_waiting(self):
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "S"

    def listens(self):
        """Waits until SIGINT does not just end it. To be called when it waits for more."""
        until = time.monotonic() + PATIENCE
        while True:
            with open(f"/proc/{self.child.pid}/status", encoding="ascii") as f:
                if int(re.search(r"SigCgt:\s*(\w+)", f.read()).group(1), 16) & 1 << signal.SIGINT - 1:
                    return self.taken()
            assert time.monotonic() < until and self.child.poll() is None, "SIGINT would end it without a word"
            time.sleep(0.005)

    def end(self, timeout=PATIENCE):
        out, err = self.child.communicate(timeout=timeout)
        return Done(subprocess.CompletedProcess([], self.child.returncode, out, err or b""))


def test_progress():
    with Reader(SEKIMORI) as reader:
        # A file: how much of it, how fast, how long still. It is held up by who does not read its output.
        reader.write("cap", capture.pcap(capture.network(400)))
        terminal = Terminal(reader, "cap", "--json", stdout=subprocess.PIPE)
        out = b""
        while chunk := os.read(terminal.child.stdout.fileno(), 65536):
            out += chunk
            time.sleep(0.02)
        assert terminal.end() == FOUND and out.endswith(b"}\n")
        lines = [line for line in re.split(r"\r\x1b\[K", terminal.text) if line]
        assert lines, "no progress on a terminal"
        for line in lines:
            assert re.fullmatch(r"\d+\.\d of \d+\.\d MB \(\d+ %\)  \d+ packets/s(  [\d.]+ m?s(in)? left)?", line), lines
        assert " left" in lines[-1] and terminal.text.endswith("\r\x1b[K"), terminal.text[-200:]
        # A pipe: its end is not known.
        terminal = Terminal(reader, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for at in range(0, len(PLAIN), 10000):
            terminal.child.stdin.write(PLAIN[at:at + 10000])
            terminal.child.stdin.flush()
            terminal.read(0.06)
        terminal.child.stdin.close()
        assert terminal.end() == FOUND
        lines = [line for line in re.split(r"\r\x1b\[K", terminal.text) if line]
        assert lines and all(re.fullmatch(r"\d+\.\d MB  \d+ packets/s", line) for line in lines), lines
        # No terminal, no progress.
        feed = Feed(reader, "-")
        for at in range(0, len(PLAIN), 10000):
            feed.give(PLAIN[at:at + 10000])
            time.sleep(0.06)
        done = feed.end()
        assert done.status == FOUND and done.err == "" and "\r" not in done.out, done.err
        # What must be said meanwhile does not run into it.
        reader.write("cut", capture.pcap(capture.network(400))[:-3])
        terminal = Terminal(reader, "cut", "--json", stdout=subprocess.PIPE)
        while os.read(terminal.child.stdout.fileno(), 65536):
            time.sleep(0.01)
        terminal.end()
        assert re.search(r"(^|\x1b\[K)sekimori: warning: cut: ends within a record\r\n", terminal.text), terminal.text


def test_interrupted():
    """Ctrl-C while it waits for more: what was found so far."""
    with Reader(SEKIMORI) as reader:
        half = 24 + sum(16 + len(f) for _, f in FRAMES[:500])
        for number in (signal.SIGINT, signal.SIGTERM):
            for workers in ("1", "2"):
                feed = Feed(reader, "-", "--json", "--no-events", "--workers", workers)
                feed.give(PLAIN[:half])
                feed.taken()
                feed.child.send_signal(number)
                done = feed.end(5)
                assert done.status == FOUND and done.err == "", (done.status, done.err)
                assert done.summary["interrupted"] and done.summary["packets"] == 500, done.summary
                assert done.summary["gaps"] == 0, done.gaps()
                assert kinds(done.records)[0] == {BOT: "bot"}, kinds(done.records)
        # Also of a capture that has hardly begun.
        feed = Feed(reader, "-", "--json", "--no-events")
        feed.give(PLAIN[:24 + sum(16 + len(f) for _, f in FRAMES[:5])])
        feed.listens()
        feed.child.send_signal(signal.SIGINT)
        done = feed.end(5)
        assert done.summary["interrupted"] and done.summary["packets"] == 5, done.summary
        feed = Feed(reader, "-", "--store", "kept")
        feed.give(PLAIN[:half])
        feed.taken()
        feed.child.send_signal(signal.SIGINT)
        done = feed.end(5)
        assert re.search(r"500 packets .* read in .*, interrupted\.\n", done.out) and "is a bot" in done.out, done.out
        assert "is a bot" in reader.read(capture.BOT, "--store", "kept", command="why", status=FOUND).out
        # A log is read so, too.
        feed = Feed(reader, "-", "--json", "--no-events")
        world = capture.World("a log", capture.START)
        for i in range(1000):
            world.silent(capture.START + i * 10**7, "10.20.0.99", f"198.18.{i // 200}.{1 + i % 200}", 135, (3.0,))
        capture.logs.write(world, reader.path("logs"))
        with open(reader.path("logs/zeek-tsv/conn.log"), "rb") as f:
            feed.give(f.read())
        feed.taken()
        feed.child.send_signal(signal.SIGINT)
        done = feed.end(5)
        assert done.summary["interrupted"] and done.summary["lines"] > 100 and done.err == "", (done.summary, done.err)
        # In the middle of work, with many workers.
        reader.write("large", capture.gz(capture.pcap(capture.udp_frames(300_000, every=0.0001))))
        child = reader.start("large", "--json", "--workers", "8")
        os.read(child.stdout.fileno(), 1) if select.select([child.stdout], [], [], 0.1)[0] else None
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=PATIENCE)
        assert child.returncode in (OK, -signal.SIGINT), child.returncode  # so early that it had not begun
        assert child.returncode != OK or json.loads(out.splitlines()[-1])["event_type"] == "summary"


def test_as_it_comes():
    """From a pipe that never ends, findings are told when they are made, and not when a buffer is full."""
    with Reader(SEKIMORI) as reader:
        for workers in ("1", "2"):
            feed = Feed(reader, "-", "--json", "--no-events", "--workers", workers)
            feed.give(PLAIN[:24])
            at, out = 24, b""
            for number, (_, frame) in enumerate(FRAMES):
                feed.give(PLAIN[at:at + 16 + len(frame)])
                at += 16 + len(frame)
                if select.select([feed.child.stdout], [], [], 0.02)[0]:
                    out += os.read(feed.child.stdout.fileno(), 65536)
                if b"irc_control.enrolled" in out:
                    break
            assert b"irc_control.enrolled" in out and number < 400, (number, out)
            feed.end()


def test_output_closed():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", capture.pcap(capture.network(600)))
        for options in (["--json"], ["--json", "--workers", "4"], []):
            child = reader.start("cap", *options)
            os.read(child.stdout.fileno(), 100)
            child.stdout.close()
            err = child.stderr.read()
            assert child.wait(20) == FOUND and err == b"", (child.returncode, err)
        for closed in (">&-", "2>&-", ">&- 2>&-"):
            done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *reader.argv("cap", "--store", "kept")],
                                  cwd=reader.folder, capture_output=True, timeout=PATIENCE)
            assert done.returncode == (FOUND if closed == "2>&-" else INPUT), (closed, done)
        assert "is a bot" in reader.read(capture.BOT, "--store", "kept", command="why", status=FOUND).out, "the store is damaged"
        shell = f"{' '.join(reader.argv('cap', '--json'))} | head -n 1"
        done = subprocess.run(["sh", "-c", shell], cwd=reader.folder, capture_output=True, timeout=PATIENCE)
        assert done.stdout.count(b"\n") == 1 and done.stderr == b"", done


def test_anybody():
    """Root or nobody: the same. And a folder that cannot be written is enough."""
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        mine = reader.json("cap", status=FOUND)
        if os.geteuid() != 0:
            return "not root: as nobody it was not tried"
        done = reader.json("cap", status=FOUND, **as_nobody())
        assert findings(done.records) == findings(mine.records) and done.err == "", done.err
        os.makedirs(reader.path("own"))
        os.chown(reader.path("own"), 65534, 65534)
        done = reader.read("cap", "--store", "own/kept", status=FOUND, **as_nobody())
        assert os.stat(reader.path("own/kept")).st_mode & 0o7 == 0, "others may read the store"
        assert "is a bot" in reader.read(capture.BOT, "--store", "own/kept", command="why", **as_nobody()).out
        return None


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))


def test_memory():
    """An endless stream of new flows: memory stops growing once the tables are full."""
    count = 1 << 20
    size = 16 + 14 + 20 + 20
    frame = capture.udp_frames(1)[0][1]
    one = bytearray(struct.pack("<IIII", 0, 0, size - 16, size - 16) + frame[:24] + frame[24:size - 16])
    with Reader(SEKIMORI) as reader:
        feed = Feed(reader, "-", "--json", "--no-events", "--workers", "1")
        feed.give(capture.pcap_header(nano=True))
        peaks = []
        for turn in range(3):
            for at in range(0, count, 1 << 15):
                block = one * (1 << 15)
                for i in range(1 << 15):
                    k = turn * count + at + i
                    # A second holds a hundred thousand; each has its own peer and port.
                    struct.pack_into("<II", block, i * size, capture.START // 10**9 + k // 100_000, k % 100_000 * 1000)
                    struct.pack_into("!IH", block, i * size + 46, 0xc6120000 | k & 0x1ffff, 1024 + (k >> 17))
                feed.give(block)
            feed.taken()
            peaks.append(peak_kib(feed.child.pid))
        done = feed.end(60)
        assert done.summary["packets"] == 3 * count, done.summary
        assert peaks[2] < peaks[1] * 1.05, f"it grows: {peaks} KiB"
        assert peaks[2] < 1 << 20, f"{peaks} KiB"
        assert any("forgotten" in text for text in done.gaps()), done.gaps()


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
