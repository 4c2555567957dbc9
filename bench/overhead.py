#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sensor costs: loops without it, with eBPF and with /proc, interleaved in one run.

Each round runs every loop with the sensor off, then with eBPF, then with /proc, in a network namespace of its own, the
loop on one CPU and the sensor where it likes. Printed are medians with quartiles, the ratio to "off" within the same
round, the ratio of the fastest pieces (which other work on the machine disturbs least), the sensor's CPU and memory,
what it lost, and the run time of its BPF programs per operation (in a pass of its own: measuring that costs time
itself). Exit status 1 when a target of the eBPF back end is missed. Needs root."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

from sensor import Sensor, build_folder, end_in_order, generator, lost

import lib  # tests/e2e

STATS = "/proc/sys/kernel/bpf_stats_enabled"
BURST = 50000

CHUNKS = 100  # pieces of a run, each timed
# name, loop, operations of a run of about a second, over the wire, on one CPU, target: at most so much slower (%)
LOOPS = [
    ("connect+close", "connect-close", 30000, False, True, 10),
    ("accept", "accept", 24000, False, True, None),
    ("UDP 64 B", "udp64", 400000, False, True, 10),
    ("TCP 64 KiB", "tcp64k", 60000, False, True, 3),
    ("fork+exec", "fork-exec", 3000, False, True, 3),
    ("connect+close, wire", "connect-close", 24000, True, True, None),
    ("UDP 64 B, wire", "udp64-out", 400000, True, True, None),
    ("TCP 64 KiB, wire", "tcp64k", 60000, True, True, None),
]
SENDS = {"UDP 64 B": 150, "UDP 64 B, wire": 150, "TCP 64 KiB": None, "connect+close": None, "fork+exec": None}


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, mid, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, mid, high


def foreign_programs(own):
    """BPF programs of another sensor that runs on this machine: they would be measured along."""
    try:
        shown = json.loads(subprocess.run(["bpftool", "prog", "show", "--json"], capture_output=True, text=True).stdout)
    except (OSError, ValueError):
        return 0
    return sum(p.get("name") == "on_send" and p["id"] not in own for p in shown)


