# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole mail gate, with the real command line and daemon: nothing leaves that was not declared, whatever happens to our
processes and rules; learning changes nothing; what is declared passes; removing restores. Usage: test_gate.py SEKIMORI SIM [TEST...]"""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import gatelib
import lib
from daemon import pid_of
from gate import FREE_PORT, SERVER4, SERVER6, USER, wait_for
from gatelib import Machine, Tries, bpf_ids
from lib import HOME4

m = None


def trying():
    """Bots of this namespace and of another."""
    return Tries((m.start("bot"), SERVER4, 25), (m.start("bot", uid=USER), SERVER6, 587), (m.start("bot", side="third"), SERVER4, 465))


def connects(actor, addr=SERVER4, port=25, **o):
    return actor.do("connect", addr=addr, port=port, **o)["r"]


def sends(actor, addr=SERVER4, port=25):
    r = connects(actor, addr, port)
    assert r in ("OK", "EPERM"), r
    return r == "OK"


def test_not_there():
    """Before anything: the test's own means can fail."""
    bot = m.start("bot")
    with m.leaks(3):
        assert sends(bot) and sends(bot, SERVER6, 587) and sends(m.start("bot", side="third"))
    status = m.status()
    assert status["mode"] == "learn" and not status["kernel"] and not status["nftables"], status
    m.refused("gate", "open", "--for", "1m", says="the gate is not shut")


def test_learning():
    """It watches, refuses nothing, writes no rule, pins nothing; and proposes whom to declare."""
    before, service = m.everything(), f"{m.cgroup}/{m.unit}"
    os.mkdir(service)
    try:
        with m.running() as d:
            bot, mail = m.start("sender", uid=USER), m.start("bot", cgroup=service)
            with m.leaks(3):
                assert sends(bot) and sends(bot, port=587) and sends(mail)
            assert m.ruleset() == before["rules"] and not os.path.exists(m.folder), "learning changed something"
            d.wait_for("gate", lambda r: r["gate"]["action"] == "would_deny" and pid_of(r) == bot.pid)

            def proposed():
                out = m.must("gate", "status")
                return out if f"sekimori gate allow {m.unit}" in out and f"{m.exe('sender')} --user" in out else None
            out = wait_for(proposed, "the proposals")
            assert "nothing is refused" in out, out
            [r] = [r for r in m.gate_log() if r["program"] == m.exe("sender")]
            assert r["learn"] and r["count"] == 2, r
        for actor in (bot, mail):
            actor.kill()
    finally:
        wait_for(lambda: not open(f"{service}/cgroup.procs", encoding="ascii").read(), "the service's end")
        os.rmdir(service)
    after = m.everything()
    assert after == before, (before, after)


def test_shut_and_removed():
    """As before afterwards: rules, programs, links, maps, mounts, files."""
    before, bot = m.everything(), m.start("bot")
    m.must("gate", "shut", "--reason", "a test")
    status = m.status()
    assert status["mode"] == "shut" and status["kernel"] and status["nftables"], status
    assert "a test" in m.must("gate", "status")
    ids = m.pinned_ids() if shutil.which("bpftool") else {}
    assert not ids or all(len(found) >= 10 for found in ids.values()), ids
    with m.leaks():
        assert not sends(bot) and not sends(bot, SERVER6, 465)
    assert connects(bot, port=FREE_PORT) == "OK"
    m.must("gate", "shut")  # again: nothing new
    assert sorted(os.listdir(f"{m.folder}/links")) == sorted({n.rstrip("~") for n in os.listdir(f"{m.folder}/links")})
    m.must("gate", "remove")
    after = m.everything()
    assert after == before, (before, after)
    for word, numbers in ids.items():
        wait_for(lambda w=word, n=numbers: not bpf_ids(w) & n, f"no {word} of ours")
    assert sends(bot) and sends(bot, SERVER6, 465)
    m.must("gate", "remove")  # again: nothing to do


