# SPDX-License-Identifier: GPL-3.0-or-later
"""The person in front of the test machine: presses keys and buttons of its emulated PS/2 devices, as its tests order.

Runs beside QEMU, as a thread of vm.py. Orders come over a serial port of virtio, one per line, each answered by "ok ..."
or "error REASON"; QEMU is told over QMP. The guest's half is tests/vm/person.py; HACKING.md lists the orders.
"""
import json
import os
import re
import threading
import time

PACE = 0.03  # Seconds between two events: QEMU's keyboard holds 16 bytes and drops the rest.
FAR = 4000   # Farther than any screen of the guest: where the pointer stops is a corner.
STEP = 100   # A PS/2 mouse tells at most 127 at once.
SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./"))
NAMES = {"`": "grave_accent", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", "\\": "backslash",
         ";": "semicolon", "'": "apostrophe", ",": "comma", ".": "dot", "/": "slash", " ": "spc", "\t": "tab"}
ALIASES = {"enter": "ret", "super": "meta_l", "space": "spc", "escape": "esc"}


class Refused(Exception):
    """An order that cannot be carried out, with the reason."""


class Qmp:
    """QEMU's monitor: one command, one answer; events in between are of no interest here."""

    def __init__(self, stream):
        self.stream = stream
        self.lines = stream.makefile("r", encoding="utf-8")
        self.lines.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.stream.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise Refused(f"{command}: {answer['error'].get('desc')}")
            if "return" in answer:
                return answer["return"]
        raise Refused(f"{command}: the machine is gone")


def keys_of(character):
    """What a person with a US keyboard presses for it."""
    shift = ["shift"] if character in SHIFTED or character.isupper() else []
    plain = SHIFTED.get(character, character.lower())
    if plain in NAMES:
        return shift + [NAMES[plain]]
    if not re.fullmatch("[a-z0-9]", plain):
        raise Refused(f"no key for {character!r}")
    return shift + [plain]


class Hand(threading.Thread):
    """Serves the orders until the machine is gone. `screens` is the folder for pictures of the screen."""

    def __init__(self, orders, qmp, screens):
        super().__init__(daemon=True)
        self.orders, self.stream, self.screens = orders, qmp, screens
        self.qmp = None
        self.restart = False  # Whether the machine is to be started again once it is off; if not, that was a crash.

    def run(self):
        try:
            self.qmp = Qmp(self.stream)
            for line in self.orders.makefile("r", encoding="utf-8", errors="replace"):
                answer = self.answer(line.rstrip("\n"))
                if answer is not None:
                    self.orders.sendall((answer + "\n").encode())
        except OSError:
            return

    def answer(self, line):
        word, _, rest = line.partition(" ")
        order = getattr(self, "do_" + word.replace("-", "_"), None)
        if order is None:
            return f"error no order {word!r}"
        try:
            return order(rest)
        except (Refused, ValueError, TypeError) as reason:
            return "error " + str(reason).replace("\n", " ")

    def send(self, *events):
        self.qmp.call("input-send-event", events=[{"type": kind, "data": data} for kind, data in events])
        time.sleep(PACE)

    def key(self, name, down):
        self.send(("key", {"down": down, "key": {"type": "qcode", "data": ALIASES.get(name, name)}}))

    def chord(self, names):
        for name in names:
            self.key(name, True)
        for name in reversed(names):
            self.key(name, False)

    def do_key(self, rest):
        """key ret | key ctrl-alt-f1 | key a b c"""
        for chord in rest.split():
            self.chord(chord.split("-"))
        return "ok"

    def do_press(self, rest):
        self.key(rest.strip(), True)
        return "ok"

    def do_release(self, rest):
        self.key(rest.strip(), False)
        return "ok"

    def do_type(self, rest):
        for character in rest:
            self.chord(keys_of(character))
        return "ok"

    def glide(self, across, down):
        """Relative, as a PS/2 mouse moves."""
        while across or down:
            step = [max(-STEP, min(STEP, way)) for way in (across, down)]
            self.send(*(("rel", {"axis": axis, "value": value}) for axis, value in zip("xy", step)))
            across, down = across - step[0], down - step[1]

    def do_nudge(self, rest):
        self.glide(*(int(way) for way in rest.split()))
        return "ok"

    def do_move(self, rest):
        across, down = (int(way) for way in rest.split())
        self.glide(-FAR, -FAR)
        self.glide(across, down)
        return "ok"

    def do_click(self, rest):
        """click | click X Y | click X Y right | click right"""
        words = rest.split()
        button = words.pop() if words and words[-1].isalpha() else "left"
        if words:
            self.do_move(" ".join(words))
        for down in (True, False):
            self.send(("btn", {"down": down, "button": button}))
        return "ok"

    def do_wait_ms(self, rest):
        time.sleep(int(rest) / 1000)
        return "ok"

    def do_screen(self, rest):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", rest):
            raise Refused(f"no name for a picture: {rest!r}")
        os.makedirs(self.screens, exist_ok=True)
        path = os.path.join(self.screens, rest + ".png")
        self.qmp.call("screendump", filename=path, format="png")
        return f"ok {path}"

    def do_reset(self, _):
        """The power goes off and on; nobody is left to hear an answer."""
        self.restart = True
        self.qmp.call("quit")

    def do_reboot(self, _):
        """The guest says that it is about to start anew by itself."""
        self.restart = True
        return "ok"
