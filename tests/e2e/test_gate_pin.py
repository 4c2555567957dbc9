# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail gate's kernel half outlives every process of ours: killed, swapped for a newer one under load, killed in the middle
of that, and taken away without a trace; and what it costs, printed. Usage: test_gate_pin.py GATE_TOOL [TEST...]"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

import gate
from gate import FREE_PORT, KIND, REFUSING, SERVER4, SERVER6, World, wait_for
from lib import HOME4
from patience import SLOW

SENDER_USER = 2000
world = None


def declare():
    world.program("sender", KIND["sender"], sender=7, uid=SENDER_USER)
    os.makedirs(f"{world.cgroup}/mail.service", exist_ok=True)
    world.tool.must(f"unit 3 /{world.cgroup_name}/mail.service")


def kill_tool():
    world.tool.popen.kill()
    world.tool.popen.wait()
    world.tool.stop()


def senders():
    return [world.start("sender", uid=SENDER_USER), world.start("bot", cgroup=f"{world.cgroup}/mail.service")]


def all_in_force(bots, declared):
    with world.leaks():
        for bot in bots:
            assert bot.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"
            assert bot.do("connect", addr=SERVER6, port=587)["r"] == "EPERM"
    for sender in declared:
        assert sender.do("connect", addr=SERVER4, port=25)["r"] == "OK"


def test_killed():
    """Nobody of ours lives: bots are refused, declared senders pass, and a mailer that somebody just clicked too."""
    declare()
    person = world.person()
    mailer, bot, before = person.desktop.spawn("mailer"), person.desktop.spawn("bot"), senders()
    person.press(mailer)
    kill_tool()
    all_in_force([bot, world.start("bot")], [*before, *senders()])
    assert mailer.do("connect", addr=SERVER4, port=25)["r"] == "OK", "the gesture was made"
    assert mailer.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"
    late = person.desktop.spawn("mailer")
    assert late.do("connect", addr=SERVER4, port=25)["r"] == "EPERM", "nobody writes gestures any more"
    bot.tell("many", threads=8, count=800, addr=SERVER4, port=25)
    assert bot.answer()["ends"] == {"EPERM": 800}
    world.load()
    assert world.tool.label(late.pid)["session"] == person.slot + 1, "labels went on while nobody lived"
    person.press(late)
    world.try_to_send(late, "PERSON")


def test_swapped_under_load():
    declare()
    person = world.person()
    bots, declared = [world.start("bot") for _ in range(4)], senders()
    with world.leaks():
        for bot in bots:
            bot.ok("loop_start", addr=REFUSING, port=25)
        for sender in declared:
            sender.ok("loop_start", addr=REFUSING, port=FREE_PORT)
        for _ in range(3):
            kill_tool()
            world.load()
            newborn = world.start("bot")
            assert newborn.do("connect", addr=REFUSING, port=25)["r"] == "EPERM"
        refused = [bot.ok("loop_stop")["ends"] for bot in bots]
        assert all(set(ends) == {"EPERM"} and ends["EPERM"] > 10 for ends in refused), refused
        for sender in declared:
            sender.ok("loop_stop")
    for sender in declared:
        sender.ok("loop_start", addr=REFUSING, port=25)
    kill_tool()
    world.load()
    passed = [sender.ok("loop_stop")["ends"] for sender in declared]
    assert all(set(ends) == {"ECONNREFUSED"} for ends in passed), passed
    print(f"# refused while swapping: {[ends['EPERM'] for ends in refused]}, passed: {passed}")
    # Judged once and told once, not by the old and the new.
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    ends = mailer.ok("many", threads=1, count=20, addr=REFUSING, port=25)["ends"]
    assert ends == {"ECONNREFUSED": 4, "EPERM": 16}, ends


