# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate's nftables rules against every way to send that does not need them removed: what arrives is counted by
nftables and seen by a packet socket on the peer's side. Each way is tried three times: to a gated port (nothing may
arrive), to a gated port with the permit's mark, and to another port (which must arrive). With the mark a packet of the IP
layer must arrive, and a frame of a packet socket must not: that one forges it, by a control message even where no
setsockopt() sets it. So frames are sent again without the rules, where all must arrive, or the first says nothing."""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import socket
import struct
import sys

import frames as f
from gate_rules import GATED, MARK, OTHER, apply, counted, ip, nft, world
from lib import HOME4, HOME6, Net, run_tests
from patience import PATIENCE
from wire import call_in_netns

SILENT4, SILENT6 = "10.77.1.32", "fd77:1::20"
SO_MARK = 36
LIES = [0, 3, f.IPV4, f.IPV6, f.ARP, f.TAG, 0x1234]  # what a packet socket may say the protocol is; 0, 3: look yourself


def tolerate(*numbers):
    """A refused packet is an error for the sender at times (EPERM), or its answer is."""
    class Tolerated(contextlib.AbstractContextManager):
        def __exit__(self, _type, e, _traceback):
            return isinstance(e, OSError) and e.errno in (errno.EPERM, errno.EINPROGRESS, errno.ENOBUFS, *numbers)
    return Tolerated()


def marked(s, mark):
    if mark:
        s.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
    return s


def mark_message(mark):
    return [(socket.SOL_SOCKET, SO_MARK, struct.pack("=I", mark))] if mark else []


# --- ways: each takes (port, mark) and sends one packet or one connection attempt ---

def stream(family, target, protocol=0):
    def way(port, mark):
        with marked(socket.socket(family, socket.SOCK_STREAM, protocol), mark) as s, tolerate():
            s.setblocking(False)
            s.connect((target, port))
    return way


def fast_open(family, target):
    def way(port, mark):
        with marked(socket.socket(family, socket.SOCK_STREAM), mark) as s, tolerate():
            s.setblocking(False)
            s.sendto(b"EHLO", 0x20000000, (target, port))  # MSG_FASTOPEN
    return way


def datagram(family, target):
    def way(port, mark):
        with marked(socket.socket(family, socket.SOCK_DGRAM), mark) as s, tolerate():
            s.sendto(b"EHLO", (target, port))
    return way


def raw(family, target, protocol, make):
    def way(port, mark):
        with marked(socket.socket(family, socket.SOCK_RAW, protocol), mark) as s, tolerate():
            s.sendto(make(port), (target, 0))
    return way


def header_included(family, target, make):
    """`make(port)`: the packets, header and all."""
    def way(port, mark):
        with marked(socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW), mark) as s:
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
            for packet in make(port):
                with tolerate():
                    s.sendto(packet, (target, 0))
    return way


def packets4():
    """name -> port -> IPv4 packets, the port in the first of them."""
    def one(protocol, make, **more):
        return lambda port: [f.ipv4(HOME4, SILENT4, protocol, make(port), **more)]

    def in_pieces(port):
        segment = f.tcp(port, b"EHLO x\r\n")
        return [f.ipv4(HOME4, SILENT4, f.TCP, segment[:8], more=True),
                f.ipv4(HOME4, SILENT4, f.TCP, segment[8:], fragment=8)]

    def reset_piece(port):
        return [f.ipv4(HOME4, SILENT4, f.TCP, f.tcp(port, bytes(4), f.RST), more=True)]
    ways = {"tcp": one(f.TCP, f.tcp), "udp": one(f.UDP, f.udp), "sctp": one(f.SCTP, f.sctp), "dccp": one(f.DCCP, f.dccp),
            "udplite": one(f.UDPLITE, f.udp), "tiny fragments": in_pieces, "a fragment with RST": reset_piece}
    ways |= {f"{n} words of options": one(f.TCP, f.tcp, options=n) for n in range(1, 11)}
    return ways


def packets6():
    def one(*headers, protocol=f.TCP, make=f.tcp):
        return lambda port: [f.ipv6(HOME6, SILENT6, protocol, make(port), headers)]

    def in_pieces(port):
        return [f.ipv6(HOME6, SILENT6, f.TCP, f.tcp(port)[:8], [(f.FRAGMENT, f.fragment_header(0, True))]),
                f.ipv6(HOME6, SILENT6, f.TCP, f.tcp(port)[8:], [(f.FRAGMENT, f.fragment_header(8, False))])]
    return {"tcp": one(), "udp": one(protocol=f.UDP, make=f.udp), "sctp": one(protocol=f.SCTP, make=f.sctp),
            "dccp": one(protocol=f.DCCP, make=f.dccp), "hop by hop": one((f.HOP_BY_HOP, b"")),
            "destination options": one((f.DESTINATION, b"")), "fragment": one((f.FRAGMENT, f.fragment_header(0, False))),
            "tiny fragments": in_pieces}


def hidden6():
    """The same where the port is out of a first look's reach, so that other ports need the mark as well: (name, port ->
    packets, whether the IP layer still reads them)."""
    def one(*headers):
        return lambda port: [f.ipv6(HOME6, SILENT6, f.TCP, f.tcp(port), headers)]

    def cut(port):
        body = struct.pack("!BB", f.TCP, 0) + f.padding(6) + f.tcp(port)
        return [f.ipv6(HOME6, SILENT6, f.DESTINATION, body[:8], [(f.FRAGMENT, f.fragment_header(0, True))]),
                f.ipv6(HOME6, SILENT6, f.DESTINATION, body[8:], [(f.FRAGMENT, f.fragment_header(8, False))])]

    def cut_within(port):
        body = struct.pack("!BB", f.TCP, 2) + f.padding(22) + f.tcp(port)
        return [f.ipv6(HOME6, SILENT6, f.DESTINATION, body[:8], [(f.FRAGMENT, f.fragment_header(0, True))]),
                f.ipv6(HOME6, SILENT6, f.DESTINATION, body[8:], [(f.FRAGMENT, f.fragment_header(8, False))])]
    return [("long destination options", one((f.DESTINATION, f.padding(100))), True),
            ("several headers", one((f.HOP_BY_HOP, b""), (f.DESTINATION, b""), (f.ROUTING, bytes(6)), (f.DESTINATION, b"")),
             True),
            ("headers before a fragment", one((f.DESTINATION, b""), (f.FRAGMENT, f.fragment_header(0, False))), True),
            ("cut before the port", cut, False), ("cut within a header", cut_within, False)]


def try_way(peer, name, way, others_pass=True, first_only=False):
    """Three times. `first_only`: of a gated packet's fragments those without a port may arrive."""
    way(GATED, 0)
    leaked = peer.arrived()
    if first_only:
        leaked = [frame for frame in leaked if struct.pack("!HH", 40000, GATED) in frame]
    assert not leaked, f"{name}: arrived at a gated port: {leaked[0].hex()}"
    way(GATED, MARK)
    assert peer.arrived(), f"{name}: does not pass with the mark, so that it tells nothing"
    way(OTHER, 0)
    assert bool(peer.arrived()) == others_pass, f"{name}: another port {'is' if others_pass else 'is not'} refused"


