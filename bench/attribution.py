#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sent it? Each way of sending, and whether the sensor names process, thread and creator.

Runs the sensor and, one after the other, the cases of sekimori-gen in two network namespaces of its own. A case says
what it really did (process and thread by number and start time, the chain of creators, the destination); the events of
the sensor are compared with that. Exit status 1 when a case that must hold does not. Needs root."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time

from sensor import STEP, Sensor, build_folder, end_in_order, generator, lost

import lib  # tests/e2e

PID_MAX = "/proc/sys/kernel/pid_max"
ICMP = (1, 58)
TIMEOUT = 3.0
COLUMNS = ("seen", "process", "thread", "creator")


def plain(address):
    """Without the mapping of IPv4 into IPv6."""
    return address[7:] if address.lower().startswith("::ffff:") and "." in address else address


def is_task(event_task, truth, slack=0):
    """The same thread, start time included. A sensor that knows clock ticks only gets one tick of slack."""
    return (event_task.get("tid") == truth["tid"] and event_task.get("pid") == truth["pid"] and
            truth["start_min"] - slack <= event_task.get("start", 0) <= truth["start_max"] + slack)


def same_netns(named, truth):
    """A namespace has two names, its inode and its cookie; a back end uses the one that it can read."""
    return named.get("netns") in truth["netns"] and named["netns"] != 0


class Lineage:
    """Creators as the sensor's process events tell them."""

    def __init__(self, slack):
        self.creators, self.flags, self.slack = {}, {}, slack

    def add(self, event):
        if event.get("event_type") == "process" and event.get("op") in ("fork", "present"):
            process = event["process"]
            key = (process["task"].get("tid"), process["task"].get("start"))
            self.creators[key] = process.get("creator") or {}
            self.flags[key] = process.get("flags") or []

    def creator(self, task):
        return self.creators.get((task.get("tid"), task.get("start")))

    def made_by(self, task, truth):
        """Was this io_uring thread created by that thread, or by a ring's thread that it created?"""
        for _ in range(2):
            task = self.creator(task)
            if not task:
                return False
            if is_task(task, truth, self.slack):
                return True
        return False

    def chain(self, task, limit=12):
        found = []
        while (task := self.creator(task)) and task.get("pid") and len(found) < limit:
            found.append(task)
        return found

    def guessed(self, task):
        return "creator_guess" in self.flags.get((task.get("tid"), task.get("start")), [])


def about(event, truth, since):
    """Does this event speak of the traffic of that expectation? The task that it names plays no part."""
    if event.get("time_ns", 0) < since:
        return False
    if event.get("event_type") == "flow":
        flow = event["flow"]
        if plain(flow.get("remote", "")) != truth["remote"]:
            return False
        if truth["kind"] == "flow" and truth["proto"] and flow.get("proto") != truth["proto"]:
            return False
        if truth["kind"] == "flow" and truth["proto"] in ICMP:
            return True
        return all(not truth[key] or not flow.get(key) or flow[key] == truth[key]
                   for key in ("local_port", "remote_port"))
    if event.get("event_type") == "socket":
        socket = event["socket"]
        op = {"packet": "packet", "xdp": "xdp"}.get(truth["kind"], "raw" if truth["proto"] not in (6, 17) else None)
        if op == "raw" and socket.get("family") != (10 if ":" in truth["remote"] else 2):
            return False
        return event.get("op") == op and same_netns(socket, truth)
    return False


