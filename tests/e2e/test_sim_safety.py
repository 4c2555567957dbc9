# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated bot refuses what it must, and the test library leaves nothing behind, however a run ends.
Usage: test_sim_safety.py SEKIMORI-SIM [test_name...]"""

import os
import signal
import socket
import subprocess
import sys

import lib
from lib import LISTENING4, Net
from patience import PATIENCE

PROGRAM = sys.argv[1]
REFUSED = 4
UDP, TCP = socket.IPPROTO_UDP, socket.IPPROTO_TCP


def bot_argv(**changes):
    values = {"server": "10.77.1.2:6667", "shape": "child", "targets": LISTENING4, "ports": "8000", **changes}
    return [PROGRAM, "bot", *(w for k, v in values.items() for w in (f"--{k.replace('_', '-')}", v))]


def check_refused(net, side, argv):
    done = net.run(side, argv)
    assert done.returncode == REFUSED, (argv, done)
    assert "refused" in done.stderr and not done.stdout, (argv, done)


def test_refuses_forbidden_addresses():
    with Net() as net:
        sniffer = net.sniff()
        for targets in ("8.8.8.8", "10.0.0.0/8", "10.76.0.0/16", "10.78.0.0/16", "10.77.0.0/15", "0.0.0.0/0", "::/0",
                        "192.168.1.0/24", "126.0.0.0/7", "2001:db8::/32", "fd76::/15", "fd78::1", "fe80::1", "ff02::1",
                        "224.0.0.1", "255.255.255.255", "::ffff:0:0/96", "::2", f"{LISTENING4},1.1.1.1"):
            check_refused(net, "home", bot_argv(targets=targets))
            check_refused(net, "home", [PROGRAM, "tool", "--order", ".udpflood 1", "--targets", targets, "--ports",
                                        "80"])
        for server in ("8.8.8.8:6667", "[2001:db8::1]:6667", "10.78.0.1:6667"):
            check_refused(net, "home", bot_argv(server=server))
        for source in ("8.8.8.8", "127.0.0.1", "192.168.0.1", "fd78::1"):
            check_refused(net, "home", bot_argv(shape="raw-forge", forge_source=source))
        check_refused(net, "outside", [PROGRAM, "server", "--listen", "0.0.0.0:6667"])
        assert not [p for p in sniffer.read() if p.protocol in (TCP, UDP)], "something was sent all the same"


def test_refuses_the_machines_own_namespace():
    with Net() as net:
        if os.stat("/proc/self/ns/net").st_ino != 0xeffffff9 and \
                not os.path.exists("/proc/sys/net/core/netdev_budget"):
            return "this test runs in a namespace of its own already"
        check_refused(net, None, bot_argv())
        check_refused(net, None, bot_argv(server="127.0.0.1:1"))
        check_refused(net, None, bot_argv(targets="127.0.0.1"))
        check_refused(net, None, [PROGRAM, "server", "--listen", "10.77.1.2:6667"])
        check_refused(net, None, [PROGRAM, "tool", "--order", ".forge 1", "--targets", LISTENING4, "--ports", "80"])
        # Going back there from inside a namespace is no way round.
        check_refused(net, "home", bot_argv(netns=f"/proc/{os.getpid()}/ns/net"))
        # Loopback only is allowed, but not with a forged source.
        assert net.run(None, bot_argv(server="127.0.0.1:1", targets="127.0.0.0/30")).returncode == 1
        forge = net.run(None, [PROGRAM, "tool", "--order", ".forge 1", "--targets", "127.0.0.1", "--ports", "80"])
        assert forge.returncode == 1 and '"attempted":0' in forge.stdout and '"error":-1' in forge.stdout, forge


def test_usage():
    for argv in ([], ["bogus"], ["bot"], ["server"], ["server", "--listen", "x"], ["server", "--listen", "1.2.3.4"],
                 ["bot", "--shape", "none"], ["bot", "--server", "10.77.1.2:99999"], ["bot", "--sleep", "51"],
                 ["bot", "--ports", "9-8"], ["bot", "--targets", ","], ["tool"], ["tool", "--order", "rm -rf"],
                 bot_argv(shape="netns")[1:], [*bot_argv()[1:], "more"]):
        done = subprocess.run([PROGRAM, *argv], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 2 and done.stderr, (argv, done)
    assert "--shape" in subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    shapes = subprocess.run([PROGRAM, "shapes"], capture_output=True, text=True, check=True).stdout.split()
    assert len(shapes) == 19 + ("tls-orders" in shapes) and "io-uring-sqpoll" in shapes


HOLD = "import sys; sys.path.insert(0, sys.argv[1]); import lib; n = lib.Net(); n.popen('home', ['cat']); " \
       "print(n.names['home'], flush=True); sys.stdin.read()"


def hold_a_net():
    child = subprocess.Popen([sys.executable, "-c", HOLD, os.path.dirname(os.path.abspath(__file__))],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    name = child.stdout.readline().strip()
    assert os.path.exists(f"{lib.NETNS_DIR}/{name}"), name
    return child, name


def end(child):
    child.stdin.close()
    child.stdout.close()
    child.wait(timeout=PATIENCE)


def test_nothing_left_behind():
    child, name = hold_a_net()
    end(child)
    assert not os.path.exists(f"{lib.NETNS_DIR}/{name}"), "left after its end"
    child, name = hold_a_net()
    child.terminate()
    child.wait(timeout=PATIENCE)
    end(child)
    assert child.returncode == -signal.SIGTERM and not os.path.exists(f"{lib.NETNS_DIR}/{name}"), "left after SIGTERM"
    child, name = hold_a_net()
    child.kill()
    end(child)
    assert os.path.exists(f"{lib.NETNS_DIR}/{name}"), "this one could not clean up"
    with Net():
        assert not os.path.exists(f"{lib.NETNS_DIR}/{name}"), "left after the next start"


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
