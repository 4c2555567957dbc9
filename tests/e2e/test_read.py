# SPDX-License-Identifier: GPL-3.0-or-later
"""What `sekimori read` takes: formats, pipes, several files, folders, filters, and inputs that are broken or none.
Usage: test_read.py SEKIMORI SEKIMORI-SIM [test_...]"""

import os
import resource
import struct
import subprocess
import sys

import capture
import lib
from patience import PATIENCE
from reader import CONFIG, FOUND, INPUT, OK, USAGE, Reader, as_nobody, findings, kinds

SEKIMORI = sys.argv[1]
sys.argv.pop(2)
BOT = f"host:{capture.BOT}"
FRAMES = capture.network()
PLAIN = capture.pcap(FRAMES, nano=True)
FORMATS = {
    "pcap, nanoseconds": PLAIN,
    "pcap, nanoseconds, big-endian": capture.pcap(FRAMES, ">", nano=True),
    "pcap, microseconds": capture.pcap(FRAMES),
    "pcap, microseconds, big-endian": capture.pcap(FRAMES, ">"),
    "pcapng": capture.pcapng(FRAMES),
    "pcapng, big-endian": capture.pcapng(FRAMES, ">"),
    "pcap.gz": capture.gz(PLAIN),
    "pcap.gz of two members": capture.gz(PLAIN[:30000]) + capture.gz(PLAIN[30000:]),
    "pcap.zst": capture.zst(PLAIN),
    "pcapng.gz": capture.gz(capture.pcapng(FRAMES)),
    "pcapng.zst": capture.zst(capture.pcapng(FRAMES)),
}


def expected(reader):
    """What is found in FRAMES, as one plain capture."""
    done = reader.json(reader.write("expected", PLAIN), status=FOUND)
    levels, found = kinds(done.records)
    assert levels == {BOT: "bot"}, levels
    assert {(BOT, k) for k in ("irc_control.executed", "egg.ordered", "scan.horizontal")} <= found, found
    assert done.summary["packets"] == len(FRAMES) and done.summary["hosts"] == 2 + len(capture.PEOPLE), done.summary
    assert done.summary["lost"] == 0 and done.summary["gaps"] == 0, done.summary
    return done


def test_formats():
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        for name, data in FORMATS.items():
            name = reader.write("as/" + name.replace(" ", "-"), data)
            done = reader.json(name, status=FOUND)
            if "micro" in name:
                assert kinds(done.records) == kinds(plain.records), name
            else:
                assert findings(done.records) == findings(plain.records), name
            assert done.summary["packets"] == len(FRAMES) and done.summary["bytes"] == plain.summary["bytes"], name
            assert done.err == "", f"{name}: {done.err}"


def test_pipe():
    with Reader(SEKIMORI) as reader:
        plain = findings(expected(reader).records)
        for name, data in FORMATS.items():
            done = reader.json("-", stdin=data, status=FOUND)
            assert "micro" in name or findings(done.records) == plain, name
            assert done.err == "", f"{name}: {done.err}"
        reader.refused(INPUT, "-", stdin=b"", says="standard input: empty")
        reader.refused(INPUT, "-", stdin=os.urandom(9000), says="standard input: neither a capture nor a log")
        reader.refused(USAGE, "-", "-", stdin=PLAIN, says="standard input can be read only once")
        # Without a standard input at all.
        done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *reader.argv("-")], cwd=reader.folder, capture_output=True)
        assert done.returncode == INPUT and b"standard input: Bad file descriptor" in done.stderr, done
        os.mkfifo(reader.path("fifo"))
        child = reader.start("--json", "fifo")
        with open(reader.path("fifo"), "wb") as f:
            f.write(PLAIN)
        out, _ = child.communicate(timeout=PATIENCE)
        assert child.returncode == FOUND and out.count(b"\n") > 100, out[-300:]


def test_several_in_order_of_time():
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        half = len(FRAMES) // 2
        reader.write("a-late", capture.pcap(FRAMES[half:], nano=True))
        reader.write("b-early", capture.gz(capture.pcapng(FRAMES[:half])))
        for thirds in range(3):
            reader.write(f"third/{thirds}", capture.pcap(FRAMES[thirds::3], nano=True))
        for args in (["a-late", "b-early"], ["b-early", "a-late"], ["third"], ["third/2", "third/0", "third/1"]):
            done = reader.json(*args, status=FOUND)
            assert findings(done.records) == findings(plain.records), args
            assert done.summary["files"] == (3 if "third" in args[0] else 2) and done.err == "", done.err


