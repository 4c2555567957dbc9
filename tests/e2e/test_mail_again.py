# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays that are asked about again, with a resolver and probes in network namespaces: an address that has changed hands, whose
new owner is accused of nothing; and one probe of an address a day, also when the run is killed in its middle."""

import contextlib
import json
import os
import signal
import sqlite3
import sys
import tempfile
import time

import lib
import test_relays as relays
from patience import PATIENCE
from test_relays import MUTE, SILENT, Unbound, Wire, world
from test_relays_cli import BOT, mail, write

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ""
OWNED = "\n    local-data-ptr: \"61.48.20.1 mail.example.com\"\n    local-data: \"mail.example.com A 61.48.20.1\"\n"


def sekimori(net, *args, status=0):
    done = net.run("home", [PROGRAM, *args, "--json"], timeout=PATIENCE)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def pass_time(store, hours):
    with contextlib.closing(sqlite3.connect(f"{store}/sekimori.db")) as db:
        for table in ("relay", "probe"):
            db.execute(f"UPDATE {table} SET time = time - ?", (hours * 3600 * 10**9,))
        db.commit()


def new_owner(text):
    """The zones of another day: the address has another name, and is on no list."""
    lines = [line for line in text.splitlines() if "61-48-20-1" not in line and "\"1.20.48.61" not in line]
    return "\n".join(lines) + OWNED


def test_moved():
    if relays.need_unbound():
        return relays.need_unbound()
    with world() as net, tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/a")
        os.mkdir(f"{folder}/b")
        store = ["--store", f"{folder}/store", "--config", write(folder, "c.yaml", "")]
        ask = ["--resolver", lib.OUTSIDE4, "--list", "zen.spamhaus.org", *store]
        first = Unbound(net, f"{folder}/a")
        got = sekimori(net, "mail", *ask, "--spam", write(folder, "m", mail(BOT)), write(folder, "n", mail("61.48.20.3")))
        assert got[0]["class"] == "direct_bot" and got[0]["rdns"] == "dsl-61-48-20-1.pool.test", got
        assert sekimori(net, "why", BOT, *store)[0]["verdict"]["level"] == "suspect"
        assert sekimori(net, "mail", "--again", *ask)[-1]["asked_again"] == 0
        pass_time(f"{folder}/store", 7)

        # The same owner still: it is asked about, stays accused, and did not move.
        got = {line["relay"]: line for line in sekimori(net, "mail", "--again", *ask) if line["event_type"] == "relay_again"}
        assert set(got) == {BOT, "61.48.20.3"}, got
        assert (got[BOT]["inquiry"], got[BOT]["moved"]) == (2, False), got
        assert sekimori(net, "why", BOT, *store)[0]["verdict"]["level"] == "suspect"
        os.kill(first.proc.pid, signal.SIGKILL)
        first.proc.wait_end(10)

        text, relays.UNBOUND = relays.UNBOUND, new_owner(relays.UNBOUND)
        try:
            Unbound(net, f"{folder}/b")
        finally:
            relays.UNBOUND = text
        pass_time(f"{folder}/store", 24)
        got = {line["relay"]: line for line in sekimori(net, "mail", "--again", *ask) if line["event_type"] == "relay_again"}
        assert got[BOT]["moved"] and got[BOT]["rdns"] == "mail.example.com" and got[BOT]["inquiry"] == 3, got
        assert got[BOT]["class"] == "unknown" and not got["61.48.20.3"]["moved"], got
        told = sekimori(net, "why", BOT, *store)
        assert told[0]["verdict"]["level"] == "unknown", told[0]["verdict"]
        text = net.run("home", [PROGRAM, "why", BOT, *store], timeout=PATIENCE).stdout
        assert "its reverse name is of another domain" in text, text
        stats = sekimori(net, "mail", "--stats", *store)[0]
        assert (stats["moved"], stats["asked_twice"], stats["inquiries"]) == (1, 2, 6), stats
    return None


def to(wire, address):
    return [p for p in wire.read() if p[0] == address]


def test_killed_probe():
    with world() as net, tempfile.TemporaryDirectory() as folder:
        _mute, _ssh = relays.odd_servers(net)
        wire = Wire(net)
        config = write(folder, "c.yaml", "mail: {probe_spacing: 20ms, probe_network_spacing: 20ms}\n")
        args = ["mail", "--resolver", SILENT, "--config", config, "--probe", "--allow", "61.48.0.0/16", "--store", f"{folder}/store"]
        log, box = f"{folder}/log", write(folder, "m", mail(MUTE))
        proc = net.popen("home", [PROGRAM, *args, "--probe-log", log, box, "--json"])
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not (os.path.exists(log) and "connected" in open(log, encoding="utf-8").read()):
            proc._read(0.05)
        os.kill(proc.pid, signal.SIGKILL)
        proc.wait_end(10)
        assert to(wire, MUTE), "the test must kill within a probe"
        wire.packets.clear()

        # The mail was not judged, and is now; its relay was probed, and is not again.
        got = sekimori(net, *args, box)
        assert got[-1]["kept"] == 1 and got[-1]["judged_before"] == 0 and got[-1]["probed"] == 0, got[-1]
        got = sekimori(net, *args, write(folder, "n", mail(MUTE)))
        assert got[-1]["kept"] == 1 and got[-1]["probed"] == 0, got[-1]
        assert to(wire, MUTE) == [], wire.packets
        pass_time(f"{folder}/store", 25)
        plan = sekimori(net, *args, "--plan", write(folder, "o", mail(MUTE)))
        assert any("one connection to port 25" in line.get("text", "") for line in plan), plan
        wire.close()


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