class Bench:
    def __init__(self, net, build, options):
        self.net, self.build, self.options = net, build, options
        self.generator = generator(build)
        self.disturbed = 0
        self.patience = options.patience  # seconds

    def sensor(self, backend, **kwargs):
        if backend == "off":
            return None
        sensor = Sensor(self.build, backend, netns=self.net.path("home") if backend == "proc" else None, **kwargs)
        if not sensor.ready:
            text = sensor.text
            sensor.close()
            sys.exit(f"overhead: the sensor did not start with {backend}:\n{text}")
        sensor.wait_quiet()
        return sensor

    def loop(self, row, operations=None):
        """One run; what the generator says of it."""
        _, name, default, wire, pin, _ = row
        argv = ["taskset", "-c", "0"] if pin else []
        argv += [self.generator, "--loop", name, "--operations", str(operations or int(default * self.options.scale))]
        if not operations:
            argv += ["--chunks", str(CHUNKS)]
        if wire:
            argv += ["--local4", lib.HOME4, "--peer4", lib.OUTSIDE4, "--peer-netns", self.net.path("outside")]
        began = time.monotonic()
        done = self.net.run("home", argv, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"loop {name}: {done.stderr.strip()}")
        return {**json.loads(done.stdout), "wall": time.monotonic() - began}

    def wait_alone(self, own):
        """Until no other sensor runs on this machine; patience is limited in all."""
        while self.patience > 0 and foreign_programs(own):
            time.sleep(0.5)
            self.patience -= 0.5

    def block(self, backend, loops):
        """All loops once with one back end."""
        sensor, results = self.sensor(backend), {}
        try:
            own = sensor.programs() if sensor else set()
            for row in loops:
                for _ in range(2):
                    self.wait_alone(own)
                    before = sensor.cpu_seconds() if sensor else 0
                    result = self.loop(row)
                    result["clean"] = not foreign_programs(own)
                    if result["clean"]:
                        break
                    self.disturbed += 1
                if sensor:
                    sensor.wait_quiet(2)
                    result["cpu"] = sensor.cpu_seconds() - before
                results[row[0]] = result
            if sensor:
                results["memory"], results["status"] = sensor.memory(), sensor.status()
                if sensor.popen.poll() is not None:
                    sys.exit(f"overhead: the sensor ended during the loops:\n{sensor.text[-2000:]}")
        finally:
            if sensor:
                sensor.close()
        return results

    def bpf_times(self):
        """{loop: BPF run time and runs per operation, in all and by program}. Of three runs the one with the fewest
        runs counts: programs see the whole machine, and other traffic can only add."""
        with open(STATS) as f:
            old = f.read()
        sensor = self.sensor("bpf")
        found = {}
        try:
            with open(STATS, "w") as f:
                f.write("1")
            for row in LOOPS:
                if row[0] in SENDS:
                    found[row[0]] = min((self._bpf_time(sensor, row) for _ in range(3)), key=lambda t: t["runs"])
        finally:
            with open(STATS, "w") as f:
                f.write(old)
            sensor.close()
        return found

    def _bpf_time(self, sensor, row):
        before = self._run_times(sensor)
        result = self.loop(row)
        # the loop does a tenth of a piece more, to warm up
        operations = result["operations"] + max(result["operations"] // result["chunks"] // 10, 1)
        each = {}
        for number, (name, ns, runs) in self._run_times(sensor).items():
            _, ns0, runs0 = before.get(number, (name, 0, 0))
            sums = each.setdefault(name, [0, 0])
            sums[0] += (ns - ns0) / operations
            sums[1] += (runs - runs0) / operations
        return {"ns": sum(v[0] for v in each.values()), "runs": sum(v[1] for v in each.values()),
                "programs": {k: v for k, v in each.items() if v[1] > 0.001}}

    @staticmethod
    def _run_times(sensor):
        """{number: (name, ns, runs)} of the sensor's own programs."""
        own = sensor.programs()
        done = subprocess.run(["bpftool", "prog", "show", "--json"], capture_output=True, text=True, check=True)
        return {p["id"]: (p.get("name", "?"), p.get("run_time_ns", 0), p.get("run_cnt", 0))
                for p in json.loads(done.stdout) if p["id"] in own}

    def burst(self, backend):
        """Short connections over the wire, as fast as four threads can: each must be an event or counted as lost."""
        sensor = self.sensor(backend, events=True)
        try:
            sensor.eve.read()
            row = ("burst", "burst", BURST, True, False, None)
            result = self.loop(row, BURST)
            deadline, events, started, ended = time.monotonic() + 30, [], set(), set()
            while time.monotonic() < deadline and len(ended) < BURST:
                sensor.wait_quiet(3)
                fresh = sensor.eve.read()
                for e in fresh:
                    if e.get("event_type") == "flow" and e["flow"]["task"].get("pid") == result["pid"]:
                        if e["op"] == "start":
                            started.add(e["flow"]["flow_id"])
                        elif e["op"] == "end":
                            ended.add(e["flow"]["flow_id"])
                    elif e.get("event_type") == "gap":
                        events.append(e)
                if not fresh:
                    break
            return {"seconds": result["seconds"], "started": len(started), "ended": len(ended), "gaps": lost(events),
                    "status": sensor.status().get("lost", {}), "memory": sensor.memory(), "unreadable": sensor.eve.bad}
        finally:
            sensor.close()


def collect(bench, options):
    loops = [row for row in LOOPS if not options.loops or row[1] in options.loops or row[0] in options.loops]
    rounds = []
    for number in range(options.rounds):
        one = {}
        for backend in options.backends:
            if not options.json:
                print(f"\rround {number + 1} of {options.rounds}, {backend:<5}", end="", file=sys.stderr, flush=True)
            one[backend] = bench.block(backend, loops)
        rounds.append(one)
    if not options.json:
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return loops, rounds


def compare(loops, rounds_all, backends):
    """Per loop and back end: ns per operation and its ratio to the same round's "off"."""
    table = {}
    for row in loops:
        name = row[0]
        # rounds that no other sensor disturbed; when there is none, all
        clean = [r for r in rounds_all if all(r[b][name]["clean"] for b in backends)]
        rounds = clean or rounds_all
        for backend in backends:
            ns = [r[backend][name]["ns_median"] for r in rounds]
            entry = {"ns": quartiles(ns), "rounds": len(rounds), "clean": bool(clean)}
            if "off" in backends and backend != "off":
                entry["ratio"] = quartiles([r[backend][name]["ns_median"] / r["off"][name]["ns_median"]
                                            for r in rounds])
                entry["fastest"] = (min(r[backend][name]["ns_min"] for r in rounds) /
                                    min(r["off"][name]["ns_min"] for r in rounds))
            if backend != "off":
                entry["cpu"] = statistics.median(r[backend][name]["cpu"] / r[backend][name]["wall"] for r in rounds)
            table.setdefault(name, {})[backend] = entry
    return table


def percent(ratio):
    return f"{(ratio - 1) * 100:+.1f} %"


def print_table(table, backends):
    print(f"{'loop':<20} {'back end':<8} {'ns per operation':<32} {'to off, median (quartiles)':<32} "
          f"{'fastest':<9} sensor's CPU")
    for name, row in table.items():
        for backend in backends:
            e = row[backend]
            low, mid, high = e["ns"]
            ratio = fastest = cpu = ""
            if "ratio" in e:
                ratio = f"{percent(e['ratio'][1])}  ({percent(e['ratio'][0])} to {percent(e['ratio'][2])})"
                fastest = percent(e["fastest"])
            if "cpu" in e:
                cpu = f"{e['cpu'] * 100:.1f} %"
            elif backend == backends[0]:
                cpu = f"({e['rounds']} rounds{'' if e['clean'] else ', another sensor ran'})"
            print(f"{name if backend == backends[0] else '':<20} {backend:<8} "
                  f"{f'{mid:,.0f}  ({low:,.0f} to {high:,.0f})':<32} {ratio:<32} {fastest:<9} {cpu}".rstrip())


def print_times(times):
    print("\nBPF run time (kernel.bpf_stats_enabled, which itself adds to it): per run × runs per operation")
    for name, t in times.items():
        each = ", ".join(f"{k} {v[0] / v[1]:.0f} ns × {v[1]:.2f}"
                         for k, v in sorted(t["programs"].items(), key=lambda i: -i[1][0]) if v[1] >= 0.05)
        print(f"  {name:<20} {t['ns']:6.0f} ns: {each}")


def print_memory(rounds, backends):
    print()
    for backend in backends:
        rows = [r[backend]["memory"] for r in rounds if "memory" in r[backend]]
        if rows:
            last = max(rows, key=lambda m: sum(p[2] for p in m))
            each = ", ".join(f"{name} {rss / 1024:.1f} MiB resident" for name, rss, _ in last)
            print(f"memory, {backend}: {each}; together {sum(p[2] for p in last) / 1024:.1f} MiB, "
                  f"shared pages counted once")


def print_burst(backend, b):
    gaps = ", ".join(f"{k} {v}" for k, v in b["gaps"].items()) or "none"
    print(f"burst, {backend}: {BURST:,} connections in {b['seconds']:.2f} s; {b['started']:,} seen to start, "
          f"{b['ended']:,} to end; gaps: {gaps}; {sum(p[2] for p in b['memory']) / 1024:.1f} MiB afterwards")


def verdicts(table, times, rounds, burst):
    """(target, what was measured, held) for the eBPF back end."""
    rows = []
    for name, *_, limit in LOOPS:
        ratio = table.get(name, {}).get("bpf", {}).get("ratio")
        if limit is not None and ratio:
            rows.append((f"{name}: at most {limit} % slower", percent(ratio[1]), ratio[1] <= 1 + limit / 100))
    for name, limit in SENDS.items():
        if limit and name in times:
            # what runs on the way out; each at most once per send, so that other traffic does not count
            out = {k: v[0] / v[1] * min(v[1], 1) for k, v in times[name]["programs"].items()
                   if v[1] >= 0.05 and not re.search("recv|_in$|ingress", k)}
            rows.append((f"{name}: at most {limit} ns of BPF run time per send",
                         f"{sum(out.values()):.0f} ns ({' + '.join(out)})", sum(out.values()) <= limit))
    memory = [sum(p[2] for p in r["bpf"]["memory"]) / 1024 for r in rounds if "bpf" in r]
    if burst:
        memory.append(sum(p[2] for p in burst["memory"]) / 1024)
    if memory:
        rows.append(("under 40 MiB resident", f"{max(memory):.1f} MiB", max(memory) < 40))
    if burst:
        counted = sum(v for k, v in burst["gaps"].items() if k in ("ring_full", "table_full"))
        missing = BURST - burst["started"]
        rows.append((f"nothing lost at {BURST:,} short connections, or counted",
                     f"{missing:,} not seen, {counted:,} counted as lost", missing <= counted))
    return rows


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("loops", nargs="*", help="names of loops; default: all")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--scale", type=float, default=1.0, help="length of the loops; 1 is about a second each")
    p.add_argument("--backends", default="off,bpf,proc", help="in this order (off,bpf,proc)")
    p.add_argument("--no-burst", action="store_true", help="leave out the burst")
    p.add_argument("--no-times", action="store_true", help="leave out the BPF run times")
    p.add_argument("--patience", type=float, default=120, help="seconds to wait, in all, for other sensors to end")
    p.add_argument("--build", help="build folder")
    p.add_argument("--json", action="store_true", help="one JSON object with all figures")
    options = p.parse_args()
    options.backends = options.backends.split(",")
    if options.rounds < 1 or not set(options.backends) <= {"off", "bpf", "proc"}:
        p.error("--rounds is at least 1, and the back ends are off, bpf and proc")
    return options


def main():
    options = parse()
    lib.need_root()
    build = build_folder(options.build)
    for program in (generator(build), os.path.join(build, "sekimori")):
        if not os.access(program, os.X_OK):
            sys.exit(f"overhead: {program} is missing; build first, or name the folder with --build")
    with lib.Net() as net:
        end_in_order()
        bench = Bench(net, build, options)
        loops, rounds = collect(bench, options)
        bpf = "bpf" in options.backends
        times = bench.bpf_times() if bpf and not options.no_times else {}
        bursts = {b: bench.burst(b) for b in options.backends if b != "off" and not options.no_burst}
    table = compare(loops, rounds, options.backends)
    rows = verdicts(table, times, rounds, bursts.get("bpf")) if bpf else []
    if options.json:
        print(json.dumps({"loops": table, "bpf_times": times, "bursts": bursts, "disturbed": bench.disturbed,
                          "lost": {b: [r[b].get("status", {}).get("lost") for r in rounds] for b in options.backends},
                          "targets": [{"target": t, "measured": m, "held": h} for t, m, h in rows]}))
    else:
        print_table(table, options.backends)
        if times:
            print_times(times)
        print_memory(rounds, options.backends)
        for backend, burst in bursts.items():
            print_burst(backend, burst)
        if bench.disturbed:
            print(f"another sensor ran on this machine during {bench.disturbed} runs: those rounds do not count")
        if os.getloadavg()[0] > 2:
            print(f"this machine is busy (load {os.getloadavg()[0]:.1f}): the figures are not clean")
        print()
        for target, measured, held in rows:
            print(f"{'held  ' if held else 'MISSED'}  {target}: {measured}")
    return 0 if all(held for *_, held in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
