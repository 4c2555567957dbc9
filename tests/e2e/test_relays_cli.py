# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori mail` and the wire: offline it makes no socket of the Internet, by default only the resolver is asked, and probes go to
whom that is allowed and stop at once. With a real resolver, in network namespaces."""

import email.utils
import os
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time

import capture as captures
import lib
import test_relays as relays
from patience import PATIENCE
from test_relays import CLOSED, MUTE, SILENT, SSH, Unbound, Wire, world

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ""
BOT, PLAIN = "61.48.20.1", "61.48.20.3"


def mail(relay, rdns="unknown", helo="friend", age=60, below=""):
    at = email.utils.formatdate(time.time() - age)
    return (f"Received: from {helo} ({rdns} [{relay}]) by mx.example.com (Postfix) with ESMTP id {os.urandom(4).hex()}; {at}\n"
            f"{below}Date: {at}\nMessage-ID: <{os.urandom(8).hex()}@example.org>\nSubject: x\n\nbody\n")


def write(folder, name, text):
    with open(f"{folder}/{name}", "w", encoding="ascii") as f:
        f.write(text)
    return f"{folder}/{name}"


def judge(net, *args, status=0, **kwargs):
    done = net.run("home", [PROGRAM, "mail", "--json", *args], timeout=60,
                   env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"), **kwargs)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return [relays.json.loads(line) for line in done.stdout.splitlines()], done



def test_offline():
    """Not a socket, whatever the mail, the lists and the configuration say."""
    with world() as net, tempfile.TemporaryDirectory() as folder:
        wire = Wire(net)
        box = write(folder, "box", "".join(f"From a@b Tue Aug 15 10:00:00 2023\n{mail(f'61.48.20.{i}')}\n" for i in range(100)))
        config = write(folder, "c.yaml", f"mail: {{resolver: {lib.OUTSIDE4}, lists: [zen.spamhaus.org]}}\n")
        args = ["--offline", "--list", "world.test", "--config", config, box]
        lines, _ = judge(net, *args)
        assert len(lines) == 101 and lines[-1]["mails"] == 100
        assert all(line["lists"] == [] for line in lines[:-1])
        config = write(folder, "d.yaml", f"mail: {{ask: false, resolver: {lib.OUTSIDE4}, lists: [zen.spamhaus.org]}}\n")
        judge(net, "--config", config, box)
        assert wire.read() == [], wire.packets
        wire.close()
        if not shutil.which("strace"):
            return "needs strace"
        trace = f"{folder}/trace"
        # The filter ends who tries; what it ends would be in the trace as well.
        done = net.run("home", ["strace", "-f", "-qq", "-e", "trace=%network", "-o", trace, PROGRAM, "mail", *args], timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        with open(trace, encoding="utf-8") as f:
            # The kernel is asked which addresses are this machine's.
            calls = "".join(line for line in f if "NETLINK" not in line)
        assert not re.search(r"socket\(AF_INET|AF_PACKET|sendto|sendmsg|connect\(", calls), calls
    return None


def test_default():
    """The resolver is asked and nobody else, and what it says counts."""
    if relays.need_unbound():
        return relays.need_unbound()
    with world() as net, tempfile.TemporaryDirectory() as folder:
        Unbound(net, folder)
        wire = Wire(net)
        box = write(folder, "m", mail(BOT))
        lines, _ = judge(net, "--resolver", lib.OUTSIDE4, "--list", "zen.spamhaus.org", "--list", "gone.test", "--spam", box)
        got = lines[0]
        assert got["class"] == "direct_bot" and got["rdns"] == "dsl-61-48-20-1.pool.test", got
        assert [line["listed"] for line in got["lists"]] == ["yes", "unknown"], got
        signs = {s["sign"]: (s["answer"], s["weight"]) for s in got["judge"]}
        assert signs["list_exploited"] == ("yes", 7.0) and signs["dynamic"] == ("yes", 3.0), signs
        assert lines[1]["classes"]["direct_bot"] == 1 and lines[1]["relays"] == 1
        # The same by the configuration; without lists it is not accused.
        config = write(folder, "c.yaml", f"mail: {{resolver: {lib.OUTSIDE4}, lists: [zen.spamhaus.org]}}\n")
        assert judge(net, "--config", config, "--spam", box)[0][0]["class"] == "direct_bot"
        assert judge(net, "--resolver", lib.OUTSIDE4, box)[0][0]["class"] == "unknown"
        # A thousand mails of one relay ask once.
        wire.read()
        wire.packets.clear()
        many = write(folder, "many", "".join(f"From a@b Tue Aug 15 10:00:00 2023\n{mail(BOT)}\n" for _ in range(1000)))
        lines, _ = judge(net, "--resolver", lib.OUTSIDE4, "--list", "zen.spamhaus.org", "--spam", many)
        assert lines[-1]["classes"]["direct_bot"] == 1000 and lines[-1]["relays"] == 1, lines[-1]
        packets = wire.read()
        assert {(target, port) for target, _, port, _ in packets} == {(lib.OUTSIDE4, 53)}, packets
        assert len(packets) <= 6, packets
        # An old mail is not accused of what is found today.
        old = write(folder, "old", mail(BOT, age=3 * 86400))
        got = judge(net, "--resolver", lib.OUTSIDE4, "--list", "zen.spamhaus.org", "--spam", old)[0][0]
        assert got["class"] == "unknown" and got["lists"][0]["listed"] == "yes", got
        text = net.run("home", [PROGRAM, "mail", "--resolver", lib.OUTSIDE4, "--list", "zen.spamhaus.org", old], timeout=PATIENCE).stdout
        assert "does not count" in text, text
        wire.close()
    return None


def test_silent_resolver():
    with world() as net, tempfile.TemporaryDirectory() as folder:
        box = write(folder, "m", mail(BOT))
        began = time.monotonic()
        lines, done = judge(net, "--resolver", SILENT, "--list", "zen.spamhaus.org", "--spam", box)
        assert time.monotonic() - began < 20
        assert lines[0]["class"] == "unknown" and lines[0]["lists"][0]["listed"] == "unknown", lines
        assert "did not answer" in done.stderr, done.stderr


def test_interrupted():
    """Ctrl-C: what is known by then is said, at once."""
    with world() as net, tempfile.TemporaryDirectory() as folder:
        box = write(folder, "box", "".join(f"From a@b Tue Aug 15 10:00:00 2023\n{mail(f'61.48.20.{i}')}\n" for i in range(50)))
        wire = Wire(net)
        proc = net.popen("home", [PROGRAM, "mail", "--json", "--resolver", SILENT, box])
        deadline = time.monotonic() + PATIENCE
        while not wire.read() and time.monotonic() < deadline:
            proc._read(0.05)
        began = time.monotonic()
        proc.popen.send_signal(signal.SIGINT)
        proc.wait_end(10)
        assert time.monotonic() - began < 2
        assert len(proc.find(event_type="mail")) == 50 and len(proc.find(event_type="summary")) == 1, proc.lines[-2:]
        wire.close()


def test_reader_left():
    """`mail ... | head`: nobody is asked for a reader who is gone."""
    with world() as net, tempfile.TemporaryDirectory() as folder:
        box = write(folder, "box", "".join(f"From a@b Tue Aug 15 10:00:00 2023\n{mail(f'61.48.20.{i}')}\n" for i in range(50)))
        wire = Wire(net)
        proc = net.popen("home", [PROGRAM, "mail", "--resolver", SILENT, box])
        deadline = time.monotonic() + PATIENCE
        while not wire.read() and time.monotonic() < deadline:
            proc._read(0.05)
        began = time.monotonic()
        proc.popen.stdout.close()
        assert proc.popen.wait(PATIENCE) == 0
        assert time.monotonic() - began < 2
        wire.close()


def test_plan():
    with world() as net, tempfile.TemporaryDirectory() as folder:
        wire = Wire(net)
        box = write(folder, "m", mail(CLOSED))
        lines, _ = judge(net, "--offline", "--plan", box)
        assert "no probe, since it is not on the allow-list" in lines[1]["text"], lines
        lines, _ = judge(net, "--offline", "--plan", "--allow", "61.48.0.0/16", box)
        assert "EHLO and QUIT" in lines[1]["text"], lines
        lines, _ = judge(net, "--offline", "--plan", "--allow", "61.48.0.0/16", write(folder, "old", mail(CLOSED, age=9 * 86400)))
        assert "too long ago" in lines[1]["text"], lines
        assert wire.read() == [], wire.packets
        wire.close()


def test_probe():
    with world() as net, tempfile.TemporaryDirectory() as folder:
        _mute, ssh = relays.odd_servers(net)
        wire = Wire(net)
        targets = [CLOSED, SSH, "61.48.17.10"]
        config = write(folder, "c.yaml", "mail: {probe_spacing: 20ms, probe_network_spacing: 20ms, probe_name: probe.home.test, "
                       f"probe_opted_out: {folder}/out}}\n")
        write(folder, "out", "61.48.17.0/24 # does not want it\n")
        box = write(folder, "box", "".join(f"From a@b Tue Aug 15 10:00:00 2023\n{mail(a)}\n" for a in [*targets, "61.49.1.1"] * 3))
        # Not without somebody who is allowed, nor by the configuration alone.
        store = ["--store", f"{folder}/store"]
        judge(net, "--resolver", SILENT, "--config", config, "--probe", *store, box, status=2)
        log = f"{folder}/log"
        proc = net.popen("home", [PROGRAM, "mail", "--json", "--resolver", lib.OUTSIDE4, "--config", config, "--probe", "--allow",
                                  "61.48.0.0/16", "--probe-log", log, "--spam", *store, box])
        relays.greet_as_ssh(ssh, proc)
        proc.wait_end(60)
        ends = {line["relay"]: line.get("smtp", {}).get("end") for line in proc.find(event_type="mail")}
        assert ends == {CLOSED: "refused", SSH: "odd", "61.48.17.10": None, "61.49.1.1": None}, ends
        assert proc.find(event_type="summary")[0]["probed"] == 2, proc.lines[-1]
        packets = [p for p in wire.read() if p[2] != 53]
        assert {target for target, _, _, _ in packets} == {CLOSED, SSH}, packets
        assert len([p for p in packets if p[0] == CLOSED and p[1] == 6]) == 1, packets
        said = b"".join(data for _, proto, _, data in packets if proto == 6)
        assert said in (b"", b"QUIT\r\n"), said
        with open(log, encoding="utf-8") as f:
            logged = [relays.json.loads(line) for line in f]
        assert {(line["dest_ip"], line["what"]) for line in logged} >= {(CLOSED, "connecting"), (SSH, "connected"), (SSH, "heard"),
                                                                        (SSH, "pinged"), (SSH, "pong")}
        wire.close()


def test_probe_stopped():
    with world() as net, tempfile.TemporaryDirectory() as folder:
        mute, _ssh = relays.odd_servers(net)
        wire = Wire(net)
        config = write(folder, "c.yaml", "mail: {probe_spacing: 300ms, probe_network_spacing: 20ms}\n")
        targets = [MUTE, *(f"61.48.{i}.10" for i in range(50, 90))]
        box = write(folder, "box", "".join(f"From a@b Tue Aug 15 10:00:00 2023\n{mail(a)}\n" for a in targets))
        log = f"{folder}/log"
        proc = net.popen("home", [PROGRAM, "mail", "--json", "--resolver", SILENT, "--config", config, "--probe", "--allow",
                                  "61.48.0.0/16", "--probe-log", log, "--store", f"{folder}/store", box])
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not (os.path.exists(log) and "connected" in lib_read(log)):
            proc._read(0.05)
        proc.popen.send_signal(signal.SIGINT)
        began = time.monotonic()
        proc.wait_end(10)
        assert time.monotonic() - began < 2
        assert len(proc.find(event_type="mail")) == len(targets)
        probed = {line["relay"]: line["smtp"]["end"] for line in proc.find(event_type="mail") if "smtp" in line}
        assert probed[MUTE] == "stopped", probed
        client, _ = mute.accept()
        try:
            assert client.recv(10) == b""
        except ConnectionResetError:
            pass
        sent = {target for target, proto, port, _ in wire.read() if (proto, port) == (6, 25)}
        assert len(sent) < len(targets) / 2, sent
        wire.close()


def lib_read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_packets():
    """The system by the SYN that brought the mail, out of a capture."""
    with world() as net, tempfile.TemporaryDirectory() as folder:
        # Debian's kernels; the port and the address are all else that counts.
        options = bytes.fromhex("020405b40402080a0000000100000000 01030307")
        syn = struct.pack("!HHIIBBHHH", 40000, 25, 1, 0, 0xa0, 2, 64240, 0, 0) + options
        packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60, 7, 0x4000, 61, 6, 0, socket.inet_aton(CLOSED),
                             socket.inet_aton("10.77.1.1")) + syn
        frames = [(time.time_ns() - 30 * captures.SECOND, b"\0" * 12 + b"\x08\0" + packet)]
        capture = f"{folder}/pcap.gz"
        with open(capture, "wb") as f:
            f.write(captures.gz(captures.pcap(frames)))
        box = write(folder, "m", mail(CLOSED, age=1))
        lines, _ = judge(net, "--offline", "--packets", capture, box)
        assert lines[0]["os"] and lines[0]["os"]["family"] == "linux", lines[0]["os"]
        # Another time, another machine.
        lines, _ = judge(net, "--offline", "--packets", capture, write(folder, "n", mail(CLOSED, age=3600)))
        assert lines[0]["os"] is None, lines[0]
        lines, _ = judge(net, "--offline", "--packets", capture, write(folder, "o", mail(SSH, age=1)))
        assert lines[0]["os"] is None, lines[0]
        judge(net, "--offline", "--packets", box, box, status=3)


def scan(relay, age, os="", port="closed"):
    """What nmap -oX writes, in little."""
    return (f'<?xml version="1.0"?><!DOCTYPE nmaprun><nmaprun scanner="nmap" start="{int(time.time()) - age}">'
            f'<host endtime="{int(time.time()) - age}"><address addr="{relay}" addrtype="ipv4"/><ports><port protocol="tcp" portid="25">'
            f'<state state="{port}"/><service name="smtp" method="table"/></port></ports><os>{os}</os></host></nmaprun>\n')


def test_nmap():
    """A scan that the user ran himself: read and believed about the relay, around the mail's time; nothing is sent or run."""
    windows = ('<osmatch name="Microsoft Windows XP SP3" accuracy="97" line="1"><osclass type="general purpose" vendor="Microsoft" '
               'osfamily="Windows" osgen="XP" accuracy="97"/></osmatch>')
    with world() as net, tempfile.TemporaryDirectory() as folder:
        wire = Wire(net)
        box = write(folder, "m", mail(CLOSED, below=f"Received: from x ([{PLAIN}]) by y with SMTP; {email.utils.formatdate()}\n"))

        def ask(xml, which=box):
            lines, _ = judge(net, "--offline", "--nmap", write(folder, "scan.xml", xml), which)
            return lines[0]["os"], {s["sign"]: s["answer"] for s in lines[0]["judge"]}

        os_, signs = ask(scan(CLOSED, 7200, windows))
        assert os_["family"] == "windows" and os_["name"] == "Microsoft Windows XP SP3, by nmap", os_
        assert signs["os_client"] == signs["smtp_refused"] == "yes", signs
        assert ask(scan(CLOSED, 60, windows, "open"))[1]["smtp_server"] == "yes"
        # Too long before, too long after, or about another: also one that only the sender names.
        for xml, which in ((scan(CLOSED, 3 * 86400, windows), box), (scan(PLAIN, 60, windows), box),
                           (scan(CLOSED, 60, windows), write(folder, "old", mail(CLOSED, age=3 * 86400)))):
            os_, signs = ask(xml, which)
            assert os_ is None and not {"os_client", "smtp_refused"} & {k for k, v in signs.items() if v != "unknown"}, (os_, signs)
        # The scan of its time tells an old mail's system, not what listens there.
        text = net.run("home", [PROGRAM, "mail", "--offline", "--nmap", write(folder, "scan.xml", scan(CLOSED, 3 * 86400, windows)),
                                write(folder, "old", mail(CLOSED, age=3 * 86400))], timeout=PATIENCE).stdout
        assert "by nmap" in text and "does not count" in text, text
        for bad in (scan(CLOSED, 60)[:-20], "", "<html/>", '<!DOCTYPE x [<!ENTITY a SYSTEM "/etc/passwd">]><nmaprun start="&a;"/>'):
            _, done = judge(net, "--offline", "--nmap", write(folder, "scan.xml", bad), box, status=3)
            assert "scan.xml: " in done.stderr and "root:" not in done.stderr, done.stderr
        judge(net, "--offline", "--nmap", f"{folder}/none", box, status=3)
        assert wire.read() == [], wire.packets
        wire.close()


