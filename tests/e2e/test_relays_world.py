# SPDX-License-Identifier: GPL-3.0-or-later
"""Who really sent it, with mails that were really sent: simulated, harmless senders and honest people in a small Internet of
namespaces (relays_world.py), received by postfix, exim and opensmtpd, read out of their Maildirs by `sekimori mail`."""

import atexit
import email.utils
import json
import shutil
import smtplib
import socket
import sys
import tempfile

import lib
import relays_world as rw
import servers
from patience import PATIENCE

SEKIMORI = sys.argv[1] if len(sys.argv) > 1 else ""

RENTED = "61.48.6.77"
BOT, CUSTOMER_BOT, THIEF, PERSON, OWN_SERVER = ("61.49.0.10", "61.49.0.11", "61.49.0.12", "61.49.0.20", "61.49.0.30")
LISTED = [(rw.ZEN, BOT, "127.0.0.4"), (rw.ZEN, rw.SHOP, "127.0.0.4"), (rw.PROXIES, rw.PROXY, "127.0.0.2"),
          *((rw.ZEN, f"61.49.0.{i}", "127.0.0.10") for i in rw.ADDRESSES["access"])]

# What a bot writes below, so that others are blamed: servers that never had the mail, at times that cannot be.
FORGED = ("Received: from 144.185.57.214 by 203.216.247.181; Mon, 05 Jan 2026 13:17:27 -0100\r\n"
          "Received: from smtp.out.provider.test (smtp.out.provider.test [61.48.3.25]) by mx.victim.test (Postfix) with ESMTP id 4711;\r\n"
          "\tMon, 05 Jan 2026 13:17:20 +0000\r\n")
# HELOs that imitate what a server writes. None of these addresses may ever be believed.
HELOS = ["[61.48.3.25]", "smtp.out.provider.test", "mx1.ours.test", "a ([61.48.3.25]) by mx1.ours.test", "x) (x [61.48.3.25]",
         "smtp.out.provider.test (smtp.out.provider.test [61.48.3.25])", "a [61.48.3.25] by mx1.ours.test with ESMTP; Mon, 5 Jan 2026 13:17:20 +0000",
         "a helo=b", "\"a]) by b (Postfix) with ESMTP id 1\""]


def mail(case, sender, more=""):
    return (f"{more}From: <{sender}>\r\nTo: you\r\nSubject: {case}\r\nDate: {email.utils.formatdate()}\r\nX-Case: {case}\r\n"
            f"Message-ID: <{case}.1@{sender.split('@')[1]}>\r\n\r\nNothing of interest.\r\n").encode()


class Through(smtplib.SMTP):
    """By way of the SOCKS proxy."""

    def _get_socket(self, host, port, timeout):
        s = socket.create_connection((rw.PROXY, 1080), timeout, source_address=(rw.MASTER, 0))
        s.sendall(b"\5\1\0")
        assert s.recv(2) == b"\5\0"
        s.sendall(b"\5\1\0\1" + socket.inet_aton(host) + port.to_bytes(2, "big"))
        assert s.recv(10)[:2] == b"\5\0"
        return s


class Senders:
    """Each method sends one mail; the name of the method is the case."""

    def __init__(self, world, kind):
        self.world, (self.address, _, self.domain) = world, rw.RECEIVERS[kind]

    def _send(self, side, source, server, helo, sender, data, port=25, login=None, way=smtplib.SMTP):
        def send():
            s = way(server, port, local_hostname=helo, timeout=20, source_address=None if way is Through else (source, 0))
            if login:
                s.login(*login)
            s.sendmail(sender, [f"you@{self.domain}"], data)
            s.quit()
        self.world.inside(side, send)

    def direct_bot(self, case="direct_bot", helo="winbox"):
        self._send("access", BOT, self.address, helo, "spam@anybody.test", mail(case, "spam@anybody.test", FORGED))

    def customer_bot(self):
        self._send("access", CUSTOMER_BOT, rw.PROVIDER, "winbox", "spam@provider.test", mail("customer_bot", "spam@provider.test"))

    def stolen_account(self):
        self._send("access", THIEF, rw.SUBMISSION, "winbox", "spam@provider.test", mail("stolen_account", "spam@provider.test"),
                   587, ("person", "secret"))

    def web_form(self):
        self._send("shop", "127.0.0.1", "127.0.0.1", "localhost", "spam@shop.test", mail("web_form", "spam@shop.test"))

    def proxied_bot(self):
        self._send("isp", rw.MASTER, self.address, "winbox", "spam@anybody.test", mail("proxied_bot", "spam@anybody.test"), way=Through)

    def open_relay(self):
        # A server that takes mail from whom it should not, and that nobody lists yet.
        self._send("isp", rw.MASTER, rw.NEWS, "winbox", "spam@anybody.test", mail("open_relay", "spam@anybody.test"))

    def rented(self):
        # Spam, from a machine that nobody knows anything about.
        self._send("news", RENTED, self.address, "host77.rented.test", "spam@anybody.test", mail("rented", "spam@anybody.test"))

    def person(self):
        self._send("access", PERSON, rw.SUBMISSION, "[192.168.1.20]", "person@provider.test", mail("person", "person@provider.test"),
                   587, ("person", "secret"))

    def customer(self):
        self._send("access", PERSON, rw.PROVIDER, "laptop", "person@provider.test", mail("customer", "person@provider.test"))

    def newsletter(self):
        self._send("news", rw.NEWS, rw.NEWS, "app.news.test", "list@news.test", mail("newsletter", "list@news.test"))

    def own_server(self):
        # A person's own mail server behind a DSL line: honest, and everything fits a bot but the name it says.
        self._send("access", OWN_SERVER, self.address, "mail.tinkerer.test", "me@tinkerer.test", mail("own_server", "me@tinkerer.test"))


