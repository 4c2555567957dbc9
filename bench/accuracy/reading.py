# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of `sekimori read`, and what it says of each home host."""

import ipaddress
import json
import subprocess

LEVELS = ("unknown", "clear", "suspect", "bot")


def host_of(address):
    """As subjects are named: IPv6 by its /64."""
    value = ipaddress.ip_address(address)
    if value.version == 4:
        return str(value)
    return str(ipaddress.ip_network((value, 64), strict=False).network_address)


class Reading:
    """`kinds`: host -> kind of evidence -> the largest weight claimed; `levels`: host -> (level, score)."""

    def __init__(self, lines, words, status):
        self.kinds, self.levels, self.summary = {}, {}, {}
        self.words, self.status, self.lines = words, status, lines
        for line in lines:
            kind = line["event_type"]
            if kind == "evidence":
                of = self.kinds.setdefault(line["subject"].get("ip", line["subject"]["key"]), {})
                evidence = line["evidence"]
                of[evidence["kind"]] = max(of.get(evidence["kind"], 0), evidence["weight"])
            elif kind == "verdict":
                self.levels[line["subject"].get("ip", line["subject"]["key"])] = (line["level"], line["score"])
            elif kind == "summary":
                self.summary = line

    def level(self, host):
        """Hosts without a verdict are below suspect."""
        return self.levels.get(host_of(host), ("clear", 0.0))

    def detectors(self, host):
        return {kind.split(".")[0] for kind in self.kinds.get(host_of(host), {})}

    def claims(self, host):
        return self.kinds.get(host_of(host), {})

    def same(self):
        """What must not depend on the number of workers."""
        return sorted(json.dumps(line, sort_keys=True) for line in self.lines if line["event_type"] != "summary")


class CannotRead(Exception):
    pass


rules = []  # files of rules that everything is read with


def read(program, paths, home=(), workers=None, timeout=600):
    argv = [str(program), "read", *map(str, paths), "--json", "--no-events", "--fail-on", "never"]
    for path in rules:
        argv += ["--rules", path]
    for network in home:
        argv += ["--home", network]
    if workers:
        argv += ["--workers", str(workers)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    if done.returncode not in (0, 1) or not done.stdout:
        raise CannotRead(f"status {done.returncode}: {done.stderr.strip()[:200]}")
    return Reading([json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.returncode)