def test_no_way_round():
    """Root with raw and packet sockets, marks, threads, other namespaces, a container."""
    with m.shut(), m.leaks(), m.leaks(name="any"):
        bot = m.start("bot")
        for how in ("raw", "plain", "packet", "fragments"):
            for by in (None, "option", "message"):
                bot.do("raw", how=how, src=HOME4, dst=SERVER4, port=25, mark_by=by, mark=1 << 27)
        for kind in ("tcp", "mptcp", "fastopen", "tfo_connect", "udp", "io_uring"):
            data = {"data": "EHLO bot"} if kind == "udp" else {}
            assert connects(bot, kind=kind, **data) not in ("OK", "ECONNREFUSED"), kind
        bot.ok("make_socket", addr=SERVER4, **{"as": "s"})
        assert bot.do("mark", socket="s", mark=1 << 27)["r"] == "EPERM"
        assert bot.do("mark", socket="s", mark=1)["r"] == "OK", "other marks are free"
        assert not sends(m.start("bot", side="third"))
        m.start("bot").ok("drop_capabilities")


def container():
    """A process with a user and a network namespace of its own, and a wire outside: as rootless containers have."""
    bot = m.start("bot")
    bot.ok("unshare", flags=0x10000000 | 0x40000000)  # CLONE_NEWUSER | CLONE_NEWNET
    for line in (f"-n {m.net.names['outside']} link add veth2 type veth peer name veth0 netns {bot.pid}",
                 f"-n {m.net.names['outside']} addr add 10.80.1.2/24 dev veth2",
                 f"-n {m.net.names['outside']} link set veth2 up"):
        subprocess.run(["ip", *line.split()], check=True)
    for line in ("addr add 10.80.1.1/24 dev veth0", "link set veth0 up", "route add default via 10.80.1.2"):
        subprocess.run(["nsenter", "-t", str(bot.pid), "-n", "ip", *line.split()], check=True)
    return bot


def test_container():
    bot = container()
    with m.leaks(1):
        assert sends(bot)
    with m.shut(), m.leaks():
        assert not sends(bot) and connects(bot, port=FREE_PORT) == "OK"
        assert not sends(bot.spawn("bot", how="double"))


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_whatever_happens_to_us():
    """No SYN while it starts, when each of its processes is killed, all are, none runs, another version takes over."""
    newer = f"{m.base}/newer"
    m.must("gate", "shut")
    try:
        with m.leaks(), trying() as bots:
            m.start_daemon()
            engine, keeper = m.engine(), m.keeper()
            kill(engine)
            m.daemon.wait(lambda: m.engine() not in (None, engine), "no other engine")
            kill(keeper)
            keeper = m.wait_keeper(but=keeper)
            kill(m.daemon.popen.pid)
            m.daemon.popen.wait()
            wait_for(lambda: not m.daemon.processes(), "the end of what the warden leaves")
            assert m.status()["mode"] == "shut"
            m.daemon.log.close()
            m.start_daemon()
            for pid in m.daemon.processes():
                kill(pid)
            m.daemon.popen.wait()
            m.daemon.log.close()
            shutil.copy(m.program, newer)
            m.start_daemon(program=newer)
            assert m.status()["mode"] == "shut"
            m.must("gate", "load", program=newer)
            m.stop_daemon()
            status = m.status()
            assert status["mode"] == "shut" and status["kernel"] and status["nftables"], status
            assert "nftables_reason" not in status, status
            m.net.run("home", ["nft", "flush", "ruleset"])
            status = m.status()
            assert not status["nftables"] and "is missing" in status["nftables_reason"], status
            m.must("gate", "load", program=newer)
            assert m.status()["nftables"]
            ends = bots.stop()
        assert set(ends) == {"EPERM"}, ends
        print(f"# {sum(ends.values())} connections were refused meanwhile")
        assert sum(ends.values()) > 1000
    finally:
        m.must("gate", "remove")
    assert sends(m.start("bot"))


