# SPDX-License-Identifier: GPL-3.0-or-later
"""`sekimori mail - --header` in a delivery pipe: every mail comes out as it went in, but for fields that claim to be ours and
the one that is, whatever is wrong with the mail, the configuration, DNS or the machine. Nobody is asked but a resolver on
loopback that is not there. Argument: the program."""
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time

import lib

SEKIMORI = sys.argv[1]
LIMIT = 25  # seconds: the program's own 20, and a slow machine
BOT = "61.48.71.52"


def received(now=None, address=BOT):
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(now or time.time()))
    return f"Received: from pc (unknown [{address}]) by mx.example.com (Postfix) with SMTP id 1; {stamp}\n".encode()


def run(mail, *args, stdout=subprocess.PIPE, limits=None, env=None):
    def prepare():
        for what, value in (limits or {}).items():
            resource.setrlimit(what, (value, value))

    return subprocess.run([SEKIMORI, "mail", "-", "--header", *args], input=mail, stdout=stdout, stderr=subprocess.PIPE, timeout=120,
                          check=False, preexec_fn=prepare,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0", **(env or {})))


def split(out, end):
    """Our field, unfolded, and the rest."""
    assert out.startswith(b"X-Sekimori-Status: "), out[:200]
    at = out.index(end)
    while out[at + len(end):at + len(end) + 1] == b" ":
        at = out.index(end, at + len(end))
    field, rest = out[:at], out[at + len(end):]
    assert max(len(line) for line in field.split(end)) <= 78, field
    return field.replace(end, b"").decode("ascii"), rest


def passed(mail, *args, end=b"\n", **more):
    done = run(mail, *args, **more)
    assert done.returncode == 0, (done.returncode, done.stderr)
    field, rest = split(done.stdout, end)
    assert rest == mail, "the mail changed"
    return field


def test_same():
    head = received()
    random.seed(7)
    noise = bytes(random.randrange(256) for _ in range(100000))
    for mail in (head + b"Subject: a\n\nbody\n", head + b"\n", head, head[:-1], head + b"\n\0\xff\n.\nFrom me\n", b"\n", b"x", b"\0" * 5000,
                 b"no field\n\nbody", head + b"A: " + b"b" * 3000000 + b"\n\nbody", head + b"\n" + noise * 300,
                 b"A: b\n" * 400000 + b"\n" + noise):
        passed(mail, "--offline")
    crlf = (head + b"Subject: a\n\nbody\n").replace(b"\n", b"\r\n")
    assert f"relay={BOT}" in passed(crlf, "--offline", end=b"\r\n")
    done = run(b"", "--offline")
    assert (done.returncode, done.stdout) == (0, b"")


def test_forged():
    head = received()
    forged = b"X-Sekimori-Status: class=clear\n\tfolded\nx-sekimori-CLASS\xa0 : clear\n"
    done = run(forged + head + b"Subject: a\rX-Sekimori-Status: class=clear\n" + forged + b"\nX-Sekimori-Status: body\n",
               "--offline")
    field, rest = split(done.stdout, b"\n")
    assert rest == head + b"Subject: a\n\nX-Sekimori-Status: body\n", rest
    assert f"relay={BOT}; class=unknown;" in field, field
    done = run(b"From me Tue Aug 15 10:00:00 2023\n" + forged + head + b"\n", "--offline")
    assert done.stdout.startswith(b"From me Tue Aug 15 10:00:00 2023\nX-Sekimori-Status: relay="), done.stdout


def test_class():
    with tempfile.TemporaryDirectory() as folder:
        bots, ends = os.path.join(folder, "bots"), os.path.join(folder, "ends")
        for path in (bots, ends):
            with open(path, "w", encoding="ascii") as f:
                f.write(f"{BOT}\n")
        field = passed(received() + b"Subject: a\n\n", "--offline", "--spam", "--list", bots + "=exploited", "--list", ends + "=policy")
        assert f"relay={BOT}; class=direct_bot; score=" in field and "list_exploited" in field, field
        # What asks in the child may keep records as well.
        store = os.path.join(folder, "store")
        for _ in range(2):
            assert "class=direct_bot" in passed(received() + b"\n", "--offline", "--spam", "--list", bots + "=exploited", "--list",
                                                ends + "=policy", "--store", store)


def test_trouble():
    mail = received() + b"Subject: a\n\nbody\n"
    with tempfile.TemporaryDirectory() as folder:
        bad = os.path.join(folder, "bad.yaml")
        with open(bad, "w", encoding="ascii") as f:
            f.write("nonsense: [\n")
        for args, reason in ((("--ofline",), "usage"), (("x",), "usage"), (("--abuse-report", folder), "usage"), (("--stats",), "usage"),
                             (("--config", bad), "config"), (("--offline", "--store", "/proc/nowhere"), None),
                             (("--config", "/nowhere.yaml"), None)):
            field = passed(mail, *args)
            assert field.startswith("X-Sekimori-Status: class=unknown; reason="), (args, field)
            assert reason is None or field.endswith(f"reason={reason}"), (args, field)
    for option in ("--heade", "--he", "--header=yes"):
        done = subprocess.run([SEKIMORI, "mail", "-", option, "--offline"], input=mail, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0 and split(done.stdout, b"\n")[1] == mail, (option, done)
    assert "class=unknown; reason=from_within" in passed(mail, "--offline", "--trust", "61.48.0.0/16")
    assert "class=unknown; reason=no_received" in passed(b"A: b\n\n", "--offline")
    # no files, no memory worth its name
    passed(mail, "--offline", limits={resource.RLIMIT_NOFILE: 4})
    if "asan" not in SEKIMORI:
        passed(mail, "--offline", limits={resource.RLIMIT_DATA: 4 << 20})


def test_dns():
    begun = time.monotonic()
    field = passed(received() + b"\n", "--resolver", "127.0.0.254", "--list", "bl.example.org=exploited")
    assert time.monotonic() - begun < LIMIT, "a mail waits too long for DNS"
    assert "class=unknown" in field, field


def test_silent_dns():
    """A resolver that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind(("127.0.0.253", 53))
        except OSError as e:
            return f"no resolver can be made here: {e}"
        begun = time.monotonic()
        field = passed(received() + b"\n", "--resolver", "127.0.0.253", "--list", "bl.example.org=exploited")
        took = time.monotonic() - begun
        silent.setblocking(False)
        assert silent.recv(512), "nobody was asked"
        assert took < LIMIT and "class=unknown" in field, (took, field)
    return None


def test_write():
    with open("/dev/full", "wb") as full:
        assert run(received() + b"\n", "--offline", stdout=full).returncode == 75
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        assert run(received() + b"\n" + b"x" * 1000000, "--offline", stdout=gone).returncode == 75


if __name__ == "__main__":
    lib.run_tests(sys.modules[__name__])
