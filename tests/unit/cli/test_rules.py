#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori rules` as a person meets it. Argument: the program."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
DATA = os.environ.get("SEKIMORI_DATA") or os.path.join("..", "shared", "data")
RULE = "alert tcp {} any -> any {} ({} sid:{};)\n"


def rule(options="", sid=1, src="any", port="any"):
    return RULE.format(src, port, options, sid)


class Rules(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sekimori-rules-")
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name

    def path(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return path

    def rules(self, *args, status=0, config=True):
        words = [PROGRAM, "rules", *args]
        if config:
            words += ["--config", self.path("empty.yaml", "")]
        env = dict(os.environ, LC_ALL="C")
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                              timeout=60, env=env, check=False)
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done


class Configuration(Rules):
    def run_with(self, config, *args, status=0):
        done = subprocess.run([PROGRAM, *args, "--config", config], capture_output=True, text=True, timeout=60, check=False,
                              env=dict(os.environ, LC_ALL="C"))
        self.assertIn(done.returncode, (status, 3) if args[0] == "doctor" else (status,), done)
        return done

    def test_check_and_doctor_count(self):
        rules = self.path("some.rules", rule() + "alert tcp any any -> any any (nonsense; sid:2;)\n")
        config = self.path("rules.yaml", f"rules: {{files: [{rules}]}}\n")
        self.assertIn("rules: 1 of 2 rules of 1 file", self.run_with(config, "config", "check").stdout)
        rows = [json.loads(line) for line in self.run_with(config, "doctor", "--json").stdout.splitlines()]
        row = next(r for r in rows if r["what"] == "rules")
        self.assertEqual(row["grade"], "warn")
        self.assertIn("1 of 2 rules", row["found"])
        gone = self.path("gone.yaml", "rules: {files: [/nonexistent/x.rules]}\n")
        self.assertIn("/nonexistent/x.rules: No such file", self.run_with(gone, "config", "check", status=78).stderr)

    def test_check_reads_groups_that_no_rule_names(self):
        for words, reason in (("address_groups: {A: 10.0.0.0/8, B: '[$A,!10.1.0.0/16]'}, port_groups: {C: '1:', D: $C}", None),
                              ("address_groups: {A: 10.0.0.0/99}", "rules.address_groups: A: "),
                              ("address_groups: {A: $B}", "rules.address_groups: A: "),
                              ("port_groups: {C: 70000}", "rules.port_groups: C: ")):
            path = self.path("groups.yaml", f"rules: {{{words}}}\n")
            done = self.run_with(path, "config", "check", status=78 if reason else 0)
            self.assertIn(f"{path}: {reason}" if reason else "", done.stderr)


class Check(Rules):
    def test_all_load(self):
        good = self.path("good.rules", rule() + "# " + rule(sid=2) + rule(sid=3))
        done = self.rules("check", good)
        self.assertEqual(done.stdout.splitlines()[-1], "2 of 2 rules load")
        self.assertIn("1 rule is commented out", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_each_problem_has_place_option_and_reason(self):
        bad = self.path("bad.rules", rule() + "\n" + rule("lua:x.lua;", 2) + rule("lua:y.lua;", 3) +
                        rule(sid=4, src="$NOBODY") + "what is this\n")
        done = self.rules("check", bad, status=1)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], f"{bad}:3: sid 2: lua: rules run no scripts")
        self.assertEqual(lines[2], f"{bad}:5: sid 4: $NOBODY is not defined for addresses")
        self.assertTrue(lines[3].startswith(f"{bad}:6: \"what\" is no action"), lines[3])
        self.assertIn("      2  option not honoured: lua", lines)
        self.assertIn("      1  variable not defined", lines)
        self.assertEqual(lines[-1], "1 of 5 rules load")

    def test_duplicates_are_no_failure(self):
        path = self.path("twice.rules", rule("msg:\"old\"; rev:1;") + rule("msg:\"new\"; rev:2;"))
        done = self.rules("check", path)
        self.assertIn(f"{path}:1: sid 1: duplicate: rev 1; rev 2 of {path}:2 is taken", done.stdout)
        self.assertIn("1 duplicate: the highest revision counts", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "1 of 1 rules load")

    def test_a_file_that_cannot_be_read(self):
        good = self.path("good.rules", rule())
        done = self.rules("check", self.dir + "/nowhere.rules", good, self.dir, status=3)
        self.assertIn("nowhere.rules: No such file", done.stderr)
        self.assertIn("Is a directory", done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "1 of 1 rules load")

    def test_json(self):
        bad = self.path("bad.rules", rule() + rule("lua:x;", 2))
        rows = [json.loads(line) for line in self.rules("check", "--json", bad, status=1).stdout.splitlines()]
        self.assertEqual(rows[0], {"event_type": "rule_problem", "file": bad, "line": 2, "gid": 1, "sid": 2, "kind": "option",
                                   "option": "lua", "reason": "rules run no scripts"})
        self.assertEqual(rows[1], {"event_type": "summary", "files": 1, "rules": 2, "loaded": 1, "inactive": 0,
                                   "duplicates": 0, "problems": {"option": 1}})

    def test_variables(self):
        path = self.path("some.rules", rule(sid=1, src="$MINE", port="$MY_PORTS") + rule(sid=2, src="$HOME_NET"))
        self.assertIn("1 of 2 rules load", self.rules("check", path, status=1).stdout)
        self.rules("check", path, "--var", "MINE=192.0.2.0/24", "--var", "MY_PORTS=[1,2]")
        done = self.rules("explain", "2", path, "--home", "198.51.100.0/24", "--home", "2001:db8::/32")
        self.assertIn("from 198.51.100.0/24, 2001:db8::/32, any port", done.stdout)
        for wrong in ("MINE", "MINE=", "=x"):
            self.assertIn("--var wants", self.rules("check", path, "--var", wrong, status=2).stderr)

    def test_configuration(self):
        path = self.path("some.rules", rule(sid=1, src="$MINE") + rule(sid=2))
        config = self.path("c.yaml", f"rules:\n  files: [{path}]\n  address_groups:\n    MINE: 192.0.2.0/24\n  disabled: [2]\n")
        done = self.rules("check", "--config", config, config=False)
        self.assertEqual(done.stdout.splitlines()[-1], "1 of 1 rules load")
        other = self.path("other.rules", rule(sid=7))
        done = self.rules("check", other, "--config", config, config=False)
        self.assertEqual(done.stdout.splitlines()[-1], "1 of 1 rules load")

    def test_usage(self):
        self.assertIn("which files", self.rules("check", status=2).stderr)
        self.assertIn("it is", self.rules(status=2).stderr)
        self.assertIn("it is", self.rules("chek", status=2).stderr)
        self.assertIn("which SID", self.rules("explain", status=2).stderr)
        for verb, option in (("check", "--pcap"), ("check", "--sid"), ("explain", "--pcap"), ("profile", "--sid")):
            self.assertIn(f"rules {verb} does not take {option}", self.rules(verb, option, "1", "x", status=2).stderr)
        self.assertIn("no number of a rule", self.rules("explain", "x", "y", status=2).stderr)
        self.assertIn("no number of a rule", self.rules("explain", "1:2:3", "y", status=2).stderr)

    def test_nothing_drives_a_terminal(self):
        path = self.path("\x1b[2J.rules", "alert \x1b[31m any\n" + rule("\x1b]0;x;", 3) + rule("msg:\"\x1b[2J\";", 4))
        for args in (("check", path), ("check", "--json", path)):
            self.assertNotIn("\x1b", self.rules(*args, status=1).stdout)
        self.assertNotIn("\x1b", self.rules("explain", "4", path).stdout)

    def test_real_rules(self):
        files = sorted(glob.glob(os.path.join(DATA, "rules", "*.rules")) + glob.glob(os.path.join(DATA, "rules", "*.config")))
        if not files:
            self.skipTest(f"no rules in {DATA}/rules")
        done = self.rules("check", *files, status=1)
        loaded, total = (int(n) for n in re.fullmatch(r"(\d+) of (\d+) rules load", done.stdout.splitlines()[-1]).groups())
        self.assertGreater(total, 19000)
        self.assertGreaterEqual(loaded, 0.98 * total)
        told = [line for line in done.stdout.splitlines() if re.search(r"rules:\d+: sid \d+: \S+: \S", line)]
        self.assertEqual(len(told), total - loaded)