class Judge:
    """One expectation against the events so far."""

    def __init__(self, truth, events, lineage, me):
        self.truth, self.lineage, self.me = truth, lineage, me
        self.slack = lineage.slack
        self.notes = []
        self.seen = bool(events)
        self.tasks = [(e.get("flow") or e["socket"]) for e in events]
        self.acting = [t.get("task") or {} for t in self.tasks]
        self.process = self.seen and self._process()
        self.thread = self.process and self._thread()
        self.creator = self.process and self._creator()
        self._namespace(events)

    def _process(self):
        known = [t for t in self.acting if t.get("pid")]
        if not known:
            self.notes.append("process unknown")
            return False
        allowed = {s["task"]["pid"] for s in self.truth["senders"]} | {o["pid"] for o in self.truth["others"]}
        wrong = {t["pid"] for t in known} - allowed
        if wrong:
            self.notes.append(f"names pid {sorted(wrong)}")
        missing = [s["task"]["pid"] for s in self.truth["senders"]
                   if not any(t["pid"] == s["task"]["pid"] and self._start_fits(t, s["task"]) for t in known)]
        if missing and not wrong:
            self.notes.append(f"never names pid {missing} with its start")
        return not wrong and not missing

    def _start_fits(self, task, truth):
        """Only a process's first thread has a start that the generator knows for the process."""
        if truth["pid"] != truth["tid"] or task.get("tid") != truth["tid"]:
            return True
        return is_task(task, truth, self.slack)

    def _is_sender(self, task, sender):
        if is_task(task, sender["task"], self.slack):
            return True
        if sender["by_worker"] and self.lineage.made_by(task, sender["task"]):
            flags = self.lineage.flags.get((task.get("tid"), task.get("start")), [])
            self._note("by the ring's SQPOLL thread" if "sqpoll" in flags else "by an io worker")
            return True
        return False

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def _thread(self):
        for flow, task in zip(self.tasks, self.acting):
            if "thread_guess" in (flow.get("flags") or []):
                self._note("thread is a guess")
                return False
            if not (any(self._is_sender(task, s) for s in self.truth["senders"]) or
                    any(is_task(task, o, self.slack) for o in self.truth["others"])):
                self._note(f"names tid {task.get('tid')}")
                return False
        missing = [s["task"]["tid"] for s in self.truth["senders"]
                   if not any(self._is_sender(t, s) for t in self.acting)]
        if missing:
            self._note(f"never names tid {missing}")
        return not missing

    def _creator(self):
        return all(self._creator_of(s) for s in self.truth["senders"])

    def _creator_of(self, sender):
        """From the sender through all its true creators to the generator's first thread, which this bench created."""
        acting = [t for t in self.acting if self._is_sender(t, sender)] or \
                 [t for t in self.acting if t.get("pid") == sender["task"]["pid"]]
        if not acting:
            return False
        if not is_task(acting[0], sender["task"], self.slack):
            # an io_uring thread stands before the submitter
            acting = [c for c in self.lineage.chain(acting[0]) if is_task(c, sender["task"], self.slack)] or acting
        chain = self.lineage.chain(acting[0])
        if not chain:
            self._note("no record of its creation")
            return False
        if self.lineage.guessed(acting[0]):
            self._note("creator is /proc's parent")
        wanted = sender["chain"]
        for i, truth in enumerate(wanted):
            if i >= len(chain) or not is_task(chain[i], truth, self.slack):
                self._note(f"creator {i + 1} should be tid {truth['tid']}, is "
                           f"{chain[i].get('tid') if i < len(chain) else 'not recorded'}")
                return False
        if len(chain) <= len(wanted) or chain[len(wanted)].get("tid") != self.me:
            self._note("the chain does not reach this bench")
            return False
        return True

    def _namespace(self, events):
        for e in events:
            if e["event_type"] == "flow" and not same_netns(e["flow"], self.truth):
                self._note(f"network namespace {e['flow']['netns']}, should be {self.truth['netns']}")
                self.process = False
                return

    @property
    def right(self):
        return bool(self.seen and self.process and self.thread and self.creator)


