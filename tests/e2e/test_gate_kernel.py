# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail gate's kernel half alone decides: each reason is reached with the record that belongs to it, and a person's mail
passes. Usage: test_gate_kernel.py GATE_TOOL [TEST...]"""

import os
import sys

import gate
from gate import FREE_PORT, KIND, LABEL, MAPPED, OP, REASON, REFUSING, SECOND, SERVER4, SERVER6, SESSION, World

REFUSED = {"addr": REFUSING, "ends": "ECONNREFUSED"}
REFUSED6 = "fd77:1::18"
NO_TIME = 1  # ns
world = None


def mutt_sends(tui, **o):
    """As mutt hands a mail to msmtp: fork, setsid, fork, exec."""
    return tui.spawn("submitter", how="double", setsid=True, **o)


# --- refusals ---

def test_no_mail_program():
    person = world.person()
    bot = person.desktop.spawn("bot")
    person.press(bot)
    with world.leaks():
        record = world.try_to_send(bot, "PROGRAM")
    assert record["asker"] == person.desktop.pid and record["uid"] == gate.USER and record["kinds"] == 0, record
    assert record["family"] == 2 and record["count"] == 1 and record["session"] == person.slot + 1, record
    assert record["comm"] == "bot" and record["learn"] == 0, record
    assert bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK", "another port is nobody's business"


def test_every_gated_port_and_family():
    bot = world.start("bot")
    with world.leaks(), world.leaks(name="any"):
        for port in gate.GATED:
            for addr in (SERVER4, SERVER6, MAPPED, "127.0.0.1", "::1", "::ffff:127.0.0.1"):
                assert bot.do("connect", addr=addr, port=port)["r"] == "EPERM", f"{addr} port {port}"
                for how in ({"data": "EHLO bot"}, {"unconnected": True}):
                    assert bot.do("connect", addr=addr, port=port, kind="udp", **how)["r"] == "EPERM", f"{addr} {port} UDP {how}"


def test_submitter_of_nobody():
    with world.setting(handover=0):
        person = world.person()
        submitter = person.desktop.spawn("submitter")
        person.press(submitter)
        start = world.tool.mark()
        world.try_to_send(submitter, "SUBMITTER")
        told = world.tool.records(0, op=OP["HANDOVER"], pid=submitter.pid)
        assert told and told[0]["reason"] == REASON["SUBMITTER"] and not told[0]["denied"], told
        assert told[0]["text"].endswith("/submitter"), told
        assert start


def test_submitter_of_nobody_is_ended():
    bot = world.person().desktop.spawn("bot")
    start = world.tool.mark()
    reply = bot.spawn("submitter", expect=False)
    assert bot.ok("wait", pid=reply["pid"])["status"] == 9, "SIGKILL before its first instruction"
    record = world.tool.wait_record(start, op=OP["HANDOVER"], pid=reply["pid"])
    assert record["denied"] and record["reason"] == REASON["SUBMITTER"] and record["asker"] == bot.pid, record


def test_no_session():
    mailer = world.start("desktop").spawn("mailer")
    world.try_to_send(mailer, "SESSION")


def test_session_states():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    for missing, reason in (("USED", "SESSION"), ("LOCAL", "REMOTE"), ("ACTIVE", "INACTIVE"), ("UNLOCKED", "LOCKED")):
        person.set(person.flags & ~SESSION[missing])
        world.try_to_send(mailer, reason)
    person.set(person.flags)
    world.try_to_send(mailer, "PERSON")


def test_person_elsewhere():
    person = world.person(focus=False)
    remote = person.desktop.spawn("remote")
    shell = remote.spawn("shell", pty=True)
    assert world.tool.label(shell.pid)["flags"] & LABEL["REMOTE"], "beneath sshd"
    tui = shell.spawn("tui", group=True, front=True)
    world.tool.must("typing on")
    remote.ok("type_bytes", pty=shell.pty, bytes="y")
    world.try_to_send(tui, "REMOTE")
    with world.setting(remote=1):
        remote.ok("type_bytes", pty=shell.pty, bytes="y")
        world.try_to_send(tui, "PERSON")
        world.try_to_send(tui, "SPENT")


def test_no_launcher():
    person = world.person()
    bot = world.start("bot", uid=gate.USER)
    person.join(bot)  # logind counts it to the session, and no launcher stands above it
    mailer = bot.spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer, "LAUNCHER")


def test_no_launcher_between():
    """The focus unknown: neither the desktop nor a terminal's shell started it."""
    person = world.person(focus=False)
    mailer = person.desktop.spawn("bot").spawn("mailer")
    person.press()
    world.try_to_send(mailer, "LAUNCHER")