def test_folder():
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        half = len(FRAMES) // 2
        reader.write("all/2024/day/late", capture.pcap(FRAMES[half:], nano=True))
        reader.write("all/early.dmp", capture.zst(capture.pcap(FRAMES[:half], nano=True)))
        reader.write("all/notes.txt", b"buy milk\n")
        reader.write("all/2024/picture.png", b"\x89PNG\r\n\x1a\n" + os.urandom(5000))
        reader.write("all/empty", b"")
        reader.write("all/.hidden", PLAIN)
        os.mkfifo(reader.path("all/fifo"))  # nobody writes: opening it would wait for ever
        os.symlink("../..", reader.path("all/2024/up"))  # a circle
        os.symlink("nowhere", reader.path("all/dangling"))
        for name in ("all", "all/", "./all/."):
            done = reader.json(name, status=FOUND)
            assert findings(done.records) == findings(plain.records), name
            assert done.summary["files"] == 2, done.summary
            assert "left out as neither captures nor logs that are known: 3 files" in done.err, done.err
        os.mkdir(reader.path("nothing"))
        reader.refused(INPUT, "nothing", says="nothing: holds neither a capture nor a log")
        reader.write("nothing/notes.txt", b"buy milk\n")
        reader.refused(INPUT, "nothing", says="nothing: holds neither a capture nor a log")
        deep = "deep" + "/d" * 30
        reader.write(deep + "/x", PLAIN)
        done = reader.read("deep")
        assert done.status == INPUT and "more than 16 deep" in done.err, done.err


def test_unreadable():
    if os.geteuid() != 0:
        return "needs root, to be somebody else"
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        reader.write("all/good", PLAIN)
        os.chmod(reader.path(reader.write("all/secret", PLAIN)), 0o600)
        os.makedirs(reader.path("all/locked"), mode=0o700)
        reader.refused(INPUT, "all/secret", says="all/secret: Permission denied", **as_nobody())
        reader.refused(INPUT, "all/good", "all/secret", says="all/secret: Permission denied", **as_nobody())
        # In a folder it does not keep the rest from being read; but it is said, and shows in the status.
        done = reader.json("all", **as_nobody(), status=FOUND)
        assert findings(done.records) == findings(plain.records)
        assert "all/secret: Permission denied" in done.err and "all/locked: Permission denied" in done.err, done.err
        done = reader.json("all", "--fail-on", "never", **as_nobody(), status=INPUT)
        assert reader.json("all/secret", status=FOUND).summary["packets"] == len(FRAMES)


def test_filter():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        whole = reader.json("cap").summary["packets"]
        for words in (["port", "21"], ["port 21"], ["tcp", "and", "(port 21)"]):
            done = reader.json("cap", *words)
            levels, found = kinds(done.records)
            assert 5 < done.summary["packets"] < whole and done.summary["hosts"] == 1, done.summary
            assert levels == {BOT: "bot"} and not any(k.startswith("egg") for _, k in found), found
        assert reader.json("cap", "host", capture.PEOPLE[0], status=OK).summary["hosts"] == 1
        done = reader.json("cap", "host", "192.0.2.1", status=OK)
        assert done.summary["packets"] == 0 and done.summary["flows"] == 0, done.summary
        for words, says in ((["potr", "21"], '"potr 21" is neither a file nor a filter'),
                            (["cap2"], '"cap2" is neither a file nor a filter'),
                            (["tcp and ("], "neither a file nor a filter"),
                            (["port", "21", "cap"], "neither a file nor a filter")):
            reader.refused(USAGE, "cap", *words, says=says)
        # Numbers, pipes and folders are filtered, too; logs have no packets.
        assert reader.json("-", "port", "21", stdin=capture.gz(PLAIN)).summary["hosts"] == 1
        reader.write("conn.log", ZEEK)
        reader.refused(USAGE, "conn.log", "port", "21", says="there is no capture")
        # A file has the name of a word of the filter: what can be a file is one.
        reader.write("port", PLAIN)
        reader.refused(USAGE, "cap", "port", "21", says='"21" is neither a file nor a filter')


ZEEK = b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n" \
       b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes" \
       b"\tconn_state\n" \
       b"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\n" \
       b"1136196001.000000\tCa\t10.20.0.77\t4000\t198.18.0.1\t80\ttcp\thttp\t0.5\t100\t200\tSF\n"


def test_no_input():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        reader.refused(USAGE, says="say what to read")
        reader.refused(INPUT, "cpa", says="cpa: No such file or directory")
        reader.refused(INPUT, "cpa", "cap", says="cpa: No such file or directory")
        reader.refused(INPUT, reader.write("empty", b""), says="empty: empty")
        reader.refused(INPUT, "cap", "empty", says="empty: empty")
        reader.refused(INPUT, reader.write("garbage", os.urandom(70000)), says="garbage: neither a capture nor a log")
        reader.refused(INPUT, reader.write("notes", b"buy milk\n"), says="notes: ")
        reader.refused(INPUT, reader.write("garbage.gz", capture.gz(os.urandom(7000))), says="garbage.gz: neither")
        reader.refused(INPUT, reader.write("no.gz", b"\x1f\x8b\x08" + os.urandom(7000)), says="no.gz: neither")
        reader.refused(INPUT, reader.write("header", PLAIN[:20]), says="header: ")
        reader.refused(INPUT, "/proc/self/mem", says="/proc/self/mem: ")
        reader.refused(INPUT, "a\x1b]0;evil\a", says="No such file")
        assert "\x1b" not in reader.run("a\x1b]0;evil\a").err


