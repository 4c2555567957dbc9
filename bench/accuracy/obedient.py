# SPDX-License-Identifier: GPL-3.0-or-later
"""A harmless bot on a real IRC server: logs in, joins, and obeys three orders within narrow bounds. It runs in a
network namespace that is not the machine's own and reaches no other addresses than 10.77.0.0/16; it ends by itself
after a minute. Usage: obedient.py SERVER PORT NICK CHANNEL KEY"""

import contextlib
import ipaddress
import os
import signal
import smtplib
import socket
import sys
import time
import urllib.request

ALLOWED = ipaddress.ip_network("10.77.0.0/16")
MOST = 300
KNOBS = "/proc/sys/net/core/somaxconn"
FIRST_ONLY = "/proc/sys/net/core/netdev_budget"  # there in the machine's own network namespace, and in no other


def allowed(address):
    if ipaddress.ip_address(address) not in ALLOWED:
        sys.exit(f"obedient: {address} is outside of {ALLOWED}")
    return address


def scan(say, port, count):
    say(f"[SCAN]: Random Port Scan started on 10.77.3.x:{port} with a delay of 5 seconds for 0 minutes using 100 threads.")
    for n in range(min(count, MOST)):
        s = socket.socket()
        s.setblocking(False)
        with contextlib.suppress(BlockingIOError, OSError):
            s.connect((allowed(f"10.77.{3 if n % 8 else 2}.{1 + n % 250}"), port))
        time.sleep(0.03)
        s.close()


def download(say, url):
    host = url.split("/")[2].partition(":")[0]
    allowed(socket.gethostbyname(host))
    say(f"[DOWNLOAD]: Downloading URL: {url} to: c:\\w.exe.")
    with urllib.request.urlopen(url, timeout=5) as answer:
        size = len(answer.read(1_000_000))
    say(f"[DOWNLOAD]: Downloaded {size / 1000:.1f} KB to c:\\w.exe @ {size / 1000:.1f} KB/sec.")


def mail(say, count):
    say("[EMAIL]: Mailing started.")
    for n in range(min(count, MOST)):
        with contextlib.suppress(OSError, smtplib.SMTPException), \
                smtplib.SMTP(allowed(f"10.77.2.{1 + n % 60}"), 25, local_hostname=f"pc{n % 9}.site{n % 40}.test",
                             timeout=5) as server:
            server.sendmail(f"offer{n}@site{n % 30}.test", [f"user{n}@site{n % 60}.test"],
                            "Subject: offer\r\n\r\n" + "buy\r\n" * 300)


def obey(text, say):
    words = text.split()
    if words[0] == ".advscan":
        scan(say, 445, int(words[2]))
    elif words[0] == ".download":
        download(say, words[1])
    elif words[0] == ".email":
        mail(say, int(words[2]))


def main(server, port, nick, channel, key):
    if not os.access(KNOBS, os.F_OK) or os.access(FIRST_ONLY, os.F_OK):
        sys.exit("obedient: only in a network namespace of its own")
    signal.alarm(60)
    s = socket.create_connection((allowed(server), int(port)))
    file = s.makefile("rw", encoding="utf-8", newline="\r\n")

    def put(line):
        file.write(line + "\r\n")
        file.flush()
    put(f"NICK {nick}")
    put(f"USER qzvxw 0 0 :{nick}")
    for line in file:
        words = line.split()
        if words[0] == "PING":
            put(f"PONG {words[1]}")
        elif words[1] == "001":
            put(f"JOIN {channel} {key}")
        elif words[1] == "PRIVMSG":
            obey(line.partition(" :")[2].strip(), lambda text: put(f"PRIVMSG {channel} :{text}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
