#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail gate with a person before the machine: mail that the person sends passes without a prompt; what imitates the
person gets nothing; and the gate is shut at the next boot before the network is up. The peer counts SYNs: none too many.

Thunderbird too, which must be installed and takes minutes under emulation, with
script/test person -- 'SEKIMORI_VM_THUNDERBIRD=1 tests/vm/person_gate.py'."""
# packages: sylpheed mutt msmtp vim-tiny

import json
import os
import subprocess
import sys
import time

import mailers
import person

PORT = 587
WINDOW = 10   # seconds that a press is good for, by default
COMPOSE = 30  # ... and a press to this very program; the default is longer than a test wants to wait
CONFIG = "/etc/sekimori/test.yaml"
OUTPUT = "/run/sekimori-test.out"
SEKIMORI = os.path.join(os.environ.get("SEKIMORI_BUILD", "build"), "sekimori")


def check(what, holds):
    if not holds:
        raise person.Failed(what)


def sekimori(*words, fine=True):
    return person.run(SEKIMORI, *words[:1], "--config", CONFIG, *words[1:], check=fine)


def status():
    return json.loads(sekimori("gate", "status", "--json", fine=False).splitlines()[-1])


def start_daemon():
    """As the service would; returns when it watches."""
    with open(OUTPUT, "wb") as out:
        subprocess.Popen([SEKIMORI, "run", "--quiet", "--config", CONFIG], stdin=subprocess.DEVNULL, stdout=out,
                         stderr=subprocess.STDOUT)

    def watches():
        with open(OUTPUT, "rb") as said:
            return b" watching " in said.read()

    person.wait_for("the daemon to watch", watches)


class Judge:
    """Counts what should pass and what should not."""

    def __init__(self, peer, sink):
        self.peer, self.sink = peer, sink
        self.passed = self.tried = self.stopped = self.forged = 0
        self.failures = []

    def mail(self, name, make, late=0, sink=None, syns=None):
        """A person's mail: it arrives, without anything else being asked. late: seconds after the press in which the mail
        program is still busy; syns: as many as its way takes, where that is known."""
        subject, before = f"from {name}", self.peer.syns(PORT)
        self.tried += 1
        try:
            mail = make().write(subject)
            pressed = time.monotonic()
            if late:
                mail.send_late(late, lambda: check("it was not late", self.peer.syns(PORT) == before))
            else:
                mail.send()
            (sink or self.sink).wait(subject, 240)
            check(f"{self.peer.syns(PORT) - before} SYN", syns in (None, self.peer.syns(PORT) - before))
            self.passed += 1
            print(f"gate: {name}: arrived {time.monotonic() - pressed:.1f} s after the last press, "
                  f"{self.peer.syns(PORT) - before} SYN", flush=True)
        except person.Failed as failure:
            screen = person.Hand().screen("person_gate_" + name.replace(" ", "_"))
            self.failures.append(name)
            print(f"gate: {name}: {failure}; screen: {screen}\n{sekimori('gate', 'log', fine=False)}", flush=True)
            return
        if isinstance(mail, mailers.Mutt):
            mail.leave()

    def forgery(self, name, attempt):
        """Returns once it has been refused: the log names it, and the peer has heard nothing."""
        before, entries = self.peer.syns(PORT), self.refused()
        self.forged += 1
        try:
            attempt()
            person.wait_for(f"{name} to be refused", lambda: self.refused() > entries, 60)
            check(f"{name}: {self.peer.syns(PORT) - before} SYN left", self.peer.syns(PORT) == before)
            self.stopped += 1
            print(f"gate: {name}: refused", flush=True)
        except person.Failed as failure:
            self.failures.append(name)
            print(f"gate: {name}: {failure}\n{sekimori('gate', 'log', fine=False)}", flush=True)

    def refused(self):
        return status()["denied"]


def in_terminal(desktop, line):
    """The person starts a terminal and types that line."""
    window = desktop.launch("xterm", "XTerm")
    desktop.hand.click_window(window)
    desktop.hand.type(line + "\n")
    return window


def forgeries(judge, desktop, peer):
    hand = desktop.hand
    connect = f"nc -z -w 3 {peer.V4} {PORT}"
    judge.forgery("a program in the person's terminal, while the person types", lambda: in_terminal(desktop, connect))
    judge.forgery("the same behind a double fork and setsid", lambda: hand.type(f"(setsid sh -c '{connect} &' &)\n"))
    person.give("mail.txt", f"To: {mailers.TO}\nSubject: forged\n\nforged\n")
    judge.forgery("msmtp by a shell, while the person types", lambda: hand.type("msmtp -t <mail.txt\n"))
    person.run("cp", "/usr/bin/msmtp", f"{person.HOME}/sylpheed")
    judge.forgery("a copy of a mail program", lambda: hand.type("./sylpheed -t <mail.txt\n"))
    judge.forgery("a unit that is named like the desktop's", lambda: person.as_person(
        "systemd-run", "--user", "--scope", "-u", "app-gnome-sylpheed-1.scope", *connect.split(), check=False))
    judge.forgery("a service of systemd --user that runs msmtp", lambda: person.as_person(
        "systemd-run", "--user", "-u", "app-gnome-mutt.service", "sh", "-c", "msmtp -t <mail.txt", check=False))
    judge.forgery("root without a session", lambda: person.run(*connect.split(), check=False))
    hand.type("exit\n")


def clicks(judge, desktop, peer):
    """A mail that the person wrote and did not send: no forged click sends it."""
    mail = mailers.Sylpheed(desktop, peer.V4).write("never sent")
    box, written = mail.window.box(), time.monotonic()
    person.wait_for("the last press to be old", lambda: time.monotonic() > written + COMPOSE + 1, COMPOSE + 10)

    def xtest():
        person.xdo("mousemove", str(box["X"] + 50), str(box["Y"] + 46), "click", "1")

    judge.forgery("XTest presses Send", xtest)
    forged = person.VirtualKeyboard()
    forged.wait_in_x()

    def uinput():
        forged.press(1, 1)  # Escape: away with Sylpheed's complaint
        person.xdo("mousemove", str(box["X"] + 50), str(box["Y"] + 46))
        forged.press(0x110)  # the left button

    judge.forgery("a uinput device presses Send", uinput)
    forged.close()


def fallback(judge, peer):
    """The server's name has two addresses, and it listens at the second only: one mail, two connections."""
    with open("/etc/hosts", "a", encoding="ascii") as file:
        file.write(f"{peer.V6} two.away.example\n{peer.V4} two.away.example\n")
    with open("/etc/gai.conf", "w", encoding="ascii") as file:  # IPv6 first, also of local addresses (RFC 6724 2.1)
        file.write("precedence ::1/128 50\nprecedence fc00::/7 45\nprecedence ::/0 40\nprecedence ::ffff:0:0/96 10\n")
    sink = mailers.Sink(peer, PORT, addresses=[peer.V4])
    judge.mail("mutt from IPv6 to IPv4", lambda: mailers.Mutt(None, "two.away.example"), sink=sink, syns=2)
    sink.close()


