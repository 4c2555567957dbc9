#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori profile` as a person meets it, with a store that `read` made from a log. Argument: the program."""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
BEGIN = 1700000000
FIELDS = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state orig_pkts resp_pkts"


def conn(at, host, peer, port, service, out, received, state="SF", proto="tcp"):
    return "\t".join(str(x) for x in (f"{BEGIN + at:.6f}", f"C{at}{host}{port}", host, 40000, peer, port, proto, service, "0.5",
                                      out, received, state, 5, 5 if state == "SF" else 0))


def conn_log(rows):
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
            "#fields\t" + FIELDS.replace(" ", "\t"),
            "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tcount\tcount"]
    return "\n".join(head + rows) + "\n"


def ordinary():
    rows = [conn(60 * i, "10.0.0.5", "198.51.100.53", 53, "dns", 40, 120, proto="udp") for i in range(200)]
    rows += [conn(60 * i + 1, "10.0.0.5", f"198.51.100.{i % 100}", 443, "ssl", 2000, 90000) for i in range(200)]
    rows += [conn(60 * i + 2, "10.0.0.5", "198.51.100.1", 6881, "-", 0, 0, state="S0") for i in range(7)]
    rows += [conn(30, "fd00::5", "2001:db8::1", 8333, "-", 10, 10), conn(31, "fd00::6", "2001:db8::1", 8333, "-", 10, 10)]
    return conn_log(sorted(rows, key=lambda row: float(row.split("\t")[0])))