def ip_ways():
    four, six = socket.AF_INET, socket.AF_INET6
    ways = {"TCP": stream(four, SILENT4), "TCP over IPv6": stream(six, SILENT6),
            "TCP, v4-mapped": stream(six, "::ffff:" + SILENT4), "fast open": fast_open(four, SILENT4),
            "UDP": datagram(four, SILENT4), "UDP over IPv6": datagram(six, SILENT6),
            "raw TCP": raw(four, SILENT4, f.TCP, f.tcp), "raw TCP over IPv6": raw(six, SILENT6, f.TCP, f.tcp),
            "raw SCTP": raw(four, SILENT4, f.SCTP, f.sctp), "raw DCCP": raw(four, SILENT4, f.DCCP, f.dccp)}
    with contextlib.suppress(OSError):
        socket.socket(four, socket.SOCK_STREAM, 262).close()
        ways["MPTCP"] = stream(four, SILENT4, 262)
    ways |= {f"with own header: {name}": header_included(four, SILENT4, make) for name, make in packets4().items()}
    ways |= {f"with own header, IPv6: {name}": header_included(six, SILENT6, make) for name, make in packets6().items()}
    return ways


def try_sockets(net, peer):
    ways = ip_ways()
    for name, way in ways.items():
        call_in_netns(net.path("home"), lambda way=way, name=name: try_way(peer, name, way, first_only="fragment" in name))
    for name, make, readable in hidden6():
        way = header_included(socket.AF_INET6, SILENT6, make)
        call_in_netns(net.path("home"), lambda: try_way(peer, name, way, first_only=True)
                      if readable else try_way_unreadable(peer, name, way))
    return len(ways) + len(hidden6())