def test_no_packets():
    with Reader(SEKIMORI) as reader:
        for name, data in (("pcap", capture.pcap([])), ("pcapng", capture.pcapng([])), ("gz", capture.gz(capture.pcap([])))):
            done = reader.json(reader.write(name, data), status=OK)
            assert done.summary["packets"] == 0 and len(done.records) == 1, done.out
            done = reader.read(name, status=OK)
            assert done.out.startswith("0 packets (0 bytes); 0 flows of 0 home hosts;") and "--home" not in done.out, done.out


def test_cut():
    """What there is is used, and that there was more is told."""
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        longer = capture.pcap(capture.network(80))  # of more than one block of zstd's
        for name, data in (("record", PLAIN[:-7]), ("header", PLAIN[:-len(FRAMES[-1][1]) - 9]), ("gz", capture.gz(PLAIN)[:-900]),
                           ("zst", capture.zst(longer)[:-900]), ("pcapng", capture.pcapng(FRAMES)[:-9]),
                           ("damaged.gz", capture.gz(longer)[:-3000] + b"\xff" * 3000)):
            done = reader.json(reader.write(name, data), status=FOUND)
            assert kinds(done.records)[0] == {BOT: "bot"}, name
            assert len(FRAMES) * 0.5 < done.summary["packets"], (name, done.summary)
            assert done.gaps()["files that end within a record"] == 1, (name, done.gaps())
            assert "damaged" in name or done.summary["gaps"] == 1, (name, done.gaps())
            assert f"{name}: " in done.err, done.err
            done = reader.read(name, status=FOUND)
            assert "What was not seen" in done.out and "files that end within a record" in done.out, done.out
        # The other half of the file after the cut is another file: nothing else is lost.
        at = 24 + sum(16 + len(f) for _, f in FRAMES[:400])
        reader.write("cut", PLAIN[:at + 30])
        reader.write("rest", PLAIN[:24] + PLAIN[at:])
        done = reader.json("cut", "rest", status=FOUND)
        assert findings(done.records) == findings(plain.records), "the rest of a cut capture"