class Profile(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sekimori-profile-")
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name
        self.store = self.dir + "/store"

    def check(self, status, *args):
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
                              # the sandbox forbids what the leak check of a sanitizer does
                              env=dict(os.environ, TZ="UTC", LC_ALL="C", NO_COLOR="1", ASAN_OPTIONS="detect_leaks=0"))
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done

    def read(self, text, *options):
        path = self.dir + "/conn.log"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        done = self.check(0, "read", "--json", "--no-events", *options, path)
        return json.loads(done.stdout.splitlines()[-1])

    def profile(self, *args, status=0):
        return self.check(status, "profile", "--store", self.store, *args)

    def records(self, *args):
        return {r["ip"]: r for r in map(json.loads, self.profile("--json", *args).stdout.splitlines())}

    def test_hosts_are_counted_without_a_store(self):
        summary = self.read(ordinary())
        self.assertEqual(summary["hosts"], 2)
        self.assertEqual(summary["profiles"]["hosts"], 2)
        self.assertEqual(summary["profiles"]["forgotten_hosts"], 0)

    def test_list_and_host(self):
        self.read(ordinary(), "--store", self.store)
        text = self.profile().stdout
        self.assertRegex(text, r"(?m)^host +sessions +sent +received +last seen +services")
        self.assertRegex(text, r"(?m)^10\.0\.0\.5 +400 +408\.0 kB +18\.0 MB +2023-11-15 01:32:\d\d +dns, tls")
        self.assertRegex(text, r"(?m)^fd00::/64 +2 ")
        panel = self.profile("10.0.0.5").stdout
        for line in (r"10\.0\.0\.5: seen from 2023-11-14 22:13:20 to .*; 7 sessions that nobody answered",
                     r"dns as client", r"  sessions   200; from 2023-11-14 22:13:20 to 2023-11-15 01:32:20",
                     r"  interval   1 min on average, mostly 60 s", r"  traffic    sent 8\.0 kB, mostly 40 bytes a session; "
                     r"received 24\.0 kB, mostly 120 bytes", r"  duration   500 ms on average, mostly 500 ms",
                     r"  addresses  1$", r"  port       53", r"  an hour    at most 60 sessions"):
            self.assertRegex(panel, "(?m)" + line)
        self.assertRegex(panel, r"addresses  about \d+ \(estimated, standard error 13 %\)")
        self.assertEqual(self.profile("fd00::1234").stdout, self.profile("fd00::/64").stdout)
        self.assertIn("tcp/8333 as client", self.profile("fd00::5").stdout)

    def test_most_hours_are_not_above_the_most(self):
        out = [10000, 10000, 10000, 10, 10000, 10000, 10000]  # one deviation from the typical one lies above all
        self.read(conn_log([conn(3600 * i, "10.0.0.5", "198.51.100.1", 443, "ssl", n, 0) for i, n in enumerate(out)]),
                  "--store", self.store)
        panel = " ".join(self.profile("10.0.0.5").stdout.split())
        self.assertRegex(panel, r"an hour .*; at most 10\.0 kB sent, mostly [\d.]+ k?B?(bytes)? to 10\.0 kB; at most 1 peer")

    def test_seen_since_its_first_session_began(self):
        row = conn(0, "10.0.0.5", "198.51.100.1", 443, "ssl", 100, 100).replace("\t0.5\t", "\t1800\t")
        self.read(conn_log([row]), "--store", self.store)
        self.assertIn("10.0.0.5: seen from 2023-11-14 22:13:20 to 2023-11-14 22:43:20", self.profile("10.0.0.5").stdout)
        self.assertEqual(self.records()["10.0.0.5"]["since"], "2023-11-14T22:13:20.000000+0000")

    def test_json(self):
        self.read(ordinary(), "--store", self.store)
        records = self.records()
        self.assertEqual(set(records), {"10.0.0.5", "fd00::/64"})
        one = self.records("10.0.0.5")["10.0.0.5"]
        self.assertEqual(one, records["10.0.0.5"])
        self.assertEqual((one["event_type"], one["unanswered"]), ("profile", 7))
        tls, dns = sorted(one["services"], key=lambda s: s["service"], reverse=True)
        self.assertEqual((dns["service"], dns["role"], dns["ports"], dns["sessions"]), ("dns", "client", [53], 200))
        self.assertAlmostEqual(dns["interval"]["mean"], 60, places=3)
        self.assertAlmostEqual(dns["interval"]["typical"], 60, delta=0.6)
        self.assertEqual(dns["bytes_out"], {"sum": 8000, "low": 40, "typical": 40, "high": 40})
        self.assertEqual(dns["hours"]["sessions"]["most"], 60)
        self.assertLess(abs(tls["peers"] - 100), 40)

    def test_reading_again_counts_once(self):
        self.read(ordinary(), "--store", self.store)
        before = self.records()
        summary = self.read(ordinary(), "--store", self.store)
        self.assertEqual(summary["profiles"]["repeated_sessions"], 409)
        self.assertEqual(summary["hosts"], 2)
        self.assertEqual(self.records(), before)
        later = conn_log([conn(86400, "10.0.0.5", "198.51.100.53", 53, "dns", 40, 120, proto="udp")])
        self.assertEqual(self.read(later, "--store", self.store)["hosts"], 1)
        after = self.records()
        self.assertEqual(sum(s["sessions"] for s in after["10.0.0.5"]["services"]), 401)
        self.assertEqual(after["fd00::/64"], before["fd00::/64"])

    def test_mistakes(self):
        self.assertIn("there is no store", self.profile(status=3).stderr)
        self.read(conn_log([]), "--store", self.store)
        self.assertIn("No profile is stored yet", self.profile().stdout)
        self.assertEqual(self.profile("--json").stdout, "")
        self.read(ordinary(), "--store", self.store)
        self.assertIn("no profile of 10.9.9.9", self.profile("10.9.9.9", status=3).stderr)
        for wrong in ("10.0.0", "dns", "10.0.0.5/64", "fd00::/65", "x" * 1000, "\x1b[2J", ""):
            done = self.profile(wrong, status=2)
            self.assertNotIn("\x1b", done.stderr)
        self.assertIn("too much", self.profile("10.0.0.5", "10.0.0.6", status=2).stderr)

    def test_damaged_rows(self):
        self.read(ordinary(), "--store", self.store)
        with sqlite3.connect(self.store + "/sekimori.db") as db:
            db.execute("INSERT INTO profile(host, last, data) VALUES(x'00', 1, x'0102'), ('a', 2, randomblob(192))")
        done = self.profile()
        self.assertIn("10.0.0.5", done.stdout)
        self.assertIn("2 profiles cannot be read", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
