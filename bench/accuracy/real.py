# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios with real programs: each row is run in the laboratory, recorded as a capture, and read like the others.
Most are harmless; the bots are the simulated one of the demo and one on a real IRC server."""

import shutil
import subprocess

import lib
from accuracy import judge, reading
from accuracy.lab import HOME, Lab, CannotRun, PATH, address

ROWS = []


class Row:
    def __init__(self, name, function, programs, labels):
        self.name, self.function, self.programs = name, function, programs
        self.labels = {address(host): label for host, label in labels.items()}

    def missing(self):
        return [p for p in self.programs if not shutil.which(p, path=PATH)]


def label(*expect, level="bot", kinds=(), sign=False):
    return {"is": "sign" if sign else "bot", "level": level, "expect": list(expect), "kinds": list(kinds)}


def real(name, *programs, **labels):
    """Registers a row; `labels` by host."""
    def register(function):
        ROWS.append(Row(name, function, programs, labels))
        return function
    return register


def load():
    # Each module registers its own.
    from accuracy import rows_bots, rows_programs  # noqa: F401
    return ROWS


def run_row(program, build, row, folder):
    """A laboratory of its own for each: nothing of one is left for the next."""
    capture = folder / f"{row.name}.pcap"
    with Lab(build) as lab:
        setup = row.function(lab)
        next(setup)  # servers are up; what follows is recorded
        with lab.record(capture) as recorder:
            for _ in setup:
                pass
        if recorder.dropped:
            raise CannotRun(f"the recorder lost {recorder.dropped} packets")
    return reading.read(program, [capture], [HOME])


def run_all(program, build, folder, only, keep, say):
    """A tally; rows whose programs are not there are said to be left out."""
    tally, lines, left_out = judge.Tally(), [], []
    try:
        lib.need_root()
    except SystemExit:  # it has said why
        return tally
    rows = [row for row in load() if not only or row.name in only]
    for row in rows:
        if missing := row.missing():
            left_out.append(f"{row.name}: not installed: {', '.join(missing)}")
            continue
        try:
            one = run_row(program, build, row, folder)
        except (CannotRun, OSError, subprocess.SubprocessError, TimeoutError, RuntimeError) as e:
            left_out.append(f"{row.name}: {type(e).__name__}: {' '.join(str(e).split())[:160]}")
            continue
        lines += tally.take(row.name, one, row.labels)
        say(f"  {row.name}: {one.summary['packets']} packets, {one.summary['flows']} flows")
        if not keep:
            (folder / f"{row.name}.pcap").unlink()
    say(f"\nReal programs: {len(rows) - len(left_out)} scenarios, {tally.benign_hosts} home hosts in them that are benign: "
        f"{len(tally.bots)} bots, {len(tally.suspects)} suspects. The others:")
    for line in lines:
        say(judge.text_of(line))
    for text in left_out:
        say(f"  left out: {text}")
    return tally
