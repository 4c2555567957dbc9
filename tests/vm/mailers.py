# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail programs of the person in the test machine, set up to hand mail to the peer (person.py), and the peer's mail server.

    sink = mailers.Sink(peer, 587)             listens in the peer's namespace over IPv4 and IPv6, takes every mail
    mail = mailers.Thunderbird(desktop, server=peer.V4).write("subject")     the person opens a window and writes
    mail.send()                                                              and presses what sends it
    sink.wait("subject")                                                     has it arrived? what with, on which port?

Each mailer class has write(subject) -> object with send(), attach() not being theirs to know. Standard library only."""

import contextlib
import json
import os
import socketserver
import subprocess
import sys
import threading
import time

import person

FROM, TO = "person@home.example", "friend@away.example"


# --- the peer's mail server ---

class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as mail programs need."""
    timeout = 300

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def data(self):
        text = b""
        while (line := self.rfile.readline(1 << 20)) not in (b".\r\n", b".\n", b""):
            text += line[1:] if line.startswith(b"..") else line
        return text.decode("utf-8", "replace")

    def handle(self):
        mail = {"port": self.server.server_address[1], "client": self.client_address[0]}
        self.say("220 away.example ESMTP")
        while line := self.rfile.readline(4096).decode("utf-8", "replace").strip():
            word, rest = line[:4].upper(), line[4:].strip()
            if word == "DATA":
                self.say("354 go on")
                self.server.keep({**mail, "text": self.data()})
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                if word in ("MAIL", "RCPT"):
                    mail[word.lower()] = rest.partition(":")[2].split(" ")[0].strip("<>")
                self.say("250 away.example")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, address, port, path):
        self.address_family = 10 if ":" in address else 2
        self.path = path
        super().__init__((address, port), Smtp)

    def keep(self, mail):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(mail) + "\n")


