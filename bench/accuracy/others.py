# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures and logs of others: all of them benign but what attacks.txt names."""

import os
import pathlib

from accuracy import judge, reading

PCAPS = ("pcap/ndpi", "pcap/zeek", "pcap/bots")
EVERYBODY = ("0.0.0.0/0", "::/0")
ATTACKS = pathlib.Path(__file__).resolve().parent / "attacks.txt"


def attacks(path=ATTACKS):
    """(labels by input, home networks by input)."""
    labels, home = {}, {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split(None, 5)
        if not words or line.startswith("#"):
            continue
        if words[0] == "home":
            home.setdefault(words[1], []).append(words[2])
        else:
            _, where, host, level, detectors, _ = words
            labels.setdefault(where, {})[host] = {
                "is": "attack", "level": level, "expect": [] if detectors == "-" else detectors.split(",")}
    return labels, home


def inputs(data):
    """Each capture by itself; each folder of Zeek logs; the firewall's log."""
    for top in PCAPS:
        for base, folders, names in os.walk(data / top):
            folders.sort()
            yield from (str((pathlib.Path(base) / name).relative_to(data)) for name in sorted(names))
    if (data / "zeek").is_dir():
        yield from (f"zeek/{folder.name}" for folder in sorted((data / "zeek").iterdir()) if folder.is_dir())
    if (data / "firewall").is_dir():
        yield "firewall"


def read_data(program, data, pool, say, everybody=False):
    """Reads all of it; a tally. `everybody`: every address is taken for home."""
    labels, home = attacks()
    wanted = list(inputs(data))
    tally, attacked, unread = judge.Tally(), [], []

    def one(where):
        try:
            return where, reading.read(program, [data / where], EVERYBODY if everybody else home.get(where, ()), workers=1)
        except reading.CannotRead as e:
            return where, str(e)
    for where, result in pool.map(one, wanted):
        if isinstance(result, str):
            unread.append(f"{where}: {result}")
            continue
        attacked += tally.take(where, result, labels.get(where, {}))
    missing = set(labels) - set(wanted)
    say(f"\nData of others: {len(wanted)} inputs, {tally.benign_hosts} home hosts that are benign: {len(tally.bots)} bots, "
        f"{len(tally.suspects)} suspects; {len(attacked)} that attack:")
    for line in attacked:
        say(judge.text_of(line))
    for text in [f"  not read: {u}" for u in unread] + [f"  not there: {m}" for m in sorted(missing)]:
        say(text)
    tally.problems += [f"not read: {text}" for text in unread]
    return tally
