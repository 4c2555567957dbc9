#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as a person meets it: runs the built program. Arguments: the program, make_store."""
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM, MAKE_STORE = sys.argv[1:3]
VISIBLE = ["why", "report", "status", "detectors", "doctor", "config"]


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return f.read().strip()


def start_of(pid):
    """Nanoseconds since boot, to the tick."""
    with open(f"/proc/{pid}/stat") as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    return ticks * (1000000000 // os.sysconf("SC_CLK_TCK"))


class Cli(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sekimori-cli-")
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name
        self.control = self.dir + "/control"
        self.config = self.path("good.yaml", f"daemon:\n  control: {self.control}\nstore:\n  path: {self.dir}\n")

    def path(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def run_cli(self, *args, **more):
        env = dict(os.environ, TZ="UTC", LC_ALL="C")
        env.update(more.pop("env", {}))
        stdout = more.pop("stdout", subprocess.PIPE)
        return subprocess.run([PROGRAM, *args], stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              text=True, timeout=30, env=env, **more)

    def check(self, status, *args, **more):
        done = self.run_cli(*args, **more)
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done

    def make_store(self, pid=4000000, start=5, boot=None, machine=None):
        subprocess.run([MAKE_STORE, self.dir, str(pid), str(start), boot or boot_id(), *([machine] if machine else [])],
                       check=True, timeout=30)

    def rows(self, text):
        return [json.loads(line) for line in text.splitlines()]


class Dispatch(Cli):
    def test_alone_and_help_list_the_commands(self):
        texts = {self.check(0, *args).stdout for args in ([], ["--help"], ["-h"], ["help"])}
        self.assertEqual(len(texts), 1)
        text = texts.pop()
        for name in VISIBLE:
            self.assertRegex(text, rf"\n  {name} +\S")
        self.assertNotRegex(text, r"\n  man ")

    def test_help_of_every_command(self):
        listed = re.findall(r"^  ([a-z]+) +\S", self.check(0, "--help").stdout.split("Options:")[0], re.M)
        self.assertTrue(set(VISIBLE) <= set(listed), listed)
        for name in listed:
            done = self.check(0, name, "--help")
            self.assertTrue(done.stdout.startswith(f"Usage: sekimori {name}"), done.stdout)
            self.assertIn("--help", done.stdout)
            self.assertEqual(done.stderr, "")
            self.assertEqual(self.check(0, "help", name).stdout, done.stdout)

    def test_version(self):
        text = self.check(0, "--version").stdout
        self.assertRegex(text, r"^sekimori \d+\.\d+\.\d+\nback ends: \w+")
        for library in ("libbpf", "libseccomp", "SQLite"):
            self.assertRegex(text, library + r" \d")

    def test_unknown_command(self):
        self.assertIn("did you mean why?", self.check(2, "wyh").stderr)
        self.assertIn("did you mean detectors?", self.check(2, "detector").stderr)
        self.assertNotIn("did you mean", self.check(2, "xylophone").stderr)
        self.assertNotIn("\x1b", self.check(2, "\x1b[2J").stderr)
        self.check(2, "x" * 100000)
        self.check(2, "")
        self.check(2, "--bogus")

    def test_wrong_options(self):
        self.assertIn("no option --bogus", self.check(2, "why", "1", "--bogus").stderr)
        self.assertIn("no option -z", self.check(2, "why", "-z", "1").stderr)
        self.assertIn("--store wants an argument", self.check(2, "why", "1", "--store").stderr)
        self.assertIn("-c wants an argument", self.check(2, "why", "1", "-c").stderr)
        self.assertIn("missing", self.check(2, "why").stderr)
        self.assertIn("too much", self.check(2, "why", "1", "2").stderr)
        self.assertIn("too much", self.check(2, "detectors", "x").stderr)
        self.assertIn("never", self.check(2, "report", "--fail-on", "always").stderr)
        self.assertIn("no option --store", self.check(2, "config", "--store", "x", "check").stderr)

    def test_bad_configuration(self):
        bad = self.path("bad.yaml", "store:\n  paht: /x\n")
        for args in (["why", "1"], ["report"], ["status"], ["detectors"], ["config", "check"], ["config", "show"],
                     ["doctor"]):
            done = self.check(78, *args, "--config", bad)
            self.assertIn("bad.yaml:2:", done.stderr)
        self.check(78, "report", "--config", self.dir + "/absent.yaml")


    def test_the_service_gives_up_where_trying_again_is_no_use(self):
        with open(os.path.join(os.path.dirname(__file__), "../../../packaging/sekimori.service")) as f:
            given_up = re.search(r"^RestartPreventExitStatus=(.*)", f.read(), re.M).group(1).split()
        self.path("sekimori.db", "not a database, and longer than nothing\n" * 100)
        bad = self.path("bad.yaml", "nonsense: 1\n")
        statuses = [self.run_cli("run", *args).returncode for args in (
            ["--no-such-option"], ["--config", bad],
            ["--config", self.config, "--backend", "off", "--for", "1s", "--quiet"])]
        self.assertEqual(statuses, [2, 78, 3])
        self.assertEqual(sorted(given_up), ["2", "3", "78"])


class Output(Cli):
    def test_colour_only_on_a_terminal(self):
        self.assertNotIn("\x1b", self.check(0, "detectors", "-c", self.config, env={"TERM": "xterm"}).stdout)
        self.assertIn("\x1b[1m", self.on_terminal({"TERM": "xterm", "NO_COLOR": ""}))
        self.assertNotIn("\x1b", self.on_terminal({"TERM": "xterm", "NO_COLOR": "1"}))
        self.assertNotIn("\x1b", self.on_terminal({"TERM": "dumb", "NO_COLOR": ""}))

    def on_terminal(self, env):
        try:
            master, slave = pty.openpty()
        except OSError as e:
            self.skipTest(f"no pseudo terminal: {e}")
        read = []

        def collect():
            while select.select([master], [], [], 30)[0]:
                try:
                    chunk = os.read(master, 65536)
                except OSError:
                    return
                if not chunk:
                    return
                read.append(chunk)

        reader = threading.Thread(target=collect)
        reader.start()
        self.check(0, "detectors", "-c", self.config, env=env, stdout=slave)
        os.close(slave)
        reader.join()
        os.close(master)
        return b"".join(read).decode()

    def test_reader_that_leaves(self):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as out:
            done = self.check(0, "detectors", "-c", self.config, stdout=out)
        self.assertEqual(done.stderr, "")

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            self.assertIn("No space left", self.check(3, "detectors", "-c", self.config, stdout=full).stderr)

    def test_detectors(self):
        rows = self.rows(self.check(0, "detectors", "--json", "-c", self.config).stdout)
        self.assertGreater(len(rows), 0)
        kind = rows[0]["kinds"][0]
        self.assertFalse(kind["overridden"])
        self.assertTrue(kind["reason"])
        changed = self.path("w.yaml", f"verdict:\n  weights:\n    {kind['kind']}: 3.5\n")
        after = self.rows(self.check(0, "detectors", "--json", "-c", changed).stdout)[0]["kinds"][0]
        self.assertEqual((after["overridden"], after["weight"], after["weight_default"]), (True, 3.5, kind["weight"]))
        text = self.check(0, "detectors", "-c", changed).stdout
        self.assertIn("overridden in the configuration: 3.5", text)
        self.assertIn(kind["kind"], text)
        stages = [r for r in rows if r["event_type"] == "rule_stage"]
        self.assertGreater(len(stages), 40)
        self.assertTrue(all(r["reason"] and r["when"] and (r["stage"] == "none") == (r["weight"] == 0) for r in stages))
        self.assertIn("category TROJAN", text)

    def test_config(self):
        self.assertIn("good", self.check(0, "config", "check", self.config).stdout)
        self.assertIn("good", self.check(0, "config", "check", "-c", self.config).stdout)
        shown = self.check(0, "config", "show", self.config).stdout
        self.assertIn(self.control, shown)
        again = self.path("again.yaml", shown)
        # the first line names the file
        self.assertEqual(self.check(0, "config", "show", again).stdout.splitlines()[1:], shown.splitlines()[1:])
        self.check(2, "config", "show", self.config, "-c", self.config)
        self.check(2, "config", "shwo")
        self.check(2, "config")

    def test_doctor(self):
        done = self.run_cli("doctor", "--json", "-c", self.config)
        self.assertIn(done.returncode, (0, 3))
        rows = self.rows(done.stdout)
        seen = {row["what"]: row["grade"] for row in rows}
        back_ends = re.search("back ends: (.*)", self.check(0, "--version").stdout).group(1).split(", ")
        for what in ["kernel", "BTF", "rights", "Landlock", "seccomp", "user", "store", "journal", "configuration", *back_ends]:
            self.assertIn(seen.get(what), ("ok", "warn", "fail"), what)
        for row in rows:
            self.assertTrue(row["found"])
            self.assertFalse(row["found"].endswith("\n"), row)
        self.assertEqual("fail" in seen.values(), done.returncode == 3)
        self.assertIn("configuration", self.run_cli("doctor", "-c", self.config).stdout)

    def test_config_names_the_file_of_words_that_mean_nothing(self):
        for key, value in (("trust", "999"), ("lists", "a b"), ("resolver", "nobody")):
            words = f'"{value}"' if key == "resolver" else f'["{value}"]'
            path = self.path("mail.yaml", f"mail: {{{key}: {words}}}\n")
            self.assertIn(f"{path}: mail.{key}: ", self.check(78, "config", "check", path).stderr)

    def test_run_filters_no_packets_that_it_does_not_read(self):
        done = self.check(2, "run", "--filter", "udp", "--for", "1ms", "--backend", "off", "-c", self.config)
        self.assertIn("--interface", done.stderr)

    def test_config_check_reads_the_filter(self):
        for words, status in (("tcp port 25", 0), ("tcp prot 25", 78)):
            path = self.path("filter.yaml", f"packets: {{filter: {words}}}\n")
            done = self.check(status, "config", "check", path)
            self.assertEqual(f"{path}: packets.filter: " in done.stderr, status != 0, done.stderr)

    def test_config_check_notes_an_exception_that_ended(self):
        path = self.path("ended.yaml", "exceptions:\n- {subject: 10.0.0.1, reason: x, until: 2020-01-01}\n"
                         "- {subject: 10.0.0.2, reason: x, until: 2090-01-01}\n")
        done = self.check(0, "config", "check", path)
        self.assertEqual(done.stderr, f"{path}:2: note: this exception ended on 2020-01-01 00:00:00\n")

    def test_scan_looks_as_long_as_it_was_told(self):
        done = self.check(0, "scan", "--for", "300ms", "--backend", "proc", "--fail-on", "never", "-c", self.config)
        span, unit = re.search(r"Watched for ([0-9.]+) (ms|s) with host_proc", done.stdout).groups()
        self.assertGreaterEqual(float(span) * (1000 if unit == "s" else 1), 300, "setting up is not looking")

    def test_gate_takes_no_option_of_another_verb(self):
        nowhere = self.path("gate.yaml", "gate: {state: /proc/none/gate, folder: /proc/none/kernel}\n")
        for args, says in ((["shut", "--for", "10m"], "gate shut does not take --for"),
                           (["status", "--since", "1h"], "gate status does not take --since"),
                           (["allow", "cron.service", "--user", "root"], "are of a program"),
                           (["allow", "192.0.2.0/24", "--sha256"], "are of a program")):
            self.assertIn(says, self.check(2, "gate", *args, "-c", nowhere).stderr)

    def test_doctor_sees_a_foreign_store(self):
        self.path("sekimori.db", "this is no database at all\n" * 100)
        done = self.check(3, "doctor", "--json", "-c", self.config)
        self.assertEqual({r["what"]: r["grade"] for r in self.rows(done.stdout)}["store"], "fail")

    def test_manual_page(self):
        page = self.check(0, "man").stdout
        for part in (".SH NAME", ".SS sekimori why SUBJECT", ".SH DETECTORS", ".SH CONFIGURATION", "store.path", ".SH EXIT STATUS"):
            self.assertIn(part, page)


class Store(Cli):
    def test_no_store(self):
        for args in (["why", "1"], ["report"]):
            done = self.check(3, *args, "--store", self.dir)
            self.assertIn("there is no store", done.stderr)
        self.assertEqual(os.listdir(self.dir), ["good.yaml"])  # looking makes nothing

    def test_foreign_store(self):
        path = self.path("sekimori.db", "this is no database at all\n" * 100)
        before = open(path).read()
        for args in (["why", "1"], ["report"]):
            self.assertIn("sekimori.db", self.check(3, *args, "--store", self.dir).stderr)
        self.assertEqual(open(path).read(), before)

    def test_why(self):
        self.make_store()
        done = self.check(1, "why", "4000000", "--store", self.dir)
        self.assertIn("process 4000000 (evil\\x1b[31m) is a bot", done.stdout)
        self.assertIn("score 27.0 (suspect from 10.0, bot from 20.0)", done.stdout)
        self.assertIn("order !scan\\x1b[2J", done.stdout)
        self.assertIn("It has ended.", done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        self.check(0, "why", "4000000", "--store", self.dir, "--fail-on", "never")
        self.check(0, "why", "10.1.6.206", "--store", self.dir)
        self.check(1, "why", "10.1.6.206", "--store", self.dir, "--fail-on", "suspect")
        key = re.search(r"process:4000000:\S+", self.check(1, "report", "--store", self.dir).stdout).group()
        self.assertEqual(self.check(1, "why", key, "--store", self.dir).stdout, done.stdout)

    def test_why_of_a_running_process(self):
        me = os.getpid()
        self.make_store(me, start_of(me) + 1234567)
        text = self.check(1, "why", str(me), "--store", self.dir).stdout
        self.assertIn(f"kill -STOP {me}", text)
        self.assertIn(f'program: "{os.readlink("/proc/self/exe")}"', text)

    def test_why_of_a_number_used_again(self):
        me = os.getpid()
        self.make_store(me, start_of(me) - 60 * 10**9)
        self.assertNotIn("kill -", self.check(1, "why", str(me), "--store", self.dir).stdout)

    def test_why_after_a_reboot(self):
        me = os.getpid()
        self.make_store(me, start_of(me), "00000000-0000-0000-0000-000000000001")
        self.assertNotIn("kill -", self.check(1, "why", str(me), "--store", self.dir).stdout)

    def test_why_by_name_means_the_worst(self):
        self.make_store()
        text = self.check(1, "why", "evil\x1b[31m", "--store", self.dir).stdout
        self.assertTrue(text.startswith("process 4000000 (evil"), text)
        self.assertRegex(text, r"Other matches.*\n  clear  process:4000001:")

    def test_why_json(self):
        self.make_store()
        row, = self.rows(self.check(1, "why", "4000000", "--store", self.dir, "--json").stdout)
        self.assertEqual(row["event_type"], "why")
        self.assertEqual(row["verdict"]["level"], "bot")
        self.assertEqual(row["life"], "ended")
        self.assertEqual([e["claim"]["kind"] for e in row["evidence"]], ["canned.order", "canned.flood"])
        self.assertEqual(row["gaps"][0]["lost"], 7)

    def test_why_without_a_match(self):
        self.make_store()
        done = self.check(3, "why", "nobody\x1b", "--store", self.dir)
        self.assertIn('knows nothing about "nobody\\x1b"', done.stderr)
        self.assertIn("process 4000000", done.stdout)
        self.assertIn("host:10.1.6.206", done.stdout)
        self.check(3, "why", "'; drop table subject; --", "--store", self.dir)
        self.check(3, "why", "x" * 100000, "--store", self.dir)
        self.check(1, "why", "4000000", "--store", self.dir)

    def test_report(self):
        self.make_store()
        text = self.check(1, "report", "--store", self.dir).stdout
        self.assertTrue(text.startswith("From 2026-11-21 01:35:02 to 2026-11-21 01:35:02: 1 bot, 1 suspect, 1 clear"), text)
        self.assertIn("ring was full: 7 (host)", text)
        self.assertLess(text.index("process 4000000"), text.index("10.1.6.206"))
        self.check(0, "report", "--store", self.dir, "--fail-on", "never")
        rows = self.rows(self.check(1, "report", "--store", self.dir, "--json").stdout)
        self.assertEqual([r["event_type"] for r in rows], ["verdict", "verdict", "gap", "summary"])
        self.assertEqual(rows[0]["score"], 27.0)
        self.assertEqual(len(rows[0]["evidence"]), 2)
        self.assertEqual(rows[-1]["subjects"]["suspect"], 1)

    def test_a_store_without_anything(self):
        self.check(0, "mail", "--consent", "192.0.2.1", "--by", "a test", "--store", self.dir, "-c", self.config)
        text = self.check(0, "report", "--store", self.dir).stdout
        self.assertIn("Nothing was watched yet", text)
        self.assertNotIn("Nothing that was noticed", text)
        done = self.check(3, "why", "10.1.6.206", "--store", self.dir)
        self.assertEqual(done.stdout, "It knows no subject.\n")

    def test_report_of_what_was_read(self):
        capture = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "examples", "irc-bot.pcap")
        told = self.check(1, "read", capture, "--store", self.dir).stdout
        self.assertIn("154 flows of 5 home hosts", told)  # 18 of them between two of these, told once
        self.assertIn("at this level since 2023-11-14 22:14:02", told)
        self.assertIn("to 2023-11-14 22:15:35: 1 bot", self.check(1, "report", "--store", self.dir).stdout)
        self.assertEqual(self.rows(self.check(1, "read", capture, "--json", "--no-events").stdout)[-1]["flows"], 154)

    def test_report_counts_a_bot_once(self):
        self.make_store(machine="too")
        text = self.check(1, "report", "--store", self.dir).stdout
        self.assertIn("1 bot, 1 suspect, 1 clear", text)
        self.assertEqual(re.search(r"Bots\n(.*?)\nSuspects", text, re.S).group(1).count("score"), 1)
        self.assertRegex(text, r"By its processes bot: this machine  score 27.0  since \S+ \S+  host:self")
        rows = self.rows(self.check(1, "report", "--store", self.dir, "--json").stdout)
        self.assertEqual({r["subject"]["key"].split(":")[1] for r in rows if r["event_type"] == "verdict"},
                         {"4000000", "self", "10.1.6.206"})
        self.assertEqual(rows[-1]["subjects"]["bot"], 2)

    def test_report_of_a_machine_worse_than_its_processes(self):
        self.make_store(machine="alone")
        text = self.check(1, "report", "--store", self.dir).stdout
        self.assertIn("1 bot, 2 suspects, 1 clear", text)
        self.assertLess(text.index("this machine"), text.index("Suspects"))
        self.assertNotIn("By its processes", text)


class Status(Cli):
    def serve(self, answer):
        """A daemon that answers one question so; None: it never does."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.control)
        server.listen(1)
        self.asked = b""
        held = []

        def talk():
            client, _ = server.accept()
            self.asked = client.recv(100)
            if answer is None:
                held.append(client)  # open until the test ends
                return
            try:
                client.sendall(answer)
            except OSError:
                pass
            client.close()

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        self.addCleanup(lambda: [c.close() for c in held])
        return thread

    STATUS = {"version": "0.1.0", "pid": 7, "since": "2026-11-21T09:00:00", "backend": "host_bpf", "note": "first\nall\x1b[2J",
              "events": {"flow": 12}, "rates": {"flow": 1.5}, "gaps": [], "lost": 0, "memory_kib": 9000,
              "tables": [{"name": "lineage", "used": 3, "cap": 10}], "subjects": {"suspect": 1, "bot": 0},
              "store": {"path": "/x", "bytes": 5, "lost": 0}}

    def test_daemon_answers(self):
        thread = self.serve(json.dumps(self.STATUS).encode() + b"\n")
        text = self.check(0, "status", "-c", self.config).stdout
        thread.join()
        self.assertEqual(self.asked, b"status\n")
        for words in ("is running", "host_bpf", "flow 12", "flow 1.5", "name lineage, used 3, cap 10", "suspect 1, bot 0",
                      "9000", "first\n             all\\x1b[2J"):
            self.assertIn(words, text)

    def test_json(self):
        self.serve(json.dumps(self.STATUS).encode() + b"\n")
        row, = self.rows(self.check(0, "status", "--json", "-c", self.config).stdout)
        self.assertTrue(row["running"])
        self.assertEqual(row["tables"], self.STATUS["tables"])

    def test_no_daemon_with_store(self):
        self.make_store()
        done = self.check(3, "status", "-c", self.config)
        self.assertIn("no daemon is running", done.stderr)
        self.assertIn("1 bot, 1 suspect,", done.stdout)
        self.assertIn("0.0.9", done.stdout)
        row, = self.rows(self.check(3, "status", "--json", "-c", self.config).stdout)
        self.assertEqual((row["running"], row["subjects"], row["last"]["lost"]), (False, {"suspect": 1, "bot": 1}, 3))

    def test_no_daemon_counts_as_report_does(self):
        for machine, says in (("too", "1 bot, 1 suspect"), ("alone", "1 bot, 2 suspects")):
            self.make_store(machine=machine)
            self.assertIn(says, self.check(3, "status", "-c", self.config).stdout, machine)
            self.assertIn(says, self.check(1, "report", "-c", self.config).stdout, machine)
            os.unlink(os.path.join(self.dir, "sekimori.db"))

    def as_person(self):
        """Options of run_cli() for somebody without root, whose own places are in self.dir."""
        os.chmod(self.dir, 0o755)
        rights = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        env = {"HOME": self.dir, "XDG_RUNTIME_DIR": self.dir}
        return {"env": env, **rights}

    def test_own_places_without_root(self):
        person = self.as_person()
        self.control = os.path.join(self.dir, "sekimori.sock")  # where `run` makes it
        self.dir = os.path.join(self.dir, ".local/state/sekimori")
        os.makedirs(self.dir)
        self.make_store()
        for name in os.listdir(self.dir):
            os.chmod(os.path.join(self.dir, name), 0o644)
        done = self.check(1, "report", **person)
        self.assertIn("1 bot, 1 suspect", done.stdout)
        self.assertIn(f"the store is your own: {self.dir}", done.stderr)
        self.assertIn("1 bot, 1 suspect", self.check(3, "status", **person).stdout)
        self.check(3, "report", "--store", self.dir + "/none", **person)  # what was named is not replaced
        self.check(3, "report", "-c", self.config, **person)
        self.serve(json.dumps(self.STATUS).encode() + b"\n")
        os.chmod(self.control, 0o666)
        done = self.check(0, "status", **person)
        self.assertIn("sekimori is running", done.stdout)
        self.assertIn(f"the daemon is your own: {self.control}", done.stderr)

    def test_no_daemon_without_store(self):
        self.assertIn("there is no store", self.check(3, "status", "-c", self.config).stderr)

    def test_strange_answers(self):
        for answer in (b"", b"{\"version\":", b"nonsense\n", b"[1]\n", b"x" * 70000 + b"\n", b"{\"a\":1,\"a\":2}\n"):
            if os.path.exists(self.control):
                os.unlink(self.control)
            self.serve(answer)
            self.assertIn("not a daemon of ours", self.check(3, "status", "-c", self.config).stderr, answer[:20])

    def test_silent_daemon(self):
        self.serve(None)
        self.assertIn("did not answer within 2 s", self.check(3, "status", "-c", self.config).stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