def test_tampering():
    """`nft flush ruleset` by another tool is put back within a second and told; so is a link that was unpinned."""
    with m.shut(), m.running() as d, m.leaks(), m.leaks(name="any"):
        bot = m.start("bot")
        wait_for(lambda: m.status()["nftables"], "the rules")
        rules = m.ruleset()
        with Tries((bot, SERVER4, 25)) as bots:
            said, times = len(d.output()), []
            # A busy machine may be late, or have seen a device change at the same moment, which names nobody.
            while not times or (len(times) < 4 and (min(times) > 1 or b", by nft (process" not in d.output()[said:])):
                began = time.monotonic()
                m.net.run("home", ["nft", "flush", "ruleset"])
                wait_for(lambda: m.ruleset() == rules, "the rules again", every=0.005)
                times.append(time.monotonic() - began)
                with contextlib.suppress(AssertionError):
                    d.wait_said(", by nft (process", since=said, timeout=10)
            print(f"# back after {min(times) * 1e3:.0f} ms")
            assert min(times) < 1, times
            d.wait_said("tampering by somebody else: nftables table", since=said)
            d.wait_said(", by nft (process", since=said)
            d.wait_for("gate", lambda r: r.get("op") == "tamper" and "by nft" in r["gate"]["text"])
            links = set(os.listdir(f"{m.folder}/links"))
            os.unlink(f"{m.folder}/links/gate_connect4")
            said = len(d.output())
            d.wait_said("tampering by somebody else: kernel program gate_connect4", since=said)
            wait_for(lambda: set(os.listdir(f"{m.folder}/links")) == links, "the link again")
            ends = bots.stop()
            assert "OK" not in ends, ends  # while the link is away, packets are refused
        tampered = [r["text"] for r in m.gate_log(op="tamper")]
        assert any("nftables" in t for t in tampered) and any("gate_connect4" in t for t in tampered), tampered
        assert m.status()["mode"] == "shut"
    assert sends(m.start("bot"))


def test_burst():
    """10,000 connections at once: one entry, its count exact."""
    with m.shut(), m.running() as d, m.leaks():
        bot = m.start("bot")
        said = len(d.output())
        ends = bot.ok("many", addr=SERVER4, port=25, threads=50, count=10000)["ends"]
        assert ends == {"EPERM": 10000}, ends

        def told():
            found = [r for r in m.gate_log() if r.get("pid") == bot.pid]
            return found if sum(r["count"] for r in found) >= 10000 else None
        [entry] = wait_for(told, "10,000 refusals in the log", every=0.3)
        assert entry["count"] == 10000 and entry["action"] == "denied" and entry["program"] == m.exe("bot"), entry
        told = [line for line in d.output()[said:].decode().splitlines() if f"mail gate  {m.exe('bot')} (process {bot.pid}" in line]
        assert len(told) == 1, told


@contextlib.contextmanager
def declared(*argv):
    m.must("gate", "allow", *argv)
    try:
        yield
    finally:
        m.must("gate", "deny", argv[0])


def test_declared_programs():
    """By program, by program and user, by its content; told to the kernel at once, with and without a daemon."""
    sender = m.exe("sender")
    with m.shut():
        mine, theirs, bot = m.start("sender"), m.start("sender", uid=USER), m.start("bot")
        for running in (contextlib.nullcontext(), m.running()):
            with running:
                assert not sends(mine) and not sends(theirs)
                with declared(sender, "--user", str(USER)):
                    assert sends(theirs) and not sends(mine) and not sends(bot)
                    assert m.status()["senders"] == [{"kind": "program", "value": sender}]
                    m.refused("gate", "allow", sender, says="is declared already")
                assert not sends(theirs)
                m.must("gate", "undo")
                assert sends(theirs), "undo takes the denial back"
                m.must("gate", "deny", sender)
                with declared(sender, "--sha256"):
                    assert sends(mine) and not sends(bot)
                assert not sends(mine)


