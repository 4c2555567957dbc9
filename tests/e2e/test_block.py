# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori block` with the real command line: what a bot does stops at once, others go on, undo restores, a dry run changes
nothing; and with `respond: block: bot` it happens by itself. Usage: test_block.py SEKIMORI SIM [TEST...]"""

import contextlib
import json
import os
import socket
import threading
import time

import gatelib
from gate import FREE_PORT, SERVER4, wait_for
from daemon import pid_of, silence
from gatelib import BEHIND4, Machine, Sink
from lib import HOME4, OUTSIDE4, REFUSING4, SILENT4, Sim, wait_json
from patience import SLOW

SINKS = "10.77.1.18/31"  # two mail servers
DEADLINE = 1.0  # seconds from the command to the last packet
GOES_ON = 40.0  # as TCP tries again, where its pauses cannot be shortened; a bot lives for a minute
m = None


def enter_cgroup(pid):
    with open(f"{m.cgroup}/cgroup.procs", "w", encoding="ascii") as f:
        f.write(str(pid))


def new_bot(shape="child", targets=SILENT4, ports="9999", port=6667):
    sim = Sim(m.net, m.sim, port=port)
    bot = sim.bot(shape, targets=targets, ports=ports)
    enter_cgroup(bot.pid)
    return sim, bot


def end(sim, bot):
    bot.stop()
    sim.server.stop()


def blocked():
    return m.json("unblock")


@contextlib.contextmanager
def served_first():
    """What is started here waits for no other program's turn, so that its time says something on a busy machine too."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def block(subject, *options):
    with served_first():
        began = time.monotonic()
        out = m.must("block", str(subject), *options)
    try:
        yield out, began
    finally:
        m.must("unblock", str(subject))


class Transfer:
    """A connection over which somebody sends without end; ours is the receiving side."""

    def __init__(self, actor):
        server = m.net.socket("outside", socket.AF_INET, socket.SOCK_STREAM)
        server.bind((OUTSIDE4, 0))
        server.listen(1)
        server.settimeout(10)
        actor.ok("connect", addr=OUTSIDE4, port=server.getsockname()[1], keep="t")
        self.actor, (self.end, _) = actor, server.accept()
        self.end.settimeout(0.3)
        server.close()

    def moves(self):
        self.actor.do("send", socket="t", data="x" * 100)
        with contextlib.suppress(TimeoutError):
            return bool(self.end.recv(65536))
        return False


def hear(*programs):
    """A program whose pipe is full of what nobody reads does nothing more."""
    for program in programs:
        while program._read(0):
            pass


def run_on(order, predicate, **bot):
    """The bot carries out one order after another; blocked, nothing arrives any more, and afterwards it does again."""
    sim, bot = new_bot(**bot)
    sniffer = m.net.sniff()

    def seen():
        hear(sim.server, bot)
        return len([p for p in sniffer.read() if predicate(p)])

    def goes_on():
        """Orders, until more shows outside. What the bot says of its work is not asked: a line may be that of an order before."""
        before = seen()

        def shows():
            sim.order(order)
            silence(0.05)
            return seen() > before
        return shows
    try:
        wait_for(goes_on(), "what it does shows outside")
        with block(bot.pid) as (out, began):
            before = seen()
            assert f"sekimori unblock process:{bot.pid}:" in out, out
            sim.order(order)  # it may not even hear it
            silence(max(DEADLINE - (time.monotonic() - began), 0.5))
            late = seen() - before
            assert not late, f"{late} packets after the block"
        wait_for(goes_on(), "it goes on after the block", GOES_ON)
    finally:
        sniffer.close()
        end(sim, bot)