def test_learn():
    """A front end stands above all mails of a mailbox, and is proposed; what a spammer forges is not. Nothing is asked, nothing kept."""
    front, forged = "61.48.90.1", "61.48.91.1"

    def at(i):
        return email.utils.formatdate(time.time() - i % 5 * 86400 - 3600)

    def box(folder, name, through):
        text = ""
        for i in range(60):
            below = f"Received: from q (q [61.{i}.1.1]) by mx.provider.test (Postfix) with ESMTP id 9; {at(i)}\n" if through(i) else ""
            relay, rdns = (front, "mx.provider.test") if through(i) else (f"61.{i}.1.1", "unknown")
            # In 60 % a hop of a server that is none.
            lie = "" if i % 5 > 2 else (f"Received: from mx2.provider.test (mx2.provider.test [{forged}]) by mx.provider.test "
                                        f"(Postfix) with ESMTP id 8; {at(i)}\n")
            text += (f"From a@b Tue Aug 15 10:00:00 2023\nReceived: from x ({rdns} [{relay}]) by mx.example.com (Postfix) with ESMTP "
                     f"id 7; {at(i)}\n{below}{lie}Subject: x\n\nbody\n\n")
        return write(folder, name, text)

    with world() as net, tempfile.TemporaryDirectory() as folder:
        wire = Wire(net)
        config = write(folder, "c.yaml", f"mail: {{resolver: {lib.OUTSIDE4}, lists: [zen.spamhaus.org]}}\n")
        mails = box(folder, "box", lambda i: True)
        lines, _ = judge(net, "--learn", "--config", config, mails)
        assert [line["proposed"] for line in lines] == [True, False], lines
        assert lines[0]["server"] == front and (lines[0]["mails"], lines[0]["of"], lines[0]["days"]) == (60, 60, 5), lines
        assert lines[1]["why"] == "not_on_top" and forged not in str(lines), lines
        text = net.run("home", [PROGRAM, "mail", "--learn", mails], timeout=PATIENCE).stdout
        assert f'- "{front}"' in text and f"sekimori mail --trust {front} " in text and "Nothing was changed" in text, text
        # As proposed: then there is nothing further, and the senders are the relays.
        lines, _ = judge(net, "--learn", "--trust", front, mails)
        assert [line["proposed"] for line in lines] == [False], lines
        lines, _ = judge(net, "--offline", "--trust", front, mails)
        assert lines[7]["relay"] == "61.7.1.1", lines[7]
        # Direct mails of others contradict it.
        lines, _ = judge(net, "--learn", box(folder, "direct", lambda i: i % 10))
        assert [line["proposed"] for line in lines] == [False] and lines[0]["why"] == "not_on_top", lines
        assert sorted(os.listdir(folder)) == ["box", "c.yaml", "direct"]
        judge(net, "--learn", "-", status=2)
        judge(net, "--learn", "--plan", mails, status=2)
        judge(net, "--learn", f"{folder}/none", status=3)
        assert wire.read() == [], wire.packets
        wire.close()


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules["__main__"])