def test_sockets():
    with world() as (net, peer):
        n = try_sockets(net, peer)
        passed = counted(net)["gated"]
        assert passed >= len(ip_ways()), passed
        print(f"# {n} ways; with the mark {passed} packets arrived, without it none", flush=True)


def test_sockets_without_egress_hook():
    """What is left on an older kernel: the inet table alone."""
    with world() as (net, peer):
        nft(net, "delete table netdev sekimori_gate")
        try_sockets(net, peer)


def try_way_unreadable(peer, name, way):
    """Its first fragment has no port in it, so no first fragment may arrive without the mark, and the rest is nothing."""
    def firsts():
        return [frame for frame in peer.arrived() if frame[54:58] == struct.pack("!BBH", f.DESTINATION, 0, 1)]
    way(GATED, 0)
    assert not firsts(), f"{name}: its first fragment arrived"
    way(GATED, MARK)
    assert firsts(), f"{name}: does not pass with the mark, so that it tells nothing"


def test_resets_and_loopback_pass():
    with world() as (net, peer):
        for make in (lambda: f.ipv4(HOME4, SILENT4, f.TCP, f.tcp(GATED, flags=f.RST)),
                     lambda: f.ipv6(HOME6, SILENT6, f.TCP, f.tcp(GATED, flags=f.RST))):
            packet = make()
            family, target = (socket.AF_INET, SILENT4) if packet[0] >> 4 == 4 else (socket.AF_INET6, SILENT6)
            call_in_netns(net.path("home"), lambda: header_included(family, target, lambda _: [packet])(0, 0))
            assert len(peer.arrived()) == 1, "a reset is refused"
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, HOME4)):
            def local():
                with socket.create_server((host, GATED), family=family):
                    socket.create_connection((host, GATED), timeout=PATIENCE).close()
            call_in_netns(net.path("home"), local)


def frames_of(macs):
    """(name, port -> frames, whether other ports pass)"""
    truth = {4: f.IPV4, 6: f.IPV6}
    ways = []
    packets = [(4, name, make, True) for name, make in packets4().items()]
    packets += [(6, name, make, True) for name, make in packets6().items()]
    packets += [(6, name, make, None) for name, make, readable in hidden6() if readable]
    tag_sets = {"": (), "tagged, ": [(f.TAG, 5)], "tagged like IPv4, ": [(f.TAG, 0x4505)], "tagged like IPv6, ": [(f.TAG, 0x6000)],
                "service tag, ": [(f.SERVICE_TAG, 0x6000)], "tagged twice, ": [(f.SERVICE_TAG, 5), (f.TAG, 7)],
                "tagged twice like IPv6, ": [(f.SERVICE_TAG, 5), (f.TAG, 0x6000)],
                "tagged three times, ": [(f.TAG, 1), (f.TAG, 2), (f.TAG, 3)]}
    for (version, name, make, passes), (how, tags) in itertools.product(packets, tag_sets.items()):
        def build(port, version=version, make=make, tags=tags):
            return [f.ethernet(*macs, truth[version], packet, tags) for packet in make(port)]
        if len(tags) > 2 or (passes is None and tags):
            passes = False
        ways.append((f"{how}IPv{version} {name}", build, passes))
    return ways


def send_frames(s, frames, mark=0):
    s.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
    for frame in frames:
        with tolerate(errno.EINVAL):
            s.send(frame)


def try_frames(net, peer, senders):
    """All frames by all senders, then without the rules. Returns how many tries, and how many of the harmless ones were
    refused because the sender lied."""
    tries = refused = 0
    gated, other = (struct.pack("!HH", 40000, port) for port in (GATED, OTHER))
    for (how, sender), lie in itertools.product(senders, LIES):
        with contextlib.closing(sender(lie)) as s:
            for name, build, passes in frames_of(peer.macs):
                what = f"{name}, by {how}, told as {lie:#06x}"
                tries += 1
                for mark in (0, MARK):
                    send_frames(s, build(GATED), mark)
                    leaked = [frame for frame in peer.arrived() if gated in frame]
                    assert not leaked, f"{what}, mark {mark:#x}: arrived: {leaked[0].hex()}"
                send_frames(s, build(OTHER))
                arrived = any(other in frame for frame in peer.arrived())
                assert arrived or not passes or lie not in (0, 3), f"{what}: another port is refused"
                refused += not arrived and bool(passes)
    nft(net, "delete table netdev sekimori_gate")
    for (how, sender), lie in itertools.product(senders, LIES):
        with contextlib.closing(sender(lie)) as s:
            for name, build, _ in frames_of(peer.macs):
                send_frames(s, build(GATED))
                assert any(gated in frame for frame in peer.arrived()), \
                    f"{name}, by {how}, told as {lie:#06x}: does not arrive without the rules either, so that it tells nothing"
    apply(net)
    return tries, refused


