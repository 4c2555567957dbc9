# SPDX-License-Identifier: GPL-3.0-or-later
"""This spam came from us: what a mail server's log, the packets, the host sensor and a complaint say of a mail joins at the same
host, and on a machine that is watched it ends at the process. Nothing leaves the namespaces. Usage: test_spam_from_us.py
SEKIMORI [test_...]"""
import json
import os
import subprocess
import sys
import tempfile
import time

import lib
from daemon import Daemon
from test_complaints import arf

SEKIMORI = sys.argv[1]
HOST = "10.1.2.3"
MAILS = 1500  # an hour, as an infected machine does

SENDER = """
import socket, sys
def send(i):
    with socket.create_connection(("10.77.1.%d" % i, 25), 10) as s:
        s.sendall(b"EHLO pc%d\\r\\nMAIL FROM:<a@example.org>\\r\\nRCPT TO:<b@example.net>\\r\\nDATA\\r\\n" % i + b"spam " * 500)
        s.recv(1)
for i in range(16, 32):
    send(i)
print("sent", flush=True)
sys.stdin.readline()
"""


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(t))


def postfix_log(begin):
    """A relay of ours takes mails of a home host; other servers refuse two of five."""
    lines = []
    for n in range(MAILS):
        t, queue = begin + n * 2, f"{n:010X}"
        lines += [f"{stamp(t)} mx postfix/smtpd[7]: {queue}: client=pc.example.org[{HOST}]",
                  f"{stamp(t)} mx postfix/qmgr[8]: {queue}: from=<x{n}@spam{n % 50}.example>, size=4000, nrcpt=1 (queue active)"]
        status = (f"dsn=5.1.1, status=bounced (host mx{n}.example.net[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO "
                  "command))" if n % 5 < 2 else "dsn=2.0.0, status=sent (250 ok)")
        lines += [f"{stamp(t + 1)} mx postfix/smtp[9]: {queue}: to=<v{n}@example.net>, relay=mx{n}.example.net[192.0.2.1]:25, {status}",
                  f"{stamp(t + 1)} mx postfix/qmgr[8]: {queue}: removed"]
    return "\n".join(lines) + "\n"


def run(*args, status=(0, 1)):
    done = subprocess.run([SEKIMORI, *args], capture_output=True, text=True, timeout=100, check=False, errors="replace",
                          env=dict(os.environ, TZ="UTC", LC_ALL="C", NO_COLOR="1", ASAN_OPTIONS="detect_leaks=0"))
    assert done.returncode in status, (args, done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout


def test_log_and_complaint():
    begin = int(time.time()) - 7200
    with tempfile.TemporaryDirectory(prefix="sekimori-spam-") as folder:
        log, mail, store, config = (os.path.join(folder, n) for n in ("mail.log", "complaint.eml", "store", "sekimori.yaml"))
        with open(config, "w", encoding="ascii") as f:
            f.write("home: [10.1.0.0/16]\n")
        with open(log, "w", encoding="ascii") as f:
            f.write(postfix_log(begin))
        with open(mail, "w", encoding="ascii") as f:
            f.write(arf(begin + 1800, HOST))
        records = [json.loads(r) for r in run("read", "--json", "--no-events", "--config", config, "--store", store, log).splitlines()]
        kinds = {r["evidence"]["kind"] for r in records if r["event_type"] == "evidence" and r["subject"]["ip"] == HOST}
        assert {"mass_mail.volume", "mass_mail.rejected"} <= kinds, kinds
        before = score(store, config)
        run("mail", "--offline", "--config", config, "--store", store, mail)
        told = run("why", "--config", config, "--store", store, HOST).lower()
        assert "complains of mail from it" in told and "servers reject its mail" in told and "as much mail as infected" in told, told
        assert score(store, config) > before


def score(store, config):
    return json.loads(run("why", "--json", "--config", config, "--store", store, HOST).splitlines()[0])["now"]["score"]


def test_process():
    lib.need_root()
    config = f"home: [{lib.HOME4}/32]\nhost: {{rescan: 0s, ring_kib: 16384}}\n"
    with Daemon(SEKIMORI, config=config) as daemon, lib.Net() as net:
        start = daemon.mark()
        net.listen("10.77.1.16/28", [25])
        bot = net.popen("home", [sys.executable, "-c", SENDER])
        found = daemon.wait_for("evidence", lambda r: r["evidence"]["kind"] == "mass_mail.servers" and
                                r["subject"].get("pid") == bot.pid, "nobody says who sent it", start=start)
        assert found["subject"]["kind"] == "process", found
        # A complaint about this machine joins it there.
        mail = os.path.join(daemon.folder, "complaint.eml")
        with open(mail, "w", encoding="ascii") as f:
            f.write(arf(int(time.time()), lib.HOME4))
        done = net.run("home", [SEKIMORI, "mail", "--offline", "--config", daemon.config, "--store", daemon.store, mail])
        assert done.returncode == 0 and "That is this machine. It is kept" in done.stdout, (done.stdout, done.stderr)
        told = daemon.command("why", "self").stdout
        assert "complains of mail from it" in told.lower() and str(bot.pid) in told, told


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