RELAYS = {"direct_bot": BOT, "customer_bot": rw.PROVIDER, "stolen_account": rw.SUBMISSION, "web_form": rw.SHOP,
          "proxied_bot": rw.PROXY, "person": rw.SUBMISSION, "customer": rw.PROVIDER, "newsletter": rw.NEWS, "own_server": OWN_SERVER,
          "rented": RENTED, "open_relay": rw.NEWS}
CLASSES = {"direct_bot": "direct_bot", "customer_bot": "provider_relay", "stolen_account": "provider_relay", "web_form": "abused_server",
           "proxied_bot": "open_proxy", "rented": "unknown", "open_relay": "unknown"}
HAM = dict.fromkeys(("person", "customer", "newsletter", "own_server"), "unknown")

_world = []


def world():
    """One for all tests, with everything delivered."""
    if _world:
        return _world[0]
    folder = tempfile.TemporaryDirectory(prefix="sekimori-relays-")
    atexit.register(folder.cleanup)
    made = rw.World(folder.name, LISTED)
    for kind, reason in made.missing.items():
        print(f"# without {kind}: {reason}")
    if "submission" in made.missing:
        for case in ("stolen_account", "person"):
            for table in (RELAYS, CLASSES, HAM):
                table.pop(case, None)
    for kind in made.kinds:
        senders = Senders(made, kind)
        for case in RELAYS:
            getattr(senders, case)()
        made.refused[kind] = []
        for i, helo in enumerate(HELOS):
            try:
                senders.direct_bot(f"helo_{i}", helo)
            except smtplib.SMTPException:
                made.refused[kind].append(i)
    for kind in made.kinds:
        made.wait_delivered(kind, [*RELAYS, *(f"helo_{i}" for i in range(len(HELOS)) if i not in made.refused[kind])])
        print(f"# {kind}: {len(RELAYS)} mails and {len(HELOS) - len(made.refused[kind])} with hostile HELOs")
    made.packets = f"{folder.name}/syns.pcap"
    assert made.syns.save(made.packets, {BOT}) >= len(made.kinds) * 5
    _world.append(made)
    return made


def read(w, kind, *options, timeout=PATIENCE):
    """{case: record} of one server's Maildir, and the summary."""
    done = w.net.run("mx", [SEKIMORI, "mail", "--json", *options, w.maildir(kind)], timeout=timeout)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    cases = {path: case for case, path in w.delivered(kind).items()}
    return {cases[line["path"]]: line for line in lines if line["event_type"] == "mail"}, lines[-1]


def hop(record, role):
    return [h for h in record["chain"] if h["role"] == role]


def test_boundary():
    """With nothing configured the relay is whom our own server saw, whatever the mail says."""
    w = world()
    for kind in w.kinds:
        records, summary = read(w, kind, "--offline")
        for case, relay in RELAYS.items():
            assert records[case]["relay"] == relay, (kind, case, records[case])
            assert len(hop(records[case], "relay")) == 1, (kind, case)
        assert summary["mails"] == summary["with_relay"] == len(records), summary
        assert len(hop(records["direct_bot"], "forged")) >= 1, (kind, records["direct_bot"])
        for case in HAM:
            assert not hop(records[case], "forged"), (kind, case, records[case])


def test_hostile_helo():
    """Real servers write what the client says into the header: the address is theirs, or nobody's."""
    w = world()
    for kind in w.kinds:
        records, _ = read(w, kind, "--offline")
        relays = {case: r.get("relay") for case, r in records.items() if case.startswith("helo_")}
        assert relays and set(relays.values()) <= {BOT, None}, (kind, relays)
        print(f"# {kind}: {sum(r == BOT for r in relays.values())} of {len(relays)} believed to be the bot's, none another's")


