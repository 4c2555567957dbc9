# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori run --interface`: a replayed capture gives what `read` gives of it; devices that go and come, floods, engines that
are killed, and the host sensor beside it. Usage: test_packets.py SEKIMORI SEKIMORI-SIM [test_...]"""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys
import time

import capture
import lib
import mirror
from badday import kill_engine
from daemon import Daemon, silence
from lib import Net, Sim, wait_json
from mirror import Mirror, packets_of, wait_frames
from reader import FOUND, Reader, kinds

SEKIMORI = sys.argv[1]
SIM = sys.argv.pop(2)
BOT = f"host:{capture.BOT}"
NO_RESCAN = "host: {rescan: 0s}\n"


def early():
    """What makes a bot of the bot, without the rest of its life."""
    return [f for f in capture.network() if f[0] < capture.START + 6 * 10**9]


def watch(net, *options, config="", device=mirror.WATCHED, **more):
    return Daemon(SEKIMORI, "--backend", "off", "--interface", device, "--home", capture.HOME, *options,
                  config=NO_RESCAN + config, wrapper=net.inside, **more)


def found(daemon):
    """Last level of each host, and kinds of evidence. What this machine's own programs do at the mail gate meanwhile is not meant."""
    return kinds([r for r in daemon.read() if r["event_type"] in ("evidence", "verdict")
                  and r["subject"]["kind"] == "host" and r["subject"]["key"] != "host:self"])


def gaps(daemon, reason=None):
    return daemon.find("gap", lambda r: reason in (None, r["gap"]["reason"]))


def test_same_as_read():
    frames = capture.network()
    with Reader(SEKIMORI) as reader:
        reader.write("cap", capture.pcap(frames, nano=True))
        offline = reader.json("cap", status=FOUND)
    with Mirror() as net, watch(net) as one, watch(net, config="packets: {workers: 4}\n") as four:
        net.replay(frames)
        for daemon in (one, four):
            wait_frames(daemon, len(frames))
            said = packets_of(daemon.status())
            assert said["interface"] == mirror.WATCHED and said["there"] is True, said
            assert said["frames"] == said["home_packets"] == len(frames) and said["drops"] == 0, said
            assert said["flows_made"] > 100 and said["flows"] <= said["flows_cap"] and said["flows_evicted"] == 0, said
            assert daemon.stop() == 0
            assert not gaps(daemon), gaps(daemon)
            levels, evidence = found(daemon)
            assert levels == kinds(offline.records)[0] == {BOT: "bot"}, levels
            assert evidence == kinds(offline.records)[1], evidence ^ kinds(offline.records)[1]
            # And the events: what was said, looked up and fetched, by its content.
            for kind in ("dns", "irc", "http", "file"):
                live, read = ([r[kind] for r in records if r["event_type"] == kind]
                              for records in (daemon.read(), offline.records))
                assert len(live) == len(read), (kind, len(live), len(read))
            assert len(daemon.find("flow", lambda r: r["op"] == "start")) == offline.summary["flows"]
            story = daemon.command("why", capture.BOT)
            assert story.returncode == FOUND and ".advscan asn1smb" in story.stdout, story.stdout


def test_removed_and_back():
    frames = early()

    def check(workers):
        with Mirror() as net, watch(net, config=f"packets: {{workers: {workers}}}\n") as daemon:
            net.send(capture.udp_frames(50))
            wait_frames(daemon, 50)
            net.remove()
            daemon.wait(lambda: gaps(daemon, "capture_drop"), "no gap when the device was removed")
            gone, = gaps(daemon, "capture_drop")
            assert "the device was removed" in gone["gap"]["text"], gone
            assert daemon.wait(lambda: not packets_of(daemon.status())["there"], "status still has the device")
            net.make()
            # Several rings cannot be bound again: a new engine gets new ones.
            daemon.wait(lambda: (status := daemon.status()) and (packets_of(status) or {}).get("there") and
                        status["restarts"] == (workers > 1), "it does not come back")
            net.replay(frames)
            daemon.wait_for("verdict", lambda r: r["subject"]["key"] == BOT and r["level"] == "bot")
            assert daemon.stop() == 0
            assert len(gaps(daemon, "capture_drop")) == 1, gaps(daemon)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(check, (1, 2)))


