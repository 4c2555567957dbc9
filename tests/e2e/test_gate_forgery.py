# SPDX-License-Identifier: GPL-3.0-or-later
"""Forgeries against the mail gate's kernel half: who is no person's mail program gets nothing. What is not stopped has a test
that says so. Usage: test_gate_forgery.py GATE_TOOL [TEST...]"""

import os
import sys
import time

import gate
from gate import KIND, LABEL, OP, REASON, REFUSING, SERVER4, World, wait_for

NO_TIME = 1  # ns
world = None


# --- another program under a mail program's name ---

def test_copied_programs():
    """The same bytes, another inode."""
    for name in ("mailer", "shell", "terminal"):
        world.copy(world.exe(name), world.exe(f"{name}-copy"))
    person = world.person(focus=False)
    person.press()
    world.try_to_send(person.desktop.spawn("mailer-copy"), "PROGRAM")
    copied = person.desktop.spawn("terminal-copy").spawn("shell-copy", pty=True)
    world.try_to_send(copied.spawn("mailer"), "LAUNCHER")


def test_untrusted_files():
    """Who may write the file decides what it does."""
    person = world.person()
    for name, owner, mode in (("mailer-own", gate.USER, 0o755), ("mailer-group", 0, 0o775), ("mailer-all", 0, 0o757)):
        world.copy(world.exe("mailer"), world.exe(name), mode)
        os.chown(world.exe(name), owner, owner)
        world.program(name, KIND["mailer"])
        mailer = person.desktop.spawn(name)
        person.press(mailer)
        world.try_to_send(mailer, "PROGRAM")


def test_renamed_process():
    person = world.person()
    bot = person.desktop.spawn("bot", argv0="/usr/bin/thunderbird")
    bot.ok("rename", name="thunderbird")
    person.press(bot)
    assert world.try_to_send(bot, "PROGRAM")["comm"] == "thunderbird"


def test_foreign_code():
    """LD_PRELOAD and LD_AUDIT, also behind 100 kB of other variables, and inherited by the submission program."""
    person = world.person()
    for variable in ("LD_PRELOAD", "LD_AUDIT"):
        for filler in (0, 1000):
            mailer = person.desktop.spawn("mailer", env={variable: "/nonexistent.so"}, filler=filler)
            person.press(mailer)
            world.try_to_send(mailer, "FOREIGN")
    mailer = person.desktop.spawn("mailer", env={"OLD_PRELOAD": "x", "A": "LD_PRELOAD=x", "LD_BIND_NOW": "1"}, filler=1000)
    person.press(mailer)
    world.try_to_send(mailer, "PERSON")
    person.press(mailer)
    start = world.tool.mark()
    mailer.spawn("submitter", expect=False, env={"LD_PRELOAD": "/nonexistent.so"})
    assert world.tool.wait_record(start, op=OP["HANDOVER"])["reason"] == REASON["FOREIGN"]


def test_started_by_the_loader():
    """ld.so --preload: the program is then the loader."""
    loader = next(p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p))
    person = world.person()
    world.copy(loader, world.exe("loader"))
    token = world.token()
    person.desktop.ok("spawn", exe=world.exe("loader"), token=token, argv0="loader", loader=world.exe("mailer"))
    mailer = world.wait_hello(token)
    person.press(mailer)
    world.try_to_send(mailer, "PROGRAM")


def test_traced_mailer():
    person = world.person()
    mailer = person.desktop.spawn("mailer", traced=True)
    person.press(mailer)
    world.try_to_send(mailer, "FOREIGN")
    mailer, bot = person.desktop.spawn("mailer"), person.desktop.spawn("bot")
    bot.ok("ptrace_attach", pid=mailer.pid)
    person.press(mailer)
    world.try_to_send(mailer, "FOREIGN")
    bot.kill()
    # Not stopped: code that was brought in by a tracer that has gone again runs as the mail program's own.
    wait_for(lambda: f"TracerPid:\t{0}" in open(f"/proc/{mailer.pid}/status", encoding="ascii").read(), "the tracer's end")
    world.try_to_send(mailer, "PERSON")


# --- near the mail program ---

def test_child_of_the_mailer():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    bot = mailer.spawn("bot")
    person.press(mailer)
    with world.leaks():
        world.try_to_send(bot, "PROGRAM")
        start = world.tool.mark()
        for parent in (bot, bot.spawn("shell"), mailer.spawn("shell")):
            pid = parent.spawn("submitter", expect=False)["pid"]
            assert parent.ok("wait", pid=pid)["status"] == 9
            assert world.tool.wait_record(start, op=OP["HANDOVER"], pid=pid)["reason"] == REASON["SUBMITTER"]
    world.try_to_send(mailer, "PERSON")


