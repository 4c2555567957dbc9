# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate's nftables rules in the namespaces of a test, and what arrives on the other side."""

import contextlib
import itertools
import json
import socket
import sys

import frames as f
from lib import Net, skip
from wire import call_in_netns

TOOL = sys.argv[1]
GATED, OTHER, MARK = 25, 2525, 1 << 27
PORTS = ["25", "465", "587"]
COUNTERS = """
table netdev count {
    counter gated { }
    counter other { }
    chain ingress {
        type filter hook ingress device "veth0" priority 0; policy accept
        meta l4proto { tcp, udp, sctp, dccp, udplite } th dport { 25, 465, 587 } counter name gated
        meta l4proto { tcp, udp, sctp, dccp, udplite } th dport 2525 counter name other
    }
}
"""


def rules(net, *args, side="home"):
    """One call of the library, with CAP_NET_ADMIN alone and no way to more."""
    done = net.run(side, [TOOL, "--bare", *args])
    return json.loads(done.stdout.splitlines()[-1])


def apply(net, *forward, side="home"):
    answer = rules(net, "apply", *PORTS, *forward, side=side)
    assert answer["result"] >= 0, answer
    if answer["result"] == 1:
        skip(f"this kernel has no netdev egress hook: {answer['text']}")


def nft(net, text, side="home"):
    done = net.run(side, ["nft", "-f", "-"], input=text)
    assert done.returncode == 0, done.stderr


def ip(net, side, text):
    done = net.run(side, ["ip", *text.split()])
    assert done.returncode == 0, f"ip {text}: {done.stderr}"


def address(net, side, device="veth0"):
    return json.loads(net.run(side, ["ip", "-j", "link", "show", device]).stdout)[0]["address"]


class Peer:
    """What arrives outside."""

    def __init__(self, net, device="veth0", source=("home", "veth0")):
        self.net = net
        self.wire = call_in_netns(net.path("outside"), lambda: f.Wire(device))
        self.source = call_in_netns(net.path(source[0]), lambda: f.packet_socket(source[1], socket.SOCK_RAW))
        self.number = itertools.count()
        self.macs = address(net, "outside", device), address(net, *source)

    def mark_end(self):
        """Sends a frame that says that nothing more comes; what is in it."""
        token = b"end of try %d." % next(self.number)
        self.source.send(f.ethernet(*self.macs, f.LOCAL_EXPERIMENT, token.ljust(46, b"\0")))
        return token

    def arrived(self):
        """Frames since the last call, without neighbour discovery."""
        return [frame for frame in self.wire.until(self.mark_end())
                if frame[12:14] != b"\x08\x06" and not (frame[12:14] == b"\x86\xdd" and 58 in (frame[20], frame[54]))]

    def close(self):
        self.wire.close()
        self.source.close()


def counted(net):
    done = net.run("outside", ["nft", "-j", "list", "counters"])
    return {o["counter"]["name"]: o["counter"]["packets"]
            for o in json.loads(done.stdout)["nftables"] if "counter" in o}


@contextlib.contextmanager
def world(*forward, sides=("home", "outside")):
    with Net(sides) as net:
        nft(net, COUNTERS, "outside")
        apply(net, *forward)
        with contextlib.closing(Peer(net)) as peer:
            yield net, peer
