#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three rules shown in the source "many sensors" (seed.rules) and the alerts that they give, in a table: over the four
dialogs printed there as packets, over orders of our own, and over captures of people who chat. seed.py PROGRAM; skips
without the data ($SEKIMORI_DATA, else ../shared/data beside the sources)."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import capture  # noqa: E402

PROGRAM = sys.argv[1]
DATA = os.environ.get("SEKIMORI_DATA") or os.path.join(HERE, "../../../shared/data")
RULES = os.path.join(DATA, "rules", "seed.rules")
SKIP = 77
BOT, SERVER = "10.20.0.23", "198.18.9.9"
ADVSCAN, JOIN, DOWNLOAD = 2001184, 1000001, 1000002
CLIENT_WORDS = ("NICK", "USER", "PONG", "JOIN", "PRIVMSG", "INFO", "LIST", "MODE", "WHOIS", "NAMES", "LUSERS", "USERHOST")

# What each line of a dialog gives: file -> {sid: numbers of the lines, from 1, after wrapped lines were joined}. The orders in
# them are not those that the rules know (.dl, * download, .asc): JOIN and one download show.
DIALOGS = {
    "1-idle-botnet.txt": {JOIN: [56, 61, 63, 66, 69, 95]},
    "2-download-order.txt": {JOIN: [12]},
    "3-scan-order.txt": {JOIN: [5]},
    "4-topic-download-scan.txt": {JOIN: [9], DOWNLOAD: [10]},
}
# Captures of people who chat: file -> {sid: numbers of the packets}. JOIN matches there, too, where the server writes it with a
# colon; it informs and weighs nothing.
CHAT = {
    "ndpi/irc.pcap": {},
    "zeek/irc-353.pcap": {},
    "zeek/irc-basic.pcap": {},
    "zeek/irc-dcc-send-malformed-host.pcap": {},
    "zeek/irc-dcc-send-malformed-port.pcap": {},
    "zeek/irc-more-commands.pcap": {JOIN: [32, 86, 88, 115, 117]},
    "zeek/irc-whitespace.pcap": {},
}
# Orders of our own: what is said (by the client?), port of the server -> {sid: numbers of the lines}.
ORDER = ":m!m@h PRIVMSG #x :.advscan asn1smb 100 5 0 -r"
ORDERS = [
    ([(False, ORDER)], 6667, {ADVSCAN: [1]}),
    ([(False, ORDER)], 21, {ADVSCAN: [1]}),  # on any port
    ([(False, ORDER.replace("advscan", "AdvScan"))], 6667, {ADVSCAN: [1]}),  # nocase
    ([(True, ORDER)], 6667, {}),  # not to a home host
    ([(False, ORDER.replace(".advscan ", ".advscan\t"))], 6667, {}),  # no space
    ([(False, ORDER), (False, ORDER)], 6667, {ADVSCAN: [1, 2]}),
    ([(False, ":m!m@h JOIN :#x")], 6667, {JOIN: [1]}),
    ([(False, ":m!m@h JOIN #x")], 6667, {}),  # no colon
    ([(True, "JOIN :#x")], 6667, {JOIN: [1]}),
    ([(True, "JOIN :#x")], 21, {}),  # to a port below 1024
    ([(False, ":m!m@h JOIN :#x")], 21, {JOIN: [1]}),  # the client's port is above
    ([(False, "download http://x/a.exe")], 6667, {DOWNLOAD: [1]}),
    ([(False, "download http://x/a.exe")], 21, {}),
    ([(False, "download"), (False, "a.exe")], 6667, {DOWNLOAD: [2]}),  # . is a line's end, too (/s)
    ([(False, "download"), (True, "a.exe")], 6667, {}),  # one direction
    ([(False, "Download a.exe")], 6667, {}),  # letters count
]


def say(lines, port=6667):
    """The lines as segments of one connection: (sent by the client, text)."""
    world = capture.World("a dialog", capture.START)
    tcp = world.tcp(capture.START, BOT, SERVER, port, sport=40001)
    places = {}
    for number, (client, text) in enumerate(lines, 1):
        before = len(world.capture.frames)
        (tcp.up if client else tcp.down)(text + "\r\n")
        places[before + 1] = number
    tcp.close()
    return world.capture.frames, places


