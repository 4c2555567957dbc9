#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests with a person rely on in the test machine; when this fails, no other result there means anything."""

import os
import re
import subprocess
import sys
import time

import person

WITNESS = "/etc/sekimori-vm-smoke"
UNIT = "/etc/systemd/system/sekimori-vm-smoke.service"
A_KEY = 30  # KEY_A of the kernel


def check(what, holds):
    if not holds:
        raise person.Failed(what)


def content(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def said(what, began):
    print(f"smoke: {what} ({time.monotonic() - began:.1f} s)", flush=True)


def check_session(session, kind, console):
    for name, value in (("Type", kind), ("Active", "yes"), ("Remote", "no"), ("Seat", "seat0"), ("VTNr", str(console)),
                        ("Class", "user"), ("State", "active"), ("User", str(person.UID))):
        check(f"session of type {kind} has {name}={session.get(name)}, not {value}", session.get(name) == value)


def test_console(hand):
    """A login at the first console, and keys that reach its shell over evdev's keyboard."""
    check_session(person.session("tty"), "tty", 1)
    person.wait_for("the person's systemd", lambda: person.run(
        "systemctl", "is-active", f"user@{person.UID}.service", check=False).strip() == "active")
    keyboard = person.real_presses()["keyboard"]
    person.wait_for("a shell at console 1", lambda: person.run("pgrep", "-t", "tty1", "-x", "bash", check=False))
    hand.type("tty >told\n")
    person.wait_for("what the shell was told", lambda: content(f"{person.HOME}/told") == "/dev/tty1\n")
    person.wait_for("ten presses and a shift", lambda: keyboard.presses() == 11, limit=30)


def test_desktop():
    desktop = person.Desktop()
    check_session(person.session("x11"), "x11", 7)
    check("console 1 is in the background, its session is not", person.session("tty")["Active"] == "no")
    check("X is not at console 7", person.active_console() == 7)
    return desktop


def test_terminal(desktop):
    """Keys and clicks of the person reach a program that the person started; they are those that evdev tells."""
    window = desktop.launch("xterm -e sh -c 'cat >typed'", "XTerm")
    real = person.real_presses()
    desktop.hand.click_window(window)
    desktop.hand.type("By hand: 1+1=2\n")
    person.wait_for("typed text", lambda: content(f"{person.HOME}/typed") == "By hand: 1+1=2\n")
    person.wait_for("a press of the mouse", lambda: real["mouse"].presses() == 1, limit=30)
    person.wait_for("15 presses, and 3 times shift", lambda: real["keyboard"].presses() == 18, limit=30)
    check("the focus is elsewhere", person.focused() and person.focused().number == window.number)
    check("the window tells no process", window.pid() > 1)
    return window


def test_forgeries():
    """XTest and uinput reach the terminal and no real device."""
    real = person.real_presses()
    person.xdo("type", "xtest")
    person.xdo("key", "Return")
    person.wait_for("XTest's text", lambda: content(f"{person.HOME}/typed").endswith("\nxtest\n"))
    forged = person.VirtualKeyboard()
    check(f"uinput's device is at {forged.place}", forged.place.startswith("/devices/virtual/input/"))
    forged.wait_in_x()
    presses = person.Presses(forged.path)
    forged.press(A_KEY, A_KEY, 28)
    person.wait_for("uinput's text", lambda: content(f"{person.HOME}/typed").endswith("\naa\n"))
    check("uinput's presses cannot be read", presses.presses() == 3)
    check("a forgery came from a real device", not any(device.events() for device in real.values()))
    forged.close()


def test_files():
    """stat tells the device and inode that the kernel has: the gate knows programs by them."""
    with open("/usr/bin/xterm", "rb") as file:
        fd = file.fileno()
        told = os.fstat(fd)
        subprocess.run(["flock", "--shared", str(fd)], pass_fds=[fd], check=True)
        place = f"{os.major(told.st_dev):02x}:{os.minor(told.st_dev):02x}:{told.st_ino}"
        check(f"stat says {place}, the kernel otherwise", place in content("/proc/locks"))


def test_peer():
    """The other end counts SYNs, over IPv4 and IPv6."""
    peer = person.Peer()
    try:
        for address in (peer.V4, peer.V6):
            before = peer.syns(25)
            subprocess.run(["nc", "-z", "-w", "5", address, "25"], check=False, stdin=subprocess.DEVNULL)
            check(f"a SYN to {address} was counted {peer.syns(25) - before} times", peer.syns(25) == before + 1)
        check("a SYN was counted for the wrong port", peer.syns(587) == 0)
    finally:
        peer.close()


def prepare_restart():
    """What is written stays, and a unit of a test starts early at the next boot."""
    with open(UNIT, "w", encoding="utf-8") as file:
        file.write("[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Install]\nWantedBy=sysinit.target\n"
                   "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'cat /proc/uptime >/run/sekimori-vm-smoke'\n")
    person.run("systemctl", "enable", os.path.basename(UNIT))
    with open(WITNESS, "w", encoding="utf-8") as file:
        file.write(content("/proc/sys/kernel/random/boot_id"))


def test_restarted():
    before = content(WITNESS)
    check("what was written is gone", len(before) == 37)
    check("this is the same boot", before != content("/proc/sys/kernel/random/boot_id"))
    early = content("/run/sekimori-vm-smoke")
    check("the early unit did not run", early)
    up = content("/proc/uptime").split()[0]
    print(f"smoke: restarted; an early unit ran {early.split()[0]} s after the kernel's start, tests at {up} s", flush=True)
    person.run("systemctl", "disable", os.path.basename(UNIT))


def main():
    if "SEKIMORI_VM_PERSON" not in os.environ:
        print("skipped: runs in the test machine only (script/test person)")
        return 77
    began = time.monotonic()
    hand = person.Hand()
    check("units failed: " + person.run("systemctl", "--failed", "--no-legend"),
          not re.search(r"\.service", person.run("systemctl", "--failed", "--no-legend")))
    if person.boot_number() > 1:
        test_restarted()
        test_console(hand)
        said("login and keys after the restart", began)
        return 0
    test_console(hand)
    said("console: login, session, keys", began)
    began = time.monotonic()
    desktop = test_desktop()
    said("display manager, X, session", began)
    began = time.monotonic()
    test_terminal(desktop)
    said("xterm: keys, click, focus", began)
    began = time.monotonic()
    test_forgeries()
    said("XTest and uinput", began)
    test_files()
    test_peer()
    prepare_restart()
    person.power_cut()
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except person.Failed as failure:
        print(f"screen: {person.Hand().screen('person_smoke')}")
        print(f"smoke: {failure}")
        sys.exit(1)