def test_down_and_up():
    with Mirror() as net, watch(net) as daemon:
        net.set("down")
        daemon.wait(lambda: gaps(daemon, "capture_drop"), "no gap when the device went down")
        gone, = gaps(daemon, "capture_drop")
        assert "the device went down" in gone["gap"]["text"], gone
        net.set("up")
        net.send(capture.udp_frames(50))
        wait_frames(daemon, 50)
        assert daemon.stop() == 0 and len(gaps(daemon, "capture_drop")) == 1, gaps(daemon)
    # One that is down at the start is watched as well.
    with Mirror() as net:
        net.set("down")
        with watch(net) as daemon:
            net.set("up")
            net.send(capture.udp_frames(50))
            wait_frames(daemon, 50)
            assert daemon.stop() == 0


def refused(net, *options, status=3, config="", **more):
    """A daemon that must not start; what it said."""
    daemon = Daemon(SEKIMORI, "--backend", "off", *options, config=NO_RESCAN + config, wrapper=net.inside, start=False)
    try:
        done = subprocess.run(daemon.argv, capture_output=True, text=True, timeout=20, check=False, **more)
        assert done.returncode == status, (done.returncode, done.stderr)
        return done.stderr
    finally:
        daemon.own.cleanup()


def test_refusals():
    with Mirror() as net:
        said = refused(net, "--interface", "eth77")
        assert "packets of eth77 cannot be watched: eth77: No such device" in said, said
        said = refused(net, "--interface", mirror.WATCHED, "--filter", "potr 21")
        assert "packets of tap0 cannot be watched: " in said and "syntax error" in said, said
        said = refused(net, "--interface", "a-name-much-longer-than-a-device-has")
        assert "cannot be watched" in said, said
        said = refused(net, "--interface", mirror.WATCHED, "--home", "10.20.0.0/99", status=2)
        assert "--home" in said, said
        said = refused(net, "--interface", mirror.WATCHED, status=78, config="packets: {workers: 3}\n")
        assert "workers" in said, said
    with Mirror() as net, Reader(SEKIMORI) as reader:
        # Without the right to: as the namespace's user nobody.
        done = subprocess.run([*net.inside, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", reader.program, "run",
                               "--backend", "off", "--interface", mirror.WATCHED, "--store", "/tmp/sekimori-test-nobody"],
                              capture_output=True, text=True, timeout=20, cwd="/", env={"HOME": "/nonexistent", "PATH": os.defpath})
        with contextlib.suppress(OSError):
            os.rmdir("/tmp/sekimori-test-nobody")
        assert done.returncode == 3, (done.returncode, done.stderr)
        assert "packets of tap0 cannot be watched: " in done.stderr and "Operation not permitted" in done.stderr, done.stderr
        assert "root" in done.stderr, done.stderr


def packet_sockets(pid):
    """Inodes of the packet sockets that a process holds."""
    with open(f"/proc/{pid}/net/packet", encoding="ascii") as f:
        known = {line.split()[-1] for line in f.readlines()[1:]}
    held = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            if target.startswith("socket:[") and target[8:-1] in known:
                held.append(target[8:-1])
    return held


