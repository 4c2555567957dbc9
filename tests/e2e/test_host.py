# SPDX-License-Identifier: GPL-3.0-or-later
"""Every shape of the simulated bot against the daemon as it runs on this machine: found, by whom, and how soon.
Usage: test_host.py SEKIMORI SEKIMORI-SIM [shape[:order[:transport]]... | older...]"""

import contextlib
import os
import sys
import time

import lib
from daemon import Daemon, boot_ns, pid_of, silence
from lib import Net, Sim, wait_json

SEKIMORI, SIM = sys.argv[1:3]
ONLY = sys.argv[3:]
PORTS = range(8000, 8004)
# From the bot's first own packet to the verdict. An emulated machine (script/test vm) is given more.
LATENCY = float(os.environ.get("SEKIMORI_LATENCY_MS", "200")) * 1e6

# shape, order, options, transport, level at least, found by
SCAN, FORGE = ".scan tcp 30", ".forge 20"
SHAPES = [
    ("child", SCAN, (), "tcp", "bot", "process"),
    ("child", ".udpflood 2000", (), "tcp", "bot", "process"),
    ("child", ".ping 20", (), "tcp", "suspect", "process"),
    ("child", ".get", (), "tcp", "suspect", "process"),
    ("thread", SCAN, (), "tcp", "bot", "thread"),
    ("thread", ".udpflood 2000", (), "tcp", "bot", "thread"),
    ("double-fork", SCAN, (), "tcp", "bot", "process"),
    ("parent-exits", SCAN, (), "tcp", "bot", "process"),
    ("clone-parent", SCAN, (), "tcp", "bot", "process"),
    ("shell", SCAN, (), "tcp", "suspect", "process"),
    ("self-exec", SCAN, (), "tcp", "bot", "process"),
    ("io-uring", SCAN, (), "tcp", "bot", "process"),
    ("io-uring-sqpoll", SCAN, (), "tcp", "bot", "process"),
    ("raw-forge", FORGE, (), "tcp", "bot", None),
    ("raw-forge6", FORGE, (), "tcp", "bot", None),
    ("packet-forge", FORGE, (), "tcp", "bot", None),
    ("packet-forge-bypass", FORGE, (), "tcp", "bot", None),
    ("inherited", SCAN, (), "tcp", "suspect", "process"),
    ("fd-passing", SCAN, (), "tcp", "suspect", "process"),
    ("child", SCAN, (), "udp", "bot", "process"),
    ("child", SCAN, (), "tls", "bot", "process"),
    ("netns", SCAN, ("--netns", "@home"), "tcp", "bot", "process"),
]
# How long a conversation is silent before its order. An order counts by how unlikely it met what follows by chance: the time
# between the two beside the length of the conversation. A busy or emulated machine takes its time for the former.
SILENCE, SILENCE_LONG = 2, 5
TOGETHER = 6  # so many bots are silent at the same time; each gets its order when those before are judged
RANK = {"unknown": 0, "clear": 1, "suspect": 2, "bot": 3}


def family(bot):
    """Everyone the bot says had a part in it."""
    return {line[key] for line in bot.lines for key in ("pid",) if key in line} | {bot.pid}


def first_flow(daemon, pid, start):
    """When a foreign tool's first own packet left (boot time), as the sensor saw it: the tool does not say."""
    flow = daemon.wait_for("flow", lambda r: r["op"] == "start" and pid_of(r) == pid, start=start)
    return flow["time_ns"] - (time.time_ns() - boot_ns())


def label(row):
    """shape:order:transport"""
    return f"{row[0]}:{row[1].split()[0][1:]}:{row[3]}"