class Bench:
    def __init__(self, net, build, sensor, options):
        self.net, self.sensor, self.options = net, sensor, options
        self.generator = generator(build)
        self.lineage = Lineage(slack=2 * 10**7 if options.backend == "proc" else 0)
        self.events = []
        self.me = threading.get_native_id()
        self.mac = json.loads(lib._ip("-j", "-n", net.names["outside"], "link", "show", "veth0"))[0]["address"]
        self.wires = [net.sniff("outside"), net.sniff("home")]
        # one destination per case, so that a protocol without ports cannot be mixed up with the case before
        lib._ip("-n", net.names["outside"], "route", "add", "local", "10.77.2.0/24", "dev", "lo")
        lib._ip("-n", net.names["outside"], "-6", "route", "add", "local", "fd77:2::/64", "dev", "lo")
        lib._ip("-n", net.names["home"], "route", "add", "10.77.2.0/24", "via", lib.OUTSIDE4)
        lib._ip("-n", net.names["home"], "-6", "route", "add", "fd77:2::/64", "via", lib.OUTSIDE6)
        self._sysctl("home", "net.ipv4.ping_group_range", "0 2147483647")
        self._sysctl("outside", "net.ipv4.tcp_fastopen", "3")
        self._sysctl("home", "net.ipv4.tcp_fastopen", "3")

    def _sysctl(self, side, key, value):
        self.net.run(side, ["sh", "-c", f"echo '{value}' > /proc/sys/{key.replace('.', '/')}"], check=False)

    def cases(self):
        text = subprocess.run([self.generator, "--list"], capture_output=True, text=True, check=True).stdout
        rows = [line.split("\t", 1) for line in text.splitlines()]
        wanted = self.options.cases
        return [r for r in rows if not wanted or any(r[0] == w or r[0].startswith(w) for w in wanted)]

    def _take(self):
        for event in self.sensor.eve.read() if self.sensor else []:
            self.lineage.add(event)
            if event.get("event_type") in ("flow", "socket", "gap"):
                self.events.append(event)

    def _judge(self, truths, since):
        return [Judge(t, [e for e in self.events if about(e, t, since)], self.lineage, self.me) for t in truths]

    def _wire(self, truth):
        """Did it really leave? At least one packet to that destination arrived at the other end of the wire."""
        for wire in self.wires:
            wire.read()
            if any(str(p.dst) == truth["remote"] and (truth["proto"] not in (6, 17) or not truth["remote_port"] or
                                                      p.dport == truth["remote_port"]) for p in wire.packets):
                return True
        return False

    def run(self, index, name):
        for wire in self.wires:
            wire.clear()
        self.events.clear()
        since = time.time_ns()
        proc = self.net.popen("home", [
            self.generator, "--local4", lib.HOME4, "--local6", lib.HOME6, "--peer4", f"10.77.2.{index}",
            "--peer6", f"fd77:2::{index:x}", "--peer-netns", self.net.path("outside"), "--dev", "veth0",
            "--peer-mac", self.mac, name])
        try:
            lib.wait_json(proc, lambda line: line.get("done"), 20)
            lines = [line for line in proc.lines if "case" in line]
            for line in lines:
                line.update({k: plain(line[k]) for k in ("local", "remote") if k in line})
            return self._result(name, lines, since)
        except TimeoutError as e:
            return {"case": name, "failed": str(e)[:100]}
        finally:
            self._release(proc)

    def _release(self, proc):
        """Lets the generator end by itself, as a program does; only one that hangs is ended."""
        proc.popen.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            proc.popen.wait(5)
        proc.stop()
        self.net._things.remove(proc)

    def _result(self, name, lines, since):
        if any("error" in line for line in lines):
            return {"case": name, "failed": lines[0]["error"]}
        if any(not line["possible"] for line in lines):
            return {"case": name, "impossible": lines[0]["note"]}
        deadline = time.monotonic() + (TIMEOUT if self.sensor else 0)
        while True:
            self._take()
            judges = self._judge(lines, since)
            if all(j.right for j in judges) or time.monotonic() > deadline:
                break
            time.sleep(STEP)
        notes = [line["note"] for line in lines if line["note"]]
        for judge in judges:
            notes += [n for n in judge.notes if n not in notes]
        wire = time.monotonic() + 1
        while not (sent := all(self._wire(t) for t in lines)) and time.monotonic() < wire:
            self.wires[0].read(STEP)
        if not sent:
            notes.insert(0, "NOTHING ON THE WIRE")
        notes += [f"gap {reason}: {count}" for reason, count in lost(self.events).items()]
        verdict = {key: all(getattr(j, key) for j in judges) for key in COLUMNS}
        shown = self.events[:20] if self.options.verbose else []
        return {"case": name, "sent": sent, **verdict, "notes": notes, "events": shown}