def test_trusted_provider():
    """One step further when the provider's servers are trusted, by network, address or confirmed name."""
    w = world()
    for kind in w.kinds:
        for trust in ("61.48.3.0/24", rw.PROVIDER, "smtp.out.provider.test", ".out.provider.test"):
            records, _ = read(w, kind, "--offline", "--trust", trust)
            named = not trust[0].isdigit()
            got = records["customer_bot"]["relay"]
            # OpenSMTPD does not say that a name leads back.
            assert got == CUSTOMER_BOT or named and kind == "opensmtpd" and got == rw.PROVIDER, (kind, trust, records["customer_bot"])
            assert records["direct_bot"]["relay"] == BOT, (kind, trust)
        records, _ = read(w, kind, "--offline", "--trust", "!" + rw.PROVIDER, "--trust", "61.48.3.0/24")
        assert records["customer_bot"]["relay"] == rw.PROVIDER, (kind, records["customer_bot"])
        if "person" in RELAYS:
            assert records["person"]["relay"] in (None, PERSON), records["person"]


LISTS = ["--resolver", rw.RESOLVER, "--list", rw.ZEN, "--list", f"{rw.PROXIES}=proxy", "--list", rw.DEAD, "--list", rw.WORLD]


def told(record):
    """For a failure: what was found."""
    return {k: record.get(k) for k in ("relay", "class", "nearest", "why", "score", "judge", "lists", "os", "smtp")}


def test_classes():
    """Every kind of sender comes out as what it is, by DNS, lists and the SYNs that came in; no ham as a bot."""
    w = world()
    for kind in w.kinds:
        records, _ = read(w, kind, *LISTS, "--packets", w.packets)
        for case, wanted in CLASSES.items():
            assert records[case]["class"] == wanted, (kind, case, told(records[case]))
        for case in HAM:
            assert records[case]["class"] == "unknown", (kind, case, told(records[case]))
        # Lists that are dead, or that list everybody, said nothing.
        for record in records.values():
            for entry in record.get("lists") or ():
                assert entry["list"] not in (rw.DEAD, rw.WORLD) or entry["listed"] == "unknown", (kind, entry)


def test_one_step_further():
    """With the provider trusted, its customer's machine is the relay, and what it is."""
    w = world()
    for kind in w.kinds:
        records, _ = read(w, kind, *LISTS, "--trust", "61.48.3.0/24")
        assert records["customer_bot"]["relay"] == CUSTOMER_BOT, told(records["customer_bot"])
        assert records["customer_bot"]["class"] == "direct_bot", (kind, told(records["customer_bot"]))
        assert records["customer"]["relay"] == PERSON and records["customer"]["class"] == "unknown", told(records["customer"])


def test_probed():
    """By the relay inquiry's own rule, without any list: a client's system that refuses port 25 is a bot, a server is none."""
    w = world()
    with tempfile.TemporaryDirectory() as folder:
        config = f"{folder}/c.yaml"
        with open(config, "w", encoding="ascii") as f:
            f.write("mail: {probe_spacing: 10ms, probe_network_spacing: 10ms, probe_name: mx1.ours.test}\n")
        kind = next(iter(w.kinds))
        records, summary = read(w, kind, "--resolver", rw.RESOLVER, "--packets", w.packets, "--config", config, "--probe", "--allow",
                                "61.48.0.0/15", "--store", f"{folder}/store", "--probe-log", f"{folder}/log")
        ends = {case: (records[case].get("smtp") or {}).get("end") for case in RELAYS}
        servers = {"customer_bot", "customer", "web_form", "newsletter", "open_relay"}
        assert {case for case, end in ends.items() if end == "server"} == servers, ends
        assert {end for case, end in ends.items() if case not in servers} == {"refused"}, ends
        assert records["direct_bot"]["class"] == "direct_bot", told(records["direct_bot"])
        for case in (*HAM, "rented", "open_relay"):
            assert records[case]["class"] == "unknown", (case, told(records[case]))
        said = {}
        with open(f"{folder}/log", encoding="utf-8") as f:
            for line in map(json.loads, f):
                if line["what"] == "said":
                    said[line["dest_ip"]] = said.get(line["dest_ip"], "") + line["data"]
        assert said == {a: "EHLO mx1.ours.test\r\nQUIT\r\n" for a in (rw.PROVIDER, rw.SHOP, rw.NEWS)}, said


def test_without_lists():
    """Nobody lists anybody: what is left is too little for most, and is never a wrong class."""
    w = world()
    for kind in w.kinds:
        records, _ = read(w, kind, "--resolver", rw.RESOLVER)
        for case, record in records.items():
            assert record["class"] in ("unknown", CLASSES.get(case, "direct_bot" if case.startswith("helo_") else "")), (kind, case, told(record))


if __name__ == "__main__":
    lib.need_root()
    try:
        servers.packages(["postfix"])
    except servers.Unavailable as why:
        lib.skip(str(why))
    if not shutil.which("unbound"):
        lib.skip("needs the package unbound")
    lib.run_tests(sys.modules["__main__"])
