# SPDX-License-Identifier: GPL-3.0-or-later
"""`block` in the kernel half: a process and its descendants are refused all outside traffic, open sockets included; others go
on. Usage: test_gate_block.py GATE_TOOL [TEST...]"""

import contextlib
import socket
import sys
import time

import gate
from gate import FREE_PORT, OP, REASON, SERVER4, SERVER6, World, wait_for
from lib import HOME4, OUTSIDE4
from patience import PATIENCE

INDEX = 3
world = None


class Outside:
    """A TCP and a UDP peer outside, and what they got."""

    def __init__(self):
        self.udp = world.net.socket("outside", socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((OUTSIDE4, 0))
        self.tcp = world.net.socket("outside", socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.bind((OUTSIDE4, 0))
        self.tcp.listen(16)
        self.udp_port, self.tcp_port = self.udp.getsockname()[1], self.tcp.getsockname()[1]

    def connect(self, actor, name):
        """The actor connects; our end."""
        actor.ok("connect", addr=OUTSIDE4, port=self.tcp_port, keep=name)
        self.tcp.settimeout(PATIENCE)
        return self.tcp.accept()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.udp.close()
        self.tcp.close()


def arrives(end, act):
    """Does what the actor sends come out of `end`? One that must come is waited for; one that must not is followed by a
    packet of somebody else's, which overtakes nothing."""
    act()
    end.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        return bool(end.recv(4096))
    return False


@contextlib.contextmanager
def blocked(actor, seconds=60):
    """Everything but `shared` lines of what the tool says meanwhile is dropped."""
    shared = world.tool.lines("shared", f"block {INDEX} {seconds} {actor.pid}")
    try:
        yield shared
    finally:
        world.tool.must(f"block {INDEX} 0 {actor.pid}")


def udp(actor, out, name=None):
    return actor.do("connect", addr=OUTSIDE4, port=out.udp_port, kind="udp", **({"keep": name} if name else {"unconnected": True}))


def test_new_traffic():
    bot, sibling = world.start("bot"), world.start("bot")
    with Outside() as out, blocked(bot):
        start = world.tool.mark()
        for addr in (SERVER4, SERVER6, "::ffff:" + SERVER4):
            for kind in ("tcp", "mptcp", "fastopen", "udp"):
                r = bot.do("connect", addr=addr, port=FREE_PORT, kind=kind)["r"]
                assert r == "EPERM" or (kind == "mptcp" and r in ("EPROTONOSUPPORT", "ENOPROTOOPT")), f"{addr} {kind}: {r}"
        assert udp(bot, out)["r"] == "EPERM"
        record = world.tool.wait_record(start, op=OP["BLOCKED"], pid=bot.pid)
        assert record["denied"] and record["reason"] == REASON["BLOCKED"], record
        assert sibling.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK", "others go on"
        assert arrives(out.udp, lambda: udp(sibling, out))


def test_raw_packets():
    bot = world.start("bot")
    sniffer = world.net.sniff()
    with blocked(bot):
        bot.ok("raw", how="raw", src=HOME4, dst=SERVER4, port=4321)
        bot.ok("raw", how="plain", src=HOME4, dst=SERVER4, port=4321)
    bot.ok("raw", how="raw", src=HOME4, dst=SERVER4, port=4322)
    sniffer.wait(lambda p: p.dport == 4322)
    assert not [p for p in sniffer.packets if p.dport == 4321], "a raw packet of a blocked process left"


def test_open_sockets():
    """Of the process itself, of its child and of a grandchild that forked twice to get away."""
    bot = world.start("bot")
    family = [bot, bot.spawn("bot"), bot.spawn("bot", how="double", setsid=True),
              bot.spawn("bot", how="clone_parent").spawn("bot", how="double")]
    parent = world.start("shell")
    with Outside() as out:
        ends = [(a, out.connect(a, "c")) for a in (*family, parent)]
        for a in family:
            udp(a, out, "u")
        assert all(arrives(end, lambda a=a: a.ok("send", socket="c", data="x")) for a, end in ends)
        assert all(arrives(out.udp, lambda a=a: a.ok("send", socket="u", data="x")) for a in family)
        with blocked(bot):
            for a, end in ends[:-1]:
                assert not arrives(end, lambda a=a: a.ok("send", socket="c", data="blocked")), a.pid
                assert not arrives(out.udp, lambda a=a: a.do("send", socket="u", data="blocked")), a.pid
                assert a.do("connect", addr=OUTSIDE4, port=out.tcp_port)["r"] == "EPERM"
            later = family[1].spawn("bot", how="double")
            assert later.do("connect", addr=OUTSIDE4, port=out.tcp_port)["r"] == "EPERM", "born under the block"
            assert arrives(ends[-1][1], lambda: parent.ok("send", socket="c", data="x")), "the parent goes on"
        for a, end in ends:
            end.settimeout(PATIENCE)
            if a is not parent:
                assert end.recv(100).startswith(b"blocked"), "TCP tells it again after the block"
            end.close()


def test_descendants_of_the_dead():
    """The process between has ended long ago."""
    bot = world.start("bot")
    chain = [bot]
    for _ in range(4):
        chain.append(chain[-1].spawn("bot"))
    for a in chain[1:-1]:
        a.kill()
    with blocked(bot):
        assert chain[-1].do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
    assert chain[-1].do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"


def test_listening_sockets():
    """Nobody gets in any more, and what had come in already gets no answer."""
    bot = world.start("bot")
    port = bot.ok("listen", addr=HOME4, port=0, **{"as": "l"})["port"]
    clients = [world.net.socket("outside", socket.AF_INET, socket.SOCK_STREAM) for _ in range(3)]
    for c in clients[:2]:
        c.settimeout(PATIENCE)
        c.connect((HOME4, port))
    bot.ok("accept", socket="l", **{"as": "accepted"})
    with blocked(bot):
        assert not arrives(clients[0], lambda: bot.ok("send", socket="accepted", data="x")), "accepted before"
        clients[2].settimeout(0.5)
        assert clients[2].connect_ex((HOME4, port)) != 0, "a connection came in"
        # A connection that waits to be accepted is nobody's yet: who blocks looks again now and then.
        bot.ok("accept", socket="l", **{"as": "late"})
        world.tool.must("sockets")
        assert not arrives(clients[1], lambda: bot.ok("send", socket="late", data="x")), "waiting to be accepted"
    for c in clients:
        c.close()


def test_shared_socket():
    """One that somebody else holds too is spared, and that one is named."""
    bot, friend = world.start("bot"), world.start("shell")
    with Outside() as out:
        end = out.connect(friend, "c")
        bot.ok("take_open", at=world.stem)
        bot.tell("take", at="shared", **{"as": "shared"})
        friend.ok("give", socket="c", at=world.stem)
        assert bot.answer()["r"] == "OK"
        with blocked(bot) as shared:
            assert friend.pid in shared, shared
            assert arrives(end, lambda: friend.ok("send", socket="c", data="x"))
        end.close()


def test_socket_given_away():
    """A new one that a blocked process makes and hands on is blocked all the same."""
    bot, friend = world.start("bot"), world.start("shell")
    with Outside() as out, blocked(bot):
        bot.ok("make_socket", addr=OUTSIDE4, **{"as": "s"})
        friend.ok("take_open", at=world.stem)
        friend.tell("take", at="s", **{"as": "s"})
        bot.ok("give", socket="s", at=world.stem)
        assert friend.answer()["r"] == "OK"
        friend.tell("connect", addr=OUTSIDE4, port=out.tcp_port, socket="s", wait=300)
        assert friend.answer()["r"] == "ETIMEDOUT"


def test_loopback_stays():
    bot = world.start("bot")
    port = bot.ok("listen", addr="127.0.0.1", port=0, **{"as": "l"})["port"]
    with blocked(bot):
        for addr in ("127.0.0.1", "::ffff:127.0.0.1"):
            bot.ok("connect", addr=addr, port=port, keep="c")
            bot.ok("accept", socket="l", **{"as": "a"})
            bot.ok("send", socket="a", data="hello")
            assert bot.ok("receive", socket="c")["data"] == "hello"


def test_ends_by_itself():
    bot = world.start("bot")
    with Outside() as out:
        end = out.connect(bot, "c")
        with blocked(bot, seconds=1):
            began = time.monotonic()
            assert bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
            wait_for(lambda: bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK", "the block's end")
            assert time.monotonic() - began > 0.8
            assert arrives(end, lambda: bot.ok("send", socket="c", data="x"))
        end.close()


def test_next_block_in_the_same_place():
    """A place that is used again does not hold those of the time before."""
    first, second = world.start("bot"), world.start("bot")
    with blocked(first):
        pass
    with blocked(second):
        assert first.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"
        assert second.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
        assert first.spawn("bot").do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "OK"


def test_blocked_while_the_gate_is_off():
    bot = world.start("bot")
    world.tool.must("off")
    with blocked(bot):
        assert bot.do("connect", addr=SERVER4, port=FREE_PORT)["r"] == "EPERM"
    assert bot.do("connect", addr=SERVER4, port=25)["r"] == "OK"
    world.tool.must("shut")


def test_packet_socket_of_a_blocked_process():
    """Not stopped by the kernel half alone, as with the gate: the firewall's part."""
    bot = world.start("bot")
    sniffer = world.net.sniff()
    with blocked(bot):
        bot.ok("raw", how="packet", src=HOME4, dst=SERVER4, port=4323)
        sniffer.wait(lambda p: p.dport == 4323)


def main():
    global world
    world = World(sys.argv[1])
    gate.main(__name__)


if __name__ == "__main__":
    main()