def print_row(r, watched):
    def mark(key):
        return ("yes" if r[key] else "NO") if watched else "-"
    if "failed" in r:
        print(f"{r['case']:<22} the generator failed: {r['failed']}")
    elif "impossible" in r:
        print(f"{r['case']:<22} -     -        -        -        {r['impossible']}")
    else:
        print(f"{r['case']:<22} {mark('seen'):<5} {mark('process'):<8} {mark('thread'):<8} {mark('creator'):<8} "
              f"{'; '.join(r['notes'])}")
    for e in r.get("events", []):
        print("    " + json.dumps(e))
    sys.stdout.flush()


def right(r, watched):
    if "impossible" in r:
        return True
    return "failed" not in r and r["sent"] and (not watched or all(r[k] for k in COLUMNS))


def summary(results, watched, backend):
    ran = [r for r in results if "impossible" not in r and "failed" not in r]
    absent = f"{sum('impossible' in r for r in results)} not possible on this kernel"
    if watched:
        counts = {k: sum(r[k] for r in ran) for k in COLUMNS}
        print(f"\n{backend}: of {len(ran)} cases {counts['seen']} seen, {counts['process']} with the right process, "
              f"{counts['thread']} the right thread, {counts['creator']} the right creators; "
              f"{absent}")
    else:
        print(f"\n{sum(r['sent'] for r in ran)} cases sent what they said, {absent}")
    bad = [r["case"] for r in results if not right(r, watched)]
    if bad:
        print(f"not right: {' '.join(bad)}")
    return bad


