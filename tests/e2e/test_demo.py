# SPDX-License-Identifier: GPL-3.0-or-later
"""The first minute: `sekimori demo` finds its bots, tells the story, is quick, and leaves nothing behind.
Usage: test_demo.py SEKIMORI"""

import glob
import os
import re
import subprocess
import sys
import time

import lib
from patience import PATIENCE

SEKIMORI = sys.argv[1]


def devices():
    return sorted(os.listdir("/sys/class/net"))


def tables():
    """Of nftables, in this namespace."""
    try:
        return subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def check_scan(text):
    """The scan that was ordered is seen by itself, and told of the process that did it: the child that took it over."""
    bot, child = re.search(r"process (\d+) \(sekimori-sim\) started process (\d+) \(sekimori-sim\)", text).groups()
    assert re.search(rf"suspect  process {child} .*threshold 10\.0\n +It tried \d+ addresses", text), "not said as it happened"
    story = text.split("== The story", 1)[1]
    assert f"`sekimori why {bot}`" in story.splitlines()[0]
    told = re.search(rf"What was seen of process {child} \(sekimori-sim\): suspect, score 12\.0\n(.*?)\n\n", story, re.S)
    assert told, "the story does not tell what the child did"
    for words in ("It tries one TCP port on many hosts", "445/TCP", "[scan.horizontal, stage spread;"):
        assert words in told.group(1), f"the story of the scan does not say: {words}"


def main():
    lib.need_root()
    before, before_tables, begun = devices(), tables(), time.monotonic()
    done = subprocess.run([SEKIMORI, "demo"], capture_output=True, text=True, timeout=PATIENCE)
    took = time.monotonic() - begun
    print(done.stdout, done.stderr)
    assert done.returncode == 0, f"exit status {done.returncode}"
    for words in ("is a bot", "has held a conversation with 10.77.1.2 port 6667/TCP", "opened traffic of its own",
                  "A forged source address is proof by itself", "threshold 20.0", "What to do next"):
        assert words in done.stdout, f"the demo does not say: {words}"
    check_scan(done.stdout)
    assert took < 60, f"{took:.0f} s"
    assert devices() == before, "devices were left behind"
    assert tables() == before_tables, "nftables' tables were left behind"
    assert not glob.glob("/tmp/sekimori-demo-*"), "files were left behind"
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
