#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is called a bot, and who is not: captures and logs of others, and labelled scenarios of our own.

Reads a folder of data (--data, $SEKIMORI_DATA or ../shared/data), in which everything is benign but what
bench/accuracy/attacks.txt names; the scenarios of bench/scenarios, written packet by packet with a virtual clock; and as
root scenarios with real programs in network namespaces. Prints per detector what it found, missed and claimed falsely, and
compares the evidence of captures with that of logs. Exit status 1 when a promise does not hold."""

# packages: nginx-light dnsmasq-base bind9-dnsutils curl wget ngircd ii swaks python3-aiosmtpd postfix openssh-server rsync
# packages: fping monitoring-plugins-basic aria2 transmission-cli chrony nmap hping3 iodine
import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "tests/e2e")]

import scenarios  # noqa: E402
from accuracy import judge, others, reading, real, written  # noqa: E402

DOCUMENT = HERE.parent / "docs/accuracy.md"


def arguments(argv):
    parser = argparse.ArgumentParser(prog="script/bench accuracy", description=__doc__.splitlines()[0])
    default = os.environ.get("SEKIMORI_DATA") or str(HERE.parent.parent / "shared/data")
    parser.add_argument("--data", default=default, help="folder with pcap/, zeek/ and firewall/ (default: %(default)s)")
    parser.add_argument("--everybody", action="store_true",
                        help="take every address of the data for home, not only private ones")
    parser.add_argument("--only", metavar="NAME,...", help="only these scenarios, written or real, and no data")
    parser.add_argument("--list", action="store_true", help="the scenarios' names, and nothing else")
    parser.add_argument("--seeds", type=int, default=1, help="write each scenario so many times, each time another")
    parser.add_argument("--no-real", action="store_true", help="without real programs")
    parser.add_argument("--weak", action="store_true", help="also list claims about benign hosts that stay below suspect")
    parser.add_argument("--rules", metavar="FILE", nargs="+", default=[], help="read everything with these rules as well")
    parser.add_argument("--keep", metavar="FOLDER", help="leave captures, labels and logs there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time (default: processors)")
    parser.add_argument("--build", default=os.environ.get("SEKIMORI_BUILD", str(HERE.parent / "build")))
    return parser.parse_args(argv)


def choose(options):
    found, rows = scenarios.load(), [row.name for row in real.load()]
    wanted = options.only.split(",") if options.only else [*found, *rows]
    if unknown := set(wanted) - set(found) - set(rows):
        sys.exit(f"no scenario named {', '.join(sorted(unknown))}; --list lists them")
    options.names, options.rows = [n for n in wanted if n in found], [n for n in wanted if n in rows]
    options.program = pathlib.Path(options.build) / "sekimori"
    if not os.access(options.program, os.X_OK):
        sys.exit(f"{options.program} is not built")


def report(options, whole, began):
    whole.close(DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else "")
    print("\nBy detector (weak: about benign hosts, below suspect):")
    print("\n".join(whole.table()))
    print("\n".join(whole.lists(("missed", "false", "weak") if options.weak else ("missed", "false"))))
    print(f"{whole.benign_hosts} benign home hosts, {len(whole.bots)} bots and {len(whole.suspects)} suspects among them; "
          f"{time.monotonic() - began:.0f} s")
    for where, host, score, claims in whole.suspects:
        print(f"  suspect: {where} {host} {score:g}: {', '.join(claims)}")
    print(f"{len(whole.problems)} promises do not hold" + "".join(f"\n  {text}" for text in whole.problems))


def main(argv=None):
    options = arguments(argv)
    choose(options)
    reading.rules[:] = options.rules
    if options.list:
        print("\n".join(f"{name:20} {s.group:7} {' '.join(s.about.split())[:110]}" for name, s in scenarios.load().items()))
        print("\n".join(f"{row.name:20} {'bot    ' if row.labels else 'benign '} with {', '.join(row.programs)}" for row in real.load()))
        return 0
    began, tallies = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="sekimori-accuracy-") as temporary:
        folder = pathlib.Path(options.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        data = pathlib.Path(options.data)
        if not options.only and data.is_dir():
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
                tallies.append(others.read_data(options.program, data, pool, print, options.everybody))
        elif not options.only:
            print(f"no data of others: {data} is not there")
        for seed in range(options.seeds if options.names else 0):
            run = written.Written(options.program, folder, seed, options.jobs, bool(options.keep))
            tallies.append(run.all(options.names, print))
        if options.rows and options.no_real:
            print("\nReal programs: left out, as asked")
        elif options.rows:
            tallies.append(real.run_all(options.program, options.build, folder, options.rows, bool(options.keep), print))
    whole = judge.merge(tallies)
    report(options, whole, began)
    return 1 if whole.problems else 0


if __name__ == "__main__":
    sys.exit(main())
