# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror port: frames sent into one end of a veth pair, each end in a namespace of its own, and watched at the other. Neither
end has an address, so that no kernel answers or adds anything; what arrives is what was sent."""

import contextlib
import ctypes
import fcntl
import socket
import struct
import time

from lib import Net, _ip, wait_up
from wire import call_in_netns

WATCHED, SENDING = "tap0", "wire0"
SIOCETHTOOL = 0x8946
# linux/ethtool.h: checksums received and sent, scatter-gather, segmentation, and what is joined on arrival.
OFFLOADS = {"rx": 0x15, "tx": 0x17, "sg": 0x19, "tso": 0x1f, "gso": 0x24, "gro": 0x2c}


def _without_offloads(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in OFFLOADS.values():
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            with contextlib.suppress(OSError):  # none of that kind
                fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP16x", device.encode(), ctypes.addressof(value)))


def _no_ipv6():
    for which in ("all", "default"):
        with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "w", encoding="ascii") as f:
            f.write("1")


class Mirror(Net):
    """Namespaces `wire` and `watch`."""

    def __init__(self):
        super().__init__(sides=("wire", "watch"))
        self.sent = 0
        for side in self.names:
            call_in_netns(self.path(side), _no_ipv6)
        self.make()

    def make(self):
        """The pair, also again after remove()."""
        _ip("-n", self.names["watch"], "link", "add", WATCHED, "type", "veth", "peer", "name", SENDING, "netns",
            self.names["wire"])
        for side, device in (("watch", WATCHED), ("wire", SENDING)):
            call_in_netns(self.path(side), lambda: _without_offloads(device))  # noqa: B023
            _ip("-n", self.names[side], "link", "set", device, "up", "mtu", "9000", "arp", "off")
        self._wait_up()
        self.out = call_in_netns(self.path("wire"), lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        self.out.bind((SENDING, 0))

    def remove(self):
        self.out.close()
        _ip("-n", self.names["watch"], "link", "del", WATCHED)

    def set(self, state):
        _ip("-n", self.names["watch"], "link", "set", WATCHED, state)
        if state == "up":
            self._wait_up()

    def _wait_up(self):
        for side, device in (("watch", WATCHED), ("wire", SENDING)):
            wait_up(self.names[side], device)

    @property
    def inside(self):
        """What runs a program where the mirror port is."""
        return ["nsenter", f"--net={self.path('watch')}", "--"]

    def send(self, frames):
        """As fast as it goes."""
        for _, frame in frames:
            self.out.send(frame)
        self.sent += len(frames)

    def replay(self, frames):
        """At the pace at which they were recorded."""
        began, first = time.monotonic(), frames[0][0]
        for at, frame in frames:
            left = began + (at - first) / 1e9 - time.monotonic()
            if left > 0:
                time.sleep(left)
            self.out.send(frame)
        self.sent += len(frames)

    def close(self):
        if hasattr(self, "out"):
            self.out.close()
        super().close()


def packets_of(status):
    """What `status --json` says of the packets of a device."""
    return next((s for s in status["sources"] if s["name"] == "packets"), None) if status else None


def wait_frames(daemon, count):
    """Until the daemon has read or lost that many frames."""
    def enough():
        now = packets_of(daemon.status())
        return now if now and now["frames"] + now["drops"] >= count else None
    return daemon.wait(enough, f"{count} frames have not arrived: {packets_of(daemon.status())}")
