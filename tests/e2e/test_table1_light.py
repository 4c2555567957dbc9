# SPDX-License-Identifier: GPL-3.0-or-later
"""Table 1 with the light programs and every bot shape: no false alarm in the default columns, no shape missed. The rows and how
they are judged are bench/table1.py's. Usage: test_table1_light.py SEKIMORI SEKIMORI-SIM [row...]"""

import importlib.util
import os
import pathlib
import sys

import lib

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
lib.need_root()

import table1.judge  # noqa: E402
import table1.lab  # noqa: E402
import table1.row  # noqa: E402

# By path: its name is also that of the package with its parts.
spec = importlib.util.spec_from_file_location("table1_bench", f"{sys.path[0]}/table1.py")
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)

JOBS = 8  # rows at a time: they mostly wait


def check_that_it_can_fail():
    """A false alarm, too few flows and a missed shape are seen as such, before any is looked for."""
    def judged(row, level, flows=9):
        result = bench.Result(row)
        column = table1.judge.Column(level=level, kinds=["server_like.order"])
        result.judgement = table1.judge.Judgement({name: column for name, _, _ in table1.judge.COLUMNS}, flows, flows, 1, 1)
        return result.problems()
    program, shape = table1.row.Row("p", "p", None), table1.row.Row("b", "b", None, bot=True, by_thread=True)
    assert judged(program, "clear") == [] and judged(program, "suspect") and judged(program, "clear", flows=2)
    assert judged(shape, "suspect") == [] and "missed" in judged(shape, "clear")


def main():
    check_that_it_can_fail()
    wanted = sys.argv[3:]
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        lib.skip("needs a kernel with BTF, since the default columns are eBPF's")
    chosen = [r for r in table1.row.ROWS if r.light and (not wanted or r.name in wanted)]
    try:
        lab = table1.lab.Lab(pathlib.Path(sys.argv[1]).resolve().parent, sim=sys.argv[2])
    except table1.row.CannotRun as e:
        lib.skip(f"the recorders cannot be started: {e}")
    print(f"1..{len(chosen)}", flush=True)
    with lab:
        def run(rows, jobs):
            return bench.run_all(lab, rows, jobs, lambda text: print(f"# {text}", flush=True))
        results = run(chosen, JOBS)
        # Eight rows at a time beside compilers: what a bot does may come too late to be an answer. A false alarm stays one.
        late = [r.row for r in results if r.row.bot and r.problems() and not r.why]
        again = {r.row.name: r for r in (run(late, 1) if late else [])}
        results = [again.get(r.row.name, r) for r in results]
    failed = missing = 0
    for i, result in enumerate(results, 1):
        problems = result.problems()
        if result.why and result.row.missing():
            missing += 1
            print(f"ok {i} - {result.row.name} # SKIP {result.why}")
        elif result.why or problems:
            failed += 1
            print(f"not ok {i} - {result.row.name}: {'; '.join(problems) or result.why}")
            for column in ("by process", "by thread"):
                if result.judgement and not result.row.bot:
                    print("# " + result.judgement.columns[column].story.replace("\n", "\n# "))
        else:
            print(f"ok {i} - {result.row.name}")
    if failed:
        return 1
    if missing == len(results):
        lib.skip("none of the programs is installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
