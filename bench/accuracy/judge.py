# SPDX-License-Identifier: GPL-3.0-or-later
"""What readings are worth, against labels: per detector found, missed and false, and which promise does not hold."""

from accuracy.reading import LEVELS, host_of

SUSPECTS_PER_1000 = 2


def at_least(level, wanted):
    return LEVELS.index(level) >= LEVELS.index(wanted)


class Tally:
    """Per detector: lists of (input, host)."""

    COLUMNS = ("found", "missed", "false", "weak")

    def __init__(self):
        self.rows, self.problems = {}, []
        self.benign_hosts, self.suspects, self.bots = 0, [], []

    def note(self, column, detector, where, host, text=""):
        row = self.rows.setdefault(detector, {name: [] for name in self.COLUMNS})
        row[column].append((where, host, text))

    def take(self, where, reading, labels, hosts=None):
        """`labels`: host -> dict with is, level, expect, kinds, for hosts that are not benign. Returns a line for each."""
        lines = []
        labels = {host_of(host): label for host, label in labels.items()}
        for host, label in labels.items():
            lines.append(self._labelled(where, reading, host, label))
        for host, claims in reading.kinds.items():
            if host not in labels:
                self._benign(where, reading, host, claims)
        self.benign_hosts += max((hosts if hosts is not None else reading.summary.get("hosts", 0)) - len(labels), 0)
        return lines

    def _labelled(self, where, reading, host, label):
        level, score = reading.level(host)
        claims = reading.claims(host)
        wrong = []
        if not at_least(level, label["level"]):
            wrong.append(f"{level}, not {label['level']}")
        if label["is"] == "sign" and level == "bot":
            wrong.append("a single sign, and yet a bot")
        for detector in label["expect"]:
            found = detector in reading.detectors(host)
            self.note("found" if found else "missed", detector, where, host)
            if not found:
                wrong.append(f"nothing from {detector}")
        wrong += [f"no {kind}" for kind in label.get("kinds", ()) if kind not in claims]
        self.problems += [f"{where}: {host}: {text}" for text in wrong]
        return (where, host, label["is"], level, score, claims, wrong)

    def _benign(self, where, reading, host, claims):
        level, score = reading.level(host)
        if level == "bot":
            self.bots.append((where, host, score, claims))
            self.problems.append(f"{where}: {host} is benign, and yet a bot ({score:g}: {', '.join(claims)})")
        elif level == "suspect":
            self.suspects.append((where, host, score, claims))
        for detector in {kind.split(".")[0] for kind in claims}:
            told = ", ".join(f"{kind} {weight:g}" for kind, weight in claims.items() if kind.startswith(detector + "."))
            self.note("false" if at_least(level, "suspect") else "weak", detector, where, host, told)

    def close(self, explained):
        """`explained`: the text in which every benign suspect must be named by input and host."""
        for where, host, score, claims in self.suspects:
            if not any(where in line and host in line for line in explained.splitlines()):
                self.problems.append(f"{where}: {host} is benign, and suspect ({score:g}: {', '.join(claims)}); "
                                     "docs/accuracy.md does not explain it")
        if len(self.suspects) * 1000 > SUSPECTS_PER_1000 * self.benign_hosts:
            self.problems.append(f"{len(self.suspects)} of {self.benign_hosts} benign hosts are suspect, more than "
                                 f"{SUSPECTS_PER_1000} in 1000")

    def table(self):
        yield f"{'detector':14}" + "".join(f"{name:>8}" for name in self.COLUMNS)
        for detector, row in sorted(self.rows.items()):
            yield f"{detector:14}" + "".join(f"{len(row[name]):8}" for name in self.COLUMNS)

    def lists(self, columns=("missed", "false")):
        for detector, row in sorted(self.rows.items()):
            for name in columns:
                for where, host, text in row[name]:
                    yield f"  {name}: {detector}: {where} {host}{': ' if text else ''}{text}"


def merge(tallies):
    whole = Tally()
    for tally in tallies:
        whole.problems += tally.problems
        whole.benign_hosts += tally.benign_hosts
        whole.suspects += tally.suspects
        whole.bots += tally.bots
        for detector, row in tally.rows.items():
            for column, entries in row.items():
                for entry in entries:
                    whole.note(column, detector, *entry)
    return whole


def text_of(line):
    """A labelled host and what was found."""
    where, host, label, level, score, claims, wrong = line
    text = f"  {where:34.34} {host:18} {label:7} {level:8}{score:7.1f}  "
    text += ", ".join(sorted({kind.split(".")[0] for kind in claims})) or "nothing"
    return text + (f"  FAILS: {'; '.join(wrong)}" if wrong else "")


# What a kind of log cannot say, so that a kind of evidence cannot come from it (docs/logs.md).
CANNOT_SAY = {
    "zeek": ("mass_mail.rejected", "mass_mail.spam"),  # refusals before the last reply
    "fwsm": ("mass_mail.rejected", "mass_mail.spam", "mass_mail.name", "mass_mail.senders",  # dialogs
             "scan.sweep", "flood.udp", "flood.icmp", "flood.http", "flood.reflection"),     # whether UDP, ICMP were answered
}


def same_evidence(capture, log, detectors, form):
    """How a log's evidence differs in kind from the capture's: host, kind, where it is missing."""
    def kinds(reading):
        return {(host, kind) for host, claims in reading.kinds.items() for kind in claims
                if kind.split(".")[0] in detectors and kind not in CANNOT_SAY[form]}
    a, b = kinds(capture), kinds(log)
    return [f"{host} {kind} only in the capture" for host, kind in sorted(a - b)] + \
           [f"{host} {kind} only in the log" for host, kind in sorted(b - a)]