def self_check():
    """The judge must be able to say no: a right answer, and each way of being wrong."""
    def task(tid, start, pid=100):
        return {"pid": pid, "tid": tid, "start": start, "leader_start": 1000}

    def span(tid, start, pid=100):
        return {"pid": pid, "tid": tid, "start_min": start - 5, "start_max": start + 5}

    me, main, thread = task(7, 10, pid=7), task(100, 1000), task(102, 2000)
    truth = {"kind": "flow", "proto": 17, "local": "10.77.1.1", "local_port": 4000, "remote": "10.77.2.1",
             "remote_port": 7003, "netns": [5, 50], "others": [],
             "senders": [{"task": span(102, 2000), "chain": [span(100, 1000)], "by_worker": False}]}

    def judged(acting=thread, by=main, above=me, truth=truth, start=True, **flow):
        lineage = Lineage(slack=0)
        for one, creator in ((thread, main), (acting, by), (main, above)):
            lineage.add({"event_type": "process", "op": "fork", "process": {"task": one, "creator": creator}})
        event = {"event_type": "flow", "op": "start", "time_ns": 9, "flow": {
            "task": acting, "local": "10.77.1.1", "local_port": 4000, "remote": "10.77.2.1", "remote_port": 7003,
            "proto": 17, "netns": 5, "flags": [], **flow}}
        events = [e for e in [event] if start and about(e, truth, 5)]
        j = Judge(truth, events, lineage, me=7)
        return bool(j.seen), bool(j.process), bool(j.thread), bool(j.creator)

    worker = {**truth, "senders": [{**truth["senders"][0], "by_worker": True}]}
    yes, no = True, False
    for what, got, wanted in (
            ("right", judged(), (yes, yes, yes, yes)),
            ("mapped", judged(remote="::ffff:10.77.2.1"), (yes, yes, yes, yes)),
            ("nothing", judged(start=False), (no, no, no, no)),
            ("other peer", judged(remote="10.77.2.2"), (no, no, no, no)),
            ("other port", judged(remote_port=7004), (no, no, no, no)),
            ("other protocol", judged(proto=6), (no, no, no, no)),
            ("unknown", judged(acting={"pid": 0, "tid": 0}), (yes, no, no, no)),
            ("other process", judged(acting=task(102, 2000, pid=101)), (yes, no, no, no)),
            ("number used again", judged(acting=task(102, 3000)), (yes, yes, no, yes)),
            ("first thread", judged(acting=main, by=me), (yes, yes, no, no)),
            ("guess", judged(flags=["thread_guess"]), (yes, yes, no, yes)),
            ("other creator", judged(by=me), (yes, yes, yes, no)),
            ("creator used again", judged(by=task(100, 1500)), (yes, yes, yes, no)),
            ("no end", judged(above=task(1, 1, pid=1)), (yes, yes, yes, no)),
            ("namespace's cookie", judged(netns=50), (yes, yes, yes, yes)),
            ("namespace", judged(netns=6), (yes, no, yes, yes)),
            ("worker", judged(acting=task(103, 2500), by=thread, truth=worker), (yes, yes, yes, yes)),
            ("worker unasked", judged(acting=task(103, 2500), by=thread), (yes, yes, no, yes))):
        if got != wanted:
            sys.exit(f"attribution: the judge is wrong about '{what}': {got}, should be {wanted}")
    print("the judge is right about right and wrong answers")


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cases", nargs="*", help="names or beginnings of names; default: all")
    p.add_argument("--backend", default="bpf", choices=["auto", "bpf", "proc", "off"],
                   help="bpf (default); proc: the paper's method, which need not hold; off: check only the generators")
    p.add_argument("--build", help="build folder")
    p.add_argument("--json", action="store_true", help="one JSON object per case")
    p.add_argument("--strict", action="store_true", help="exit status 1 with --backend proc too")
    p.add_argument("--self-check", action="store_true", help="test only the comparison")
    p.add_argument("--verbose", action="store_true", help="print the events of each case")
    return p.parse_args()


def main():
    options = parse()
    if options.self_check:
        return self_check()
    lib.need_root()
    build = build_folder(options.build)
    programs = [generator(build)] + ([os.path.join(build, "sekimori")] if options.backend != "off" else [])
    for program in programs:
        if not os.access(program, os.X_OK):
            sys.exit(f"attribution: {program} is missing; build first, or name the folder with --build")
    with open(PID_MAX) as f:
        pid_max = f.read()
    sensor, results = None, []
    try:
        with lib.Net() as net:
            end_in_order()
            if options.backend != "off":
                # the paper's method captures where it runs; it would see nothing of another namespace
                where = net.path("home") if options.backend == "proc" else None
                sensor = Sensor(build, options.backend, events=True, netns=where)
                if not sensor.ready:
                    sys.exit(f"attribution: the sensor did not start:\n{sensor.text}")
                sensor.wait_quiet()
            bench = Bench(net, build, sensor, options)
            if not options.json:
                print(f"{'case':<22} seen  process  thread   creator  note")
            for index, (name, _) in enumerate(bench.cases(), 1):
                results.append(bench.run(index, name))
                if options.json:
                    print(json.dumps(results[-1]), flush=True)
                else:
                    print_row(results[-1], sensor is not None)
                if sensor and sensor.popen.poll() is not None:
                    sys.exit(f"attribution: the sensor ended during {name}:\n{sensor.text[-2000:]}")
    finally:
        if sensor:
            sensor.close()
        with open(PID_MAX) as f:
            changed = f.read() != pid_max
        if changed:
            with open(PID_MAX, "w") as f:
                f.write(pid_max)
    if not options.json:
        bad = summary(results, sensor is not None, options.backend)
    else:
        bad = [r for r in results if not right(r, sensor is not None)]
    return 1 if bad and (options.backend != "proc" or options.strict) else 0


if __name__ == "__main__":
    sys.exit(main())