def test_terminal_reasons():
    person = world.person()
    terminal, shell = person.terminal()
    world.tool.must("typing on")
    person.press(terminal)
    world.try_to_send(person.desktop.spawn("tui"), "TERMINAL")
    tui = shell.spawn("tui", group=True, front=True)
    person.press(terminal)
    world.try_to_send(tui, "TYPED")
    terminal.ok("type_bytes", pty=shell.pty, bytes="\x1b[?1;2c")
    world.try_to_send(tui, "TYPED")
    terminal.ok("type_bytes", pty=shell.pty, bytes="y")
    person.press(terminal)
    world.try_to_send(tui, "PERSON")
    background = shell.spawn("tui", group=True)
    person.press(terminal)
    world.try_to_send(background, "BACKGROUND")


def test_typed_elsewhere():
    """What was typed in another terminal, and a press that went to another window, are not for this one."""
    person = world.person()
    world.tool.must("typing on")
    terminal, shell = person.terminal()
    other = terminal.spawn("shell", pty=True)
    tui = shell.spawn("tui", group=True, front=True)
    terminal.ok("type_bytes", pty=other.pty, bytes="y")
    person.press(terminal)
    world.try_to_send(tui, "TYPED")
    terminal.ok("type_bytes", pty=shell.pty, bytes="y")
    elsewhere = world.person()
    tui2 = elsewhere.terminal()[1].spawn("tui", group=True, front=True)
    elsewhere.press(tui2)
    world.try_to_send(tui2, "TYPED")


def test_nobody_touched_anything():
    for focus in (True, False):
        person = world.person(focus)
        mailer = person.desktop.spawn("mailer")
        world.try_to_send(mailer, "GESTURE")


def test_another_program_has_the_focus():
    person = world.person()
    mailer, other = person.desktop.spawn("mailer"), person.desktop.spawn("bot")
    person.press(other)
    with world.leaks():
        world.try_to_send(mailer, "FOCUS")
        world.try_to_send(other, "PROGRAM")


def test_not_labelled():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    world.tool.must(f"unlabel {mailer.pid}")
    world.try_to_send(mailer, "UNLABELLED")


def test_blocked_process():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    world.tool.must(f"block 9 60 {mailer.pid}")
    start = world.tool.mark()
    assert mailer.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"
    record = world.tool.wait_record(start, op=OP["BLOCKED"], pid=mailer.pid)
    assert record["reason"] == REASON["BLOCKED"] and record["denied"], record
    world.tool.must(f"block 9 0 {mailer.pid}")
    world.try_to_send(mailer, "PERSON")


# --- a person's mail passes ---

def test_one_gesture_is_one_permit():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    with world.leaks(2):
        world.try_to_send(mailer, "PERSON", **REFUSED)
        world.try_to_send(mailer, "AGAIN", ends="OK")  # a second server, and then it is spent
        world.try_to_send(mailer, "SPENT")
    person.press(mailer)
    world.try_to_send(mailer, "PERSON", port=587)


def test_v6_then_v4_is_one_attempt():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer, "PERSON", addr=REFUSED6, ends="ECONNREFUSED", port=465)
    world.try_to_send(mailer, "AGAIN", port=465)