def test_killed_while_swapping():
    declare()
    bots, declared = [world.start("bot") for _ in range(2)], senders()
    began = time.monotonic()
    kill_tool()
    world.load()
    whole = time.monotonic() - began
    kill_tool()
    with world.leaks():
        for bot in bots:
            bot.ok("loop_start", addr=REFUSING, port=25)
        for part in range(1, 13):
            p = subprocess.Popen([world.tool_path, world.cgroup, world.folder], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(whole * part / 12)
            p.kill()
            p.wait()
            p.stdin.close()
        for bot in bots:
            assert set(bot.ok("loop_stop")["ends"]) == {"EPERM"}
    all_in_force(bots, declared)
    world.load()
    world.tool.must("check")
    all_in_force([*bots, world.start("bot")], [*declared, *senders()])
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer, "PERSON")


def switch(tool):
    """Another version takes over."""
    kill_tool()
    world.tool_path = tool
    world.load()


def state_size():
    """Bytes of the pinned state: other forms are of other sizes."""
    out = subprocess.run(["bpftool", "-j", "map", "show", "pinned", f"{world.folder}/maps/state"], capture_output=True, check=True)
    return json.loads(out.stdout)["bytes_value"]


def test_other_layout():
    """A version whose maps have another form, and back again, under load: its maps begin empty, and nothing leaves."""
    this, after = world.tool_path, f"{os.path.dirname(world.tool_path)}/gate_tool_next"
    if not os.path.exists(after):
        return "there is no gate_tool_next"
    declare()
    bots, sizes = [world.start("bot") for _ in range(3)] + [world.start("bot", uid=SENDER_USER)], []
    targets = [(SERVER4, 25), (SERVER6, 587), (SERVER4, 465), (SERVER4, 25)]
    try:
        with world.leaks():
            for bot, (addr, port) in zip(bots, targets):
                bot.ok("loop_start", addr=addr, port=port)
            for tool in (after, this, after, this):
                switch(tool)
                sizes.append(state_size() if shutil.which("bpftool") else len(sizes) % 2)
                assert world.tool.do("check") == 0
                newborn = world.start("bot")
                assert newborn.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"
                assert newborn.do("raw", how="raw", src=HOME4, dst=SERVER4, port=25)["r"] == "OK"
            refused = [bot.ok("loop_stop")["ends"] for bot in bots]
        assert all(set(ends) == {"EPERM"} for ends in refused), refused
        assert sizes[0] == sizes[2] != sizes[1] == sizes[3], sizes
        print(f"# refused meanwhile: {[ends['EPERM'] for ends in refused]}")
        for tool in (after, this):
            switch(tool)
            world.tool.must("shut")  # windows and times, as a keeper tells them
            declare()
            all_in_force(bots, senders())
            person = world.person()
            mailer = person.desktop.spawn("mailer")
            person.press(mailer)
            world.try_to_send(mailer, "PERSON")
            world.try_to_send(person.desktop.spawn("bot"), "PROGRAM")
    finally:
        if world.tool_path != this:
            switch(this)
    return None