@contextlib.contextmanager
def ordering(sim, order, every=0.02):
    """The master goes on ordering meanwhile."""
    stop = threading.Event()

    def work():
        while not stop.wait(every):
            sim.order(order)
    # A master whose bot is blocked may take no order for as long as TCP waits: nobody waits for that here.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def stop_a_flood():
    """In the middle of it: nothing comes any more after the command, and another's goes on. How long the command took. The bots
    live for a minute only."""
    sims = [new_bot(port=6667 + i) for i in range(2)]
    (sim, bot), (other_sim, other) = sims
    sniffer = m.net.sniff()

    def seen():
        hear(sim.server, bot)
        return len([p for p in sniffer.read() if p.dport == 9999])

    def fresh():
        before = seen()
        return lambda: seen() > before
    try:
        with ordering(sim, ".udpflood 50"):
            wait_for(fresh(), "the flood")
            with block(bot.pid) as (_, began):
                took = time.monotonic() - began
                arrived = seen()
                silence(0.5)
                late = seen() - arrived
                assert not late, f"{late} packets after the block"
                other_sim.order(".udpflood 200")
                assert wait_json(other, "done")["ok"] == 200, "others go on"
            wait_for(fresh(), "it goes on after the block", GOES_ON)
        print(f"# {arrived} packets came until the command was done, after {took * 1e3:.0f} ms; none later")
    finally:
        sniffer.close()
        for pair in sims:
            end(*pair)
    return took


def test_flood():
    times = []
    while not times or (min(times) > DEADLINE and len(times) < 3):  # the machine may be busy
        times.append(stop_a_flood())
    assert min(times) < DEADLINE * SLOW, times


def test_scan():
    run_on(".scan tcp 60", lambda p: p.is_syn and 8000 <= p.dport <= 8003, targets=REFUSING4, ports="8000-8003")


def test_double_fork():
    """The worker that forked twice to get away is in."""
    run_on(".udpflood 50", lambda p: p.dport == 9999, shape="double-fork")


def test_spam():
    """A spam run into a mail server; its mails stop."""
    with Sink(m.net, "10.77.1.18", slow=0.02) as sink, Sink(m.net, "10.77.1.19", slow=0.02) as second:
        sim, bot = new_bot(targets=SINKS, ports="25")
        try:
            sim.order(".mail 20")
            assert wait_json(bot, "done")["ok"] == 20
            assert sink.mails + second.mails == 20
            bot.lines.clear()
            sim.order(".mail 500")
            wait_for(lambda: sink.mails + second.mails > 30, "the spam run")
            with block(bot.pid):
                time_of_block, mails = time.monotonic(), sink.mails + second.mails
                silence(0.7)
                assert sink.mails + second.mails <= mails + 1 and mails < 500, (mails, sink.mails + second.mails)
                assert not [t for t in sink.times + second.times if t > time_of_block + DEADLINE]
        finally:
            end(sim, bot)


def test_family():
    """Descendants are in, however they got away; the parent and its other child keep their open connections."""
    m.must("gate", "shut")  # whose child somebody is shows while the kernel half is there
    parent = m.start("bot")
    bot, sibling = parent.spawn("bot"), parent.spawn("bot")
    family = [bot, bot.spawn("bot"), bot.spawn("bot", how="double", setsid=True)]
    transfers, innocent = [Transfer(a) for a in family], [Transfer(parent), Transfer(sibling)]
    assert all(t.moves() for t in transfers + innocent)
    with block(bot.pid) as (out, _):
        assert "3 processes" in out, out
        assert not any(t.moves() for t in transfers) and all(t.moves() for t in innocent)
        later = family[1].spawn("bot", how="double")
        assert later.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
        [listed] = blocked()
        assert listed["subject"]["pid"] == bot.pid if isinstance(listed["subject"], dict) else str(bot.pid) in listed["subject"]
        assert listed["seconds_left"] > 3500 and listed["connections_refused"] >= 1, listed
        again = m.must("block", str(bot.pid), "--for", "2h")
        assert "still" in again and len(blocked()) == 1, again
    assert all(wait_for(t.moves, "it goes on") for t in transfers + innocent)
    m.must("gate", "remove")


def test_loaded_for_the_block():
    """Without a gate the kernel half comes and goes with the block; who is whose child is known as far as /proc tells."""
    parent = m.start("bot")
    bot = parent.spawn("bot")
    child = bot.spawn("bot")
    transfers = [Transfer(a) for a in (bot, child)]
    with block(bot.pid) as (out, _):
        assert "2 processes" in out, out
        assert not any(t.moves() for t in transfers)
        assert child.spawn("bot", how="double").do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
        assert parent.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"
    assert not os.path.exists(m.folder), "what was loaded for the block alone is gone with it"