def test_what_the_engine_holds():
    """Its rings, which its filter keeps it from sending on (tests/unit/daemon/test_sandbox.c), and no other packet socket."""
    with Mirror() as net, watch(net, config="packets: {workers: 4}\n") as daemon:
        held = packet_sockets(daemon.engine())
        assert len(held) == len(set(held)) == 4, held
        with open(f"/proc/{daemon.engine()}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", status
        assert {status[k] for k in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")} == {"0" * 16}, status
        assert "0" not in status["Uid"].split(), status
        for task in os.listdir(f"/proc/{daemon.engine()}/task"):
            with open(f"/proc/{daemon.engine()}/task/{task}/status", encoding="ascii") as f:
                assert "Seccomp:\t2" in f.read(), "a thread without the filter"


def test_filter():
    with Mirror() as net, watch(net, "--filter", "udp and port 4000") as daemon:
        assert b"packets: tap0, also what is for other machines, only udp and port 4000" in daemon.output(), daemon.output()
        net.send(capture.network(seconds=3))
        net.send(capture.udp_frames(40))
        wait_frames(daemon, 40)
        assert packets_of(daemon.status())["frames"] == 40
        assert daemon.stop() == 0 and not gaps(daemon)


def test_engine_killed():
    frames = early()
    with Mirror() as net, watch(net) as daemon:
        net.send(capture.udp_frames(50))
        wait_frames(daemon, 50)
        for restarts in (1, 2):
            kill_engine(daemon)
            daemon.wait(lambda: (status := daemon.status()) and status["restarts"] == restarts and packets_of(status),  # noqa: B023
                        "it is not started again")
        net.replay(frames)
        daemon.wait_for("verdict", lambda r: r["subject"]["key"] == BOT and r["level"] == "bot")
        assert gaps(daemon, "restart"), "nobody says that nothing was watched"
        assert daemon.stop() == 0


def test_flood():
    """More than it can take: what was lost is counted, and it goes on."""
    frames = early()
    big = [(0, frame + bytes(1400)) for _, frame in capture.udp_frames(1000)]
    with Mirror() as net, watch(net, config="daemon: {hung_after: 30s}\n") as daemon:
        # An engine that does not read: more than its ring of 64 MiB.
        engine = daemon.engine()
        os.kill(engine, signal.SIGSTOP)
        for _ in range(80):
            net.send(big)
        os.kill(engine, signal.SIGCONT)
        said = wait_frames(daemon, net.sent)
        assert said["drops"] > 10_000 and said["frames"] + said["drops"] == net.sent, (said, net.sent)
        daemon.wait(lambda: gaps(daemon, "capture_drop"), "no gap")
        # New flows as fast as they can be sent.
        ends = [(0, frame[:26] + os.urandom(4) + frame[30:34] + os.urandom(4) + frame[38:])
                for _, frame in capture.udp_frames(20_000)]
        for _ in range(5):
            net.send(ends)
        said = wait_frames(daemon, net.sent)
        assert said["frames"] + said["drops"] == net.sent, (said, net.sent)
        assert sum(g["gap"]["lost"] for g in gaps(daemon, "capture_drop")) >= said["drops"] - 1, (said, gaps(daemon))
        net.replay(frames)
        daemon.wait_for("verdict", lambda r: r["subject"]["key"] == BOT and r["level"] == "bot")
        assert daemon.engine() == engine and daemon.status()["restarts"] == 0
        began = time.monotonic()
        assert daemon.stop() == 0 and time.monotonic() - began < 5


def test_with_host_sensor():
    """One scan, seen by both: the process that does it, and the address from which it comes."""
    refusing = "10.77.2.0/24"
    with Net() as net:
        for side, *route in (("outside", "local", refusing, "dev", "lo"), ("home", refusing, "via", lib.OUTSIDE4)):
            done = net.run(side, ["ip", "route", "add", *route])
            assert done.returncode == 0, done.stderr
        with Daemon(SEKIMORI, "--interface", "veth0", "--home", lib.HOME4,
                    wrapper=["nsenter", f"--net={net.path('home')}", "--"]) as daemon:
            status = daemon.status()
            assert [s["name"] for s in status["sources"]] == [status["backend"], "packets", "gate"], status
            done = subprocess.run([SEKIMORI, "status", "--config", daemon.config_for_control()], capture_output=True, text=True,
                                  check=True)
            told = " ".join(done.stdout.split())
            assert f"sources name {status['backend']} name packets, interface veth0, there yes, frames " in told, done.stdout
            sim = Sim(net, SIM)
            sim.bot("child", targets=refusing, ports="445")
            silence(1.3)
            sim.order(".scan tcp 250")

            def scans(**who):
                return daemon.find("evidence", lambda r: r["evidence"]["kind"] == "scan.horizontal" and
                                   all(r["subject"].get(k) == v for k, v in who.items()))
            daemon.wait(lambda: scans(kind="process", name="sekimori-sim"), "the host sensor does not see it")
            daemon.wait(lambda: scans(kind="host", ip=lib.HOME4), "the packets do not show it")
            assert not [r for r in scans(kind="host") if r["subject"].get("ip", lib.HOME4) != lib.HOME4], scans(kind="host")
            wait_json(sim.server, lambda line: True)
            assert daemon.stop() == 0


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
