# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests in the machine with a person use (HACKING.md, "The test machine"): hands, screen, sessions, forgeries, a peer.

    hand = person.Hand()                       presses keys and buttons of the emulated PS/2 devices: real ones to the guest
    desktop = person.Desktop()                 X on a console of its own, after a display manager's login
    window = desktop.launch("xterm", "XTerm")  the person presses a key at which the desktop starts that program
    hand.click_window(window); hand.type("hello\\n")
    person.power_cut()                         the command starts anew after the next boot, with person.boot_number() 2

Nothing here sleeps for luck: everything waits for what it wants to see, with a limit. Emulated time is slow; limits are wide."""

import contextlib
import fcntl
import html
import os
import re
import struct
import subprocess
import threading
import time

USER, UID, HOME = "sekimori-person", 1500, "/home/sekimori-person"
ORDERS = "/dev/virtio-ports/sekimori.hand"
DISPLAY, ROOT_AUTHORITY = ":0", "/var/run/lightdm/root/:0"
EVENT = struct.Struct("llHHi")  # struct input_event
EV_SYN, EV_KEY, EV_REL = 0, 1, 2
MARKER = "<!-- keys -->"


class Failed(Exception):
    """What was waited for did not come, or an order was refused."""


def run(*argv, check=True, **options):
    """Runs a program to its end and returns what it said."""
    done = subprocess.run(argv, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **options)
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)}: status {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def wait_for(what, condition, limit=120, pause=0.2):
    """Waits until condition() is true and returns what it returned. `what` is for the complaint."""
    end = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"not within {limit} s: {what}")
        time.sleep(pause)


def boot_number():
    """1, or how often the machine has booted since this command began."""
    return int(os.environ.get("SEKIMORI_VM_BOOT", "1"))


def power_cut():
    """The power goes off and on, after what was written has reached the disk. Does not return."""
    os.sync()
    Hand().tell("reset")
    while True:
        time.sleep(60)


def reboot():
    """A restart in good order. Does not return."""
    Hand().order("reboot")
    os.sync()
    run("systemctl", "--no-block", "reboot")
    while True:
        time.sleep(60)


class Hand:
    """The person's hands. Each call returns once QEMU's devices have said it; the guest's programs may need longer."""

    def __init__(self):
        wait_for(ORDERS, lambda: os.path.exists(ORDERS))

    def tell(self, line):
        with self._port() as port:
            os.write(port, line.encode() + b"\n")

    def order(self, line):
        with self._port() as port:
            os.write(port, line.encode() + b"\n")
            said = b""
            while not said.endswith(b"\n"):
                said += os.read(port, 1)
        word, _, rest = said.decode().strip().partition(" ")
        if word != "ok":
            raise Failed(f"order {line!r}: {rest}")
        return rest

    @contextlib.contextmanager
    def _port(self):
        # The port can be opened once at a time; who comes second waits for the lock.
        with open("/run/sekimori-vm.hand", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            port = os.open(ORDERS, os.O_RDWR)
            try:
                yield port
            finally:
                os.close(port)

    def key(self, *chords):
        """key("ret"), key("ctrl-alt-f1"), key("a", "b"); names as QEMU's, and super, enter, space, escape."""
        self.order("key " + " ".join(chords))

    def type(self, text):
        """As on a US keyboard; a line's end is the return key."""
        for part in re.findall(r"[^\n]+|\n", text):
            self.order("key ret" if part == "\n" else "type " + part)

    def move(self, across, down):
        self.order(f"move {across} {down}")

    def click(self, across=None, down=None, button="left"):
        self.order(f"click {button}" if across is None else f"click {across} {down} {button}")

    def click_window(self, window, across=None, down=None, button="left"):
        """In its middle, or so many pixels from its upper left corner."""
        box = window.box()
        self.click(box["X"] + (box["WIDTH"] // 2 if across is None else across),
                   box["Y"] + (box["HEIGHT"] // 2 if down is None else down), button)

    def screen(self, name):
        """A picture of the screen in build/vm/screens; returns its path on the build machine."""
        return self.order("screen " + name)

    def console(self, number):
        """Ctrl-Alt-Fn; returns when the kernel shows that console."""
        self.key(f"ctrl-alt-f{number}")
        wait_for(f"console {number}", lambda: active_console() == number)


def active_console():
    with open("/sys/class/tty/tty0/active", encoding="ascii") as file:
        return int(file.read().strip()[3:])


# --- sessions ---

def sessions():
    """All sessions of the person: dicts of what `loginctl show-session` says."""
    found = []
    for line in run("loginctl", "list-sessions", "--no-legend").splitlines():
        words = line.split()
        if len(words) > 2 and words[2] == USER:
            said = run("loginctl", "show-session", words[0], check=False)
            found.append(dict(pair.split("=", 1) for pair in said.splitlines() if "=" in pair))
    return found


def session(kind, limit=120):
    """The person's session of this type (tty, x11); waits until it is there and open."""
    return wait_for(f"a session of type {kind}", lambda: next(
        (s for s in sessions() if s.get("Type") == kind and s.get("State") in ("active", "online")), None), limit)


def environment():
    """For a program of the person's that is started from a test and not by the person."""
    return {"HOME": HOME, "USER": USER, "LOGNAME": USER, "DISPLAY": DISPLAY, "XAUTHORITY": f"{HOME}/.Xauthority",
            "XDG_RUNTIME_DIR": f"/run/user/{UID}", "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{UID}/bus",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/games", "LANG": "C.UTF-8", "SHELL": "/bin/bash"}


def as_person(*argv, check=True):
    """Runs a program as the person's user, in no session (as cron would, say), and returns what it said."""
    return run("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *argv, check=check, env=environment(), cwd=HOME)


def give(path, text, mode=0o644):
    """A file of the person's; `path` may be relative to the home."""
    path = os.path.join(HOME, path)
    missing, folder = [], os.path.dirname(path)
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chown(folder, UID, UID)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    os.chown(path, UID, UID)
    return path


# --- X ---

def xdo(*argv):
    """xdotool's answer as root, "" when it found nothing. Its key, type and click are XTest: forgeries."""
    return run("xdotool", *argv, check=False,
               env={**os.environ, "DISPLAY": DISPLAY, "XAUTHORITY": x_authority()}).strip()


def x_authority():
    return ROOT_AUTHORITY if os.path.exists(ROOT_AUTHORITY) else f"{HOME}/.Xauthority"


class Window:
    def __init__(self, number):
        self.number = number

    def box(self):
        said = xdo("getwindowgeometry", "--shell", self.number)
        return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", said)}

    def pid(self):
        said = xdo("getwindowpid", self.number)
        return int(said) if said.isdigit() else 0

    def name(self):
        return xdo("getwindowname", self.number)

    def close(self):
        xdo("windowclose", self.number)
        wait_for(f"window {self.number} to go", lambda: not xdo("getwindowname", self.number).isprintable()
                 or self.number not in [w.number for w in windows()])


def windows(pattern=None, by="class"):
    """Visible windows whose class (or `by="name"`: title) matches; without pattern, all that have a title."""
    said = xdo("search", "--onlyvisible", "--" + (by if pattern else "name"), pattern or ".")
    return [Window(line) for line in said.splitlines() if line.isdigit()]


def window(pattern, by="class", limit=180):
    """The first such window; waits for it."""
    return wait_for(f"a window {pattern}", lambda: next(iter(windows(pattern, by)), None), limit, 0.5)


def new_window(before, pattern, by="class", limit=180):
    """The first such window that is none of `before`; waits for it."""
    known = {w.number for w in before}
    return wait_for(f"a new window {pattern}", lambda: next(
        (w for w in windows(pattern, by) if w.number not in known), None), limit, 0.5)


def focused():
    """The window that has the focus, or None."""
    said = xdo("getactivewindow")
    return Window(said) if said.isdigit() else None


class Desktop:
    """X and the person's session in it. how="lightdm": a display manager logs the person in, on console 7 (type x11).
    how="startx": the person types startx at console 1, in the session of that console (type tty). Once per boot."""

    def __init__(self, how="lightdm"):
        self.how, self.hand, self.programs = how, Hand(), []
        self.seconds, self.console = None, 7 if how == "lightdm" else 1
        if os.path.exists("/tmp/.X11-unix/X0") and xdo("getdisplaygeometry").startswith("1024"):
            self._read_programs()
            self.show()
            return
        began = time.monotonic()
        if how == "lightdm":
            run("systemctl", "start", "lightdm")
            session("x11")
        else:
            give(".xinitrc", "exec openbox\n")
            self.hand.console(1)
            wait_for("a shell at console 1", lambda: run("pgrep", "-t", "tty1", "-x", "bash", check=False))
            self.hand.type("startx\n")
        wait_for("X and its window manager", lambda: os.path.exists("/tmp/.X11-unix/X0") and
                 xdo("get_desktop").isdigit(), 180, 0.5)
        self.seconds = time.monotonic() - began

    def show(self):
        """The person goes back to the desktop from another console."""
        if active_console() != self.console:
            self.hand.console(self.console)

    def _read_programs(self):
        with open(f"{HOME}/.config/openbox/rc.xml", encoding="utf-8") as file:
            self.programs = [html.unescape(command) for command in re.findall(r"<command>(.*)</command>", file.read())]

    def offer(self, *commands):
        """Makes the desktop start these commands when the person presses super-f1, super-f2, ... (super-f11 at most).
        They are run as openbox does: no shell, children of openbox."""
        self.programs = list(commands)
        rows = "\n".join(f'<keybind key="W-F{number}"><action name="Execute"><command>{html.escape(command, False)}</command>'
                         "</action></keybind>" for number, command in enumerate(self.programs, 1))
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "openbox.xml"), encoding="utf-8") as file:
            give(".config/openbox/rc.xml", file.read().replace(MARKER, rows))
        self._reconfigure()

    @staticmethod
    def _reconfigure():
        """Openbox answers nothing when it has taken new keys: it has once it has read the file and obeys again."""
        pid = run("pgrep", "-u", USER, "-x", "openbox").split()[0]
        size = os.path.getsize(f"{HOME}/.config/openbox/rc.xml")

        def bytes_read():
            with open(f"/proc/{pid}/io", encoding="ascii") as file:
                return int(file.readline().split()[1])
        before = bytes_read()
        as_person("openbox", "--reconfigure")
        wait_for("openbox to read its keys", lambda: bytes_read() - before >= size)
        for number in ("2", "1"):
            xdo("set_num_desktops", number)
            wait_for(f"openbox to show {number} desktops", lambda want=number: xdo("get_num_desktops") == want)

    def launch(self, command, pattern, by="class", limit=300):
        """The person starts a program from the desktop; returns its first window that was not there before."""
        if command not in self.programs:
            self.offer(*self.programs, command)
        self.show()
        before = windows(pattern, by)
        self.hand.key(f"super-f{self.programs.index(command) + 1}")
        return new_window(before, pattern, by, limit)


# --- input devices ---

def input_devices():
    """[(name, path in /sys/devices, /dev/input/eventN)] as the kernel has them now."""
    with open("/proc/bus/input/devices", encoding="utf-8") as file:
        blocks = file.read().split("\n\n")
    found = []
    for block in blocks:
        name, where, event = (re.search(pattern, block) for pattern in ('N: Name="(.*)"', "S: Sysfs=(.*)", r"\b(event\d+)\b"))
        if name and where and event:
            found.append((name[1], where[1], "/dev/input/" + event[1]))
    return found


class Presses:
    """Reads one input device from now on, in a thread, since the kernel keeps few events: presses() counts keys and
    buttons that went down, events() are all but SYN, as (type, code, value)."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):  # The device is gone.
            while data := os.read(self.fd, EVENT.size * 64):
                self.seen += [event[2:] for event in EVENT.iter_unpack(data)]

    def events(self):
        return [event for event in list(self.seen) if event[0] != EV_SYN]

    def presses(self):
        return sum(1 for kind, _, value in self.events() if kind == EV_KEY and value == 1)


def real_presses():
    """Presses for the emulated keyboard and mouse, by name: ("keyboard", "mouse")."""
    found = {}
    for name, where, path in input_devices():
        if "/i8042/" in where:
            found["mouse" if "Mouse" in name else "keyboard"] = Presses(path)
    return found


class VirtualKeyboard:
    """A forgery: a keyboard made with uinput. X uses it like any other. press(code) takes KEY_* numbers of the kernel."""
    SET_EVBIT, SET_KEYBIT, DEV_CREATE, DEV_DESTROY = 0x40045564, 0x40045565, 0x5501, 0x5502

    def __init__(self, name="forged keyboard"):
        run("modprobe", "uinput")
        self.fd = os.open("/dev/uinput", os.O_WRONLY)
        for kind in (EV_SYN, EV_KEY):
            fcntl.ioctl(self.fd, self.SET_EVBIT, kind)
        for code in [*range(1, 120), 0x110]:  # And a left button.
            fcntl.ioctl(self.fd, self.SET_KEYBIT, code)
        # struct uinput_user_dev: name, id, effects, four tables of axes.
        os.write(self.fd, struct.pack("80sHHHHI", name.encode(), 3, 1, 1, 1, 0) + bytes(4 * 64 * 4))
        fcntl.ioctl(self.fd, self.DEV_CREATE)
        self.name = name
        self.place, self.path = wait_for(f"{name} and its /dev/input", self._find)

    def _find(self):
        for name, where, path in input_devices():
            if name == self.name and os.path.exists(path):
                return where, path
        return None

    def wait_in_x(self, limit=120):
        """Returns when X uses it: what is pressed earlier gets lost."""
        env = {**os.environ, "DISPLAY": DISPLAY, "XAUTHORITY": x_authority()}
        wait_for(f"{self.name} in X", lambda: self.name in run("xinput", "list", check=False, env=env), limit)

    def press(self, *codes):
        for code in codes:
            for value in (1, 0):
                os.write(self.fd, EVENT.pack(0, 0, EV_KEY, code, value) + EVENT.pack(0, 0, EV_SYN, 0, 0))

    def close(self):
        fcntl.ioctl(self.fd, self.DEV_DESTROY)
        os.close(self.fd)


# --- the other end ---

class Peer:
    """A network namespace joined to the machine's own by a veth pair; its nftables count what arrives.

        machine  10.77.5.1/24  fd77:5::1/64        peer  10.77.5.2/24  fd77:5::2/64"""
    NAME, V4, V6 = "sekimori-peer", "10.77.5.2", "fd77:5::2"

    def __init__(self, ports=(25, 465, 587)):
        run("ip", "netns", "del", self.NAME, check=False)
        run("ip", "netns", "add", self.NAME)
        run("ip", "link", "add", "peer0", "type", "veth", "peer", "name", "peer1", "netns", self.NAME)
        for inside, device, last in (((), "peer0", 1), (("-n", self.NAME), "peer1", 2)):
            run("ip", *inside, "addr", "add", f"10.77.5.{last}/24", "dev", device)
            run("ip", *inside, "addr", "add", f"fd77:5::{last}/64", "dev", device, "nodad")
            run("ip", *inside, "link", "set", device, "up")
        run("ip", "-n", self.NAME, "link", "set", "lo", "up")
        rows = "".join(f"tcp dport {port} tcp flags & (syn | ack) == syn counter name syn{port}\n" for port in ports)
        names = "".join(f"counter syn{port} {{ }}\n" for port in ports)
        # Raw priority: before anything could drop; only what came over the wire is counted.
        subprocess.run(["ip", "netns", "exec", self.NAME, "nft", "-f", "-"], check=True, text=True, input=
                       f"table inet count {{\n{names}chain in {{ type filter hook prerouting priority raw;\n"
                       f"iifname peer1 jump ports\n}}\nchain ports {{\n{rows}}}\n}}\n")

    def syns(self, port):
        """SYNs to this port that arrived so far."""
        said = run("ip", "netns", "exec", self.NAME, "nft", "list", "counter", "inet", "count", f"syn{port}")
        return int(re.search(r"packets (\d+)", said)[1])

    def popen(self, *argv, **options):
        return subprocess.Popen(["ip", "netns", "exec", self.NAME, *argv], **options)

    def close(self):
        run("ip", "netns", "del", self.NAME)
