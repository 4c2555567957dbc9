# SPDX-License-Identifier: GPL-3.0-or-later
"""Peer to peer: clients that exchange a file at full speed with several others."""

import os
import subprocess

from table1.lab import UID, tail, wait_for
from table1.row import program

SIZE = 60_000_000


def torrent(lab):
    """A file and its torrent, with the far side's tracker; made once."""
    folder = lab.folder("swarm", user=True)
    with lab.once:
        if not (folder / "a.torrent").exists():
            with open(folder / "file.bin", "wb") as f:
                for _ in range(SIZE // 1_000_000):
                    f.write(os.urandom(1_000_000))
            os.chown(folder / "file.bin", UID, UID)
            subprocess.run(["transmission-create", "-t", "http://v4tracker.test/announce", "-o", folder / "a.torrent",
                            folder / "file.bin"], check=True, capture_output=True, timeout=60)
            (folder / "a.torrent").chmod(0o644)
    return folder / "a.torrent", folder


def aria2(to, number, *more):
    return ["aria2c", "--seed-ratio=0.0", "--seed-time=1", "--enable-dht=false", "--bt-enable-lpd=false", "--file-allocation=none",
            f"--listen-port={number}", f"--dir={to}", "--bt-tracker-interval=2", "--summary-interval=0", *more]


def seeds(lab, run, file, folder):
    """Two that have it all; one of each kind of client."""
    run.far([*aria2(folder, 7001, "-V"), file], user=True)
    home = lab.folder(f"rows/{run.name}/seed", user=True)
    run.far(["transmission-cli", "-g", home, "-w", folder, "-p", "7002", "-M", file], user=True)
    for port in (7001, 7002):
        lab.wait_port("outside", port)


def whole(path):
    return path.exists() and path.stat().st_size == SIZE and path.stat().st_blocks * 512 >= SIZE


def exchange(lab, run, client, to):
    """The client fetches the file; then another one outside fetches it, from the client too."""
    wait_for(lambda: whole(to / "file.bin"), 40, lambda: f"the file does not arrive: {tail(client.log)}", client)
    late = lab.folder(f"rows/{run.name}/late", user=True)
    for port in (7004, 7005):
        run.far([*aria2(late / str(port), port), run.torrent], user=True)
    wait_for(lambda: all(whole(late / f"{p}/file.bin") for p in (7004, 7005)), 30, "the late ones do not get the file", client)
    run.settle(3)
    lab.stop(client)


@program("transmission", "BitTorrent (Transmission), downloads and uploads", alone=True,
         programs=["transmission-cli", "transmission-create", "aria2c"], packages=["transmission-cli", "aria2"])
def transmission(lab, run):
    run.torrent, folder = torrent(lab)
    seeds(lab, run, run.torrent, folder)
    home, to = lab.folder(f"rows/{run.name}/home", user=True), lab.folder(f"rows/{run.name}/to", user=True)
    client = run.near(["transmission-cli", "-g", home, "-w", to, "-p", "7003", "-M", "-et", run.torrent])
    exchange(lab, run, client, to)


@program("aria2-torrent", "BitTorrent (aria2), downloads and uploads", alone=True,
         programs=["transmission-cli", "transmission-create", "aria2c"], packages=["transmission-cli", "aria2"])
def aria2_torrent(lab, run):
    run.torrent, folder = torrent(lab)
    seeds(lab, run, run.torrent, folder)
    to = lab.folder(f"rows/{run.name}/to", user=True)
    client = run.near([*aria2(to, 7003), run.torrent])
    exchange(lab, run, client, to)