class Scene:
    """A row's bot and its master, in a net of their own; silent until the order."""

    def __init__(self, row):
        self.row = row
        shape, order, options, transport = row[:4]
        moved = "--netns" in options
        self.net = Net(("home", "outside", "other") if moved else ("home", "outside"))
        options = [self.net.path(o[1:]) if o.startswith("@") else o for o in options]
        self.sim = Sim(self.net, SIM, transport=transport)
        self.net.listen(lib.LISTENING4, PORTS)
        handing = shape in ("inherited", "fd-passing")  # opens connections after the order, to hand them over
        quiet = order == SCAN and not handing
        targets = lib.TARGETS6 if shape == "raw-forge6" else lib.SILENT4 if quiet else lib.LISTENING4
        self.bot = self.sim.bot(shape, *options, targets=targets, side="other" if moved else "home")
        self.due = time.monotonic() + (SILENCE_LONG if handing else SILENCE)

    def judge(self, daemon):
        shape, order, _, transport, level, by = self.row
        silence(max(self.due - time.monotonic(), 0))
        bot, start = self.bot, daemon.mark()
        self.sim.order(order)
        taken = wait_json(bot, "order")
        first = wait_json(bot, lambda line: line.get("event") in ("first_packet", "tool"))

        def found(least):
            return lambda r: r["subject"]["kind"] == "process" and RANK[r["level"]] >= RANK[least] and \
                r["subject"]["pid"] in family(bot)

        verdict = daemon.wait_for("verdict", found("suspect"), f"{shape} {order}: no verdict", start)
        latency = verdict["seen"] - (first["at"] if "at" in first else first_flow(daemon, first["pid"], start))
        reached = daemon.wait_for("verdict", found(level), f"{shape} {order}: not {level}", start)
        told = {e["stage"] for e in reached["evidence"]}
        assert told == set(reached["stages"]), f"{shape}: of {reached['stages']} the verdict tells only {told}"
        evidence = daemon.find("evidence", lambda r: r["subject"].get("pid") in family(bot), start)
        kinds = sorted({r["evidence"]["kind"] for r in evidence})
        ways = {str(r["evidence"]["facts"].get("by")) for r in evidence}
        print(f"{shape:20} {order:16} {transport:4} {verdict['level']:8} {latency / 1e6:6.1f} ms  by {','.join(sorted(ways))} "
              f"{' '.join(kinds)}", flush=True)
        assert verdict["subject"]["pid"] == taken["pid"] or not by, f"{shape}: names {verdict['subject']['pid']}, not the taker"
        assert latency < LATENCY, f"{shape}: {latency / 1e6:.1f} ms from the first packet to the verdict"
        if by:
            assert ways & {by, "both"}, f"{shape}: found by {ways}, not by {by}"


@contextlib.contextmanager
def failure_of(what, failed):
    """What fails there is told, and the rest goes on."""
    try:
        yield
    except (AssertionError, KeyError, TimeoutError) as why:
        failed.append(what)
        print(f"FAILED {what}: {type(why).__name__} {why}", flush=True)


def run_older(failed):
    """The conversation is older than the daemon, and its first order after the start is found."""
    with contextlib.ExitStack() as stack:
        sims = [Sim(stack.enter_context(Net()), SIM, transport=transport) for transport in ("tcp", "udp", "tls")]
        bots = [sim.bot("child", targets=lib.SILENT4) for sim in sims]
        with Daemon(SEKIMORI) as daemon:
            silence(1.3)
            for sim, bot in zip(sims, bots):
                with failure_of(f"older:{sim.transport}", failed):
                    sim.order(SCAN)
                    daemon.wait_for("evidence", lambda r: r["subject"].get("pid") == bot.pid and  # noqa: B023
                                    r["evidence"]["kind"] == "server_like.order", "the first order is not found")
                    print(f"older than the daemon, {sim.transport}: found", flush=True)


def run_together(daemon, rows, failed):
    with contextlib.ExitStack() as stack:
        scenes = []
        for row in rows:
            with failure_of(label(row), failed):
                scenes.append(Scene(row))
                stack.callback(scenes[-1].net.close)
        for scene in sorted(scenes, key=lambda scene: scene.due):
            with failure_of(label(scene.row), failed):
                scene.judge(daemon)
            scene.net.close()


def main():
    lib.need_root()
    failed = []
    if not ONLY or "older" in ONLY:
        run_older(failed)
    chosen = [row for row in SHAPES if not ONLY or any(f"{label(row)}:".startswith(f"{only}:") for only in ONLY)]
    with Daemon(SEKIMORI) as daemon:
        for i in range(0, len(chosen), TOGETHER):
            run_together(daemon, chosen[i:i + TOGETHER], failed)
    print(f"{len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
