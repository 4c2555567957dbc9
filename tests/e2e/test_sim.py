# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated bot does what it says: each shape by its ground truth lines and by what arrives at the far side.
Usage: test_sim.py SEKIMORI-SIM [test_name...]"""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import lib
from lib import HOME4, LISTENING4, REFUSING4, SILENT4, TARGETS6, Net, Sim, wait_count, wait_json
from patience import PATIENCE

PROGRAM = sys.argv[1]
PORTS = range(8000, 8004)
UDP, TCP = socket.IPPROTO_UDP, socket.IPPROTO_TCP


class Stage:
    """A net with server, listeners and sniffer; one bot carrying out one order."""

    def __init__(self, shape, order, *options, transport="tcp", listen=True, sides=("home", "outside"), side="home",
                 **kwargs):
        self.stack = contextlib.ExitStack()
        try:
            self.net = self.stack.enter_context(Net(sides))
            if "--netns" in options:
                options = [self.net.path(o[1:]) if o.startswith("@") else o for o in options]
            self.sim = Sim(self.net, PROGRAM, transport=transport)
            self.listeners = self.net.listen(LISTENING4, PORTS) if listen else None
            self.bot = self.sim.bot(shape, *options, side=side, **kwargs)
            self.sniffer = self.net.sniff()
            self.sim.order(order)
            self.taken = wait_json(self.bot, "order")
        except BaseException:
            self.stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def worker(self):
        return wait_json(self.bot, "work")

    def done(self):
        done = wait_json(self.bot, "done")
        self.reply = wait_json(self.sim.server, "reply")
        return done

    def packets(self, protocol, count, dports=PORTS, src=None):
        """Exactly `count` packets of this kind arrive: waits for them, then for one that follows them all."""
        def wanted(p):
            return p.protocol == protocol and p.dport in dports and (p.is_syn or protocol != TCP) and \
                (src is None or p.src == src)
        self.sniffer.wait(wanted, count)
        # What left before this arrives before it.
        mark = self.net.socket("home", socket.AF_INET, socket.SOCK_DGRAM)
        mark.sendto(b"mark", (lib.OUTSIDE4, 9))
        mark.close()
        self.sniffer.wait(lambda p: p.dport == 9 and p.protocol == UDP)
        hits = [p for p in self.sniffer.packets if wanted(p)]
        assert len(hits) == count, f"{len(hits)} packets arrived, not {count}"
        return hits


def check_scan(stage, count=20, src=HOME4):
    """The scan arrived whole, from us, in order after the order; returns who took the order, and who worked."""
    done, work = stage.done(), stage.worker()
    assert done["attempted"] == count and done["ok"] == count and done["error"] == 0, done
    syns = stage.packets(TCP, count, src=src)
    assert len({(p.dst, p.dport) for p in syns}) == count, "not distinct"
    first = wait_json(stage.bot, "first_packet")
    assert (first["pid"], first["tid"]) == (work["pid"], work["tid"]), (first, work)
    assert stage.taken["t"] <= work["t"] <= first["at"] <= first["t"], (stage.taken, work, first)
    assert first["at"] <= min(p.time for p in syns)
    assert f"[SCAN]: {count} tried, {count} open" in stage.reply["text"], stage.reply
    assert stage.taken["pid"] == stage.taken["tid"] == stage.bot.pid, "the bot takes orders in its main thread"
    return stage.taken, work


def check_child(stage, **kwargs):
    taken, work = check_scan(stage, **kwargs)
    assert work["pid"] == work["tid"] != taken["pid"] and work["ppid"] == taken["pid"], (taken, work)
    assert work["start"] >= taken["start"] > 0


def test_child():
    with Stage("child", ".scan tcp 20") as s:
        check_child(s)


def test_child_one_per_order():
    with Stage("child", ".scan tcp 5") as s:
        s.done()
        s.sim.order(".scan tcp 6")
        wait_json(s.sim.server, lambda r: "[SCAN]: 6 tried, 6 open" in r.get("text", ""))
        first, second = wait_count(s.bot, "work", 2)
        assert first["pid"] != second["pid"] and first["ppid"] == second["ppid"] == s.bot.pid


def test_thread():
    with Stage("thread", ".scan tcp 20") as s:
        taken, work = check_scan(s)
        assert work["pid"] == taken["pid"] and work["tid"] != taken["tid"], (taken, work)


def test_single():
    with Stage("single", ".scan tcp 20") as s:
        taken, work = check_scan(s)
        assert (work["pid"], work["tid"]) == (taken["pid"], taken["tid"])


def test_double_fork():
    with Stage("double-fork", ".scan tcp 20") as s:
        taken, work = check_scan(s)
        middle = wait_json(s.bot, "forked")
        assert middle["ppid"] == taken["pid"] and middle["child"] == work["pid"], (middle, work)
        assert len({taken["pid"], middle["pid"], work["pid"]}) == 3
        assert work["ppid"] not in (taken["pid"], middle["pid"]), "the middle had gone"
        assert not os.path.exists(f"/proc/{middle['pid']}")


def test_parent_exits():
    with Stage("parent-exits", ".scan tcp 20") as s:
        assert s.bot.popen.wait(timeout=PATIENCE) == 0
        taken, work = check_scan(s)
        assert wait_json(s.bot, "handed_over")["child"] == work["pid"] != taken["pid"]
        assert work["ppid"] != taken["pid"]
        assert 100e6 < work["t"] - taken["t"] < 1000e6, "works a little after its parent's death"
        wait_json(s.sim.server, "logout")
        s.bot.wait_end()
        assert not os.path.exists(f"/proc/{work['pid']}/exe"), "the orphan ends too"


def test_clone_parent():
    with Stage("clone-parent", ".scan tcp 20") as s:
        taken, work = check_scan(s)
        assert work["pid"] != taken["pid"] and work["ppid"] == taken["ppid"] == os.getpid()
        assert os.waitpid(work["pid"], 0)[1] == 0, "our own child, not the bot's"


def check_shell(tool):
    with Stage("shell", ".scan tcp 20", "--tool", tool) as s:
        done = s.done()
        assert done["attempted"] == 20 and done["error"] == 0, done
        spawned, used = wait_json(s.bot, "spawned"), s.bot.find(event="tool")
        assert spawned["tool"] == tool and spawned["pid"] == s.bot.pid
        assert len(s.packets(TCP, 20)) == 20
        assert used and spawned["child"] not in [u["pid"] for u in used] and s.bot.pid not in [u["pid"] for u in used]
        assert "[SCAN]: 20 tried" in s.reply["text"]


def has(tool):
    return any(os.access(f"{d}/{tool}", os.X_OK) for d in ("/usr/local/bin", "/usr/bin", "/bin"))


def test_shell_self():
    check_shell("self")


def test_shell_bash():
    return check_shell("bash") if has("bash") else "no bash"


def test_shell_curl():
    return check_shell("curl") if has("curl") else "no curl"


def test_shell_nc():
    return check_shell("nc") if has("nc") else "no nc"


def test_shell_other_orders():
    with Stage("shell", ".get") as s:
        assert s.done()["error"] == 0
        s.packets(TCP, 1)
        s.sim.order(".udpflood 40")
        wait_json(s.sim.server, lambda r: "[UDPFLOOD]: 40 tried" in r.get("text", ""))
        s.packets(UDP, 40)


def test_shell_ignores_proxies():
    """A proxy in the environment would carry the traffic elsewhere."""
    if not has("curl"):
        return "no curl"
    os.environ["http_proxy"] = "http://10.77.1.30:3128"
    try:
        with Stage("shell", ".scan tcp 4", "--tool", "curl") as s:
            s.done()
            s.packets(TCP, 4)
            assert not [p for p in s.sniffer.packets if p.dport == 3128]
    finally:
        del os.environ["http_proxy"]


def test_self_exec():
    with Stage("self-exec", ".scan tcp 20") as s:
        check_child(s)
        assert s.worker()["name"] == "update-helper", s.worker()


def uring_or_reason(stage):
    done = stage.done()
    return f"io_uring: {os.strerror(-done['error'])}" if done["error"] in (-1, -38, -95) else None


def test_io_uring():
    with Stage("io-uring", ".scan tcp 20") as s:
        if reason := uring_or_reason(s):
            return reason
        check_child(s)
        s.sim.order(".udpflood 100")
        s.packets(UDP, 100)


def test_io_uring_sqpoll():
    with Stage("io-uring-sqpoll", ".scan tcp 20") as s:
        if reason := uring_or_reason(s):
            return reason
        check_child(s)
        poller = wait_json(s.bot, "sqpoll")
        assert poller["thread"] > 0 and poller["thread"] != poller["tid"] == s.worker()["tid"], poller


def test_io_uring_silent_targets():
    """Requests that never complete are cancelled."""
    with Stage("io-uring", ".scan tcp 16", targets=SILENT4) as s:
        if reason := uring_or_reason(s):
            return reason
        done = s.done()
        assert done["attempted"] == done["timed_out"] == 16, done


def check_forged(shape, order, protocol, prefix, count, **kwargs):
    with Stage(shape, order, listen=False, **kwargs) as s:
        done, work = s.done(), s.worker()
        assert done["error"] == 0 and done["attempted"] == done["ok"] == count, done
        assert work["ppid"] == s.bot.pid
        dports = PORTS if protocol in (UDP, TCP) else (8, 128)
        hits = s.packets(protocol, count, dports=dports)
        assert all(p.src.startswith(prefix) for p in hits), {p.src for p in hits}
        first = wait_json(s.bot, "first_packet")
        # Not hits[0]: while a neighbour is being looked up, packets overtake each other.
        assert first["forged"] in {p.src for p in hits} and first["pid"] == work["pid"]
        return hits


def test_raw_forge():
    check_forged("raw-forge", ".forge 30", UDP, "10.77.200.", 30)


def test_raw_forge6():
    check_forged("raw-forge6", ".forge 30", UDP, "fd77:200::", 30, targets=TARGETS6)


def test_packet_forge():
    check_forged("packet-forge", ".forge 30", UDP, "10.77.200.", 30)


def test_packet_forge_v6():
    check_forged("packet-forge", ".scan tcp 30", TCP, "fd77:200::", 30, targets=TARGETS6)


def test_packet_forge_bypass():
    check_forged("packet-forge-bypass", ".forge 30", UDP, "10.77.200.", 30)


def test_forged_syns_and_echoes():
    syns = check_forged("raw-forge", ".scan tcp 30", TCP, "10.77.200.", 30)
    assert len({(p.dst, p.dport) for p in syns}) == 30
    check_forged("raw-forge", ".ping 10", socket.IPPROTO_ICMP, "10.77.200.", 10)
    check_forged("raw-forge6", ".ping 10", socket.IPPROTO_ICMPV6, "fd77:200::", 10, targets=TARGETS6)


def test_forge_takes_only_its_family():
    with Stage("raw-forge6", ".forge 5", listen=False) as s:
        assert s.done()["error"] < 0 and "failed" in s.reply["text"]
        assert not [p for p in s.sniffer.read() if p.src.startswith("10.77.200.")]


def check_other_opens(shape):
    with Stage(shape, ".scan tcp 20") as s:
        done, work, opened = s.done(), s.worker(), wait_json(s.bot, "opened")
        assert opened["pid"] == s.bot.pid != work["pid"] and work["ppid"] == s.bot.pid
        assert opened["sockets"] == 20 and done["ok"] == 20 and done["error"] == 0
        s.packets(TCP, 20)
        first = wait_json(s.bot, "first_packet")
        assert opened["first_packet"] < first["at"] and first["pid"] == work["pid"]
        s.sim.order(".udpflood 50")
        s.packets(UDP, 50)
        wait_json(s.sim.server, lambda r: "[UDPFLOOD]: 50 tried" in r.get("text", ""))
        assert len(s.listeners.received) == 20, "what the worker sent over each connection"


def test_inherited():
    check_other_opens("inherited")


def test_fd_passing():
    check_other_opens("fd-passing")


def test_fd_passing_without_sockets():
    with Stage("fd-passing", ".scan tcp 5", targets=REFUSING4) as s:
        s.reply = wait_json(s.sim.server, "reply")
        assert "failed" in s.reply["text"] and not s.bot.find(event="work"), s.reply


def test_udp_orders():
    with Stage("udp-orders", ".scan tcp 20", transport="udp") as s:
        check_child(s)


def no_tls():
    shapes = subprocess.run([PROGRAM, "shapes"], capture_output=True, text=True, check=True).stdout.split()
    return None if "tls-orders" in shapes else "built without libssl"


def test_tls_orders():
    if reason := no_tls():
        return reason
    with Stage("tls-orders", ".scan tcp 20", transport="tls") as s:
        check_child(s)


def test_parent_exits_over_tls():
    if reason := no_tls():
        return reason
    with Stage("parent-exits", ".scan tcp 20", transport="tls") as s:
        check_scan(s)


def test_sleeper():
    with Stage("sleeper", ".scan tcp 20", "--sleep", "1") as s:
        check_child(s)
        woke = wait_json(s.bot, "woke")
        assert woke["t"] - s.taken["t"] >= 0.99e9


def test_sleeper_waits():
    """--wait-idle acts when told, however long that takes; meanwhile the conversation lives."""
    with Stage("sleeper", ".scan tcp 20", "--wait-idle") as s:
        s.sim.order("not an order")
        s.sim.order(".bogus")
        wait_json(s.bot, "ignored")
        assert not s.bot.find(event="work") and not [p for p in s.sniffer.read() if p.dport in PORTS]
        s.bot.send("now")
        check_child(s)


def test_netns():
    with Stage("netns", ".scan tcp 20", "--netns", "@home", sides=("home", "outside", "other"), side="other") as s:
        inside = os.stat(f"/proc/{s.bot.pid}/ns/net").st_ino
        assert inside == os.stat(s.net.path("home")).st_ino != os.stat(s.net.path("other")).st_ino
        check_child(s)


def test_orders_ipv6():
    with Net() as net:
        sim = Sim(net, PROGRAM, address=lib.OUTSIDE6)
        listeners, sniffer = net.listen("fd77:1::10/126", PORTS), net.sniff()
        bot = sim.bot("child", targets="fd77:1::10/126")
        sim.order(".scan tcp 16")
        assert wait_json(bot, "done")["ok"] == 16
        sniffer.wait(lambda p: p.is_syn and p.src == lib.HOME6 and p.dport in PORTS, 16)
        sim.order(".ping 4")
        sniffer.wait(lambda p: p.protocol == socket.IPPROTO_ICMPV6 and p.dport == 128, 4)
        assert listeners.sockets


def test_flood_ping_get():
    with Stage("child", ".udpflood 2000") as s:
        assert s.done()["attempted"] == 2000
        packets = [p for p in s.sniffer.read() if p.protocol == UDP]
        assert {(p.dst, p.dport) for p in packets} == {("10.77.1.16", 8000)}
        s.sim.order(".ping 12")
        wait_json(s.sim.server, lambda r: "[PING]: 12 tried, 12 open" in r.get("text", ""))
        s.packets(socket.IPPROTO_ICMP, 12, dports=[8], src=HOME4)
        s.sim.order(".get")
        wait_json(s.sim.server, lambda r: "[GET]: 1 tried, 1 open" in r.get("text", ""))
        assert s.listeners.received[0][1].startswith(b"GET /egg.bin HTTP/1.1\r\n")


def test_flood_of_silence():
    """All 2000 arrive where nothing answers with ICMP."""
    with Stage("child", ".udpflood 2000", targets=SILENT4) as s:
        assert s.done()["ok"] == 2000
        s.packets(UDP, 2000)


def test_refused_and_silent():
    with Stage("child", ".scan tcp 30", targets=f"{REFUSING4},{SILENT4}", ports="8000-8001") as s:
        done = s.done()
        assert done["attempted"] == 30 and done["refused"] == 16 and done["timed_out"] == 14, done
        assert "16 refused, 14 silent" in s.reply["text"]


def test_quit():
    with Stage("child", ".quit") as s:
        assert s.bot.wait_end() == 0
        wait_json(s.sim.server, "logout")


def test_server_goes_away():
    with Stage("child", ".scan tcp 2") as s:
        s.done()
        s.sim.server.stop()
        assert s.bot.wait_end() == 1


def test_worker_is_killed():
    with Stage("child", ".scan tcp 5", targets=SILENT4) as s:
        os.kill(s.worker()["pid"], signal.SIGKILL)
        assert s.done()["error"] == -10 and "[SCAN]: failed" in s.reply["text"]
        s.sim.order(".udpflood 3")
        wait_json(s.sim.server, lambda r: "[UDPFLOOD]: 3 tried" in r.get("text", ""))


def test_server_timer_and_options():
    with Net() as net:
        server = net.popen("outside", [PROGRAM, "server", "--listen", "10.77.1.2:6667", "--order", ".scan tcp 3",
                                       "--order", ".quit", "--after", "50"])
        wait_json(server, "listening")
        listeners = net.listen(LISTENING4, PORTS)
        bot = net.popen("home", [PROGRAM, "bot", "--server", "10.77.1.2:6667", "--shape", "child", "--targets",
                                 LISTENING4, "--ports", "8000"])
        assert wait_json(bot, "done")["ok"] == 3
        assert bot.wait_end() == 0
        sent = [wait_json(server, lambda x, o=o: x.get("order") == o) for o in (".scan tcp 3", ".quit")]
        assert sent[1]["t"] - sent[0]["t"] >= 50e6 and sent[0]["bots"] == 1
        assert wait_json(server, "pong") and listeners.accepted


def test_orders_out_of_bounds():
    with Stage("child", ".udpflood 3") as s:
        s.done()
        for text in (".scan tcp 5001", ".udpflood 2001", ".forge 99999999999999999999", ".scan tcp -1", ".scan tcp 1x",
                     ".scan tcp", ".scan", ".get 5", ". quit", "." + "x" * 300):
            s.sim.order(text)
        wait_json(s.sim.server, lambda r: "[SCAN]: 30 tried" in r.get("text", ""))
        wait_count(s.bot, "reported", 2)
        assert len(s.bot.find(event="ignored")) == 9 and len(s.bot.find(event="work")) == 2, s.bot.lines


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