def serve(path, *places):
    """In the peer's namespace: places are ADDRESS/PORT."""
    for place in places:
        address, _, port = place.partition("/")
        threading.Thread(target=Server(address, int(port), path).serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


class Sink:
    """Takes every mail at these ports of the peer. addresses: where it listens; elsewhere connections are refused."""

    def __init__(self, peer, *ports, addresses=None):
        self.path = f"/run/sekimori-vm.mails.{os.getpid()}.{id(self)}"
        places = [f"{address}/{port}" for address in addresses or (peer.V4, peer.V6) for port in ports]
        self.process = peer.popen(sys.executable, os.path.abspath(__file__), self.path, *places, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != "ready\n":
            raise person.Failed("the peer's mail server does not start")

    def mails(self):
        """All so far: {"port", "client", "mail", "rcpt", "text"}."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def find(self, subject):
        return next((mail for mail in self.mails() if f"\nsubject: {subject.lower()}" in mail["text"].lower().replace("\r", "")),
                    None)

    def wait(self, subject, limit=120):
        return person.wait_for(f"a mail {subject!r} at the peer", lambda: self.find(subject), limit)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


# --- mail programs ---

THUNDERBIRD = """
mail.accountmanager.accounts account1
mail.accountmanager.defaultaccount account1
mail.accountmanager.localfoldersserver server1
mail.account.account1.identities id1
mail.account.account1.server server1
mail.identity.id1.fullName Person
mail.identity.id1.useremail {sender}
mail.identity.id1.smtpServer smtp1
mail.identity.id1.valid true
mail.identity.id1.fcc false
mail.identity.id1.compose_html false
mail.server.server1.type none
mail.server.server1.hostname Local Folders
mail.server.server1.userName nobody
mail.server.server1.name Local Folders
mail.server.server1.directory-rel [ProfD]Mail/Local Folders
mail.smtpservers smtp1
mail.smtp.defaultserver smtp1
mail.smtpserver.smtp1.hostname {server}
mail.smtpserver.smtp1.port {port}
mail.smtpserver.smtp1.try_ssl 0
mail.smtpserver.smtp1.authMethod 1
mail.warn_on_send_accel_key false
mail.compose.attachment_reminder false
mail.SpellCheckBeforeSend false
mail.spellcheck.inline false
mail.shell.checkDefaultClient false
mail.provider.suppress_dialog_on_startup true
mailnews.start_page.enabled false
mail.rights.version 1
app.donation.eoy.version.viewed 99
app.update.auto false
extensions.update.enabled false
datareporting.policy.dataSubmissionEnabled false
network.captive-portal-service.enabled false
network.connectivity-service.enabled false
network.manage-offline-status false
offline.autoDetect false
mail.e2ee.auto_enable false
mail.inappnotifications.enabled false
"""


class Thunderbird:
    """Started from the desktop and left running; a new mail at a key, a click sends."""
    PACKAGES = ["thunderbird"]

    def __init__(self, desktop, server, port=587):
        self.desktop, self.hand, self.window = desktop, desktop.hand, None
        rows = []
        for line in THUNDERBIRD.format(sender=FROM, server=server, port=port).split("\n"):
            name, _, value = line.partition(" ")
            if name:
                rows.append(f'user_pref("{name}", {value if value.isdigit() or value in ("true", "false") else json.dumps(value)});')
        person.give(".thunderbird/test/user.js", "\n".join(rows) + "\n")

    def write(self, subject):
        if not person.windows("Mozilla Thunderbird", "name"):
            self.desktop.launch(f"thunderbird --profile {person.HOME}/.thunderbird/test", "Mozilla Thunderbird", "name", 600)
            person.window("Local Folders", "name", 600)
        # The last mail's window closes a while after the mail has left, and lies above the button.
        person.wait_for("the last mail's window to go", lambda: not person.windows("Write: ", "name"))
        self.hand.click_window(person.window("Mozilla Thunderbird", "name"), 160, 70)  # The button "New Message".
        self.window = person.window("Write: ", "name", 300)
        # The window is there before it listens; its title tells when it does, and until then the person tries again.
        for _ in range(8):
            self._fill(160, subject)
            with contextlib.suppress(person.Failed):
                person.wait_for(f"the subject {subject!r} in its title", lambda: f": {subject}" in self.window.name(), 15)
                break
        else:
            raise person.Failed(f"Thunderbird's window does not take the subject {subject!r}")
        self._fill(125, TO + "\n")
        self.hand.click_window(self.window, 300, 500)
        self.hand.type("Written by hand.")
        return self

    def _fill(self, down, text):
        self.hand.click_window(self.window, 400, down)
        self.hand.key("ctrl-a", "delete")
        self.hand.type(text)

    def send(self):
        self.hand.click_window(self.window, 40, 45)  # The button "Send", at the left of the tool bar.


SYLPHEED_FOLDERS = """<?xml version="1.0" encoding="UTF-8"?>
<folderlist>
<folder type="mh" name="Mailbox" path="Mail">
{rows}</folder>
</folderlist>
"""


class Sylpheed:
    """A small mail program with windows; started from the desktop with the window of a new mail, a click sends."""
    PACKAGES = ["sylpheed"]

    def __init__(self, desktop, server, port=587):
        self.desktop, self.hand, self.window = desktop, desktop.hand, None
        rows = ""
        for name in ("inbox", "outbox", "queue", "draft", "trash", "junk"):
            person.give(f"Mail/{name}/.mark", "")
            rows += f'<folderitem type="{name}" name="{name}" path="{name}" mtime="0" new="0" unread="0" total="0" />\n'
        person.give(".sylpheed-2.0/folderlist.xml", SYLPHEED_FOLDERS.format(rows=rows))
        person.give(".sylpheed-2.0/accountrc", f"[Account: 1]\naccount_name=test\nis_default=1\nname=Person\naddress={FROM}\n"
                    f"protocol=0\nreceive_server={server}\nsmtp_server={server}\nuser_id=person\nuse_smtp_auth=0\n"
                    f"set_smtpport=1\nsmtp_port={port}\nreceive_at_getall=0\n", 0o600)
        person.give(".sylpheed-2.0/sylpheedrc", "[Common]\nautochk_newmail=0\ncheck_on_startup=0\nsend_dialog_mode=0\n"
                    "ext_editor_command=\nauto_ext_editor=0\nconfirm_on_exit=0\ncheck_attach=0\ncheck_recipients=0\n", 0o600)

    def write(self, subject):
        command = f"sylpheed --compose 'mailto:{TO}?subject={subject}&body=Written%20by%20hand.'"
        self.window = self.desktop.launch(command, "Compose", "name")
        self.hand.click_window(self.window, None, self.window.box()["HEIGHT"] * 3 // 4)
        self.hand.type("And so on.")
        return self

    def send(self):
        self.hand.click_window(self.window, 50, 46)  # The button "Send", at the left of the tool bar.


def doing(pid):
    """What a process is at: its state, the system call it is in, and where in the kernel."""
    said = []
    for name in ("stat", "syscall", "stack"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            said.append(" ".join(file.read().split()))
    return " | ".join(said)


class Mutt:
    """In a terminal: in an xterm of the desktop, or at console 1 with desktop=None; hands mail to msmtp."""
    PACKAGES = ["mutt", "msmtp"]

    def __init__(self, desktop, server, port=587):
        self.desktop, self.hand = desktop, desktop.hand if desktop else person.Hand()
        person.give(".msmtprc", f"account default\nhost {server}\nport {port}\nfrom {FROM}\ntls off\nauth off\n", 0o600)
        person.give(".muttrc", f'set from="{FROM}" realname="Person" sendmail="/usr/bin/msmtp" copy=no editor="vi"\n'
                    'set spoolfile="~/mbox" folder="~/" record=""\nset move=no\n')
        person.give("mbox", "")

    def write(self, subject):
        """The person starts mutt from a shell, answers its questions, writes in vi, and is left with mutt's list."""
        if self.desktop:
            self.desktop.launch("xterm", "XTerm")
        else:
            self.hand.console(1)
        self.hand.type("mutt\n")
        self._wait("mutt")
        self.hand.type(f"m{TO}\n{subject}\n")
        self._wait("vi")
        self.hand.type("iWritten by hand.")
        self.hand.key("escape")
        self.hand.type(":wq\n")
        try:
            self._wait("vi", gone=True, limit=40)
        except person.Failed as e:  # Seen once on a busy machine, with the command on the screen: a person presses it again.
            print(f"gate: note: {e}", flush=True)
            self.hand.type("\n")
            self._wait("vi", gone=True)
        return self

    def _wait(self, program, gone=False, limit=120):
        def pids():
            return person.run("pgrep", "-u", person.USER, "-x", program, check=False).split()
        try:
            person.wait_for(f"{program} {'to end' if gone else ''}", lambda: gone != bool(pids()), limit)
        except person.Failed as e:  # What does it wait for?
            raise person.Failed(f"{e}; {[doing(pid) for pid in pids()]}") from e

    def attach(self, name):
        """A file of the person's."""
        self.hand.key("a")
        self.hand.type(name + "\n")
        return self

    def send(self):
        self.hand.key("y")

    def send_late(self, seconds, still):
        """What mutt has to do takes that much longer, as with more to encode on a slower machine. `still` is called then.
        The whole session is frozen (a shell whose program is stopped would take the terminal back), and before the press: a
        fast machine would have sent the mail by then."""
        pid = person.run("pgrep", "-u", person.USER, "-x", "mutt").split()[0]
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
            freezer = f"/sys/fs/cgroup{file.read().strip().rpartition('::')[2]}/cgroup.freeze"

        def freeze(how):
            with open(freezer, "w", encoding="ascii") as file:
                file.write(how)
        freeze("1")
        self.send()
        end = time.monotonic() + seconds
        person.wait_for("the session to go on", lambda: time.monotonic() > end, seconds + 10)
        still()
        freeze("0")

    def leave(self):
        """Back to the shell, and out of an xterm."""
        self.hand.type("q")
        self._wait("mutt", gone=True)
        if self.desktop:
            self.hand.type("exit\n")


if __name__ == "__main__":
    serve(*sys.argv[1:])
