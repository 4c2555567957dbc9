#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's mail without a gate: each mail program, driven by hand, delivers one, and the peer counts its SYNs.

What the tests of the gate build on: where a mail does not even leave an open machine, no gate was to blame."""
# packages: thunderbird sylpheed mutt msmtp vim-tiny

import os
import sys
import time

import mailers
import person

PORT = 587


def one(name, make, peer, sink):
    """Returns whether it arrived; says how long it took."""
    subject, before, began = f"from {name}", peer.syns(PORT), time.monotonic()
    try:
        mail = make().write(subject)
        written = time.monotonic()
        mail.send()
        arrived = sink.wait(subject, 180)
    except person.Failed as failure:
        print(f"mail: {name}: {failure}; screen: {person.Hand().screen('person_mail_' + name.replace(' ', '_'))}", flush=True)
        return False
    print(f"mail: {name}: started and written in {written - began:.1f} s, arrived in {time.monotonic() - written:.1f} s, "
          f"{peer.syns(PORT) - before} SYN over {'IPv6' if ':' in arrived['client'].removeprefix('::ffff:') else 'IPv4'}",
          flush=True)
    if isinstance(mail, mailers.Mutt):
        mail.leave()
    return peer.syns(PORT) > before


def main():
    if "SEKIMORI_VM_PERSON" not in os.environ:
        print("skipped: runs in the test machine only (script/test person)")
        return 77
    peer = person.Peer()
    sink = mailers.Sink(peer, PORT)
    good = one("mutt at the console", lambda: mailers.Mutt(None, peer.V4), peer, sink)
    desktop = person.Desktop()
    if desktop.seconds:
        print(f"mail: X and its session after {desktop.seconds:.1f} s", flush=True)
    for name, make in (("mutt in xterm", lambda: mailers.Mutt(desktop, peer.V6)),
                       ("sylpheed", lambda: mailers.Sylpheed(desktop, peer.V4)),
                       ("thunderbird", lambda: mailers.Thunderbird(desktop, peer.V6)),
                       ("thunderbird again", lambda: mailers.Thunderbird(desktop, peer.V6))):
        good = one(name, make, peer, sink) and good
    sink.close()
    peer.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
