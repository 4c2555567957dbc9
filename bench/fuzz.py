#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fuzzer of tests/fuzz for as long as asked: runs, coverage, findings.

    script/bench fuzz [--for SPAN] [--corpus FOLDER] [--jobs N] [NAME...]

Builds build/asan (clang: libFuzzer, AddressSanitizer, UBSan, leaks) and runs each fuzzer on its seeds and its corpus for
SPAN (60s, 10m, 2h), several at once. An input that takes longer than --timeout seconds, or needs more than 1 GiB, is a
finding like a crash. New inputs stay in FOLDER/NAME, so that the next run goes on from there; what was found lies in
FOLDER/findings, and its smallest form belongs into tests/fuzz/seeds. Exit status 1 when something was found."""
# packages: clang libclang-rt-14-dev llvm

import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEMORY = 1024  # MiB
AGAIN = 5      # findings of one fuzzer, after each of which it begins again
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FINDINGS = ("crash-", "leak-", "timeout-", "oom-")


def span(text):
    match = re.fullmatch(r"(\d+)([smhd]?)", text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text}: a span is a number and s, m, h or d")
    return int(match[1]) * UNITS[match[2] or "s"]


def build(folder, names):
    """The fuzzers among all targets, compiled."""
    script = ('. script/lib.sh; configure_asan "$1" || exit 1; folder=$1; shift; '
              'mapfile -t all < <(ninja -C "$folder" -t targets all | sed -n "s|^\\(tests/fuzz/fuzz_[a-z0-9_]*\\): .*|\\1|p" | '
              'grep -v _replay$); compile "$folder" "${all[@]}"')
    if subprocess.run(["bash", "-c", script, "fuzz", folder], cwd=ROOT, check=False).returncode:
        sys.exit("bench/fuzz: the fuzzers do not compile")
    found = sorted(path for path in glob.glob(f"{folder}/tests/fuzz/fuzz_*") if os.path.isfile(path)
                   and os.access(path, os.X_OK) and not path.endswith("_replay"))
    known = {os.path.basename(path).removeprefix("fuzz_"): path for path in found}
    wanted = [name.removeprefix("fuzz_") for name in names] or sorted(known)
    for name in wanted:
        if name not in known:
            sys.exit(f"bench/fuzz: there is no fuzzer {name}; there are: {' '.join(sorted(known))}")
    return {name: known[name] for name in wanted}


class Fuzzer:
    def __init__(self, name, program, options):
        self.name, self.program, self.options = name, program, options
        self.corpus = os.path.join(options.corpus, name)
        self.runs, self.edges, self.features, self.peak, self.slowest, self.seconds = 0, 0, 0, 0, 0, 0
        self.findings = []

    def run_once(self, seconds, log):
        os.makedirs(self.corpus, exist_ok=True)
        prefix = os.path.join(self.options.corpus, "findings", self.name + "-")
        command = [self.program, f"-max_total_time={seconds}", f"-timeout={self.options.timeout}",
                   f"-rss_limit_mb={MEMORY}", "-print_final_stats=1", f"-artifact_prefix={prefix}", self.corpus,
                   os.path.join(ROOT, "tests", "fuzz", "seeds", self.name)]
        environment = dict(os.environ, ASAN_OPTIONS="strict_string_checks=1:detect_stack_use_after_return=1",
                           UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
        begun = time.monotonic()
        with open(log, "a", encoding="utf-8", errors="replace") as file:
            status = subprocess.run(command, check=False, stdout=file, stderr=file, env=environment).returncode
        self.seconds += time.monotonic() - begun
        return status

    def read(self, text):
        def last(pattern, now):
            found = re.findall(pattern, text)
            return max([now] + [int(value) for value in found])

        runs = re.findall(r"stat::number_of_executed_units:\s+(\d+)", text) or re.findall(r"^#(\d+)\s", text, re.M)[-1:]
        self.runs = sum(int(value) for value in runs)
        self.edges = last(r"\bcov: (\d+)", self.edges)
        self.features = last(r"\bft: (\d+)", self.features)
        self.peak = last(r"stat::peak_rss_mb:\s+(\d+)", self.peak)
        self.slowest = last(r"stat::slowest_unit_time_sec:\s+(\d+)", self.slowest)
        written = dict.fromkeys(re.findall(r"Test unit written to (\S+)", text))
        self.findings = [path for path in written
                         if os.path.basename(path).removeprefix(self.name + "-").startswith(FINDINGS)]

    def run(self):
        log = os.path.join(self.options.corpus, self.name + ".log")
        open(log, "w", encoding="utf-8").close()
        for _ in range(AGAIN):
            left = int(self.options.span - self.seconds)
            if left <= 0:
                break
            status = self.run_once(left, log)
            with open(log, encoding="utf-8", errors="replace") as file:
                self.read(file.read())
            if status == 0:
                break
            if not self.findings:
                self.findings = [f"ended with status {status}: {log}"]
                break
        return self


def take_options():
    parser = argparse.ArgumentParser(prog="script/bench fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="fuzzers (default: all)")
    parser.add_argument("--for", dest="span", type=span, default="60s", metavar="SPAN", help="of each (default: %(default)s)")
    parser.add_argument("--corpus", metavar="FOLDER", help="what they found before, and find (default: build/asan/corpus)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at once (default: one for each processor)")
    parser.add_argument("--timeout", type=int, default=5, help="seconds for one input (default: %(default)s)")
    return parser.parse_args()


def main():
    options = take_options()
    folder = os.path.join(os.environ.get("SEKIMORI_BUILD", os.path.join(ROOT, "build")), "asan")
    options.corpus = os.path.abspath(options.corpus or os.path.join(folder, "corpus"))
    fuzzers = [Fuzzer(name, path, options) for name, path in build(folder, options.names).items()]
    os.makedirs(os.path.join(options.corpus, "findings"), exist_ok=True)
    jobs = max(min(options.jobs, len(fuzzers)), 1)
    print(f"{len(fuzzers)} fuzzers for {options.span} s each, {jobs} at once: "
          f"about {options.span * -(-len(fuzzers) // jobs) / 60:.0f} minutes", flush=True)
    print(f"{'':16}{'runs':>12}{'runs/s':>9}{'edges':>8}{'features':>10}{'corpus':>8}{'peak, MB':>10}{'slowest, s':>12}"
          f"{'findings':>10}", flush=True)
    printing = threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(fuzzer.run) for fuzzer in fuzzers]):
            one = done.result()
            with printing:
                print(f"{one.name:16}{one.runs:12,}{one.runs / max(one.seconds, 1):9.0f}{one.edges:8,}{one.features:10,}"
                      f"{len(os.listdir(one.corpus)):8,}{one.peak:10,}{one.slowest:12}{len(one.findings):10}", flush=True)
    found = [path for fuzzer in fuzzers for path in fuzzer.findings]
    print(f"{sum(fuzzer.runs for fuzzer in fuzzers):,} runs, {len(found)} findings")
    for path in found:
        print(f"  {path}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