def test_dry_run():
    bot = m.start("bot")
    child = bot.spawn("bot")
    before, transfer = m.everything(), Transfer(child)
    out = m.must("block", str(bot.pid), "--dry-run")
    assert "would be" in out and "2 processes" in out, out
    [record] = m.json("block", str(bot.pid), "--dry-run")
    assert record["dry_run"] and record["processes"] == 2 and record["seconds"] == 3600, record
    out = m.must("block", "10.79.1.1", "--dry-run")
    assert "10.79.1.1" in out, out
    after = m.everything()
    assert after == before, (before, after)
    assert transfer.moves() and not blocked()
    assert not os.path.exists(f"{m.daemon_folder}/store"), "nothing was done, so nothing is put down"


def test_for_a_time():
    bot = m.start("bot")
    transfer = Transfer(bot)
    m.must("block", str(bot.pid), "--for", "2s")
    began = time.monotonic()
    assert not transfer.moves()
    wait_for(transfer.moves, "the end of the block")
    assert 1.2 < time.monotonic() - began < 5
    assert not blocked()
    m.refused("unblock", str(bot.pid), says="not blocked")
    assert m.must("unblock", "all") == "Nothing is blocked.\n"


def state_of(pid):
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
        groups = f.read()
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0], groups


def test_freeze():
    """The whole family stands still, and goes on where it was."""
    with m.shut():
        freeze()


def freeze():
    parent = m.start("bot")
    bot = parent.spawn("bot")
    child = bot.spawn("bot", how="double")
    before = [state_of(a.pid)[1] for a in (bot, child)]
    everything = m.everything()
    out = m.must("block", str(bot.pid), "--freeze")
    try:
        assert "frozen" in out, out
        for actor in (bot, child):
            actor.tell("connect", addr="127.0.0.1", port=1)
            actor._connection.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                raise AssertionError(f"{actor.pid} still answers: {actor._connection.recv(100)}")
            actor._connection.settimeout(20)
        assert parent.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"
    finally:
        m.must("unblock", str(bot.pid))
    for actor in (bot, child):
        assert json.loads(actor._connection.recv(4096))["r"] == "ECONNREFUSED"
        assert actor.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"
    assert [state_of(a.pid)[1] for a in (bot, child)] == before
    after = m.everything()
    assert after == everything, (everything, after)


def test_while_the_gate_is_shut():
    """Blocks do not need the gate, and outlive its removal; and its end leaves the gate alone."""
    bot = m.start("bot")
    m.must("gate", "shut")
    with block(bot.pid):
        assert bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
        m.must("gate", "remove")
        assert bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
        assert m.start("bot").do("connect", addr=SERVER4, port=25)["r"] == "OK"
        m.must("gate", "shut")
    assert bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "EPERM" and m.status()["mode"] == "shut"
    m.must("gate", "remove")
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "OK" and not os.path.exists(m.folder)


def test_with_a_daemon():
    """It takes the gate that a block loads, and lets it go again; the watch does not pause for that."""
    bot, other = m.start("bot"), m.start("bot")
    with m.running() as d:
        engine, transfer, said = m.engine(), Transfer(bot), len(d.output())

        def seen(actor, action):
            """What the gate says of it reaches the engine."""
            start = d.mark()

            def told():
                actor.do("connect", addr=SERVER4, port=25)
                return d.find("gate", lambda r: r["gate"]["action"] == action and pid_of(r) == actor.pid, start)
            wait_for(told, f"{action} of process {actor.pid}", every=0.2)
        seen(other, "would_deny")
        with block(bot.pid):
            assert not transfer.moves()
            d.wait_said("mail gate: learning", since=said)
            assert not transfer.moves() and len(blocked()) == 1
            seen(bot, "denied")
            seen(other, "would_deny")
        wait_for(transfer.moves, "it goes on")
        wait_for(lambda: not os.path.exists(m.folder), "nothing to be left")
        seen(bot, "would_deny")
        assert m.engine() == engine, "the engine was started anew"