def test_killed_between_layouts():
    """Whenever the version that takes over is killed: shut, and the next one takes over."""
    this, after = world.tool_path, f"{os.path.dirname(world.tool_path)}/gate_tool_next"
    if not os.path.exists(after):
        return "there is no gate_tool_next"
    began = time.monotonic()
    switch(after)
    whole = time.monotonic() - began
    switch(this)
    kill_tool()
    bots = [world.start("bot") for _ in range(2)]
    try:
        with world.leaks():
            for bot in bots:
                bot.ok("loop_start", addr=REFUSING, port=25)
            for part in range(1, 13):
                tool = (this, after)[part % 2]
                p = subprocess.Popen([tool, world.cgroup, world.folder], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    p.wait(whole * part / 12)
                p.kill()
                p.wait()
                p.stdin.close()
                assert world.start("bot").do("connect", addr=SERVER4, port=25)["r"] == "EPERM", part
            for bot in bots:
                assert set(bot.ok("loop_stop")["ends"]) == {"EPERM"}
    finally:
        world.tool_path = this
        world.load()
    assert world.tool.do("check") == 0
    world.tool.must("shut")
    declare()
    all_in_force([*bots, world.start("bot")], senders())
    return None


def test_missing_link_is_noticed():
    os.unlink(f"{world.folder}/links/gate_connect6")
    assert world.tool.do("check") < 0
    assert world.tool.mark() and world.tool.proc.find(missing="gate_connect6")
    kill_tool()
    world.load()
    world.tool.must("check")
    with world.leaks():
        assert world.start("bot").do("connect", addr=SERVER6, port=25)["r"] == "EPERM"


def bpftool(*args):
    """Numbers of what it shows: a list has one at the beginning of each entry."""
    out = subprocess.run(["bpftool", *args], capture_output=True, text=True, check=False).stdout
    return {int(n) for n in re.findall(r"^(\d+)\b", out, re.M)}


def test_taken_away():
    """Nothing of it is left: links, programs, maps, the control group's programs, the mount."""
    if not shutil.which("bpftool"):
        return "needs the program bpftool"
    words = {"links": "link", "programs": "prog", "maps": "map"}
    ids = {kind: set().union(*(bpftool(word, "show", "pinned", f"{world.folder}/{kind}/{name}")
                               for name in os.listdir(f"{world.folder}/{kind}"))) for kind, word in words.items()}
    assert len(ids["links"]) >= 11 and len(ids["programs"]) >= 15 and len(ids["maps"]) >= 15, ids
    assert bpftool("cgroup", "show", world.cgroup) <= ids["programs"]
    bot = world.start("bot")
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"
    world.tool.stop()
    subprocess.run([world.tool_path, "--unpin", world.folder], check=True)
    assert not os.path.exists(world.folder)
    with open("/proc/self/mounts", encoding="utf-8") as f:
        assert world.folder not in f.read()
    for kind, word in words.items():
        wait_for(lambda k=kind, w=word: not bpftool(w, "show") & ids[k], f"no {kind} of ours")
    assert not bpftool("cgroup", "show", world.cgroup)
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "OK"
    subprocess.run([world.tool_path, "--unpin", world.folder], check=True)  # again: nothing to do
    world.load()
    world.tool.must("shut")
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "EPERM"


def percentile(values, part):
    return sorted(values)[int(len(values) * part)]


def test_what_it_costs():
    """Printed, and held to generous limits only: the machine may be busy or emulated. On and off are interleaved; off is a
    control group without the gate for connections, and no gate at all for fork and exec."""
    declare()
    outside_group = os.path.dirname(world.cgroup)
    sender = world.start("sender", uid=0)
    world.program("sender", KIND["sender"], sender=7)
    took, ratio = {}, {}
    rounds, each, forks = (20, 200, 200) if SLOW <= 1 else (4, 100, 10)
    for _ in range(rounds):
        for on in (False, True):
            sender.ok("join_cgroup", path=world.cgroup if on else outside_group)
            for port in (FREE_PORT, 25):
                took.setdefault((port, on), []).extend(sender.ok("bench_connect", port=port, count=each)["ns"])
            ratio.setdefault(("udp", on), []).append(sender.ok("bench_udp", count=10 * each)["ns"])
    for port, name in ((FREE_PORT, "another port"), (25, "gated port, declared sender")):
        off, on = took[port, False], took[port, True]
        print(f"# connect to {name}: {statistics.median(off) / 1e3:.1f} us without, added "
              f"{(statistics.median(on) - statistics.median(off)) / 1e3:.2f} us median, "
              f"{(percentile(on, .99) - percentile(off, .99)) / 1e3:.2f} us at 99 %")
    person = world.person()
    mailer = person.desktop.spawn("mailer")
    for on in (True, False) * 5:
        if on:
            world.load()
        else:
            world.tool.stop()
            subprocess.run([world.tool_path, "--unpin", world.folder], check=True)
        ratio.setdefault(("fork", on), []).append(mailer.ok("bench_fork", count=forks)["ns"])
    world.load()
    world.tool.must("shut")
    for name, what in (("udp", "sendto of 64 bytes"), ("fork", "fork + exec + wait")):
        on, off = statistics.median(ratio[name, True]), statistics.median(ratio[name, False])
        print(f"# {what}: {off} ns without, {on} ns with, ratio {on / off:.3f}")
    added = statistics.median(took[25, True]) - statistics.median(took[25, False])
    assert added < 1e6 * SLOW, f"{added / 1e3:.0f} us are added to a connection"


def main():
    global world
    world = World(sys.argv[1], folder=True)
    gate.main(__name__)


if __name__ == "__main__":
    main()
