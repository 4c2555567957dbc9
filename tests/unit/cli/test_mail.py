#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori mail` as a person meets it: files, mboxes, Maildirs, folders, standard input; whom it believes, what it says, and how
it ends. Argument: the program."""
import json
import mailbox
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv[1]
OURS = ("Received: from mail.example.org (mail.example.org [198.51.100.7]) by mx.example.com (Postfix) with ESMTP id 1; "
        "Tue, 15 Aug 2023 10:00:00 +0000\n")
BELOW = ("Received: from evil (unknown [8.8.8.8]) by mail.example.org (Postfix) with SMTP id 2; "
         "Tue, 15 Aug 2023 09:59:00 +0000\n")
FORGED = "Received: from x ([240.0.0.1]) by evil.example; Tue, 15 Aug 2023 09:58:00 +0000\n"
MAIL = OURS + BELOW + FORGED + "Message-ID: <1@example.org>\nTo: victim@example.com\nSubject: a secret\n\nbody\n"
SEPARATOR = "From a@example.org Tue Aug 15 10:00:00 2023\n"


class Mail(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sekimori-mail-")
        self.addCleanup(temporary.cleanup)
        self.dir = temporary.name

    def run_mail(self, status, *args, stdin="", limit=None):
        def limits():
            if limit:
                resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

        done = subprocess.run([PROGRAM, "mail", *([] if "--help" in args else ["--offline"]), *args], capture_output=True, text=True, timeout=60, input=stdin, check=False,
                              errors="replace", preexec_fn=limits,
                              # the sandbox forbids what the leak check of a sanitizer does
                              env=dict(os.environ, TZ="UTC", LC_ALL="C", NO_COLOR="1", ASAN_OPTIONS="detect_leaks=0"))
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout[-2000:]}{done.stderr}")
        return done

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def records(self, *args, status=0, stdin=""):
        lines = self.run_mail(status, "--json", *args, stdin=stdin).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def test_text(self):
        text = self.run_mail(0, self.write("a.eml", MAIL)).stdout
        self.assertIn("the last external relay is 198.51.100.7", text)
        self.assertIn("BELIEVED", text)
        self.assertIn("the sender's word", text)
        self.assertIn("FORGED", text)
        self.assertIn("future use", text)
        self.assertNotIn("victim", text)
        self.assertNotIn("secret", text)

    def test_spam_or_ham(self):
        path = self.write("a.eml", MAIL)
        self.assertIn("not both", self.run_mail(2, path, "--spam", "--ham").stderr)
        self.assertIn("not both", self.run_mail(2, path, "--ham", "--spam").stderr)
        self.run_mail(0, path, "--spam", "--spam")

    def test_interrupted_while_it_waits_for_a_mail(self):
        child = subprocess.Popen([PROGRAM, "mail", "--offline", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        until = time.monotonic() + 30
        while True:  # until SIGINT is caught, and it sleeps in the read
            with open(f"/proc/{child.pid}/status", encoding="ascii") as file:
                status = file.read()
            if int(re.search(r"SigCgt:\s*(\w+)", status).group(1), 16) & 1 << signal.SIGINT - 1 and "State:\tS" in status:
                break
            self.assertLess(time.monotonic(), until, "it does not read")
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(30), 0)  # its input is still open
        self.assertEqual(child.communicate()[1], "")

    def test_output_that_cannot_be_written(self):
        path = self.write("a.eml", MAIL)
        for more in ([], ["--json"], ["--learn"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([PROGRAM, "mail", "--offline", path, *more], stdout=full, stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, text=True, timeout=60, check=False,
                                      env=dict(os.environ, LC_ALL="C", ASAN_OPTIONS="detect_leaks=0"))
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("No space left", done.stderr)

    def test_json(self):
        mail, summary = self.records(self.write("a.eml", MAIL))
        self.assertEqual([mail["event_type"], mail["relay"], mail["class"]], ["mail", "198.51.100.7", "unknown"])
        self.assertEqual([hop["role"] for hop in mail["chain"]], ["relay", "word", "forged"])
        self.assertEqual([hop["ip"] for hop in mail["chain"]], ["198.51.100.7", "8.8.8.8", "240.0.0.1"])
        self.assertIn("address_reserved", [sign["sign"] for sign in mail["signs"]])
        self.assertEqual(mail["timestamp"], "2023-08-15T10:00:00.000000+0000")
        self.assertNotIn("victim", json.dumps(mail))
        self.assertEqual([summary["event_type"], summary["mails"], summary["with_relay"], summary["forged"]], ["summary", 1, 1, 1])

    def test_trust(self):
        path = self.write("a.eml", MAIL)
        for words in (["198.51.100.7"], ["198.51.100.0/24"], ["mail.example.org"], [".example.org"], ["10.0.0.0/8", "198.51.100.7"]):
            args = [word for name in words for word in ("--trust", name)]
            self.assertEqual(self.records(*args, path)[0]["relay"], "8.8.8.8", words)
        for words in (["198.51.100.8"], ["example.org"], ["!198.51.100.7", "198.51.100.0/24"], ["ail.example.org"]):
            args = [word for name in words for word in ("--trust", name)]
            self.assertEqual(self.records(*args, path)[0]["relay"], "198.51.100.7", words)

    def test_usage(self):
        path = self.write("a.eml", MAIL)
        self.run_mail(2)
        for word in ("", "nonsense", "1.2.3", "1.2.3.4/33", "!name.example", "a b.example", "256.1.1.1"):
            self.assertIn("trust", self.run_mail(2, "--trust", word, path).stderr)
        self.run_mail(0, "--offline", path)
        self.assertIn("no packet", self.run_mail(0, path, path).stdout)

    def test_input(self):
        self.assertIn("No such file", self.run_mail(3, self.dir + "/none").stderr)
        self.assertIn("no mail", self.run_mail(3, self.write("x", "just a text\n")).stderr)
        self.assertIn("empty", self.run_mail(3, self.write("y", "")).stderr)
        self.run_mail(3, self.write("z", "\x7fELF\0\0:"))
        os.makedirs(self.dir + "/empty")
        self.run_mail(3, self.dir + "/empty")
        # One that cannot be read does not keep the others from being read.
        done = self.run_mail(3, "--json", self.write("x2", "text\n"), self.write("a.eml", MAIL))
        self.assertIn("198.51.100.7", done.stdout)

    def test_standard_input(self):
        self.assertEqual(self.records("-", stdin=MAIL)[0]["path"], "-")
        self.assertEqual(len(self.records("-", stdin=(SEPARATOR + MAIL + "\n") * 3)), 4)

    def test_mbox(self):
        path = self.write("box", (SEPARATOR + MAIL + "\nFrom here on\n\n>From there\n\n") * 3)
        mails = self.records(path)[:-1]
        self.assertEqual([mail["number"] for mail in mails], [1, 2, 3])
        self.assertEqual({mail["relay"] for mail in mails}, {"198.51.100.7"})

    def test_maildir(self):
        box = mailbox.Maildir(self.dir + "/Maildir", create=True)
        box.add(MAIL)
        box.add_folder("Sent").add(MAIL)
        read = box.get_message(box.add(MAIL))
        read.set_subdir("cur")
        box.add(read)
        self.write("Maildir/tmp/half", MAIL)
        self.write("Maildir/dovecot-uidlist", "3 V1 N1\n")
        self.assertEqual(self.records(self.dir + "/Maildir")[-1]["mails"], 4)

    def test_folder(self):
        self.write("in/a.eml", MAIL)
        self.write("in/deep/er/b.eml", MAIL)
        self.write("in/notes", "no mail\n")
        self.write("in/.hidden", MAIL)
        self.write("in/many.mbox", SEPARATOR + MAIL + "\n" + SEPARATOR + MAIL)
        os.mkfifo(self.dir + "/in/pipe")
        os.symlink("..", self.dir + "/in/circle")
        summary = self.records(self.dir + "/in")[-1]
        self.assertEqual([summary["mails"], summary["files"], summary["skipped"]], [4, 3, 1])

    def test_nothing_believed(self):
        mail = self.records("-", stdin="Subject: x\n\n")[0]
        self.assertEqual([mail["relay"], mail["class"]], [None, "unknown"])
        self.assertIn("no Received", mail["reason"])
        mail = self.records("-", stdin="Received: from x by y (MDaemon PRO v9) with ESMTP id 1; Tue, 15 Aug 2023 10:00:00 +0000\n" + OURS + "\n")[0]
        self.assertIsNone(mail["relay"])
        self.assertEqual([hop["role"] for hop in mail["chain"]], ["blind", "forged"])  # 198.51.100.7 is reserved

    def test_private_relay(self):
        text = self.run_mail(0, "-", stdin=OURS.replace("198.51.100.7", "10.0.0.7") + "\n").stdout
        self.assertIn("--trust 10.0.0.7", text)

    def test_hostile(self):
        """A terminal is not driven by a mail, and JSON stays JSON."""
        head = "Received: from \x1b[31mred\x07\x00 (\x9b31m [198.51.100.7]) by mx.example.com with SMTP; " + "x" * 100 + "\r\n"
        head += "X-Mailer: " + "y" * 100000 + "\r\nMessage-ID: \x1b]0;title\x07\r\n" + OURS * 5000 + "\r\n"
        done = self.run_mail(0, "-", stdin=head)
        self.assertNotIn("\x1b", done.stdout)
        self.assertNotIn("\x9b", done.stdout)
        mail = self.records("-", stdin=head)[0]
        self.assertEqual(mail["received"], 5001)
        self.assertEqual(len(mail["chain"]), 128)

    def test_bounded(self):
        """An mbox of 60 MB, and a head of 30 MB, in 24 MiB of heap."""
        path = self.dir + "/large"
        body = "x" * 70 + "\n"
        with open(path, "w", encoding="ascii") as file:
            for _ in range(100):
                file.write(SEPARATOR + MAIL + body * 4500 + "\n")
            file.write(SEPARATOR + OURS + ("X: " + body) * 400000 + "\n")
        limit = None if "asan" in PROGRAM or "ASAN_OPTIONS" in os.environ else 24 << 20
        done = self.run_mail(0, "--json", path, limit=limit)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(records[-1]["mails"], 101)
        self.assertTrue(records[-2]["cut"])
        self.assertEqual(records[-2]["relay"], "198.51.100.7")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
