#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paper's Table 1 with today's programs and every bot shape, in four columns; exit status 1 when a promise does not hold.

Real programs do real work against servers in network namespaces; no packet leaves them. Two recorders (eBPF, and /proc with
packet capture) write all events; each row's process tree is then replayed through the analysis once per column. Packages that
rows need are installed unless --no-install is given; what cannot be had is a row that says why."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "tests/e2e")]

import lib  # noqa: E402
from table1 import judge, lab as laboratory, row as rows  # noqa: E402
from table1 import rows_bots, rows_command, rows_desktop, rows_peer, rows_remote, rows_server, rows_system  # noqa: E402,F401

RESOLVERS = [lib.OUTSIDE4]
ENOUGH_FLOWS = 3


def install(wanted):
    """Installs packages; returns what went wrong, or None. Services are not started."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted], capture_output=True,
                          text=True)
    there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    missing = sorted(set(wanted) - there)
    if not missing:
        return None
    print(f"installing {' '.join(missing)}", flush=True)
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=env, capture_output=True)
        done = subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "--",
                               *missing], env=env, capture_output=True, text=True)
    finally:
        if ours:
            policy.unlink()
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["apt-get failed"])[-1]


class Result:
    def __init__(self, row):
        self.row, self.why, self.judgement, self.seconds = row, None, None, 0.0

    def problems(self):
        """How it breaks the promises; empty for a row that could not be run."""
        if self.why or not self.judgement:
            return []
        j, row = self.judgement, self.row
        defaults = [j.columns[c] for c in judge.DEFAULT]
        found = []
        if not row.bot:
            found += [f"false alarm {c}" for c in judge.DEFAULT if j.columns[c].yes]
            if j.flows < ENOUGH_FLOWS:
                found.append(f"too few flows ({j.flows})")
        elif row.wanted:
            if not any(c.yes for c in defaults):
                found.append("missed")
            if row.by_thread and not j.columns["by thread"].yes:
                found.append("not found by thread")
            if any(len(c.stages) > 1 for c in defaults) and not any(c.level == "bot" for c in defaults):
                found.append("two stages, but no bot")
        return found

    def as_json(self):
        j = self.judgement
        return {"name": self.row.name, "title": self.row.title, "bot": self.row.bot, "not_run": self.why,
                "seconds": round(self.seconds, 1), "problems": self.problems(), **({} if not j else {
                    "flows": j.flows, "flows_proc": j.flows_proc, "processes": j.processes, "events": j.events,
                    "columns": {n: {"level": c.level, "score": c.score, "kinds": c.kinds, "story": c.story}
                                for n, c in j.columns.items()}})}


def attempt(lab, row):
    """Runs a row once and judges it."""
    result, run = Result(row), laboratory.Run(lab, row)
    try:
        row.run(lab, run)
    except rows.CannotRun as e:
        result.why = str(e)
    except (OSError, subprocess.SubprocessError, TimeoutError, RuntimeError, AssertionError) as e:
        result.why = f"{type(e).__name__}: {e}"
    finally:
        run.close()
    try:
        if not result.why:
            lab.mark()
            result.judgement = judge.judge(lab, row.name, run.roots, RESOLVERS, run.began if row.alone else None)
    except (rows.CannotRun, RuntimeError, OSError) as e:
        result.why = str(e)
    return result


def run_row(lab, row):
    began, recorder = time.monotonic(), lab.recorders["bpf"]
    if missing := row.missing():
        result = Result(row)
        result.why = f"not installed: {', '.join(missing)}"
        return result
    for _ in range(2):
        before = sum(recorder.lost.values())
        result = attempt(lab, row)
        # What the recorder lost meanwhile, because of others on this machine, may be this row's; and a program that did not
        # get on may have been short of time. Once more.
        if sum(recorder.lost.values()) == before and not result.why:
            break
    result.seconds = time.monotonic() - began
    return result


def cell(result, name, source):
    """One column: yes with its level, or no; the score behind it. A "no" about hardly any flow says nothing."""
    column = result.judgement.columns[name]
    flows = result.judgement.flows if source == "bpf" else result.judgement.flows_proc
    if not column.yes and not result.row.bot and flows < ENOUGH_FLOWS:
        return "few flows"
    return f"{column.level if column.yes else 'no'} {column.score:g}"


def cells_of(result):
    j = result.judgement
    return [cell(result, name, source) for name, source, _ in judge.COLUMNS] + [f"{j.flows}/{j.flows_proc}"]


HEADER = [name for name, _, _ in judge.COLUMNS] + ["flows"]


def line_of(result):
    start = f"{result.row.title:48.48}"
    if result.why:
        return f"{start} not run: {' '.join(result.why.split())[:200]}"
    problems = result.problems()
    cells = "".join(f"{text:>14}" for text in cells_of(result))
    return f"{start}{cells}{'  FAILS: ' + '; '.join(problems) if problems else ''}"


def header():
    return f"{'':48}" + "".join(f"{name:>14}" for name in HEADER)


def markdown(results):
    """The table for docs/table1.md."""
    lines = ["| | " + " | ".join(HEADER) + " |", "|---" * (len(HEADER) + 1) + "|"]
    for result in sorted(results, key=lambda r: r.row.bot):
        if result.why:
            lines.append(f"| {result.row.title} | not run: {' '.join(result.why.split())[:120]}" + " |" * len(HEADER))
            continue
        cells = [f"**{c}**" if c.startswith(("suspect", "bot")) else c for c in cells_of(result)]
        lines.append(f"| {result.row.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def run_all(lab, chosen, jobs, say):
    """In order, except that with several jobs those that may run beside others do so first."""
    results, lock = {}, threading.Lock()

    def one(row):
        result = run_row(lab, row)
        with lock:
            results[row.name] = result
            say(f"{line_of(result)}  ({result.seconds:.0f} s)")
    together = sorted((r for r in chosen if jobs > 1 and not r.alone), key=lambda r: not r.slow)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(one, row) for row in together]:
            future.result()
    for row in chosen:
        if row not in together:
            one(row)
    return [results[r.name] for r in chosen]


def arguments(argv):
    parser = argparse.ArgumentParser(prog="script/bench table1", description=__doc__.splitlines()[0])
    parser.add_argument("--light", action="store_true", help="only the light programs, and every bot shape")
    parser.add_argument("--only", metavar="NAME,...", help="only these rows")
    parser.add_argument("--list", action="store_true", help="the rows' names, and nothing else")
    parser.add_argument("--json", metavar="FILE", help="the results, for other programs")
    parser.add_argument("--markdown", metavar="FILE", help="the table, for docs/table1.md")
    parser.add_argument("--why", action="store_true", help="tell the story of every yes in a default column of a program")
    parser.add_argument("--keep", metavar="FOLDER", help="copy the recordings there, and each row's events as replays")
    parser.add_argument("--jobs", type=int, default=1, help="rows at a time (default 1)")
    parser.add_argument("--no-install", action="store_true", help="install no packages")
    parser.add_argument("--build", default=os.environ.get("SEKIMORI_BUILD", str(HERE.parent / "build")))
    return parser.parse_args(argv)


def choose(options):
    chosen = [r for r in rows.ROWS if r.light or not options.light]
    if options.only:
        names = options.only.split(",")
        unknown = set(names) - {r.name for r in rows.ROWS}
        if unknown:
            sys.exit(f"no row named {', '.join(sorted(unknown))}; --list lists them")
        chosen = [r for r in rows.ROWS if r.name in names]
    return sorted(chosen, key=lambda r: r.bot)


def report(results, lab, options):
    print("\n" + header())
    for bots, title in ((False, "Programs"), (True, "Bots")):
        print(f"{title}:")
        for result in results:
            if result.row.bot == bots:
                print("  " + line_of(result))
    for name, recorder in lab.recorders.items():
        if recorder.lost:
            print(f"the recorder {name} lost: {recorder.lost}")
    bad = [r for r in results if r.problems()]
    for result in results:
        stories = [c for c in judge.DEFAULT if result.judgement and result.judgement.columns[c].yes]
        if stories and (result in bad or options.why):
            print(f"\n{result.row.name}, {stories[0]}:\n{result.judgement.columns[stories[0]].story}")
    run = [r for r in results if not r.why]
    print(f"\n{len(run)} rows, {len(results) - len(run)} not run, {len(bad)} break a promise"
          + "".join(f"\n  {r.row.name}: {'; '.join(r.problems())}" for r in bad))
    return bad


def main(argv=None):
    options = arguments(argv)
    chosen = choose(options)
    if options.list:
        print("\n".join(f"{r.name:22} {'bot  ' if r.bot else ''}{'light' if r.light else ''}" for r in chosen))
        return 0
    lib.need_root()
    if not options.no_install:
        # Only for rows whose programs are not there: they may have come another way.
        wanted = sorted({p for r in chosen if r.missing() for p in r.packages})
        # One by one if not all can be had, so that one that cannot takes no other with it.
        if wanted and install(wanted):
            for package in wanted:
                if why := install([package]):
                    print(f"cannot install {package}: {why}")
    with laboratory.Lab(options.build) as lab:
        print(header(), flush=True)
        results = run_all(lab, chosen, options.jobs, lambda text: print(text, flush=True))
        bad = report(results, lab, options)
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
            lab.folder("replay")
            subprocess.run(["cp", "-r", "--", f"{lab.dir}/replay/.", options.keep], check=True)
            for name in lab.recorders:
                subprocess.run(["cp", f"{lab.dir}/record-{name}/eve.json", f"{options.keep}/{name}.json"], check=True)
                subprocess.run(["cp", f"{lab.dir}/record-{name}/words", f"{options.keep}/{name}.txt"], check=True)
        if options.markdown:
            pathlib.Path(options.markdown).write_text(markdown(results))
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps([r.as_json() for r in results], indent=1) + "\n")
    return 1 if bad or not any(not r.why for r in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except rows.CannotRun as e:
        sys.exit(f"table1: {e}")