def test_content_that_changed():
    changing = f"{m.base}/changing"
    m.copy(os.path.realpath("/usr/bin/python3"), changing)
    with m.shut(), m.running(), declared(changing, "--sha256"):
        assert sends(m.start(changing))
        with open(f"{changing}.new", "wb") as f, open(changing, "rb") as g:
            f.write(g.read() + b"\0")
        os.chmod(f"{changing}.new", 0o755)
        os.rename(f"{changing}.new", changing)
        other = m.start(changing)
        assert not sends(other), "another file of that name"
        m.must("gate", "allow", m.exe("sender"))  # the list is read again
        assert not sends(other)
        m.must("gate", "deny", m.exe("sender"))
    os.unlink(changing)


def from_behind(port=25):
    """Somebody else's machine connects through ours."""
    with m.net.socket("behind", gatelib.socket.AF_INET, gatelib.socket.SOCK_STREAM) as s:
        s.settimeout(1)
        return s.connect_ex((SERVER4, port)) == 0


def test_networks_that_pass_through():
    assert from_behind()
    with m.shut():
        for running in (contextlib.nullcontext(), m.running()):
            with running as d:
                said = len(d.output()) if d else 0
                with m.leaks():
                    assert not from_behind()
                assert from_behind(FREE_PORT)
                with declared("10.79.1.0/24"):
                    assert from_behind()
                    assert not sends(m.start("bot"))
                with m.leaks():
                    assert not from_behind()
                assert not d or b"tampering" not in d.output()[said:], "what an order changed is none"
    assert from_behind()


def test_declared_unit():
    if gatelib.SYSTEMD:
        return "systemd runs here, and does not know the test's unit"
    service = f"{m.cgroup}/{m.unit}"
    forged = f"{m.cgroup}/other.slice/{m.unit}"
    with m.shut(), declared(m.unit):
        os.makedirs(service)
        os.makedirs(forged)
        inside, below = m.start("bot", cgroup=service), m.start("bot", cgroup=forged)
        assert sends(inside) and not sends(below), "the whole path counts"
        for bot in (inside, below):
            bot.kill()
        for group in (service, forged):
            wait_for(lambda g=group: not open(f"{g}/cgroup.procs", encoding="ascii").read(), "their end")
            os.rmdir(group)
        os.rmdir(os.path.dirname(forged))


def test_what_cannot_be_declared():
    with m.shut():
        loose = f"{m.base}/loose"
        m.copy(m.exe("bot"), loose, 0o777)
        for who, says in (("/no/such/program", ""), ("relative/path", ""), (loose, "may be written"), ("0.0.0.0/0", "everybody"), ("::/0", "everybody"),
                          ("10.0.0.0/33", ""), ("system.slice", "too wide"), ("machine.slice", "too wide"),
                          ("../../x.service", ""), ("a\nb.service", ""), ("x" * 300 + ".service", ""), (m.base, ""), ("", ""),
                          ("/usr/bin/python3", "name the user")):
            done = m.refused("gate", "allow", who, says=says)
            assert done.stderr.strip() and "Traceback" not in done.stderr, who
        m.refused("gate", "allow", m.exe("sender"), "--user", "nobody-of-that-name", says="not in /etc/passwd")
        m.refused("gate", "deny", "/no/such", says="is no declared sender")
        assert m.status()["senders"] == []
        os.unlink(loose)


def test_connections_of_before():
    """One to a gated port that was open before ends at once, so that its program connects anew; others go on."""
    with gatelib.Sink(m.net), gatelib.Sink(m.net, port=2525):
        def both():
            return [socket.create_connection((lib.OUTSIDE4, port), 10) for port in (25, 2525)]

        old, other = lib.call_in_netns(m.net.path("home"), both)
        assert old.recv(100).startswith(b"220") and other.recv(100).startswith(b"220")
        with m.shut():
            try:
                old.sendall(b"NOOP\r\n")
                said = old.recv(100)
            except OSError as e:
                said = e.errno
            assert said in (errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE), said
            other.sendall(b"NOOP\r\n")
            assert other.recv(100).startswith(b"250")
            m.must("gate", "shut")  # again
            other.sendall(b"NOOP\r\n")
            assert other.recv(100).startswith(b"250")
        old.close()
        other.close()