def test_every_way_to_have_children():
    """Where a process comes from cannot be shaken off."""
    person = world.person(focus=False)
    bot = person.desktop.spawn("bot")
    for o in ({"how": "fork"}, {"how": "double"}, {"how": "double", "setsid": True}, {"how": "vfork"},
              {"how": "clone_parent"}):
        mailer = bot.spawn("mailer", **o)
        person.press()
        world.try_to_send(mailer, "LAUNCHER")
        assert world.tool.label(mailer.pid)["creator_kinds"] == 0, o


def test_executed_in_place():
    """A program that the desktop or the shell started, and that becomes a mail program, is no launcher."""
    person = world.person(focus=False)
    _, shell = person.terminal()
    for launcher in (person.desktop, shell):
        mailer = launcher.spawn("bot").spawn("mailer", how="exec")
        person.press()
        world.try_to_send(mailer, "LAUNCHER")
    for wrapper in (shell.spawn("shell"), person.desktop.spawn("wrapper")):  # a script; gio-launch-desktop
        mailer = wrapper.spawn("mailer", how="exec")
        person.press()
        world.try_to_send(mailer, "PERSON")
    # A submission program's word is as good as the mail program's that executed it.
    mailer = person.desktop.spawn("bot").spawn("mailer")
    person.press()
    start = world.tool.mark()
    pid = mailer.spawn("submitter", expect=False)["pid"]
    assert world.tool.wait_record(start, op=OP["HANDOVER"], pid=pid)["reason"] == REASON["LAUNCHER"]


def test_socket_handed_on():
    person = world.person()
    mailer, bot = person.desktop.spawn("mailer"), person.desktop.spawn("bot")

    def hand(name, to):
        bot.ok("take_open", at=f"{world.stem}-{to}")
        bot.tell("take", at=to, **{"as": to})
        mailer.ok("give", socket=name, at=f"{world.stem}-{to}")
        taken = bot.answer()
        assert taken["r"] == "OK", taken
    # Not connected yet: who connects is asked.
    mailer.ok("make_socket", addr=SERVER4, **{"as": "fresh"})
    hand("fresh", "fresh")
    person.press(mailer)
    with world.leaks():
        world.try_to_send(bot, "PROGRAM", socket="fresh")
    # Let through once, and refused by the server.
    world.try_to_send(mailer, "PERSON", addr=REFUSING, ends="ECONNREFUSED", keep="failed")
    hand("failed", "failed")
    with world.leaks():
        ends = [bot.do("connect", addr=SERVER4, port=25, socket="failed")["r"] for _ in range(3)]
        assert ends[1:] == ["EPERM", "EPERM"], ends  # the first one clears away the failure
    # Not stopped: the person's own connection, handed on by the mail program itself, stays open.
    world.try_to_send(mailer, "AGAIN", ends="OK", keep="open")
    hand("open", "open")
    bot.ok("send", socket="open", data="EHLO bot\r\n")
    wait_for(lambda: any(b"EHLO bot" in data for _, data in world.server.received), "the bytes")
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"


# --- one gesture, one permit ---

def test_two_mailers_race():
    person = world.person(focus=False)
    mailers = [person.desktop.spawn("mailer") for _ in range(2)]
    wins = [0, 0]
    with world.setting(attempt=NO_TIME):
        for _ in range(200):
            person.press()
            at = time.monotonic_ns() + 2_000_000
            for m in mailers:
                m.tell("connect", addr=REFUSING, port=25, at=at)
            ends = [m.answer()["r"] for m in mailers]
            assert sorted(ends) == ["ECONNREFUSED", "EPERM"], ends
            wins[ends.index("ECONNREFUSED")] += 1
    print(f"# races won: {wins}")


def test_threads_race():
    """As many sockets as one attempt has, however many threads ask at once."""
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    for _ in range(20):
        person.press(mailer)
        with world.setting(attempt=NO_TIME):
            ends = mailer.ok("many", threads=16, count=16, addr=REFUSING, port=25)["ends"]
        # An attempt without length: who asked before the permit was given still belongs to it.
        assert 1 <= ends.get("ECONNREFUSED", 0) <= 4, ends
    person.press(mailer)
    ends = mailer.ok("many", threads=16, count=160, addr=REFUSING, port=25)["ends"]
    assert 1 <= ends.get("ECONNREFUSED", 0) <= 4, ends