def dialog(name):
    """What the server said begins with a colon or PING; the client's lines with a command; the rest are wrapped lines."""
    lines = []
    with open(os.path.join(DATA, "dialogs", name), encoding="utf-8", errors="surrogateescape") as file:
        for line in file.read().split("\n"):
            if line.startswith((":", "PING")):
                lines.append((False, line))
            elif line.strip().split(" ")[0] in CLIENT_WORDS:
                lines.append((True, line.strip()))
            elif lines and line and not line.startswith("～"):
                lines[-1] = (lines[-1][0], lines[-1][1] + line)
    return lines


class Seed(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sekimori-seed-")
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name

    def read(self, path):
        config = os.path.join(self.dir, "c.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("home: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]\nrules: {alerts_per_second: 0}\n")
        done = subprocess.run([PROGRAM, "read", "--json", "--config", config, "--fail-on", "never", "--rules", RULES, path],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def alerts(self, frames):
        path = os.path.join(self.dir, "cap")
        with open(path, "wb") as file:
            file.write(capture.pcap(frames))
        records = self.read(path)
        return [r for r in records if r["event_type"] == "alert"], records

    def by_line(self, lines, **how):
        frames, places = say(lines, **how)
        found = {}
        for alert in self.alerts(frames)[0]:
            found.setdefault(alert["alert"]["signature_id"], []).append(places[alert["pcap_cnt"]])
        return found

    def test_dialogs(self):
        for name, expected in DIALOGS.items():
            with self.subTest(name):
                self.assertEqual(self.by_line(dialog(name)), expected)


    def test_orders(self):
        for lines, port, expected in ORDERS:
            with self.subTest(f"{lines} {port}"):
                self.assertEqual(self.by_line(lines, port=port), expected)

    def test_order_across_segments(self):
        """Cut anywhere, it is found once; the packet named is the one that completes it."""
        for at in range(1, len(ORDER)):
            world = capture.World("a dialog", capture.START)
            tcp = world.tcp(capture.START, BOT, SERVER, 6667)
            tcp.down(ORDER[:at])
            tcp.down(ORDER[at:] + "\r\n")
            found = [r["alert"]["signature_id"] for r in self.alerts(world.capture.frames)[0]]
            self.assertEqual(found, [ADVSCAN], at)

    def test_what_they_say_of_a_host(self):
        records = self.alerts(say([(False, ORDER), (False, ":m!m@h JOIN :#x"), (False, "download a.exe")])[0])[1]
        weights = {r["alert"]["signature_id"]: (r["alert"]["stage"], r["alert"]["weight"])
                   for r in records if r["event_type"] == "alert"}
        self.assertEqual(weights, {ADVSCAN: ("control", 600), JOIN: ("none", 0), DOWNLOAD: ("none", 0)})
        claims = [r for r in records if r["event_type"] == "evidence" and r["evidence"]["kind"].startswith("signature.")]
        self.assertEqual([(r["subject"]["ip"], r["evidence"]["kind"], r["evidence"]["facts"]["sid"]) for r in claims],
                         [(BOT, "signature.control", ADVSCAN)])

    def test_chat(self):
        for name, expected in CHAT.items():
            with self.subTest(name):
                records = self.read(os.path.join(DATA, "pcap", name))
                found = {}
                for alert in (r for r in records if r["event_type"] == "alert"):
                    found.setdefault(alert["alert"]["signature_id"], []).append(alert["pcap_cnt"])
                    self.assertEqual(alert["alert"]["weight"], 0)
                self.assertEqual(found, expected)
                self.assertFalse([r for r in records if r["event_type"] == "verdict"])


if __name__ == "__main__":
    if not os.path.exists(RULES):
        print(f"skipped: there is no {RULES}")
        sys.exit(SKIP)
    unittest.main(argv=sys.argv[:1])