def attachment(judge, peer):
    """What is encoded after the press takes longer than the window."""
    person.give("holiday.bin", os.urandom(1 << 17).decode("latin-1"))
    judge.mail("mutt with an attachment longer than the window",
               lambda: Attached(None, peer.V4), late=WINDOW + 2)


class Attached(mailers.Mutt):
    def write(self, subject):
        return super().write(subject).attach("holiday.bin")


def first_boot(peer):
    os.makedirs("/etc/sekimori", exist_ok=True)
    with open(CONFIG, "w", encoding="ascii") as file:
        file.write(f"gate: {{compose: {COMPOSE}s}}\n")
    start_daemon()
    sekimori("gate", "shut", "--reason", "test")
    check(f"the gate is not shut: {status()}", status()["mode"] == "shut" and status()["nftables"])
    judge = Judge(peer, None)
    fallback(judge, peer)
    judge.sink = mailers.Sink(peer, PORT)
    judge.mail("mutt at the console", lambda: mailers.Mutt(None, peer.V4))
    attachment(judge, peer)
    desktop = person.Desktop()
    judge.mail("mutt in xterm", lambda: mailers.Mutt(desktop, peer.V6))
    judge.mail("sylpheed", lambda: mailers.Sylpheed(desktop, peer.V4))
    if os.environ.get("SEKIMORI_VM_THUNDERBIRD"):
        judge.mail("thunderbird", lambda: mailers.Thunderbird(desktop, peer.V6))
    forgeries(judge, desktop, peer)
    clicks(judge, desktop, peer)
    print(f"gate: {judge.passed} of {judge.tried} mails of the person passed, {judge.stopped} of {judge.forged} forgeries were "
          "refused", flush=True)
    check(f"failed: {', '.join(judge.failures)}", not judge.failures)


def entered(unit):
    said = person.run("systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "--value", unit).strip()
    return int(said or 0)


def next_boot():
    """Nothing of ours runs yet. The peer's device comes later: without the daemon nobody gives it a chain of its own."""
    shut = status()
    check(f"after the boot: {shut}", shut["mode"] == "shut" and shut["kernel"] and shut["nftables"])
    peer = person.Peer()
    gate, network = entered("sekimori-gate.service"), entered("multi-user.target")
    check(f"the gate was shut at {gate} us, the system was up at {network} us", 0 < gate < network)
    before = peer.syns(PORT)
    person.run("nc", "-z", "-w", "3", peer.V4, str(PORT), check=False)
    check("a SYN left before the daemon's start", peer.syns(PORT) == before)
    sekimori("gate", "remove")
    person.run("nc", "-z", "-w", "3", peer.V4, str(PORT), check=False)
    check("no SYN left after the gate was removed", peer.syns(PORT) == before + 1)
    check("something is left in nftables", "sekimori" not in person.run("nft", "list", "ruleset"))
    for path in ("/run/sekimori.gate", "/etc/systemd/system/sekimori-gate.service"):
        check(f"{path} is left", not os.path.exists(path))
    print(f"gate: shut {gate / 1e6:.1f} s after the kernel's start, the system was up at {network / 1e6:.1f} s; removed without "
          "a trace", flush=True)


def main():
    if "SEKIMORI_VM_PERSON" not in os.environ:
        print("skipped: runs in the test machine only (script/test person)")
        return 77
    if person.boot_number() > 1:
        next_boot()
        return 0
    first_boot(person.Peer())
    person.power_cut()
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except person.Failed as failure:
        print(f"gate: {failure}")
        if os.path.exists(OUTPUT):
            with open(OUTPUT, encoding="utf-8", errors="replace") as said:
                print(said.read()[-3000:])
        sys.exit(1)