def test_ten_thousand_at_once():
    """Nothing leaves, and the count told is exact."""
    count = 9984
    person = world.person()
    bots = [person.desktop.spawn("bot") for _ in range(2)]
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    start = world.tool.mark()
    with world.leaks():
        for bot in bots:
            bot.tell("many", threads=64, count=count, addr=SERVER4, port=25)
        for bot in bots:
            assert bot.answer()["ends"] == {"EPERM": count}

    def told(bot):
        world.tool.must("flush")
        records = world.tool.records(start, op=OP["CONNECT"], pid=bot.pid)
        assert all(r["reason"] == REASON["PROGRAM"] and r["comm"] == "bot" and r["uid"] == gate.USER for r in records), records
        return sum(r["count"] for r in records)
    for bot in bots:
        try:
            wait_for(lambda b=bot: told(b) >= count, "the count")
        except TimeoutError as e:
            raise AssertionError(f"{told(bot)} of {count} were told") from e
        assert told(bot) == count, told(bot)
        assert len(world.tool.records(start, pid=bot.pid)) < 20
    world.try_to_send(mailer, "PERSON")


# --- terminals ---

def test_terminal_of_a_bot():
    """Its own pseudo terminal, of which it feeds the keys."""
    person = world.person()
    world.tool.must("typing on")
    terminal, shell = person.terminal()
    for bot in (person.desktop.spawn("bot"), shell.spawn("bot")):
        inner = bot.spawn("shell", pty=True)
        tui = inner.spawn("tui", group=True, front=True)
        bot.ok("type_bytes", pty=inner.pty, bytes="y")
        person.press(terminal)
        world.try_to_send(tui, "TERMINAL")
    bot = terminal.spawn("bot", pty=True)  # the terminal's own child, with a terminal beneath it
    inner = bot.spawn("tui", pty=True)
    bot.ok("type_bytes", pty=inner.pty, bytes="y")
    person.press(terminal)
    world.try_to_send(inner, "TERMINAL")


def test_takes_the_foreground():
    """A program in the background that ignores SIGTTOU may bring itself to the front: no reason to believe it."""
    person = world.person()
    world.tool.must("typing on")
    terminal, shell = person.terminal()
    bot = shell.spawn("bot", group=True)
    terminal.ok("type_bytes", pty=shell.pty, bytes="ls")
    person.press(terminal)
    tui = bot.spawn("tui", group=True, front=True)
    world.try_to_send(tui, "LAUNCHER")


def test_pushed_bytes():
    person = world.person()
    world.tool.must("typing on")
    terminal, shell = person.terminal()
    tui = shell.spawn("tui", group=True, front=True)
    bot = shell.spawn("bot", group=True)
    terminal.ok("type_bytes", pty=shell.pty, bytes="y")
    person.press(terminal)
    start = world.tool.mark()
    pushed = bot.do("push", bytes="y")["r"]
    if pushed != "OK":
        return f"this kernel refuses TIOCSTI: {pushed}"
    world.try_to_send(tui, "INJECTED")
    assert world.tool.wait_record(start, op=OP["INJECT"])["pid"] == bot.pid


# --- brokers ---

def test_started_by_a_broker():
    """systemd --user and D-Bus start what anybody asks them to; a desktop's own request goes before one that counts."""
    person = world.person(focus=False)
    broker = world.start("broker", uid=gate.USER)
    person.join(broker)
    bot = person.desktop.spawn("bot")

    def start_mailer(reason):
        mailer = broker.spawn("mailer")
        person.press()
        world.try_to_send(mailer, reason)
    start_mailer("BROKER")
    bot.ok("ask", member="StartTransientUnit", how="send")  # systemd-run --user
    start_mailer("BROKER")
    for how in ("send", "sendmsg", "write", "writev"):
        for member in ("StartTransientUnit", "StartUnit", "StartServiceByName", "Activate", "Open")[:5 if how == "send" else 1]:
            assert person.desktop.ok("ask", member=member, how=how)["same"]
            start_mailer("PERSON")
            start_mailer("BROKER")
    person.desktop.ok("ask", member="StartServiceByName", how="send")
    mailer = broker.spawn("mailer", how="double")  # as a D-Bus daemon does
    person.press()
    world.try_to_send(mailer, "PERSON")
    start_mailer("BROKER")
    for member in ("GetUnit", "Opens", "StopUnit"):
        person.desktop.ok("ask", member=member, how="send")
        start_mailer("BROKER")
    person.desktop.ok("ask", member="StartTransientUnit", how="send")
    asked = time.monotonic()
    wait_for(lambda: time.monotonic() - asked > 2.1, "the request grows old")
    start_mailer("BROKER")


def test_broker_with_the_focus_known():
    """Who was started by a broker that no launcher had asked gets nothing even when it is clicked."""
    person = world.person()
    broker = world.start("broker", uid=gate.USER)
    person.join(broker)
    mailer = broker.spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer, "BROKER")
    assert world.tool.label(mailer.pid)["flags"] & LABEL["BROKERED"]
    # A terminal that a broker started is a launcher itself.
    terminal = broker.spawn("terminal")
    mailer = terminal.spawn("shell", pty=True).spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer, "PERSON")


def main():
    global world
    world = World(sys.argv[1])
    gate.main(__name__)


if __name__ == "__main__":
    main()
