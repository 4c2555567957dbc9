# SPDX-License-Identifier: GPL-3.0-or-later
"""An IMAP server on the far side with one mailbox, in which a mail arrives every few seconds; who waits (IDLE) is told. Whoever
comes is let in. As much of RFC 3501 and 2177 as a mailer needs to fetch mail. Says "login" for each."""

import re
import socketserver
import sys
import threading
import time

EVERY = 2.5  # seconds between mails
MAILS = []
ARRIVED = threading.Condition()


def mail(n):
    return (f"From: Bob <bob@far.test>\r\nTo: alice@far.test\r\nSubject: number {n}\r\nMessage-ID: <{n}@far.test>\r\n"
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
            f"<img src='http://v4img{n}.test/bytes/10'>hello {n}" + " and more" * 500 + "\r\n").encode()


def arrive():
    while True:
        with ARRIVED:
            MAILS.append(mail(len(MAILS) + 1))
            ARRIVED.notify_all()
        time.sleep(EVERY)


def numbers(text, last):
    for part in text.split(","):
        low, _, high = part.partition(":")
        ends = [last if n == "*" else int(n) for n in (low, high or low)]
        yield from range(min(ends), min(max(ends), last) + 1)


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        self.known = 0
        self.say("* OK [CAPABILITY IMAP4rev1 IDLE SASL-IR AUTH=EXTERNAL] far")
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            tag, _, rest = line.partition(" ")
            word, _, rest = rest.partition(" ")
            if word.upper() == "UID":
                word, _, rest = rest.partition(" ")
            if getattr(self, word.lower(), self.other)(rest) is not False:
                self.say(f"{tag} OK done")
            if word.upper() == "LOGOUT":
                return

    def other(self, _):
        pass

    def capability(self, _):
        self.say("* CAPABILITY IMAP4rev1 IDLE SASL-IR AUTH=EXTERNAL")

    def authenticate(self, rest):
        if " " not in rest:
            self.say("+ ")
            self.rfile.readline()
        print("login", flush=True)

    def list(self, _):
        for name in ("INBOX", "Lists", "Work"):
            self.say(f'* LIST (\\HasNoChildren) "/" {name}')

    def lsub(self, _):
        for name in ("INBOX", "Lists", "Work"):
            self.say(f'* LSUB () "/" {name}')

    def namespace(self, _):
        self.say('* NAMESPACE (("" "/")) NIL NIL')

    def status(self, rest):
        self.say(f"* STATUS {rest.split()[0]} (MESSAGES {len(MAILS)} UIDNEXT {len(MAILS) + 1} UIDVALIDITY 1 UNSEEN 0 RECENT 0)")

    def select(self, _):
        self.known = len(MAILS)
        self.say("* FLAGS (\\Seen \\Answered \\Deleted)\r\n* OK [PERMANENTFLAGS (\\Seen \\Answered \\Deleted)] f\r\n"
                 f"* {self.known} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] v\r\n* OK [UIDNEXT {self.known + 1}] n")

    examine = select

    def news(self):
        if len(MAILS) != self.known:
            self.known = len(MAILS)
            self.say(f"* {self.known} EXISTS")

    def noop(self, _):
        self.news()

    def search(self, _):
        self.say("* SEARCH " + " ".join(str(i + 1) for i in range(len(MAILS))))

    def idle(self, _):
        self.say("+ idling")
        done = threading.Event()

        def watch():
            while not done.is_set():
                with ARRIVED:
                    ARRIVED.wait(1)
                if not done.is_set():
                    self.news()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        self.rfile.readline()  # DONE
        done.set()
        watcher.join()

    def fetch(self, rest):
        which, _, items = rest.partition(" ")
        section = re.search(r"BODY(?:\.PEEK)?\[([^]]*)\]", items, re.I)
        for n in numbers(which, len(MAILS)):
            data = MAILS[n - 1]
            head = f"* {n} FETCH (UID {n} FLAGS () RFC822.SIZE {len(data)} INTERNALDATE \"01-Jan-2026 00:00:00 +0000\""
            if not section:
                self.say(head + ")")
                continue
            body = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if section[1].upper().startswith("HEADER") else data
            self.wfile.write(f"{head} BODY[{section[1]}] {{{len(body)}}}\r\n".encode() + body + b")\r\n")
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def handle_error(self, *_):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_)


threading.Thread(target=arrive, daemon=True).start()
Server(("0.0.0.0", 143), Session).serve_forever()
