# SPDX-License-Identifier: GPL-3.0-or-later
"""The `scan` detector on the host sensor's own flow events: what a simulated bot is ordered to scan, with the process that
does it; and who looks like it and is none. Usage: test_scan.py SEKIMORI SEKIMORI-SIM [test_...]"""

import atexit
import contextlib
import os
import sys

import lib
from daemon import Daemon, pid_of, silence
from lib import Net, Sim, wait_json

SEKIMORI = sys.argv[1]
SIM = sys.argv.pop(2)
REFUSING = "10.77.2.0/24"  # every address of it refuses

_shared = []


def shared():
    """One daemon for all tests that need no other: what they ask it is about processes of their own."""
    if not _shared:
        _shared.append(Daemon(SEKIMORI))
        atexit.register(_shared[0].close)
    return _shared[0]


@contextlib.contextmanager
def stage(*options):
    """Namespaces in which the network REFUSING is outside, and a daemon: with options one in the namespace `home`."""
    with Net() as net, Daemon(SEKIMORI, *options, wrapper=["nsenter", f"--net={net.path('home')}", "--"]) if options \
            else contextlib.nullcontext(shared()) as daemon:
        for side, *route in (("outside", "local", REFUSING, "dev", "lo"), ("home", REFUSING, "via", lib.OUTSIDE4)):
            done = net.run(side, ["ip", "route", "add", *route])
            assert done.returncode == 0, done.stderr
        yield daemon, net, Sim(net, SIM)


def order(sim, text, shape="child", **where):
    """A bot gets that order after a silence. Returns it, and who carries it out."""
    bot = sim.bot(shape, **where)
    silence(2)
    sim.order(text)
    work = wait_json(bot, "work")
    return bot, work["pid"]


def scans(daemon, pid=None):
    return daemon.find("evidence", lambda r: r["evidence"]["kind"].startswith("scan.") and r["subject"]["kind"] == "process"
                       and pid in (None, r["subject"]["pid"]))


def wait_scan(daemon, pid, kind, **facts):
    def fits(r):
        told = r["evidence"]
        return r["subject"].get("pid") == pid and told["kind"] == kind and \
            all(told["facts"].get(k, 0) >= v for k, v in facts.items())
    return daemon.wait_for("evidence", fits, f"no {kind} of process {pid}")


def ended(daemon, pid, count, start=0):
    """Waits until that many flows of the process have ended, and returns them."""
    def found():
        return daemon.find("flow", lambda r: r["op"] == "end" and pid_of(r) == pid, start)
    return daemon.wait(lambda: len(flows := found()) >= count and flows, f"process {pid} has not ended {count} flows")


def test_refused():
    with stage() as (daemon, _net, sim):
        bot, worker = order(sim, ".scan tcp 250", targets=REFUSING, ports="445")
        assert worker != bot.pid
        piece = wait_scan(daemon, worker, "scan.horizontal", failed=200)
        assert piece["subject"]["name"] == "sekimori-sim" and piece["evidence"]["stage"] == "spread", piece
        assert piece["evidence"]["facts"]["port"] == 445 and piece["evidence"]["facts"]["answered"] == 0, piece
        # By itself it makes the worker suspect, and the orders make its parent a bot.
        daemon.wait_for("verdict", lambda r: r["subject"].get("pid") == worker and r["level"] == "suspect")
        daemon.wait_for("verdict", lambda r: r["subject"].get("pid") == bot.pid and r["level"] == "bot")
        assert all(f["source"] == "host_bpf" and f["flow"]["state"] == "failed" for f in ended(daemon, worker, 200))
        assert not scans(daemon, bot.pid), "who gave the scan to its child did not scan"
        story = daemon.wait(lambda: f"What was seen of process {worker} (sekimori-sim): suspect" in
                            (told := daemon.command("why", str(bot.pid)).stdout) and told, "it is not in the bot's story")
        assert "It tries one TCP port on many hosts that do not answer" in story, story


def test_thread():
    """Its process is named, which is the bot itself."""
    with stage() as (daemon, _net, sim):
        bot, worker = order(sim, ".scan tcp 60", "thread", targets=REFUSING, ports="445")
        assert worker == bot.pid
        wait_scan(daemon, bot.pid, "scan.horizontal", failed=50)


def test_silent():
    """Nobody there who refuses: many ports of a few addresses that never answer."""
    with stage() as (daemon, _net, sim):
        _bot, worker = order(sim, ".scan tcp 128", targets=lib.SILENT4, ports="440-455")
        piece = wait_scan(daemon, worker, "scan.vertical", failed=12)
        assert piece["evidence"]["facts"]["lowest_port"] == 440, piece


def test_by_proc():
    """The other back end says the same, of the namespace that it captures in."""
    with stage("--backend", "proc") as (daemon, _net, sim):
        # Many ports of one address: on a slow machine /proc shows some connections too late to tell whose they were.
        _bot, worker = order(sim, ".scan tcp 128", targets="10.77.1.33/32", ports="440-567")
        wait_scan(daemon, worker, "scan.vertical", failed=12)


def test_answered():
    """As many contacts, but all are answered: neither who calls nor who is called scans."""
    with stage() as (daemon, net, sim):
        net.listen(lib.LISTENING4, range(8000, 8008))
        start = daemon.mark()
        bot, worker = order(sim, ".scan tcp 64", targets=lib.LISTENING4, ports="8000-8007")
        assert wait_json(bot, "done")["ok"] == 64
        ended(daemon, worker, 64)
        ended(daemon, os.getpid(), 64, start)
        assert not scans(daemon, worker) and not scans(daemon, os.getpid()), scans(daemon)


def test_victim():
    """Half of what is tried is open: who is scanned is a victim."""
    with stage() as (daemon, net, sim):
        net.listen(lib.LISTENING4, range(8000, 8004))
        start = daemon.mark()
        _bot, worker = order(sim, ".scan tcp 320", targets=lib.LISTENING4, ports="7980-8019")
        wait_scan(daemon, worker, "scan.vertical", failed=12)
        ended(daemon, os.getpid(), 32, start)
        assert not scans(daemon, os.getpid()), scans(daemon, os.getpid())


def test_ends():
    """The daemon that saw all of this ends in order."""
    if _shared:
        assert shared().stop() == 0


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