def test_names_are_no_attempt():
    """getaddrinfo() connects a UDP socket to each address of a server, to sort them."""
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    with world.leaks(2):
        for _ in range(20):
            for addr in (SERVER6, MAPPED, SERVER4):
                assert mailer.do("connect", addr=addr, port=465, kind="udp")["r"] == "OK"
        world.try_to_send(mailer, "PERSON", addr=REFUSED6, ends="ECONNREFUSED", port=465)
        for _ in range(20):
            assert mailer.do("connect", addr=SERVER4, port=465, kind="udp")["r"] == "OK"
        world.try_to_send(mailer, "AGAIN", port=465)
    with world.leaks(name="any"):
        assert mailer.do("connect", addr=SERVER4, port=465, kind="udp", data="x")["r"] == "EPERM", "and sends nothing"


def test_sockets_of_one_attempt():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    ends = mailer.ok("many", threads=1, count=20, addr=REFUSING, port=25)["ends"]
    assert ends == {"ECONNREFUSED": 4, "EPERM": 16}, ends


def test_gesture_is_used_once():
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    with world.setting(attempt=NO_TIME):
        person.press(mailer)
        world.try_to_send(mailer, "PERSON")
        world.try_to_send(mailer, "USED")
        person.press(mailer)
        assert mailer.do("connect", addr=SERVER4, port=25)["r"] == "OK"