def test_by_itself():
    """respond: {block: bot}: the verdict blocks; the alarm says how to undo, and the same stands in the log."""
    config = m.write_config(respond="respond: {block: bot, block_for: 10m}\n")
    sim = bot = None
    try:
        with m.running() as d:
            sniffer = m.net.sniff()
            sim, bot = new_bot(targets=REFUSING4, ports="8000-8003")
            for order in (".scan tcp 40", ".udpflood 200", ".get", ".scan tcp 40", ".udpflood 200"):
                sim.order(order)
                with contextlib.suppress(TimeoutError):
                    wait_json(bot, "done", timeout=3)  # a blocked one never says so
                bot.lines.clear()
                if b" is blocked for " in d.output():
                    break
            d.wait_said("is blocked for")
            verdict = d.wait_for("verdict", lambda r: r["level"] == "bot" and str(bot.pid) in json.dumps(r))
            assert verdict
            listed = wait_for(blocked, "it is listed")
            assert any(str(bot.pid) in json.dumps(b) for b in listed), listed
            sniffer.read(0.2)
            sniffer.clear()
            sim.order(".scan tcp 40")
            assert not [p for p in sniffer.read(0.7) if p.is_syn and 8000 <= p.dport <= 8003]
            sniffer.close()
            m.must("unblock", "all", config=config)
            assert os.path.exists(f"{m.folder}/maps/state"), "the daemon goes on with it"
    finally:
        m.cli("gate", "remove")
        m.write_config()
        if bot:
            end(sim, bot)
    assert not blocked()


def passes(port=FREE_PORT):
    with m.net.socket("behind", socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(0.7)
        return s.connect_ex((SERVER4, port)) == 0


def test_host_behind_a_gateway():
    before = m.everything()
    assert passes()
    udp = m.net.socket("outside", socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((OUTSIDE4, 0))
    udp.settimeout(0.4)
    sender = m.net.socket("behind", socket.AF_INET, socket.SOCK_DGRAM)

    def datagram():
        sender.sendto(b"x", udp.getsockname())
        with contextlib.suppress(TimeoutError):
            return bool(udp.recv(10))
        return False
    assert datagram()
    with block(BEHIND4) as (out, _):
        assert f"sekimori unblock {BEHIND4}" in out, out
        assert not passes() and not datagram()
        assert m.start("bot").do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"
        [listed] = blocked()
        assert BEHIND4 in listed["subject"] and listed["seconds_left"] > 3500, listed
    assert passes() and datagram()
    m.must("block", BEHIND4)
    assert not passes()
    assert m.must("unblock", "all") == f"{BEHIND4}: forwarded again\n" and passes()
    m.must("block", BEHIND4, "--for", "1s")
    assert not passes()
    wait_for(passes, "the end of the block")
    m.must("unblock", "all")
    after = m.everything()
    assert after == before, (before, after)
    for s in (udp, sender):
        s.close()


def test_what_cannot_be_blocked():
    m.refused("block", "999999999", says="no such process")
    m.refused("block", "1", says="it is the first process")
    with contextlib.suppress(FileNotFoundError), open("/proc/2/comm", encoding="ascii") as f:
        if f.read() == "kthreadd\n":
            m.refused("block", "2", says="a part of the kernel")
    m.refused("block", str(os.getpid()), says="runs beneath it")
    m.refused("block", HOME4, says="address of this machine")
    m.refused("block", "127.0.0.1", says="")
    m.refused("block", "nonsense", says="neither", status=2)
    m.refused("block", "process:1:2:00000000", says="before the last restart")
    m.refused("unblock", "10.9.9.9", says="not blocked")
    done = m.net.run("home", ["setpriv", "--reuid=1000", "--clear-groups", m.program, "block", "10.9.9.9", "--config", m.config])
    assert done.returncode and "root" in done.stderr, done
    assert not blocked() and not os.path.exists(m.folder)


def main():
    global m
    m = Machine(*gatelib.arguments())
    gatelib.main(__name__)


if __name__ == "__main__":
    main()
