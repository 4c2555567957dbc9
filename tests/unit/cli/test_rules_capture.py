#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori rules test` and `rules profile` as a person meets them. Argument: the program."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "e2e"))
import capture  # noqa: E402

PROGRAM = sys.argv[1]
BOT, OUTSIDE = "10.20.0.23", "198.18.9.9"
RULES = """\
alert tcp any any -> any 6667 (msg:"joins"; content:"JOIN #"; sid:1;)
alert tcp any any -> any 6667 (msg:"another channel"; content:"JOIN "; content:"#other"; distance:0; sid:2;)
alert tcp any any -> any 7777 (msg:"another port"; content:"JOIN "; sid:3;)
alert tcp any any -> any any (msg:"limited"; content:"PRIVMSG"; threshold:type limit, track by_src, count 1, seconds 60; sid:4;)
alert tcp any any -> any any (msg:"silent"; content:"PRIVMSG"; noalert; sid:5;)
alert http any any -> any any (msg:"web"; http.uri; content:"/x"; sid:6;)
"""


class Captures(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sekimori-rules-")
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name
        world = capture.World("a talk", capture.START)
        tcp = world.tcp(capture.START, BOT, OUTSIDE, 6667)
        tcp.up("JOIN #bots key\r\n").down(":server 366 bot #bots :End\r\n")
        for _ in range(3):
            tcp.up("PRIVMSG #bots :done\r\n")
        tcp.close()
        self.capture = self.path("cap", capture.pcap(capture.in_order(world)))
        self.rules = self.path("some.rules", RULES.encode())

    def path(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def run_rules(self, *args, status=0):
        words = [PROGRAM, "rules", *args, "--config", self.path("c.yaml", b"home: [10.20.0.0/16]\n")]
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=60,
                              env=dict(os.environ, LC_ALL="C"), check=False)
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done

    def outcomes(self, *args, status=0):
        done = self.run_rules("test", "--json", "--pcap", self.capture, *args, self.rules, status=status)
        return {r["sid"]: r for r in map(json.loads, done.stdout.splitlines())}


class Test(Captures):
    def test_matches_and_misses(self):
        told = self.outcomes()
        self.assertEqual(set(told), {1, 2, 3, 4, 5, 6})
        self.assertEqual((told[1]["matches"], told[1]["alerts"]), (1, 1))
        self.assertEqual((told[4]["matches"], told[4]["alerts"]), (3, 1))
        for sid in (2, 3, 5, 6):
            self.assertEqual(told[sid]["matches"], 0, told[sid])
        held = [c["held"] for c in told[2]["nearest"]["conditions"]]
        self.assertEqual((held[-1], held.count(True) >= 1), (False, True), told[2])
        self.assertIn("#other", told[2]["nearest"]["conditions"][-1]["what"])
        self.assertIn(OUTSIDE, told[2]["nearest"]["at"])
        self.assertFalse(told[3]["nearest"]["conditions"][-1]["held"])
        self.assertTrue(all(c["held"] for c in told[5]["nearest"]["conditions"]), told[5])

    def test_text_and_status(self):
        done = self.run_rules("test", "--pcap", self.capture, "--sid", "2", self.rules, status=1)
        self.assertIn("sid 2 rev 0 \"another channel\": no match in", done.stdout)
        self.assertIn("nearest: ", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^    yes  .*JOIN")
        self.assertRegex(done.stdout, r"(?m)^    no   .*#other")
        done = self.run_rules("test", "--pcap", self.capture, "--sid", "1:4", self.rules)
        self.assertIn("matched 3 times, 1 alert (thresholds", done.stdout)
        done = self.run_rules("test", "--pcap", self.capture, "--sid", "5", self.rules, status=1)
        self.assertIn("Every condition held, but the rule is silent", done.stdout)

    def test_wrong_words(self):
        self.assertIn("--pcap names it", self.run_rules("test", self.rules, status=2).stderr)
        self.assertIn("is no number", self.run_rules("test", "--sid", "x", self.rules, status=2).stderr)
        self.assertIn("no rule of sid 77", self.run_rules("test", "--pcap", self.capture, "--sid", "77", self.rules,
                                                          status=3).stderr)
        self.run_rules("test", "--pcap", os.path.join(self.dir, "none"), self.rules, status=3)
        self.run_rules("test", "--pcap", self.rules, self.rules, status=3)  # no capture
        many = self.path("many.rules", b"".join(b"alert tcp any any -> any any (content:\"a%d\"; sid:%d;)\n" % (i, i)
                                                for i in range(1, 2100)))
        self.assertIn("choose one with --sid", self.run_rules("test", "--pcap", self.capture, many, status=2).stderr)
        self.run_rules("test", "--pcap", self.capture, "--sid", "7", many, status=1)


class Profile(Captures):
    def test_costs(self):
        done = self.run_rules("profile", "--json", "--pcap", self.capture, self.rules)
        costs = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({c["sid"] for c in costs}, {1, 2, 3, 4, 5, 6})
        self.assertEqual([c["ns"] for c in costs], sorted((c["ns"] for c in costs), reverse=True))
        matched = {c["sid"]: c["matches"] for c in costs}
        self.assertEqual((matched[1], matched[4], matched[6]), (1, 3, 0))
        text = self.run_rules("profile", "--pcap", self.capture, self.rules).stdout
        self.assertRegex(text, r"^\d+ packets, \d+ inspections of \d+ bytes; \d+ evaluations of rules took")
        self.assertIn("joins", text)
        self.assertIn("--pcap names it", self.run_rules("profile", self.rules, status=2).stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