def test_damaged():
    """Records whose lengths cannot be: the reading goes on at the next one that can."""
    with Reader(SEKIMORI) as reader:
        at = 24 + sum(16 + len(f) for _, f in FRAMES[:700])
        for name, length in (("huge", 0xfffffff0), ("large", 900_000_000), ("negative", 0x80000000)):
            bad = PLAIN[:at] + struct.pack("<IIII", FRAMES[700][0] // 10**9, 0, length, length) + PLAIN[at:]
            done = reader.json(reader.write(name, bad), status=FOUND)
            assert kinds(done.records)[0] == {BOT: "bot"}, name
            assert done.summary["packets"] == len(FRAMES), (name, done.summary["packets"])
            assert done.gaps().get("records whose lengths cannot be") == 1, done.gaps()
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1 << 20, "more than 1 GiB"
        # Times before 1970, after 2116, and fractions beyond a second.
        bad = [(t, f) for t, f in FRAMES]
        data = bytearray(PLAIN)
        data[28:32] = struct.pack("<I", 4_000_000_000)
        done = reader.json(reader.write("time", bytes(data)), status=FOUND)
        assert done.gaps().get("records whose times cannot be") == 1, (done.gaps(), len(bad))
        # Frames that are none of their link type's, and packets with lengths that lie.
        junk = [(t, os.urandom(60)) for t, _ in FRAMES[:50]]
        lying = [(t, f[:16] + b"\xff\xff" + f[18:]) for t, f in FRAMES[:50]]
        done = reader.json(reader.write("junk", capture.pcap(junk + lying)), status=OK)
        assert done.summary["packets"] == 100, done.summary
        assert "bytes of TCP streams" in done.gaps(), done.gaps()
        done = reader.json(reader.write("strange", capture.pcap(FRAMES, link=12345)), status=OK)
        assert done.summary["lost"] == len(FRAMES) and done.summary["flows"] == 0, done.summary


def test_home():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        for networks, hosts in ((["10.20.0.23"], 1), (["10.20.0.23/32", "10.20.0.31/32"], 2), (["192.0.2.0/24"], 0),
                                (["10.20.0.0/16", "fd00::/8"], 5)):
            options = [word for network in networks for word in ("--home", network)]
            done = reader.json("cap", *options)
            assert done.summary["hosts"] == hosts, (networks, done.summary)
            assert done.status == (FOUND if "10.20" in networks[0] else OK), networks
        reader.refused(USAGE, "cap", "--home", "10.20.0.0/33", says="--home wants a network like")
        # Most packets touch no home host: that is said.
        for options, hint in (([], False), (["--home", "192.0.2.0/24"], True), (["--home", "10.20.0.40"], True)):
            out = " ".join(reader.read("cap", *options).out.split())
            assert ("Most packets touch no home host: say with --home" in out) == hint, out


def test_captures_and_logs():
    """What packets and logs say of the same traffic, and of different traffic, read together in order of time."""
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        world = capture.World("logs beside it", capture.START)
        for i in range(300):
            world.silent(capture.START + i * 10**8, "10.20.0.99", f"198.18.{i // 200}.{1 + i % 200}", 135, (3.0,))
        capture.logs.write(world, reader.path("logs"))
        done = reader.json("expected", "logs/zeek-tsv", status=FOUND)
        levels, found = kinds(done.records)
        assert levels[BOT] == "bot" and levels["host:10.20.0.99"] in ("suspect", "bot"), levels
        assert {f for f in found if f[0] == BOT} == {f for f in kinds(plain.records)[1] if f[0] == BOT}, found
        assert done.summary["lines"] >= 300 and done.summary["packets"] == len(FRAMES), done.summary
        alone = reader.json("logs/zeek-tsv")
        assert kinds(alone.records)[0] == {"host:10.20.0.99": levels["host:10.20.0.99"]}, kinds(alone.records)[0]
        times = [r["timestamp"] for r in done.records if r["event_type"] in ("flow", "dns", "irc", "http")]
        back = sum(1 for a, b in zip(times, times[1:]) if b < a)
        assert back == 0 or back < len(times) / 20, f"{back} of {len(times)} lie back"
        text = reader.read("expected", "logs/zeek-json", "logs/fwsm", status=FOUND).out
        assert " packets (" in text and " lines of logs; " in text, text[:300]
        done = reader.json("-", "expected", stdin=ZEEK, status=FOUND)
        assert done.summary["lines"] >= 1 and done.summary["hosts"] == 6, done.summary


def test_thousands_of_files():
    with Reader(SEKIMORI) as reader:
        plain = expected(reader)
        per = 3
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = 0
        for at in range(0, len(FRAMES), per):
            reader.write(f"many/{at % 7}/{at:05}", capture.pcap(FRAMES[at:at + per], nano=True))
            count += 1
        for i in range(2500):
            reader.write(f"many/more/{i:05}", capture.gz(capture.pcap(
                capture.udp_frames(2, FRAMES[0][0] + i * 7_000_000, src=capture.PEOPLE[0]))))
        count += 2500
        if hard < count + 50:
            return f"at most {hard} files can be open here ({soft})"
        done = reader.json("many", status=FOUND)
        assert done.summary["files"] == count and done.summary["packets"] == len(FRAMES) + 5000, done.summary
        assert kinds(done.records)[0] == kinds(plain.records)[0] and kinds(done.records)[1] >= kinds(plain.records)[1], done.out
        done = reader.read("many", status=INPUT, limits=[(resource.RLIMIT_NOFILE, 200)])
        assert "Too many open files" in done.err and "ulimit -n" in done.err and done.err.count("\n") == 2, done.err
        return None


def test_configuration():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", PLAIN)
        reader.write("bad.yaml", b"hoem: [10.0.0.0/8]\n")
        done = reader.read("cap", "--config", "bad.yaml", status=CONFIG)
        assert "bad.yaml:1" in done.err and "hoem" in done.err and done.out == "", done.err
        done = reader.read("cap", "--config", "missing.yaml", status=CONFIG)
        assert "missing.yaml" in done.err, done.err
        reader.write("away.yaml", b"home: [192.0.2.0/24]\n")
        assert reader.json("cap", "--config", "away.yaml", status=OK).summary["hosts"] == 0
        assert reader.json("cap", "--config", "away.yaml", "--home", capture.HOME, status=FOUND).summary["hosts"] == 5
        reader.write("quiet.yaml", b'home: [10.20.0.0/16]\nexceptions:\n' + b"".join(
            b'  - {detector: %s, subject: "host:10.20.0.23", reason: "a honeypot of ours"}\n' % d
            for d in (b"irc_control", b"egg", b"scan")))
        done = reader.json("cap", "--config", "quiet.yaml", status=OK)
        assert done.summary["excepted"] > 5 and not done.of("verdict"), done.summary


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
