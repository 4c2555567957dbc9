#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes dns_anomaly_model.h: how likely a character follows another in the labels that people register.

    dns_anomaly_model.py PUBLIC_SUFFIX_LIST NAMES... > dns_anomaly_model.h

NAMES are files with a host name per line, of ordinary traffic and documents. Of each name the registered label counts
once, as do the labels of the list's own private section. No names of malware are used: what a generator makes is
computed in dns_anomaly_name.c from its alphabet alone. Run by hand; the result is part of the source.
"""
import math
import re
import sys

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-"
EDGE = len(ALPHABET)  # before the first and after the last character
PRIOR = 12  # transitions that the letter frequencies stand for, per character
INDEX = {char: index for index, char in enumerate(ALPHABET)}

HEAD = """/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Made by dns_anomaly_model.py from {count} labels; do not edit. dns_anomaly_model[a][b]: -10*log10 P(b follows a) in
 * registered labels, in quarters. a to z, 0 to 9, the hyphen, and last the label's edge. Runs in the engine. */
#ifndef SEKIMORI_DETECT_DNS_ANOMALY_MODEL_H
#define SEKIMORI_DETECT_DNS_ANOMALY_MODEL_H

#include <stdint.h>

#define DNS_MODEL_SYMBOLS {symbols}u
#define DNS_MODEL_EDGE    {edge}u

// clang-format off
static const uint8_t dns_anomaly_model[DNS_MODEL_SYMBOLS][DNS_MODEL_SYMBOLS] = {{
"""


def read_suffixes(path):
    icann, private = set(), set()
    rules = icann
    with open(path, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if "===BEGIN PRIVATE" in line:
                rules = private
            if line and not line.startswith("//"):
                rules.add(line)
    return icann, private


def registered_label(name, rules):
    parts = name.split(".")
    for i in range(len(parts)):
        if "!" + ".".join(parts[i:]) in rules:
            return parts[i]
        if ".".join(parts[i:]) in rules or "*." + ".".join(parts[i + 1:]) in rules:
            return parts[i - 1] if i else None
    return None


def main():
    icann, private = read_suffixes(sys.argv[1])
    names = {rule.lstrip("*.!") for rule in private}
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8", errors="replace") as file:
            names |= {line.strip().strip(".").lower() for line in file}
    labels = {registered_label(name, icann) for name in names}
    labels = {label for label in labels if label and re.fullmatch("[a-z0-9-]{4,63}", label) and label[:4] != "xn--"}
    counts = [[0] * (EDGE + 1) for _ in range(EDGE + 1)]
    for label in labels:
        before = EDGE
        for now in [INDEX[char] for char in label] + [EDGE]:
            counts[before][now] += 1
            before = now
    total = sum(map(sum, counts)) + EDGE + 1
    single = [(sum(row[i] for row in counts) + 1) / total for i in range(EDGE + 1)]
    print(HEAD.format(count=len(labels), symbols=EDGE + 1, edge=EDGE), end="")
    for row in counts:
        likely = [(row[i] + PRIOR * single[i]) / (sum(row) + PRIOR) for i in range(EDGE + 1)]
        costs = [min(255, round(-40 * math.log10(p))) for p in likely]
        print("        {" + ", ".join(map(str, costs[:20])) + ",\n         " + ", ".join(map(str, costs[20:])) + "},")
    print("};\n// clang-format on\n\n#endif")


if __name__ == "__main__":
    main()
