# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail gate does what was ordered, for as long as that was ordered, and nothing else: opened for a time, declared while it
learns, with a configuration that was read again; and what root writes past the orders is no order. Usage: test_gate_order.py
SEKIMORI SIM [TEST...]"""

import concurrent.futures
import fcntl
import json
import os
import shutil
import signal
import subprocess

import gatelib
from daemon import boot_ns, pid_of, silence
from gate import FREE_PORT, SERVER4, USER, wait_for
from gatelib import Machine
from lib import HOME4

m = None


def sends(actor, port=25):
    r = actor.do("connect", addr=SERVER4, port=port)["r"]
    assert r in ("OK", "EPERM"), r
    return r == "OK"


def open_for(span):
    """Until when, as it stands on disk."""
    m.must("gate", "open", "--for", span)
    with open(f"{m.state}/open", encoding="ascii") as f:
        return int(f.read().splitlines()[2])


def ends_in_time(bot, until):
    """It may send until then, and not after. Returns how often it could."""
    tries = 0
    while True:
        before, sent, after = boot_ns(), sends(bot), boot_ns()
        if after < until:
            assert sent, f"shut {(until - after) / 1e9:.3f} s too early"
            tries += 1
        elif before > until:
            assert not sent, f"open {(before - until) / 1e9:.3f} s too long"
            return tries


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_declared_while_learning():
    """The running daemon hears of it, although nothing is pinned; also when there was no folder, or another one is there."""
    bot = m.start("sender", uid=USER)

    def wait_action(d, action):
        start = d.mark()

        def told():
            sends(bot)
            return [r for r in d.find("gate", lambda r: pid_of(r) == bot.pid, start) if r["gate"]["action"] == action]
        wait_for(told, action, every=0.1)
    try:
        with m.running() as d:
            wait_action(d, "would_deny")
            for _ in range(2):
                m.must("gate", "allow", m.exe("sender"))
                wait_action(d, "allowed")
                m.must("gate", "deny", m.exe("sender"))
                wait_action(d, "would_deny")
                m.must("gate", "undo")
                wait_action(d, "allowed")
                shutil.rmtree(m.state)
                wait_action(d, "would_deny")
            assert not os.path.exists(m.folder)
    finally:
        shutil.rmtree(m.state, ignore_errors=True)


def test_open_for_a_time():
    with m.shut(), m.running() as d:
        bot = m.start("bot")
        for wrong in (["gate", "open"], ["gate", "open", "--for", "2d"], ["gate", "open", "--for", "x"]):
            assert m.cli(*wrong).returncode == 2
        assert not sends(bot)
        m.must("gate", "open", "--for", "10m")
        assert sends(bot), "open"
        assert m.status()["mode"] == "open" and "OPEN" in m.must("gate", "status")
        bot.ok("raw", how="raw", src=HOME4, dst=SERVER4, port=25)
        d.wait_said("opened for a time")
        print(f"# could send {ends_in_time(bot, open_for('4s'))} times")
        d.wait_said("shut again: its time is over")
        assert m.status()["mode"] == "shut"
        assert [r for r in m.json("gate", "log") if r["event_type"] == "action" and "open for" in json.dumps(r)]
        m.must("gate", "open", "--for", "1h")
        assert sends(bot)
        m.must("gate", "shut")
        assert not sends(bot), "shut by hand"
        assert not os.path.exists(f"{m.state}/open")


def test_open_lasts_as_ordered():
    """Whatever happens meanwhile: for as long as it was ordered, and not over a restart of the machine."""
    def lose_kernel_half():
        subprocess.run(["umount", "-l", m.folder], check=True)

    def after_restart():
        """What a boot finds: the same files, and nothing in the kernel."""
        path = f"{m.state}/open"
        with open(path, encoding="ascii") as f:
            lines = f.read().splitlines()
        lines[1] = "11111111-2222-3333-4444-555555555555"
        with open(path, "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")
        lose_kernel_half()

    with m.shut():
        bot = m.start("bot")
        m.must("gate", "open", "--for", "10m")
        lose_kernel_half()
        m.must("gate", "load")
        assert sends(bot) and m.status()["mode"] == "open", "the order was forgotten"
        with m.running() as d:
            assert sends(bot)
            keeper, said = m.keeper(), len(d.output())
            kill(keeper)
            m.wait_keeper(but=keeper)
            assert sends(bot) and b"tampering" not in d.output()[said:]
            kill(m.daemon.popen.pid)
            m.daemon.popen.wait()
            m.daemon.log.close()
            m.start_daemon()
            assert sends(bot) and m.status()["mode"] == "open"
        after_restart()
        m.must("gate", "load")
        assert not sends(bot) and m.status()["mode"] == "shut", "a restart opens nothing"
        m.must("gate", "open", "--for", "10m")
        after_restart()
        with m.running():
            assert not sends(bot) and m.status()["mode"] == "shut"
        # It ends in time although nobody of ours runs.
        until = open_for("4s")
        m.must("gate", "load")
        ends_in_time(bot, until)


def test_serial_is_no_order():
    """Root may write the state and raise its serial: what stands on no disk was not ordered."""
    with m.shut(), m.running() as d, gatelib.State(m.folder) as state:
        bot, good = m.start("bot"), state.get()
        assert good["mode"] == 2 and good["port0"] == 25 and not good["open_until"], good
        soon = boot_ns() + 3600 * 10 ** 9
        for change in ({"open_until": soon}, {"mode": 1}, {"port0": 0}, {"mark": 1}, {"window": 1 << 60}, {"handover": 0},
                       {"remote": 1}, {"mode": 0}):
            said = len(d.output())
            state.change(**change)
            d.wait_said("tampering by somebody else: the gate's state", since=said)
            wait_for(lambda: {**state.get(), "serial": 0} == {**good, "serial": 0}, f"{change} to be put back")
            assert not sends(bot), change
        assert [r for r in m.gate_log(op="tamper") if "state" in r["text"]]
        # Also while no keeper looks.
        kill(m.keeper())
        state.change(open_until=soon)
        m.wait_keeper()
        wait_for(lambda: not sends(bot), "it is shut again")


def test_one_list_at_a_time():
    """Whoever is at work on the list of declared senders is waited for, by commands and by the keeper."""
    def hold():
        lock = open(f"{m.state}/lock", "rb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    with m.shut(), m.running(), concurrent.futures.ThreadPoolExecutor() as pool:
        sender, mine = m.exe("sender"), m.start("sender")
        m.must("gate", "allow", sender)
        assert sends(mine)
        with open(f"{m.state}/senders", "rb") as f:
            declared = f.read()
        m.must("gate", "deny", sender)
        assert not sends(mine)
        with hold():  # a command that has written the list, and has not told the kernel yet
            with open(f"{m.state}/.test", "wb") as f:
                f.write(declared)
            os.rename(f"{m.state}/.test", f"{m.state}/senders")
            silence(2.2)  # longer than the keeper takes from one look to the next
            assert not sends(mine), "the keeper is quicker than the command"
        wait_for(lambda: sends(mine), "the keeper to take its turn")
        with hold():
            deny = pool.submit(m.cli, "gate", "deny", sender)
            silence(0.5)
            assert not deny.done() and sends(mine)
        assert deny.result().returncode == 0, deny.result()
        for _ in range(30):
            assert not sends(mine), "an older list was carried out after a newer one"


def test_configuration_read_again():
    """SIGHUP: other ports are gated, in both layers; a wrong configuration changes nothing; what was declared stays."""
    path = f"{m.daemon_folder}/sekimori.yaml"
    with m.shut(), m.running() as d, gatelib.State(m.folder) as state:
        bot, text = m.start("bot"), m.config_text
        keeper = m.keeper()

        def reload(ports, says):
            said = len(d.output())
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace("gate: {", f"gate: {{ports: {ports}, "))
            os.kill(d.popen.pid, signal.SIGHUP)
            d.wait_said(says, since=said)
            return said
        assert sends(bot, port=FREE_PORT)
        said = reload(f"[25, {FREE_PORT}]", "the configuration was read again")
        wait_for(lambda: not sends(bot, port=FREE_PORT), "the new port to be gated")
        wait_for(lambda: sends(bot, port=587), "the old one to be free")
        now = m.wait_keeper(but=keeper)
        wait_for(lambda: f"th dport != {FREE_PORT} accept" in m.ruleset(), "the rules to follow")
        assert not sends(bot, port=25)
        reload("[0]", "not taken")
        assert m.keeper() == now and not sends(bot, port=FREE_PORT)
        said = len(d.output())
        os.kill(d.popen.pid, signal.SIGHUP)  # as a rotation of logs does
        d.wait_said("not taken", since=said)
        assert m.keeper() == now, "nothing changed, and the keeper was started anew"
        reload("[25, 465, 587]", "the configuration was read again")
        wait_for(lambda: not sends(bot, port=587) and sends(bot, port=FREE_PORT), "the ports of before")
        assert state.get()["port1"] == 465
        assert b"tampering" not in d.output()[said:]


def main():
    global m
    m = Machine(*gatelib.arguments())
    gatelib.main(__name__)


if __name__ == "__main__":
    main()
