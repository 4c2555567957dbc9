# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of bench/scenarios, written, read with one worker and with four, and compared with their logs."""

import concurrent.futures

import scenarios
from accuracy import judge, reading

LOGS = (("zeek-tsv", "zeek"), ("zeek-json", "zeek"), ("fwsm", "fwsm"))


def labels_of(described):
    return {host: label for host, label in described["hosts"].items() if label["is"] != "benign"}


class Written:
    """`seed`: 0 is the scenario as it is, with its logs and with four workers; others are the same with other chances."""

    def __init__(self, program, folder, seed=0, jobs=2, keep=False):
        self.program, self.folder, self.seed, self.jobs, self.keep = program, folder, seed, jobs, keep

    def one(self, name):
        """Writes a scenario and reads it: its description, the reading, and what differs from other ways to read it."""
        scenario = scenarios.load()[name]
        if self.seed:
            scenario.seed = f"{name}/{self.seed}"
        described = scenario.write(self.folder, with_logs=not self.seed)
        path = self.folder / f"{name}.pcap"
        one = reading.read(self.program, [path], described["home"], workers=1)
        differs = [] if self.seed else self._compare(name, described, one)
        if not self.keep:
            path.unlink()
        return described, one, differs

    def _compare(self, name, described, one):
        differs = []
        if reading.read(self.program, [self.folder / f"{name}.pcap"], described["home"], workers=4).same() != one.same():
            differs.append("with four workers the evidence is another than with one")
        for log, form in LOGS if described["same"] else ():
            other = reading.read(self.program, [self.folder / f"{name}.logs" / log], described["home"])
            differs += [f"{log}: {text}" for text in judge.same_evidence(one, other, described["same"], form)]
        return differs

    def all(self, names, say):
        """Several at a time; the writer is Python, so each in a process. A tally."""
        tally, lines, groups = judge.Tally(), [], {}
        with concurrent.futures.ProcessPoolExecutor(self.jobs) as pool:
            jobs = {name: pool.submit(self.one, name) for name in names}
            for name, job in jobs.items():
                described, one, differs = job.result()
                lines += tally.take(name, one, labels_of(described))
                tally.problems += [f"{name}: {text}" for text in differs]
                groups[described["group"]] = groups.get(described["group"], 0) + 1
        if not self.seed:
            kinds = ", ".join(f"{n} {group}" for group, n in sorted(groups.items()))
            say(f"\nScenarios written: {kinds}; {tally.benign_hosts} home hosts in them that are benign: {len(tally.bots)} bots, "
                f"{len(tally.suspects)} suspects. The others:")
            for line in lines:
                say(judge.text_of(line))
        return tally