class Explain(Rules):
    def test_words(self):
        path = self.path("irc.rules", rule(
            "msg:\"IRC JOIN\"; flow:established,to_server; content:\"JOIN |3a|#\"; nocase; depth:7; "
            "pcre:\"/download.*exe/s\"; flowbits:set,irc; threshold:type limit,track by_src,count 1,seconds 60; "
            "classtype:trojan-activity; reference:url,www.example.org; rev:2;", 77, "192.0.2.0/24", "6660:6669"))
        text = self.rules("explain", "77", path).stdout
        for wanted in ("77, rev 2: IRC JOIN", f"{path}:1", "Alerts on TCP", "from 192.0.2.0/24, any port",
                       "to any address, port 6660 to 6669", "the client sends it", "contains \"JOIN :#\" within the first 7 "
                       "bytes, in upper or lower case", "matches /download.*exe/", "sets the flow's bit \"irc\"",
                       "alerts at most 1 time in 60 s for each sender", "class trojan-activity", "www.example.org"):
            self.assertIn(wanted, text)
        row = json.loads(self.rules("explain", "1:77", "--json", path).stdout)
        self.assertEqual((row["sid"], row["rev"], row["msg"], row["explained"]), (77, 2, "IRC JOIN", text))

    def test_one_that_is_not_there(self):
        path = self.path("some.rules", rule(sid=1) + rule("lua:x;", 2))
        self.assertIn("no rule of these files", self.rules("explain", "3", path, status=3).stderr)
        self.assertIn("lua: rules run no scripts", self.rules("explain", "2", path, status=3).stderr)
        off = self.path("off.rules", "# " + rule(sid=9))
        self.assertIn("unless it is commented out", self.rules("explain", "9", off, status=3).stderr)
        bad = self.path("variable.rules", rule(sid=5, src="$NOBODY"))
        self.assertIn("variable.rules:1: $NOBODY is not", self.rules("explain", "5", bad, status=3).stderr)
        self.assertIn("no rule of these files", self.rules("explain", "2:1", path, status=3).stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
