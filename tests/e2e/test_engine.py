# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine says of itself and what becomes of it: its counters at a start, its times when the clock is set, and an
engine that hangs. Usage: test_engine.py SEKIMORI SEKIMORI-SIM [test_...]"""

import json
import os
import signal
import sys
import time
from datetime import datetime

import lib
from badday import Scene, clock_set, gaps, kill_engine
from daemon import Daemon, silence

SEKIMORI = sys.argv[1]
SIM = sys.argv.pop(2)
SECOND = 10**9
HOUR = 3600 * SECOND
HOST = "host: {rescan: 0s, ring_kib: 16384}\n"  # room for what others do on this machine meanwhile


def test_start_is_no_clock_step():
    with Daemon(SEKIMORI, config=HOST) as daemon:
        daemon.wait_for("process", lambda r: r["op"] == "present")
        backward = daemon.status()["lost"]["clock_backward"]
        assert backward < 20, f"{backward} events of the start lie back"  # a few records overtake each other
        kill_engine(daemon)
        backward = daemon.status()["lost"]["clock_backward"]
        assert backward < 20, f"{backward} events of the start after a kill lie back"


def test_clock_in_facts():
    try:
        with clock_set(0):
            pass
    except PermissionError:
        return "the clock cannot be set here"
    with Daemon(SEKIMORI, config=HOST) as daemon, Scene(SIM) as scene:
        start = daemon.mark()
        with clock_set(HOUR):
            daemon.wait_for("gap", lambda r: r["gap"]["reason"] == "clock", start=start)
            scene.order(daemon, "verdict")
            (at, facts), = daemon.wait(lambda: daemon.rows(
                "SELECT e.last, e.facts FROM evidence e JOIN subject s ON s.id = e.subject WHERE s.pid = ?"
                " AND e.kind = 'server_like.order'", scene.bot.pid), "the order is not stored")
            assert abs(at - time.time_ns()) < 60 * SECOND, at
        facts = json.loads(facts)
        assert 0 <= at - facts["order_time"]["time_ns"] < 5 * SECOND, (at, facts)
        assert 0 < at - facts["since"]["time_ns"] < 60 * SECOND, (at, facts)
        assert daemon.stop() == 0
    return None


def test_clock_jumps():
    try:
        with clock_set(0):
            pass
    except PermissionError:
        return "the clock cannot be set here"

    def clock_gap(daemon, direction, start):
        gap = daemon.wait_for("gap", lambda r: r["gap"]["reason"] == "clock" and direction in r["gap"]["text"], start=start)
        return gap["gap"]["lost"], datetime.fromisoformat(gap["timestamp"]).timestamp()

    with Daemon(SEKIMORI, config=HOST + "store: {keep: 1h}\n") as daemon, Scene(SIM) as scene:
        scene.order(daemon, "verdict", lambda r: r["level"] == "bot")
        before, start, backward = scene.wait_stored(daemon), daemon.mark(), daemon.status()["lost"]["clock_backward"]
        now = time.time()
        with clock_set(HOUR):
            lost, then = clock_gap(daemon, "forward", start)
        assert abs(lost - 3600000) < 1000 and abs(then - now - 3600) < 5, (lost, then - now)
        lost, then = clock_gap(daemon, "back", start)
        assert abs(lost - 3600000) < 1000 and abs(then - time.time()) < 5, (lost, then - time.time())
        assert daemon.status()["subjects"]["bot"] >= 1, "the verdict faded"
        assert scene.evidence(daemon) == before
        # No timer waits for the old time: the next order is found and stored, with the time as it is now.
        found = scene.order(daemon)
        assert abs(datetime.fromisoformat(found["timestamp"]).timestamp() - time.time()) < 5, found["timestamp"]
        kind = found["evidence"]["kind"]
        daemon.wait(lambda: scene.evidence(daemon)[kind] > before[kind], "no longer stored")
        assert not daemon.find("verdict", lambda r: scene.is_bot(r), start), "a verdict changed by the clock"
        daemon.wait(lambda: len(gaps(daemon, "clock")) == 2, "the steps are not stored")
        backward = daemon.status()["lost"]["clock_backward"] - backward
        assert backward < 20, f"engine time went backwards: {backward} events"  # a few records overtake each other
        assert daemon.stop() == 0
    return None


def test_hung_engine():
    with Daemon(SEKIMORI, config=HOST + "daemon: {hung_after: 1500ms}\n") as daemon, Scene(SIM) as scene:
        scene.order(daemon, "verdict", lambda r: r["level"] == "bot")
        engine = daemon.engine()
        assert daemon.status()["restarts"] == 0, "a busy engine was taken for a hung one"
        os.kill(engine, signal.SIGSTOP)
        daemon.wait_said("the engine does not answer any more; killing it")
        daemon.wait(lambda: (status := daemon.status()) and status["restarts"] == 1, "it is not started again")
        assert daemon.engine() != engine and not os.path.exists(f"/proc/{engine}")
        scene.order(daemon)
        assert daemon.output().count(b"does not answer any more") == 1, "said more than once"
        assert daemon.output().count(b"starting it again") == 1, daemon.output()
        # Both stand still for longer than that, as behind Ctrl-Z: nobody hangs.
        stopped = [daemon.popen.pid, daemon.engine()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        silence(2)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        scene.order(daemon)
        assert daemon.status()["restarts"] == 1
        assert daemon.stop() == 0


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
