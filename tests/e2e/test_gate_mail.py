# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail through the shut gate, and mail that is not let through: a declared Postfix delivers at full speed, also while our daemon
restarts; a simulated spam bot is refused, named, and judged a bot. Usage: test_gate_mail.py SEKIMORI SIM [TEST...]"""

import contextlib
import ctypes
import os
import pwd
import smtplib
import subprocess
import threading
import time

import gatelib
import lib
from daemon import boot_ns, silence
from gate import wait_for
from gatelib import Machine, Sink
from lib import OUTSIDE4, Sim, wait_json
from patience import PATIENCE, SLOW

MAILS = 200
SINK4 = "10.77.1.18"  # not where the orders come from
SMTP_CLIENT = "/usr/lib/postfix/sbin/smtp"
IN_PORT = 10025  # where Postfix takes the test's mails
m = None

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = home.invalid
mydestination =
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [{relay}]:25
smtp_host_lookup = native
smtp_tls_security_level = none
disable_dns_lookups = yes
alias_maps =
local_recipient_maps =
smtpd_client_connection_count_limit = 0
maillog_file = /var/log/{name}.log
"""
MASTER_CF = f"""
127.0.0.1:{IN_PORT} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """In the gated machine, with queue and configuration of its own, relaying everything to the sink."""

    def __init__(self):
        self.base, self.log = f"{m.base}/postfix", f"/var/log/{m.stem}.log"
        owner = pwd.getpwnam("postfix").pw_uid
        for name in ("", "queue", "data", "etc"):
            os.mkdir(f"{self.base}/{name}", 0o755)
        os.chown(f"{self.base}/data", owner, -1)
        for name, text in (("main.cf", MAIN_CF.format(base=self.base, relay=OUTSIDE4, name=m.stem)), ("master.cf", MASTER_CF)):
            with open(f"{self.base}/etc/{name}", "w", encoding="utf-8") as f:
                f.write(text)

        def enter():
            with open(f"{m.cgroup}/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")
            fd = os.open(m.net.path("home"), os.O_RDONLY)
            ctypes.CDLL(None).setns(fd, 0)
            os.close(fd)
        done = subprocess.run(["postfix", "-c", f"{self.base}/etc", "start"], preexec_fn=enter, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr + self.said()

    def said(self):
        with contextlib.suppress(OSError), open(self.log, encoding="utf-8") as f:
            return f.read()
        return ""

    def send(self, count):
        def fill():
            with smtplib.SMTP("127.0.0.1", IN_PORT, timeout=PATIENCE) as smtp:
                for i in range(count):
                    smtp.sendmail("test@home.invalid", ["sink@outside.invalid"], f"Subject: {i}\r\n\r\nA mail of a test.\r\n")
        lib.call_in_netns(m.net.path("home"), fill)

    def close(self):
        subprocess.run(["postfix", "-c", f"{self.base}/etc", "stop"], capture_output=True, check=False)
        with contextlib.suppress(OSError):
            os.unlink(self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def deliver(postfix, sink, what, meanwhile=None):
    """All mails arrive; returns how many a second."""
    before, began = sink.mails, time.monotonic()
    filling = threading.Thread(target=postfix.send, args=(MAILS,))
    filling.start()
    if meanwhile:
        meanwhile()
    filling.join()
    wait_for(lambda: sink.mails - before >= MAILS, f"{MAILS} mails; Postfix said: {postfix.said()[-2000:]}", PATIENCE * 2)
    assert sink.mails - before == MAILS
    rate = MAILS / (max(sink.times) - began)
    print(f"# {what}: {rate:.0f} mails a second")
    return rate


def test_postfix():
    """The same number, at the same speed; nothing of it is deferred."""
    if not os.path.exists(SMTP_CLIENT):
        return "needs Postfix"
    bot = m.start("bot")
    with Sink(m.net) as sink, Postfix() as postfix:
        off = deliver(postfix, sink, "without the gate")
        m.must("gate", "allow", SMTP_CLIENT, "--user", "postfix")
        with m.shut():
            on = [deliver(postfix, sink, "shut, without a daemon")]
            m.start_daemon()
            on.append(deliver(postfix, sink, "shut, with the daemon"))

            def restart():
                wait_for(lambda: postfix.said().count("status=sent"), "the first of them")
                m.stop_daemon()
                m.start_daemon()
            deliver(postfix, sink, "while the daemon restarts", restart)
            m.stop_daemon()
            on.append(deliver(postfix, sink, "shut, after the daemon"))
            assert bot.do("connect", addr=OUTSIDE4, port=25)["r"] == "EPERM"
            assert "status=deferred" not in postfix.said(), postfix.said()[-2000:]
            m.must("gate", "deny", SMTP_CLIENT)
            before = sink.mails
            postfix.send(1)
            wait_for(lambda: "status=deferred" in postfix.said(), "a mail that is not let through")
            assert sink.mails == before
        assert max(on) * 3 > off, (on, off)
    return None


def start_bot_run(sim_shape, sink_address):
    """A bot of the simulation in the control group, and its master outside."""
    sim = Sim(m.net, m.sim)
    bot = sim.bot(sim_shape, targets=sink_address, ports="25")
    with open(f"{m.cgroup}/cgroup.procs", "w", encoding="ascii") as f:
        f.write(str(bot.pid))
    return sim, bot


def test_spam_bot():
    """Ordered from outside, its child forks twice and sends mail: refused, named, and judged a bot at once."""
    with Sink(m.net, SINK4) as sink:
        sim, bot = start_bot_run("double-fork", SINK4)
        sim.order(".mail 3")
        assert wait_json(bot, "done")["ok"] == 3 and sink.mails == 3, "without the gate it sends"
        bot.stop()
        sim.server.stop()
        with m.shut(), m.running() as d, m.leaks():
            sim, bot = start_bot_run("double-fork", SINK4)
            silence(2.5)  # an order means something only in a conversation that was silent before
            sim.order(".mail 20")
            refused = d.wait_for("gate", lambda r: r["gate"]["action"] == "denied")
            verdict = d.wait_for("verdict", lambda r: r["level"] == "bot" and r["subject"].get("name") == "sekimori-sim")
            skew = time.time_ns() - boot_ns()
            took = (verdict["seen"] + skew - refused["time_ns"]) / 1e6  # until it stood in the file, and was read
            print(f"# the verdict was read {took:.0f} ms after the first refusal")
            assert sink.mails == 3
            assert took < 1000 * SLOW, took
            kinds = {e["kind"] for e in verdict["evidence"]}
            assert {"mail_gate.without_person", "server_like.order"} <= kinds, kinds
            [entry] = wait_for(lambda: m.gate_log(action="denied"), "the entry")
            assert entry["program"].endswith("sekimori-sim") and "sekimori-sim" in entry["chain"], entry
            story = wait_for(lambda: s if "mail gate refused" in (s := m.cli("why", verdict["subject"]["key"]).stdout) else None,
                             "the story")
            assert "sekimori-sim" in story and OUTSIDE4 in story and SINK4 in story and "sekimori block process:" in story, story
            print(f"# evidence: {sorted(kinds)}")
            bot.stop()
            sim.server.stop()


def main():
    global m
    m = Machine(*gatelib.arguments())
    gatelib.main(__name__)


if __name__ == "__main__":
    main()