def test_packet_sockets():
    with world() as (net, peer):
        senders = [("a packet socket", lambda lie: f.packet_socket("veth0", socket.SOCK_RAW, lie)),
                   ("a packet socket past the queues", lambda lie: f.packet_socket("veth0", socket.SOCK_RAW, lie, True))]
        tries, refused = call_in_netns(net.path("home"), lambda: try_frames(net, peer, senders))
        print(f"# {tries} frames; {refused} of them to other ports refused because the sender lied", flush=True)


def harmless():
    """name -> EtherType, body: what stands where a port would is a gated one's number, or it is a reset."""
    port = struct.pack("!HH", 40000, GATED)
    reset = f.tcp(GATED, flags=f.RST)
    fragment = (f.FRAGMENT, f.fragment_header(8, True))
    return {"ARP": (f.ARP, bytes(20) + port + bytes(22)), "LLDP": (0x88cc, bytes(20) + port + bytes(22)),
            "a length and no EtherType": (40, bytes(20) + port + bytes(22)),
            "ICMP": (f.IPV4, f.ipv4(HOME4, SILENT4, 1, port + bytes(16))),
            "ICMP behind options": (f.IPV4, f.ipv4(HOME4, SILENT4, 1, port + bytes(16), options=2)),
            "a later fragment": (f.IPV4, f.ipv4(HOME4, SILENT4, f.TCP, port + bytes(16), fragment=8, more=True)),
            "a reset": (f.IPV4, f.ipv4(HOME4, SILENT4, f.TCP, reset)),
            "TCP behind options": (f.IPV4, f.ipv4(HOME4, SILENT4, f.TCP, f.tcp(OTHER), options=3)),
            "ESP over IPv6": (f.IPV6, f.ipv6(HOME6, SILENT6, 50, port + bytes(16))),
            "a later fragment over IPv6": (f.IPV6, f.ipv6(HOME6, SILENT6, f.TCP, port + bytes(16), [fragment])),
            "a reset over IPv6": (f.IPV6, f.ipv6(HOME6, SILENT6, f.TCP, reset)),
            "ESP behind options": (f.IPV6, f.ipv6(HOME6, SILENT6, 50, port + bytes(16), [(f.DESTINATION, b"")])),
            "ESP behind long options": (f.IPV6, f.ipv6(HOME6, SILENT6, 50, port + bytes(16), [(f.DESTINATION, f.padding(60))])),
            "ESP in a fragment": (f.IPV6, f.ipv6(HOME6, SILENT6, 50, port + bytes(16),
                                                 [(f.FRAGMENT, f.fragment_header(0, True))]))}


def test_harmless_frames_pass():
    with world() as (net, peer):
        def send():
            with f.packet_socket("veth0", socket.SOCK_RAW) as s:
                for tags in ((), [(f.TAG, 5)], [(f.SERVICE_TAG, 5), (f.TAG, 7)]):
                    for name, (kind, body) in harmless().items():
                        frame = f.ethernet(*peer.macs, kind, body.ljust(46, b"\0"), tags)
                        s.send(frame)
                        seen = peer.wire.until(peer.mark_end())
                        # The kernel takes the outermost tag off before a packet socket sees the frame.
                        assert any(frame[-30:] == one[-30:] for one in seen), f"{name}, {len(tags)} tags: refused"

        def lie():
            for told in LIES:
                with f.packet_socket("veth0", socket.SOCK_RAW, told) as s:
                    s.send(f.ethernet(*peer.macs, 0x88cc, f.ipv4(HOME4, SILENT4, f.TCP, f.tcp(GATED))))
                    assert peer.wire.until(peer.mark_end()), f"no IP on the wire, told as {told:#06x}: refused"
        call_in_netns(net.path("home"), send)
        call_in_netns(net.path("home"), lie)