def test_damaged_files():
    """What lasts cannot be read: shut all the same, and said."""
    m.must("gate", "shut")
    m.must("gate", "allow", m.exe("sender"))
    bot, sender = m.start("bot"), m.start("sender")
    path = f"{m.state}/senders"
    with open(path, encoding="utf-8") as f:
        good = f.read()
    try:
        with m.leaks():
            for text in ("", "rubbish\n", good[:-5], good + "7\tunit\n", good.replace("program", "anything"), "x" * 3_000_000):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                done = m.cli("gate", "load")
                assert "senders" in done.stderr or "state" in done.stderr, (text[:40], done)
                assert not sends(bot)
                m.refused("gate", "allow", m.exe("bot"), says="senders")
            with m.running() as d:
                assert "senders" in d.output().decode(), "the daemon says so"
                assert not sends(bot)
            with open(f"{m.state}/shut", "wb") as f:
                f.write(b"\xff\0rubbish")
            with m.running():
                assert not sends(bot) and m.daemon
            os.chmod(f"{m.state}", 0o777)
            with m.running():
                assert not sends(bot)
            os.chmod(f"{m.state}", 0o755)
        with open(path, "w", encoding="utf-8") as f:
            f.write(good)
        m.must("gate", "load")
        assert sends(sender) and not sends(bot)
        m.must("gate", "deny", m.exe("sender"))
    finally:
        os.chmod(f"{m.state}", 0o755)
        m.must("gate", "remove")
        shutil.rmtree(m.state, ignore_errors=True)
    assert sends(bot)


def test_what_it_prints():
    """The shapes that programs rely on; and what people without rights, and machines without cgroup v2, get."""
    with m.shut(), m.running():
        bot = m.start("bot")
        assert not sends(bot)
        status = m.status()
        assert set(status) >= {"event_type", "mode", "kernel", "nftables", "since", "ports", "allowed", "denied", "packets", "senders"}
        assert status["event_type"] == "gate_status" and status["ports"] == [25, 465, 587] and status["denied"] >= 1, status
        entry = wait_for(lambda: [r for r in m.gate_log() if r.get("pid") == bot.pid], "its entry")[0]
        assert entry["event_type"] == "gate_log" and entry["op"] == "connect" and entry["dest_ip"] == SERVER4 and \
            entry["dest_port"] == 25 and entry["uid"] == 0 and re.fullmatch(r"\d{4}-.*", entry["timestamp"]), entry
        out = m.must("gate", "log")
        assert m.exe("bot") in out and "refused" in out, out
        doctor = [json.loads(line) for line in m.cli("doctor", "--json").stdout.splitlines()]
        found = {r["what"] or "rules": r["found"] for r in doctor if "kernel programs" in r["found"] or "nftables" in r["found"]}
        assert len(found) == 2 and all("in force" in f for f in found.values()), found
        assert "mail gate" in m.must("status"), "sekimori status says it"
        for verb in (["status"], ["shut"], ["remove"], ["open", "--for", "1m"], ["allow", "/bin/x"], ["deny", "x"], ["undo"], ["load"]):
            done = m.net.run("home", ["setpriv", "--reuid=1000", "--clear-groups", m.program, "gate", *verb, "--config", m.config])
            assert done.returncode and "root" in done.stderr, (verb, done)
        assert not sends(bot) and m.status()["mode"] == "shut"
    hidden = ["unshare", "-m", "sh", "-c", 'umount -a -t cgroup2; exec "$@"', "sh", m.program]
    config = f"{m.base}/no-cgroup.yaml"
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"gate: {{folder: {m.folder}, state: {m.state}}}\nstore: {{path: {m.daemon_folder}/store}}\n")
    done = m.net.run("home", [*hidden, "gate", "shut", "--config", config])
    assert done.returncode and "cgroup" in done.stderr, done
    m.cli("gate", "remove", config=config)
    assert not os.path.exists(m.folder) and not os.path.exists(f"{m.state}/shut")


def main():
    global m
    m = Machine(*gatelib.arguments())
    gatelib.main(__name__)


if __name__ == "__main__":
    main()
