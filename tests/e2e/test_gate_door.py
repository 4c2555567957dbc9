# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors of mail that are no connection to a port: a mail program's window that is asked for (xdg-email, the desktop's portal),
and the local mail server's own sockets. Whoever really asked is named. Usage: test_gate_door.py GATE_TOOL [TEST...]"""

import contextlib
import os
import shutil
import socket
import sys

import gate
from gate import KIND, OP, REASON, World

world = None


def script(path, interpreter="/bin/sh"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!{interpreter}\n")
    os.chmod(path, 0o755)
    return path


def asked(do):
    """The records of what was asked for meanwhile."""
    start = world.tool.mark()
    do()
    world.tool.must("flush")
    return world.tool.records(start, op=OP["ASK"])


def test_scripts():
    """xdg-email is one: what the kernel runs is the shell. Known by its path, and told with the program that executed it."""
    path = script(f"{world.base}/xdg-email")
    other = script(f"{world.base}/xdg-mime")
    world.program(path, KIND["ask"])
    person, bot = world.person(), world.start("bot")
    browser = person.desktop.spawn("bot")
    for actor in (bot, browser):
        [record] = asked(lambda actor=actor: actor.ok("run", path=path))
        assert record["text"] == path and record["asker"] == actor.pid and not record["denied"], record
    assert record["session"] == person.slot + 1, record
    assert not asked(lambda: bot.ok("run", path=other))
    assert not asked(lambda: bot.ok("run", path="/bin/true"))
    # A program of that kind that is none.
    [record] = asked(lambda: bot.ok("run", path=world.exe("asker"), args=["-c", ""]))
    assert record["text"] == world.exe("asker"), record
    # Its interpreter is not taken for it.
    assert not asked(lambda: bot.ok("run", path="/bin/sh", args=["-c", ":"]))


def test_long_paths():
    """One longer than what is compared is known by its beginning."""
    folder = f"{world.base}/{'a' * 80}"
    path = script(f"{folder}/xdg-email")
    world.program(path, KIND["ask"])
    bot = world.start("bot")
    assert asked(lambda: bot.ok("run", path=path))
    shutil.rmtree(folder)


def test_portal():
    """A D-Bus call of the portal's mail method names who made it; the bus that passes it on is not named."""
    person = world.person()
    browser, bus = person.desktop.spawn("bot"), person.desktop.spawn("broker")
    for actor in (browser, person.desktop, world.start("bot")):
        for how in ("send", "sendmsg", "write", "writev"):
            def call(actor=actor, how=how):
                assert actor.ok("ask", member="ComposeEmail", how=how)["same"]
            records = asked(call)
            # One second of the same is one record.
            assert len(records) == 1 or how != "send", (how, records)
            assert all(r["pid"] == actor.pid and r["text"] == "org.freedesktop.portal.Email" and not r["denied"] for r in records)
    for member in ("ComposeEmails", "ComposeEmai", "OpenURI", "Compose", ""):
        assert not asked(lambda member=member: browser.ok("ask", member=member, how="send")), member
    assert not asked(lambda: bus.ok("ask", member="ComposeEmail", how="send"))


@contextlib.contextmanager
def queue():
    """A mail server's queue with its sockets; who came to each."""
    folder = f"{world.base}/postfix"
    os.makedirs(f"{folder}/public")
    with contextlib.ExitStack() as stack:
        for name in ("pickup", "cleanup", "showq"):
            s = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            s.bind(f"{folder}/public/{name}")
            os.chmod(f"{folder}/public/{name}", 0o777)
            s.listen(100)
        yield folder
    shutil.rmtree(folder)


def handed(actor, **o):
    """How the connection ended, and its record."""
    start = world.tool.mark()
    r = actor.do("knock_unix", **o)["r"]
    world.tool.must("flush")
    return r, world.tool.records(start, op=OP["HANDOVER"], pid=actor.pid)


def test_submission_sockets():
    """postfix's sockets, from the queue's folder and by a whole path: refused to whom no exec was judged; its own go on."""
    with queue() as folder:
        bot = world.start("bot")
        r, records = handed(bot, path=f"{folder}/public/pickup")
        if r == "OK" and not records:
            return "this kernel has no hook for Unix sockets' addresses"
        assert r == "EPERM" and records[0]["denied"] and records[0]["reason"] == REASON["PROGRAM"], (r, records)
        assert records[0]["text"] == f"{folder}/public/pickup", records
        for path in ("public/pickup", "public/cleanup", "./public//../public/cleanup", f"{folder}/public/cleanup"):
            other = world.start("bot")  # the same again within a second is only counted
            r, records = handed(other, path=path, cwd=folder)
            assert r == "EPERM" and records[0]["text"] == path, (path, r, records)
        for path in ("public/showq", "public/pickups", "xpublic/pickup", "\0public/pickup", "public/pickup/x"):
            r, records = handed(bot, path=path, cwd=folder)
            assert r in ("OK", "ENOENT", "ECONNREFUSED", "ENOTDIR") and not records, (path, r, records)
        for role in ("server", "submitter"):
            with world.setting(handover=0):  # the submission program itself may be executed
                actor = world.start(role)
            assert handed(actor, path="public/cleanup", cwd=folder) == ("OK", []), role
        world.program("sender", KIND["sender"], sender=7)
        assert handed(world.start("sender"), path="public/pickup", cwd=folder) == ("OK", [])
        with world.setting(handover=0):
            r, records = handed(world.start("bot"), path="public/pickup", cwd=folder)
            assert r == "OK" and not records[0]["denied"] and records[0]["reason"] == REASON["PROGRAM"], (r, records)
        world.tool.must("open 3600")
        assert handed(bot, path="public/pickup", cwd=folder) == ("OK", [])
        world.tool.must("open 0")
        world.tool.must("learn")
        assert handed(bot, path="public/pickup", cwd=folder) == ("OK", [])
        world.tool.must("shut")
    return None


def test_address_without_an_end():
    """The path ends where the address does, whatever lies behind it."""
    with queue() as folder:
        bot = world.start("bot")
        long = folder + "/" * (107 - len(folder) - len("public/pickup")) + "public/pickup"
        assert len(long) == 107
        r, records = handed(bot, path=long)
        if r == "OK" and not records:
            return "this kernel has no hook for Unix sockets' addresses"
        assert r == "EPERM" and records, (r, records)
    return None


def main():
    global world
    world = World(sys.argv[1])
    gate.main(__name__)


if __name__ == "__main__":
    main()