def test_transmit_ring():
    with world() as (net, peer):
        senders = [("a transmit ring", lambda lie: f.Ring("veth0", lie)),
                   ("a transmit ring past the queues", lambda lie: f.Ring("veth0", lie, True))]
        tries, _ = call_in_netns(net.path("home"), lambda: try_frames(net, peer, senders))
        print(f"# {tries} frames", flush=True)


def test_cooked_packet_socket():
    """The kernel writes the Ethernet header. The mark comes with each packet, by a control message."""
    with world() as (net, peer):
        def cooked(bypass, port, mark, v6):
            packet = f.ipv6(HOME6, SILENT6, f.TCP, f.tcp(port)) if v6 else f.ipv4(HOME4, SILENT4, f.TCP, f.tcp(port))
            kind = f.IPV6 if v6 else f.IPV4
            with f.packet_socket("veth0", socket.SOCK_DGRAM, kind, bypass) as s, tolerate():
                s.sendmsg([packet], mark_message(mark), 0,
                          ("veth0", kind, 0, 0, bytes.fromhex(peer.macs[0].replace(":", ""))))
            return bool(peer.arrived())
        for bypass, v6 in itertools.product((False, True), repeat=2):
            what = f"cooked, bypass {bypass}, IPv6 {v6}"
            send = lambda port, mark=0: call_in_netns(  # noqa: E731
                net.path("home"), lambda: cooked(bypass, port, mark, v6))
            assert not send(GATED), what
            assert not send(GATED, MARK), f"{what}: the mark in a control message is believed"
            assert send(OTHER) and send(OTHER, MARK), f"{what}: another port is refused"
            nft(net, "delete table netdev sekimori_gate")
            assert send(GATED), f"{what}: does not arrive without the rules either, so that this tells nothing"
            apply(net)


def test_forged_mark_is_counted():
    """By itself, apart from what has no mark."""
    def counted_at_home(net):
        return {o["counter"]["name"]: o["counter"]["packets"] for o in json.loads(
            net.run("home", ["nft", "-j", "list", "counters", "table", "netdev", "sekimori_gate"]).stdout)["nftables"]
            if "counter" in o}
    with world() as (net, peer):
        def send(mark):
            with f.packet_socket("veth0", socket.SOCK_RAW) as s, tolerate():
                s.sendmsg([f.ethernet(*peer.macs, f.IPV4, f.ipv4(HOME4, SILENT4, f.TCP, f.tcp(GATED)))], mark_message(mark))
        for mark in (0, MARK, MARK | 1):
            call_in_netns(net.path("home"), lambda: send(mark))
        assert counted_at_home(net) == {"egress_refused": 1, "egress_forged": 2}, counted_at_home(net)
        assert not peer.arrived()


def open_tun():
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
    return tun


def test_no_link_layer():
    """A tun device: whoever reads it gets the packet as it was sent, whatever its protocol was said to be."""
    with Net() as net:
        if not os.path.exists("/dev/net/tun"):
            return "no /dev/net/tun"
        tun = call_in_netns(net.path("home"), open_tun)
        try:
            ip(net, "home", "link set tun0 up")
            apply(net)

            def arrived():
                packets = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        packets.append(os.read(tun, 4096))
                return [p for p in packets if b"\x9c\x40" in p]  # source port 40000
            controls = []
            for lie in LIES:
                s = call_in_netns(net.path("home"), lambda lie=lie: f.packet_socket("tun0", socket.SOCK_RAW, lie))
                for version, (name, make) in [*((4, p) for p in packets4().items()), *((6, p) for p in packets6().items())]:
                    def send(port, mark):
                        send_frames(s, make(port), mark)
                        return arrived()
                    what = f"IPv{version} {name} told as {lie:#06x}"
                    assert not send(GATED, 0), f"{what}: arrived"
                    assert not send(GATED, MARK), f"{what}: arrived with a forged mark"
                    assert send(OTHER, 0) or lie not in (f.IPV4, f.IPV6), f"{what}: another port is refused"
                    controls.append((s, make, what))
            nft(net, "delete table netdev sekimori_gate")
            for s, make, what in controls:
                send_frames(s, make(GATED))
                assert arrived(), f"{what}: does not arrive without the rules either, so that it tells nothing"
        finally:
            os.close(tun)
    return None


if __name__ == "__main__":
    f.stay_on_one_processor()
    run_tests(sys.modules[__name__])