def test_window_and_compose_end():
    """Made to another program a gesture is good for the window; made to this one while its mail is composed."""
    person, blind = world.person(), world.person(focus=False)
    mailer, other = person.desktop.spawn("mailer"), blind.desktop.spawn("mailer")
    with world.setting(window=SECOND // 100, compose=60 * SECOND, attempt=NO_TIME):
        blind.press()
        world.wait_reason(other, "GESTURE")
        blind.press()
        person.press(mailer)
        world.wait_reason(other, "GESTURE")
        world.try_to_send(mailer, "PERSON")  # still composing
        world.set(compose=SECOND // 100)
        person.press(mailer)
        world.wait_reason(mailer, "GESTURE")


def test_focus_unknown():
    person = world.person(focus=False)
    _, shell = person.terminal()
    for mailer in (person.desktop.spawn("mailer"), shell.spawn("mailer", group=True)):
        person.press()
        world.try_to_send(mailer, "PERSON")


def test_terminal_mailer_sends_itself():
    person = world.person()
    world.tool.must("typing on")
    terminal, shell = person.terminal()
    tui = shell.spawn("tui", group=True, front=True)
    terminal.ok("type_bytes", pty=shell.pty, bytes="y")
    person.press(terminal)
    world.try_to_send(tui, "PERSON")


def test_mutt_with_msmtp():
    person = world.person()
    world.tool.must("typing on")
    terminal, shell = person.terminal()
    tui = shell.spawn("tui", group=True, front=True)
    terminal.ok("type_bytes", pty=shell.pty, bytes="y")
    person.press(terminal)
    start = world.tool.mark()
    submitter = mutt_sends(tui)
    told = world.tool.wait_record(start, op=OP["HANDOVER"], pid=submitter.pid)
    assert told["reason"] == REASON["PERSON"] and told["asker"] == tui.pid and not told["denied"], told
    record = world.try_to_send(submitter, "AGAIN")
    assert record["asker"] == tui.pid, record
    world.try_to_send(submitter, "SPENT")
    reply = mutt_sends(tui, expect=False)
    assert reply
    world.tool.wait_record(start, op=OP["HANDOVER"], denied=1, asker=tui.pid)


def test_submitter_takes_its_time():
    """It reads the mail and asks for an address before it connects: then only the attempt begins."""
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    with world.setting(attempt=NO_TIME):
        person.press(mailer)
        submitter = mailer.spawn("submitter")
        world.try_to_send(submitter, "AGAIN", addr=REFUSED6, ends="ECONNREFUSED")
        world.try_to_send(submitter, "USED")
        person.press(mailer)
        start = world.tool.mark()
        slow = mailer.spawn("submitter")
        assert world.tool.wait_record(start, op=OP["HANDOVER"], pid=slow.pid)["reason"] == REASON["PERSON"]
        late = mailer.spawn("submitter", expect=False)
        assert late["r"] == "OK" and world.tool.wait_record(start, op=OP["HANDOVER"], reason=REASON["USED"])["denied"]
    with world.setting(window=3 * SECOND, compose=SECOND // 100, attempt=SECOND // 100):
        person.press(mailer)
        submitter = mailer.spawn("submitter")
        world.wait_reason(submitter, "GESTURE")


def test_mailer_with_submitter():
    """A mailer with windows that hands over to sendmail(1)."""
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer.spawn("submitter", how="vfork"), "AGAIN")


def test_allowed_once():
    bot = world.person().desktop.spawn("bot")
    world.tool.must(f"once {bot.pid}")
    with world.leaks(1):
        world.try_to_send(bot, "ONCE")
        world.try_to_send(bot, "PROGRAM")


def test_gate_opened():
    bot = world.start("bot")
    world.tool.must("open 60")
    world.try_to_send(bot, "OPEN")
    world.tool.must("open 0")
    world.try_to_send(bot, "PROGRAM")


def test_learning_refuses_nothing():
    person = world.person()
    bot, mailer = person.desktop.spawn("bot"), person.desktop.spawn("mailer")
    world.tool.must("learn")
    with world.leaks(3):
        record = world.try_to_send(bot, "PROGRAM", denied=False)
        assert record["learn"] == 1, record
        world.try_to_send(mailer, "GESTURE", denied=False)
        person.press(mailer)
        assert not world.try_to_send(mailer, "PERSON")["denied"]
    world.tool.must("off")
    start = world.tool.mark()
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "OK"
    assert not world.tool.records(start, pid=bot.pid), "off is off"
    world.tool.must("shut")


# --- declared senders ---

def test_declared_by_program_and_user():
    world.program("sender", KIND["sender"], sender=7, uid=2000)
    sender = world.start("sender", uid=2000)
    record = world.try_to_send(sender, "SENDER")
    assert record["sender"] == 7, record
    ends = sender.ok("many", threads=4, count=40, addr=SERVER4, port=25)["ends"]
    assert ends == {"OK": 40}, ends
    world.try_to_send(world.start("sender", uid=2001), "PROGRAM")
    world.program("sender", KIND["sender"], sender=8)
    assert world.try_to_send(world.start("sender", uid=2001), "SENDER")["sender"] == 8


def test_declared_by_control_group():
    paths = ["mail.service", "user.slice", "user.slice/mail.service", "user.slice/" + os.path.basename(world.cgroup),
             f"user.slice/{os.path.basename(world.cgroup)}/mail.service", "mail.service/inner", "mail.service2"]
    for path in paths:
        os.makedirs(f"{world.cgroup}/{path}", exist_ok=True)
    # As the kernel sees it from the root, not as /proc of a control group namespace may.
    world.tool.must(f"unit 3 /{world.cgroup_name}/mail.service")
    for path, reason in zip(paths, ("SENDER", "PROGRAM", "PROGRAM", "PROGRAM", "PROGRAM", "SENDER", "PROGRAM")):
        record = world.try_to_send(world.start("bot", cgroup=f"{world.cgroup}/{path}"), reason)
        assert record["sender"] == (3 if reason == "SENDER" else 0), record


def test_deep_control_group():
    """Deeper than is looked at: refused, also beneath a declared one."""
    path = f"{world.cgroup}/mail.service" + "/d" * 12
    os.makedirs(path)
    world.tool.must(f"unit 3 /{world.cgroup_name}/mail.service")
    world.try_to_send(world.start("bot", cgroup=path), "PROGRAM")


def main():
    global world
    world = World(sys.argv[1])
    gate.main(__name__)


if __name__ == "__main__":
    main()
