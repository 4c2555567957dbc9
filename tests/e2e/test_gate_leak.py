# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways out past the mail gate's kernel half: no SYN to a gated port leaves by any of them, and by each of them one does leave
while the gate only learns. Usage: test_gate_leak.py GATE_TOOL [TEST...]"""

import os
import socket
import sys

import gate
from gate import GATED, MAPPED, OP, SERVER4, SERVER6, World
from lib import HOME4, HOME6

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MARK = 1 << 27
world = None

# name, what the actor does; all of it by root, who may the most
CONNECTIONS = [
    ("IPv4", {"addr": SERVER4}),
    ("IPv6", {"addr": SERVER6}),
    ("v4-mapped", {"addr": MAPPED}),
    ("fast open", {"addr": SERVER4, "kind": "fastopen"}),
    ("fast open, IPv6", {"addr": SERVER6, "kind": "fastopen"}),
    ("fast open by connect", {"addr": SERVER4, "kind": "tfo_connect"}),
    ("MPTCP", {"addr": SERVER4, "kind": "mptcp"}),
    ("MPTCP, IPv6", {"addr": SERVER6, "kind": "mptcp"}),
    ("io_uring", {"addr": SERVER4, "kind": "io_uring"}),
    ("io_uring, IPv6", {"addr": SERVER6, "kind": "io_uring"}),
]
PACKETS = [
    ("raw", {"how": "raw", "src": HOME4, "dst": SERVER4}),
    ("raw, forged source", {"how": "raw", "src": "10.77.1.9", "dst": SERVER4}),
    ("raw, IPv4 options", {"how": "raw", "src": HOME4, "dst": SERVER4, "extension": True}),
    ("raw, kernel's header", {"how": "plain", "src": HOME4, "dst": SERVER4}),
    ("raw, IPv6", {"how": "raw", "src": HOME6, "dst": SERVER6}),
    ("raw, IPv6 extension", {"how": "raw", "src": HOME6, "dst": SERVER6, "extension": True}),
    ("raw, IPv6, kernel's header", {"how": "plain", "src": HOME6, "dst": SERVER6}),
    ("raw, mark in a control message", {"how": "raw", "src": HOME4, "dst": SERVER4, "mark_by": "message", "mark": MARK}),
]
NOT_HERE = ("EPROTONOSUPPORT", "ENOPROTOOPT", "ENOSYS", "EAFNOSUPPORT")


def each_way(ways, act):
    """While learning, a SYN leaves by each way and for each port; shut, by none. act(o, port) says how it ended. Returns the
    ways of this machine."""
    world.tool.must("learn")
    there, before = [], world.counted()
    for name, o in ways:
        for port in GATED:
            r = act(o, port)
            after = world.counted()
            if after == before and (r in NOT_HERE or (o.get("kind") == "io_uring" and r == "EPERM")):
                print(f"# {name}: not on this machine ({r})")
                break
            assert after > before, f"{name} port {port}: no SYN even while learning ({r})"
            before = after
        else:
            there.append((name, o))
    world.tool.must("shut")
    with world.leaks():
        ends = {(name, port): act(o, port) for name, o in there for port in GATED}
    return ends


def test_connections():
    bot = world.start("bot")
    ends = each_way(CONNECTIONS, lambda o, port: bot.do("connect", port=port, **o)["r"])
    assert len(ends) >= 18 and set(ends.values()) == {"EPERM"}, ends


def test_packets():
    bot = world.start("bot")
    each_way(PACKETS, lambda o, port: bot.ok("raw", port=port, **o)["r"])
    world.tool.must("learn")
    with world.leaks(1, "any"):
        bot.ok("raw", how="fragments", src=HOME4, dst=SERVER4, port=25)
    world.tool.must("shut")
    with world.leaks(0, "any"):
        bot.ok("raw", how="fragments", src=HOME4, dst=SERVER4, port=25)
    with world.leaks(0, "any"):
        assert bot.do("raw", how="raw", src=HOME4, dst=SERVER4, port=25, mark_by="option", mark=MARK)["r"] == "EPERM"


def test_packet_socket():
    """Not stopped by the kernel half alone: a packet socket's frames pass no control group. The firewall's netdev chain
    (gate_rules) is what drops them."""
    bot = world.start("bot")
    with world.leaks(1):
        bot.ok("raw", how="packet", src=HOME4, dst=SERVER4, port=25)


def test_person_passes_by_each_way():
    """What is let through is not refused again on its way out."""
    person = world.person()
    for name, o in CONNECTIONS:
        mailer = person.desktop.spawn("mailer")
        person.press(mailer)
        reply = mailer.do("connect", port=25, **o)
        assert reply["r"] == "OK" or reply["r"] in NOT_HERE, f"{name}: {reply}"


def test_other_namespaces():
    """A bot in a network namespace of its own; one in a container; one that enters another namespace."""
    inside = world.start("bot", side="third")
    world.tool.must("learn")
    with world.leaks(1):
        inside.ok("connect", addr=SERVER4, port=25)
    world.tool.must("shut")
    with world.leaks():
        world.try_to_send(inside, "PROGRAM")
        inside.ok("unshare", flags=CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID)
        container = inside.spawn("bot")
        world.try_to_send(container, "PROGRAM")
        assert container.do("raw", how="raw", src="10.78.1.1", dst=SERVER4, port=25)["r"] == "OK"
        user = world.start("bot", uid=gate.USER, side="third")
        if user.do("unshare", flags=CLONE_NEWUSER)["r"] == "OK":
            world.try_to_send(user, "PROGRAM")
        mover = world.start("bot")
        mover.ok("enter", path=world.net.path("third"))
        world.try_to_send(mover, "PROGRAM")
        empty = world.start("bot")
        empty.ok("unshare", flags=CLONE_NEWNET)
        assert empty.do("connect", addr=SERVER4, port=25)["r"] in ("EPERM", "ENETUNREACH")


def test_person_in_a_container():
    """Namespaces alone take nothing from a person."""
    person = world.person(uid=0)
    shell = person.terminal()[1]
    shell.ok("unshare", flags=CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWCGROUP)
    mailer = shell.spawn("mailer")
    person.press(mailer)
    world.try_to_send(mailer, "PERSON")


def test_root_without_capabilities():
    bot = world.start("bot")
    bot.ok("drop_capabilities")
    with world.leaks():
        world.try_to_send(bot, "PROGRAM")
        assert bot.do("raw", how="raw", src=HOME4, dst=SERVER4, port=25)["r"] == "EPERM"
        assert bot.do("join_cgroup", path=os.path.dirname(world.cgroup))["r"] in ("OK", "EACCES", "EPERM")


def test_permit_mark():
    """Nobody else sets the bit that the firewall believes."""
    bot = world.start("bot")
    bot.ok("make_socket", addr=SERVER4, **{"as": "s"})
    start = world.tool.mark()
    for value in (MARK, 0xffffffff - (1 << 32), MARK | 1):
        assert bot.do("mark", socket="s", mark=value)["r"] == "EPERM", hex(value)
    record = world.tool.wait_record(start, op=OP["MARK"], pid=bot.pid)
    assert record["denied"], record
    for value in (0, 1, MARK << 1, MARK >> 1):
        bot.ok("mark", socket="s", mark=value)
    with world.leaks():
        world.try_to_send(bot, "PROGRAM", socket="s")
    world.tool.must("learn")
    bot.ok("mark", socket="s", mark=MARK)
    world.tool.must("shut")
    with world.leaks():
        assert bot.do("connect", addr=SERVER4, port=25, socket="s")["r"] == "EPERM", "a mark from before opens nothing"


def test_connections_from_before():
    """What was open before the gate was shut: a bot's says nothing more, a person's goes on."""
    person = world.person()
    bot, mailer = person.desktop.spawn("bot"), person.desktop.spawn("mailer")
    world.tool.must("learn")
    person.press(mailer)
    bot.ok("connect", addr=SERVER4, port=587, keep="old")
    world.try_to_send(mailer, "PERSON", port=587, keep="old")
    world.tool.must("shut")
    seen = len(world.server.received)
    with world.leaks(0, "any"):
        bot.ok("send", socket="old", data="MAIL FROM:<bot>\r\n")
    mailer.ok("send", socket="old", data="MAIL FROM:<person>\r\n")
    gate.wait_for(lambda: len(world.server.received) > seen, "the person's mail")
    assert all(b"bot" not in data for _, data in world.server.received[seen:])


def test_sockets_of_others_do_not_matter():
    """A connection from a gated port to us is answered; ours to others' free ports too."""
    bot = world.start("bot")
    port = bot.ok("listen", addr=HOME4, port=8025, **{"as": "l"})["port"]
    client = world.net.socket("outside", socket.AF_INET, socket.SOCK_STREAM)
    with client:
        client.settimeout(5)
        client.connect((HOME4, port))
        bot.ok("accept", socket="l", **{"as": "c"})
        bot.ok("send", socket="c", data="220 hello")
        assert client.recv(100) == b"220 hello"


def main():
    global world
    world = World(sys.argv[1], third=True)
    gate.main(__name__)


if __name__ == "__main__":
    main()
