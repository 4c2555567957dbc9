#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading captures costs, with every detector on, beside libpcap's own loop (F) and other programs.

    script/bench read [speed] [growth] [memory] [rules] [soak]      all but the last when none is named

speed    a capture of at least 1 GiB is made of the data (sekimori-mix: real payloads, many hosts) and read by all programs
         in turn, round after round; warm cache. Ratios are taken within a round; printed are medians with quartiles.
growth   the same with 10 and 100 times the flows and hosts at once.
memory   what a flow and a home host cost: growth of anonymous memory at a million flows.
rules    the same capture with all rules of the data, loading apart: what a start with them costs; memory that flows keep
         for them.
soak     100 million packets of random 5-tuples, made in memory: memory must stay flat. Takes minutes.

Exit status 1 when something that must hold does not: one worker within 3 F and two within 2 F; two workers 1.6 times as
fast as one, or within 1.3 F; faster than argus, ndpiReader and tshark; four of five packets touch a home host; at most 256
bytes per flow; memory flat; with rules two workers within 4.5 F, 600 MiB, a start within 2 s of processor time. Other work on the machine makes walls longer: a run beside which others used processors is
repeated, as long as --patience lasts, and what others used is printed."""
# packages: softflowd nfdump argus-server libndpi-bin tshark

import argparse
import glob
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GIB = 1 << 30
TENTH = 10
ONE_WORKER, TWO_WORKERS, GAIN, INSTEAD = 3, 2, 1.6, 1.3  # times F; how many times faster, or times F
DIRECTION = (2, 1.3)
HOME_SHARE = 0.8
FLOW_BYTES = 256
WITH_RULES, RULES_DIRECTION, RULES_PEAK, RULES_START = 4.5, 3, 600 << 20, 2  # times F, times F, bytes, seconds
QUIET = 0.15  # processors that others may use while wall times still mean something
MILLION = 1000000


class Machine:
    """How much others worked meanwhile, in processors."""

    def __init__(self):
        self.begun, self.busy = time.monotonic(), self.jiffies()

    @staticmethod
    def jiffies():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        return sum(fields) - fields[3] - fields[4]  # without idle and waiting for the disk

    def others(self, own_seconds):
        took = time.monotonic() - self.begun
        busy = (self.jiffies() - self.busy) / os.sysconf("SC_CLK_TCK")
        return max(busy - own_seconds, 0) / max(took, 0.01)


class Program:
    def __init__(self, name, command, tenth=False, statuses=(0,), ours=False):
        self.name, self.command, self.tenth, self.statuses, self.ours = name, command, tenth, statuses, ours


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, mid, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, mid, high


class Bench:
    def __init__(self, build, folder, options):
        self.build, self.folder, self.options = build, folder, options
        self.gen = os.path.join(build, "bench", "gen")
        self.missed, self.results = [], {}
        self.patience = options.patience

    # --- captures ---

    def inputs(self):
        found = []
        for base, _, names in os.walk(os.path.join(self.options.data, "pcap")):
            found += [os.path.join(base, name) for name in names]
        if not found:
            sys.exit(f"bench/read: no captures below {self.options.data}/pcap; --data or SEKIMORI_DATA says where they are")
        return sorted(found)

    def make(self, name, size, rounds, *how):
        path = os.path.join(self.folder, name)
        made = subprocess.run([os.path.join(self.gen, "sekimori-mix"), *how, path, str(size), str(rounds), *self.inputs()],
                              check=False, stdout=subprocess.PIPE, text=True)
        if made.returncode:
            sys.exit(f"bench/read: {path} cannot be written; --dir names another folder")
        return path, json.loads(made.stdout)

    # --- running ---

    def programs(self, peers=True):
        ours = os.path.join(self.build, "sekimori")
        out = self.folder
        found = [
            Program("libpcap loop (F)", [os.path.join(self.gen, "sekimori-floor"), "FILE"]),
            Program("sekimori, 1 worker", [ours, "read", "--workers", "1", "FILE"], statuses=(0, 1), ours=True),
            Program("sekimori, 2 workers", [ours, "read", "--workers", "2", "FILE"], statuses=(0, 1), ours=True),
        ]
        if os.cpu_count() > 2:
            workers = str(min(os.cpu_count(), 8))
            found.append(Program(f"sekimori, {workers} workers", [ours, "read", "--workers", workers, "FILE"],
                                 statuses=(0, 1), ours=True))
        found.append(Program("sekimori, 2 workers, --json", [ours, "read", "--workers", "2", "--json", "FILE"],
                             statuses=(0, 1), ours=True))
        if not peers:
            return found
        found += [
            Program("softflowd", ["softflowd", "-r", "FILE", "-d", "-p", f"{out}/softflowd.pid", "-c", "none"]),
            Program("nfpcapd", ["nfpcapd", "-r", "FILE", "-w", f"{out}/nfpcapd"]),
            # Debian's 3.0.8.2 aborts on its way out, when its records are written.
            Program("argus", ["argus", "-X", "-r", "FILE", "-w", f"{out}/argus"], statuses=(0, 134)),
            Program("ndpiReader", ["ndpiReader", "-i", "FILE", "-q"]),
            Program("tshark, a tenth", ["tshark", "-n", "-r", "FILE"], tenth=True),
        ]
        for program in found:
            if not shutil.which(program.command[0]):
                print(f"{program.name}: not installed, left out")
        return [program for program in found if shutil.which(program.command[0])]

    def wait_for_quiet(self):
        while self.patience > 0:
            machine, begun = Machine(), time.monotonic()
            time.sleep(0.2)
            if machine.others(0) <= QUIET:
                return
            self.patience -= time.monotonic() - begun

    def run(self, program, path):
        """Wall, CPU, peak memory, and what others did on the machine; of a quiet run, if there is patience for one."""
        while True:
            self.wait_for_quiet()
            with open(path, "rb") as file:  # into the page cache
                while file.read(1 << 20):
                    pass
            result = self.run_once(program, path)
            if result["others"] <= QUIET or self.patience <= 0:
                return result
            self.patience -= result["wall"]

    def run_once(self, program, path):
        shutil.rmtree(f"{self.folder}/nfpcapd", ignore_errors=True)
        os.makedirs(f"{self.folder}/nfpcapd")
        if os.path.exists(f"{self.folder}/argus"):
            os.remove(f"{self.folder}/argus")
        command = [path if word == "FILE" else word for word in program.command]
        machine = Machine()
        ran = subprocess.run([os.path.join(self.gen, "sekimori-timed"), "/dev/null", *command], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=self.options.limit)
        result = json.loads(ran.stdout)
        result["cpu"] = result["user"] + result["system"]
        result["others"] = machine.others(result["cpu"])
        if result["status"] not in program.statuses:
            sys.exit(f"bench/read: {program.name} ended with status {result['status']}: {ran.stderr.strip()[-300:]}")
        return result

    def summary(self, path):
        """Our own summary of a capture."""
        ran = subprocess.run([os.path.join(self.build, "sekimori"), "read", "--json", "--no-events", path], check=False,
                             stdout=subprocess.PIPE, text=True)
        return json.loads(ran.stdout.splitlines()[-1])

    def rounds(self, programs, captures, rounds):
        """captures: whole and tenth. Results by program."""
        results = {program.name: [] for program in programs}
        for number in range(rounds):
            # Another one begins each time: what the one before leaves in the caches meets all alike.
            for program in programs[number % len(programs):] + programs[:number % len(programs)]:
                results[program.name].append(self.run(program, captures[program.tenth]))
        return results

    def check(self, holds, text):
        print(f"  {'holds' if holds else 'MISSED'}: {text}")
        if not holds:
            self.missed.append(text)

    # --- parts ---

    def speed(self):
        size = self.options.bytes
        path, made = self.make("mix.pcap", size, 1)
        tenth, tenth_made = self.make("tenth.pcap", size // TENTH, 1)
        known = self.summary(path)
        share = known["home_packets"] / known["packets"]
        print(f"The mix: {made['packets']:,} packets, {made['bytes'] / 1e6:,.0f} MB captured, on average "
              f"{made['bytes'] / made['packets']:.0f} bytes; {100 * share:.1f} % of the packets touch a home host; "
              f"{known['flows']:,} flows of {known['hosts']:,} home hosts.")
        print("  packets: " + ", ".join(f"{kind} {100 * made[kind] / made['packets']:.1f} %"
                                        for kind in ("tcp", "udp", "icmp", "other", "ipv6")))
        print("  events:  " + ", ".join(f"{kind} {count:,}" for kind, count in known["events"].items()))
        programs = self.programs()
        results = self.rounds(programs, [path, tenth], self.options.rounds)
        packets = [made["packets"], tenth_made["packets"]]
        rows = self.table(programs, results, packets, [made["bytes"], tenth_made["bytes"]])
        self.results["speed"] = {"mix": made, "summary": known, "runs": results}
        self.judge_speed(rows, share)

    def table(self, programs, results, packets, sizes):
        floor = results[programs[0].name]
        rows = {}
        print(f"\n{'':29}{'M packets/s':>12}{'Gbit/s':>8}{'wall, s (quartiles)':>25}{'CPU, s':>8}{'peak, MB':>10}"
              f"{'wall/F':>8}{'CPU/F':>7}{'others':>8}")
        for program in programs:
            runs = results[program.name]
            scale = packets[0] / packets[program.tenth]
            low, wall, high = quartiles([run["wall"] for run in runs])
            row = {"wall": wall, "cpu": statistics.median(run["cpu"] for run in runs),
                   "rate": packets[program.tenth] / wall, "peak": max(run["peak"] for run in runs),
                   "wall_f": statistics.median(scale * run["wall"] / f["wall"] for run, f in zip(runs, floor)),
                   "cpu_f": statistics.median(scale * run["cpu"] / f["cpu"] for run, f in zip(runs, floor)),
                   "others": statistics.median(run["others"] for run in runs)}
            rows[program.name] = row
            print(f"{program.name:29}{row['rate'] / 1e6:12.2f}{8 * sizes[program.tenth] / wall / 1e9:8.2f}"
                  f"{wall:9.3f} ({low:.3f} to {high:.3f}){row['cpu']:8.2f}{row['peak'] / 1e6:10.1f}"
                  f"{row['wall_f']:8.2f}{row['cpu_f']:7.2f}{row['others']:8.2f}")
        print("others: processors that other work on the machine used meanwhile")
        return rows

    def judge_speed(self, rows, share):
        one, two = rows["sekimori, 1 worker"], rows["sekimori, 2 workers"]
        gain = one["wall"] / two["wall"]
        print()
        self.check(one["wall_f"] <= ONE_WORKER, f"one worker within {ONE_WORKER} F: {one['wall_f']:.2f} F by wall, "
                   f"{one['cpu_f']:.2f} F by CPU (direction: {DIRECTION[0]} F)")
        self.check(two["wall_f"] <= TWO_WORKERS, f"two workers within {TWO_WORKERS} F: {two['wall_f']:.2f} F by wall, "
                   f"{two['cpu_f']:.2f} F by CPU (direction: {DIRECTION[1]} F)")
        self.check(gain >= GAIN or two["wall_f"] <= INSTEAD,
                   f"two workers {GAIN} times as fast as one, or within {INSTEAD} F: {gain:.2f} times")
        for name in ("argus", "ndpiReader", "tshark, a tenth"):
            if name in rows:
                worst = max(one["wall_f"] / rows[name]["wall_f"], one["cpu_f"] / rows[name]["cpu_f"])
                self.check(worst < 1, f"one worker is faster than {name}: at least {1 / worst:.1f} times, "
                           "by wall and by CPU")
        self.check(share >= HOME_SHARE, f"at least {100 * HOME_SHARE:.0f} % of packets touch a home host: {100 * share:.1f} %")
        if max(one["others"], two["others"], rows["libpcap loop (F)"]["others"]) > QUIET:
            print(f"  The machine was not quiet (others: {one['others']:.1f}, {two['others']:.1f} of {os.cpu_count()} "
                  f"processors; load {load()}): walls above are longer than they need be, CPU is nearer to the truth.")

    def growth(self):
        rounds = 4  # about 100 MB whole; then ten and a hundred times as many hosts at once, of whose flows less is kept
        sets = [("1", []), ("10", ["--at-once", "10", "--first", "6", "--snap", "256"]),
                ("100", ["--at-once", "100", "--first", "2", "--snap", "128"])]
        programs = [program for program in self.programs() if "json" not in program.name]
        print(f"\n{'':29}{'flows, hosts':>14}{'M packets/s':>13}{'ns/packet':>11}{'CPU, s':>8}{'peak, MB':>10}")
        for times, how in sets:
            path, made = self.make(f"growth{times}.pcap", 0, rounds * int(times), *how)
            tenth, tenth_made = self.make("growth-tenth.pcap", 0, max(rounds * int(times) // TENTH, 1), *how)
            known = self.summary(path)
            results = self.rounds(programs, [path, tenth], self.options.growth_rounds)
            self.results[f"growth {times}"] = {"mix": made, "summary": known, "runs": results}
            print(f"{times} x: {made['packets']:,} packets, {made['bytes'] / 1e6:.0f} MB, {known['flows']:,} flows of "
                  f"{known['hosts']:,} home hosts")
            for program in programs:
                packets = (made, tenth_made)[program.tenth]["packets"]
                wall = statistics.median(run["wall"] for run in results[program.name])
                print(f"  {program.name:27}{times + ' x':>14}{packets / wall / 1e6:13.2f}{wall / packets * 1e9:11.0f}"
                      f"{statistics.median(run['cpu'] for run in results[program.name]):8.2f}"
                      f"{max(run['peak'] for run in results[program.name]) / 1e6:10.1f}")
            os.remove(path)

    def soak_run(self, *how):
        ran = subprocess.run([os.path.join(self.gen, "sekimori-soak"), *how], check=False, stdout=subprocess.PIPE, text=True)
        return [json.loads(line) for line in ran.stdout.splitlines()], ran.returncode

    def memory(self):
        print("\nMemory: growth of anonymous memory at a million answered flows, in bytes per flow")
        cases = [("flow records and their table, one home host", 1, True), ("the same, 100,000 home hosts", 100000, True),
                 ("with every detector, one home host", 1, False), ("with every detector, 1,000 home hosts", 1000, False),
                 ("with every detector, 100,000 home hosts", 100000, False),
                 ("with every detector, a million home hosts", MILLION, False)]
        found = {}
        print(f"{'':47}{'while they last':>16}{'when ended':>12}{'all, MB':>9}")
        for name, hosts, only_packets in cases:
            lines, _ = self.soak_run("--memory", "--flows", str(MILLION), "--hosts", str(hosts),
                                     *(["--only-packets"] if only_packets else []))
            last, ended = found[name] = lines[-2:]
            print(f"  {name:45}{last['anonymous'] / last['flows']:16.0f}{ended['anonymous'] / last['flows']:12.0f}"
                  f"{ended['anonymous'] / 1e6:9.0f}")
        self.results["memory"] = found
        table = found[cases[0][0]][0]
        per_flow = table["flow_bytes"] / table["flows"]
        self.check(per_flow <= FLOW_BYTES, f"at most {FLOW_BYTES} bytes per flow, its place in the table included: "
                   f"{per_flow:.0f}; docs/memory.md has the rest")

    def rules(self):
        files = sorted(glob.glob(os.path.join(self.options.data, "rules", "*.rules")))
        if not files:
            print(f"\nRules: none below {self.options.data}/rules, left out")
            return
        options = [word for file in files for word in ("--rules", file)]
        ours = [os.path.join(self.build, "sekimori"), "read", "--workers"]
        floor = Program("libpcap loop (F)", [os.path.join(self.gen, "sekimori-floor"), "FILE"])
        bare, full = (Program(f"sekimori, 2 workers{name}", [*ours, "2", *how, "FILE"], statuses=(0, 1), ours=True)
                      for name, how in (("", []), (", rules", options)))
        one = Program("sekimori, 1 worker, rules", [*ours, "1", *options, "FILE"], statuses=(0, 1), ours=True)
        # What loading costs is measured within the rounds, too: on a capture that holds nothing, less what that costs without rules.
        idle = [Program(name, program.command, tenth=True, statuses=(0, 1), ours=True)
                for name, program in (("nothing", bare), ("nothing, rules", full))]
        path, made = self.make("mix.pcap", self.options.bytes, 1)
        programs = [floor, bare, one, full]
        results = self.rounds(programs + idle, [path, self.nothing()], self.options.rounds)
        starts = [{what: with_rules[what] - without[what] for what in ("wall", "cpu")}
                  for without, with_rules in zip(*(results[program.name] for program in idle))]
        for program in (one, full):
            for run, began in zip(results[program.name], starts):
                run["wall"], run["cpu"] = (max(run[what] - began[what], 1e-3) for what in ("wall", "cpu"))
        start = {what: statistics.median(began[what] for began in starts) for what in ("wall", "cpu")}
        print(f"\nRules: {len(files)} files; {made['packets']:,} packets, {made['bytes'] / 1e6:,.0f} MB; "
              "without what the start costs")
        rows = self.table(programs, results, [made["packets"]], [made["bytes"]])
        row = rows[full.name]
        state = self.rules_state(bare, full)
        self.results["rules"] = {"start": start, "runs": results, "state": state}
        self.check(row["wall_f"] <= WITH_RULES, f"with all rules two workers within {WITH_RULES} F: {row['wall_f']:.2f} F by "
                   f"wall, {row['cpu_f']:.2f} F by CPU (direction: {RULES_DIRECTION} F)")
        self.check(row["peak"] <= RULES_PEAK, f"peak within {RULES_PEAK >> 20} MiB: {row['peak'] / (1 << 20):.0f} MiB")
        self.check(start["cpu"] <= RULES_START, f"a start within {RULES_START} s: {start['cpu']:.2f} s of one processor, "
                   f"{start['wall']:.2f} s by wall")

    def nothing(self):
        path = os.path.join(self.folder, "empty.pcap")
        with open(path, "wb") as file:
            file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        return path

    def rules_state(self, bare, full):
        """Bytes that a flow has more with rules than without: ten times the flows at once, less what one time takes."""
        rounds = 1
        more, _ = self.make("more.pcap", 0, rounds, "--at-once", str(TENTH), "--first", "6", "--snap", "256")
        less, _ = self.make("less.pcap", 0, rounds, "--first", "6", "--snap", "256")
        peaks = {(program.name, file): self.run_once(program, file)["peak"] for program in (bare, full) for file in (less, more)}
        flows = self.summary(more)["flows"] - self.summary(less)["flows"]
        grown = [peaks[program.name, more] - peaks[program.name, less] for program in (bare, full)]
        print(f"  bytes of a flow, those that end included: {grown[0] / flows:.0f} without rules, {grown[1] / flows:.0f} with them")
        return {"flows": flows, "without": grown[0], "with": grown[1]}

    def soak(self):
        packets = self.options.packets
        print(f"\nSoak: {packets:,} packets of random 5-tuples, every detector")
        lines, status = self.soak_run("--packets", str(packets), "--workers", str(self.options.soak_workers))
        for line in lines:
            print(f"  {line['packets']:12,} packets{line['seconds']:8.0f} s{line['anonymous'] / 1e6:9.1f} MB anonymous"
                  f"{line['flows']:10,} flows{line['made']:13,} made{line['events']:13,} events{line['claims']:10,} claims")
        self.results["soak"] = lines
        self.check(status == 0, "memory flat on an endless stream of new flows")


def load():
    with open("/proc/loadavg", encoding="ascii") as file:
        return " ".join(file.read().split()[:3])


def take_options():
    parser = argparse.ArgumentParser(prog="script/bench read", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="speed, growth, memory, rules, soak (default: all but the last)")
    parser.add_argument("--data", default=os.environ.get("SEKIMORI_DATA") or os.path.join(ROOT, "..", "shared", "data"),
                        help="folder of captures (SEKIMORI_DATA)")
    parser.add_argument("--dir", help="where captures of together 1.5 GB are written for the time (default: TMPDIR)")
    parser.add_argument("--bytes", type=int, default=GIB, help="size of the capture (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="times that each program reads it (%(default)s)")
    parser.add_argument("--patience", type=int, default=120, metavar="SECONDS",
                        help="how long to wait for a quiet machine, in all (%(default)s)")
    parser.add_argument("--growth-rounds", type=int, default=1, help="the same for growth (%(default)s)")
    parser.add_argument("--packets", type=int, default=100 * MILLION, help="of the soak (%(default)s)")
    parser.add_argument("--soak-workers", type=int, default=1)
    parser.add_argument("--limit", type=int, default=600, help="seconds for one run (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="every figure")
    options = parser.parse_args()
    options.parts = options.parts or ["speed", "growth", "memory", "rules"]
    unknown = set(options.parts) - {"speed", "growth", "memory", "rules", "soak"}
    if unknown:
        parser.error(f"there is no part {unknown.pop()}")
    return options


def main():
    options = take_options()
    build = os.environ.get("SEKIMORI_BUILD", os.path.join(ROOT, "build"))
    with tempfile.TemporaryDirectory(prefix="sekimori-read-", dir=options.dir) as folder:
        bench = Bench(build, folder, options)
        print(f"{os.cpu_count()} processors, load {load()}")
        for part in options.parts:
            getattr(bench, part)()
            sys.stdout.flush()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(bench.results, file)
    if bench.missed:
        print("\nmissed:\n  " + "\n  ".join(bench.missed))
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
