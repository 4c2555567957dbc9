# SPDX-License-Identifier: GPL-3.0-or-later
"""The short form of `script/bench accuracy`: the scenarios written with a virtual clock are judged as labelled, whatever the number
of workers, and their logs give the same evidence; and the committed example. Needs no root.
Usage: test_accuracy.py SEKIMORI SEKIMORI-SIM [test_...]"""

import os
import pathlib
import sys
import tempfile

import lib
from reader import FOUND, Reader, as_nobody

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "bench"))
import scenarios  # noqa: E402
from accuracy import judge, reading, written  # noqa: E402
from scenarios import example  # noqa: E402

SEKIMORI = os.path.abspath(sys.argv[1])
sys.argv.pop(2)
EXAMPLE = SOURCE / "examples/irc-bot.pcap"
EXAMPLE_MOST = 100_000  # bytes


def test_scenarios():
    """No other bot than the labelled one, no suspect that is benign; exit status apart, the same as the bench's."""
    with tempfile.TemporaryDirectory(prefix="sekimori-accuracy-") as folder:
        said = []
        tally = written.Written(SEKIMORI, pathlib.Path(folder), jobs=os.cpu_count() or 1).all(scenarios.load(), said.append)
    tally.close("")
    assert tally.benign_hosts > 500 and len(tally.rows) >= 8, said
    assert not tally.problems, "\n".join([*tally.problems, *said])


def test_labels_matter():
    """What is called bot wrongly, or not called so, is a problem."""
    with tempfile.TemporaryDirectory(prefix="sekimori-accuracy-") as folder:
        described, one, differs = written.Written(SEKIMORI, pathlib.Path(folder), seed=1).one("irc-download")
    labels = written.labels_of(described)
    assert not differs and len(labels) == 1
    bot = next(iter(labels))
    tally = judge.Tally()
    tally.take("nobody is labelled", one, {})
    assert [b[:2] for b in tally.bots] == [("nobody is labelled", bot)] and len(tally.problems) == 1, tally.problems
    tally = judge.Tally()
    tally.take("another is labelled", one, {"10.20.0.12": labels[bot]})
    assert len(tally.bots) == 1 and "10.20.0.12" in tally.problems[0] and tally.rows["egg"]["missed"], tally.problems
    tally = judge.Tally()
    tally.suspects, tally.benign_hosts = [("a.pcap", "10.0.0.1", 12.0, {"scan.sweep": 12})], 100
    tally.close("a.pcap 10.0.0.1 is a scanner of its owner's")
    assert len(tally.problems) == 1 and "more than 2 in 1000" in tally.problems[0], tally.problems
    tally.problems = []
    tally.close("b.pcap 10.0.0.1")
    assert len(tally.problems) == 2 and "does not explain it" in tally.problems[0], tally.problems


def test_comparison_matters():
    """Evidence that a log lacks, or has too much of, is a difference, unless the log cannot say it."""
    def told(**kinds):
        r = reading.Reading([], "", 0)
        r.kinds = {"10.0.0.1": {name.replace("__", "."): 1 for name in kinds}}
        return r
    a, b = told(scan__horizontal=1, mass_mail__rejected=1, egg__served=1), told(scan__horizontal=1, scan__vertical=1)
    assert judge.same_evidence(a, b, ("scan", "mass_mail"), "zeek") == ["10.0.0.1 scan.vertical only in the log"]
    assert judge.same_evidence(b, a, ("scan",), "fwsm") == ["10.0.0.1 scan.vertical only in the capture"]


def test_example():
    """The committed capture is what the writer makes, and shows exactly one bot, to anybody."""
    with Reader(SEKIMORI) as reader:
        example.write(reader.path("made.pcap"))
        with open(reader.path("made.pcap"), "rb") as made, open(EXAMPLE, "rb") as committed:
            data = committed.read()
            assert made.read() == data, f"{EXAMPLE} is not what bench/scenarios/example.py makes"
        assert len(data) < EXAMPLE_MOST, len(data)
        os.chmod(reader.path("made.pcap"), 0o644)
        # Without --home: the private ranges.
        reader.write("none.yaml", b"")
        done = reader.run("made.pcap", "--json", "--config", "none.yaml", **(as_nobody() if os.geteuid() == 0 else {}))
        assert done.status == FOUND, done.err
        verdicts = done.of("verdict")
        assert [(v["subject"]["ip"], v["level"]) for v in verdicts] == [(example.BOT, "bot")], verdicts
        assert set(verdicts[0]["stages"]) == {"egg", "control", "spread", "attack"}, verdicts[0]["stages"]
        found = {e["evidence"]["kind"] for e in done.of("evidence")}
        assert {"irc_control.executed", "irc_control.port", "irc_control.key", "egg.ordered", "scan.horizontal"} <= found, found
        assert {e["subject"]["ip"] for e in done.of("evidence")} == {example.BOT}


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
