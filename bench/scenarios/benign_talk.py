# SPDX-License-Identifier: GPL-3.0-or-later
"""Look-alikes of bots on IRC, and of what they do at an order: people, classes, helpful programs, downloads, mail."""

from scenarios import people, scenario, talk
from scenarios.irc import Client, Room
from scenarios.world import ns

SENTENCES = ("morning all", "did anybody see the match yesterday?", "the build is broken again, who touched the parser?",
             "lol", "I will be late for lunch", "brb", "has someone got the link to the slides?", "thanks a lot",
             "try to restart it, that helped me", "no idea, sorry", "it works on my machine :)", "what time is the meeting",
             "I think the server at work is down", "see you tomorrow", "who is going to the concert?", "haha yes",
             "my cat sat on the keyboard", "does this distribution still ship kernel 2.6.15?", "nice picture!",
             "anyone up for a game tonight? :D", "the weather is awful here", "can you paste the error?")
COMMANDS = ("!seen {who}", "!weather paris", "!help", "!uptime", "!port 198.51.100.20 80", "!quote 12", ".roll 2 6",
            "!title")


@scenario("chat", group="benign")
def chat(world):
    """Three hours of eight people on IRC, five of them at home, with channel bots in and outside, links and clicks."""
    hosts = people.hosts(10)
    people.office(world, hosts, people.minutes(190), every=500)
    room, server = Room("#lounge"), world.site("irc.chatnet.org")[0]
    names = ["martin", "petra_", "zoe77", "Jan|away", "kim"]
    for n, nick in enumerate(names):
        room.add(Client(world, people.at(world, 60 + 200 * n), hosts[n], server, nick, real=nick)).welcome(users=31000,
                                                                                                           channels=9000)
        room.clients[nick].join("#lounge", topic="welcome | be nice | http://www.lounge.org/rules.html", members=[*names,
                                                                                                                  "bob"])
    helper = Client(world, people.at(world, 30), hosts[7], server, "LoungeBot", real="eggdrop")
    room.add(helper.welcome(users=31000).join("#lounge", members=names))
    everybody = [*names, "bob", "claire", "dimitri"]
    time = people.at(world, 1200)
    while time < people.at(world, 10_800):
        who = world.random.choice(everybody)
        kind = world.random.random()
        if kind < 0.06:
            command = world.random.choice(COMMANDS).format(who=world.random.choice(everybody))
            room.say(time, who, command)
            room.say(time + ns(1.2), "LoungeBot",
                     f"{who}: {world.random.choice(('last seen 3 hours ago', '12 degrees, rain', 'open', '7'))}")
        elif kind < 0.10:
            site = people.domain(world.random)
            room.say(time, who, f"look at this http://www.{site}/pics/{world.random.randrange(999)}.jpg")
            for reader in world.random.sample(range(5), 2):
                people.visit(world, time + world.pause(15), hosts[reader], site)
            people.visit(world, time + ns(0.8), hosts[7], site)  # the bot reads titles out
        elif kind < 0.12:
            room.say(time, who, "you want the new client, http://files.chatnet.org/client-2.16.exe")
            talk.fetch(world, time + world.pause(20), hosts[world.random.randrange(5)], "files.chatnet.org",
                       "/client-2.16.exe",
                       talk.program(world.random, 30_000), "application/octet-stream")
        else:
            room.say(time, who, world.random.choice(SENTENCES))
        time += world.pause(14)
    room.play()


@scenario("chat-private", group="benign")
def chat_private(world):
    """Friends with a server of their own on an odd port, a channel with a key, numbered names, and a game server's
    announcer."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(130), every=400)
    room, server = Room("#clan"), "203.0.113.120"
    names = ["[FoO]Max1985", "[FoO]Tim1990", "guest4711", "Anna"]
    for n, nick in enumerate(names):
        room.add(Client(world, people.at(world, 50 + 77 * n), hosts[n], server, nick, port=7777)).welcome(users=14,
                                                                                                          channels=3)
        room.clients[nick].join("#clan", "sesame", topic="war on friday 8pm | server 198.51.100.4:27015 | be on time!",
                                members=names)
    time = people.at(world, 600)
    while time < people.at(world, 7200):
        if world.random.random() < 0.05:
            room.say(time, "[FoO]Max1985", "!server 198.51.100.4:27015")
            room.say(time + ns(0.7), "ClanBot", "[SERVER]: de_dust2 12/16 players")
        else:
            room.say(time, world.random.choice([*names, "Otto", "leo"]), world.random.choice(SENTENCES))
        time += world.pause(25)
    room.play()
    game(world, people.at(world, 3600), hosts[0], "198.51.100.4", 27015, 120)


def game(world, time, host, server, port, seconds, rate=40):
    messages = []
    for n in range(seconds * rate):
        messages.append((1 / rate, n % 2 == 0, world.random.randbytes(60 if n % 2 == 0 else 180)))
    world.datagrams(time, host, server, port, messages)


@scenario("class", group="benign")
def school_class(world):
    """Thirty pupils join a channel within a minute, named by the inventory of their machines; the teacher points them
    to a program, which all fetch."""
    hosts = people.hosts(30)
    people.office(world, hosts, people.minutes(50), every=900)
    room, server = Room("#class7b"), world.site("irc.school.org")[0]
    for n, host in enumerate(hosts):
        nick = f"room12-pc{n + 1:02}"
        room.add(Client(world, people.at(world, 300 + 2 * n), host, server, nick)).welcome(users=45, channels=4)
        room.clients[nick].join("#class7b", topic="Lesson 3: what is a server?", members=["teacher"], operator="@teacher")
    time = people.at(world, 400)
    room.say(time, "teacher", "please download http://www.school.org/lesson3/turtle.exe and start it")
    for host in hosts:
        talk.fetch(world, time + world.pause(40), host, "www.school.org", "/lesson3/turtle.exe", talk.program(world.random,
                                                                                                              20_000),
                   "application/octet-stream")
    while time < people.at(world, 2400):
        room.say(time, world.random.choice([*room.clients, "teacher"]), world.random.choice(SENTENCES))
        time += world.pause(12)
    room.play()


@scenario("downloads", group="benign")
def downloads(world):
    """Packages from a mirror, installers by name, a firmware, an archive, pictures, a program from the intranet's
    server by address."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(40), every=150)
    for host in hosts[:4]:
        time, address = talk.resolve(world, world.start + world.jitter(400), host, "deb.mirror.org")
        tcp = world.tcp(time, host, address, 80)
        for n in range(25):
            body = b"!<arch>\ndebian-binary   1136196000  0     0     100644  4         `\n2.0\n" + world.random.randbytes(9000)
            talk.http_exchange(tcp, "GET", f"/debian/pool/main/l/lib{n}/lib{n}_1.{n}-1_i386.deb", "deb.mirror.org", body,
                               "application/x-debian-package", "Debian APT-HTTP/1.3 (0.6.43)")
        tcp.close()
    for n, (site, path, kind) in enumerate((
            ("download.editor.org", "/setup.exe", "application/octet-stream"),
            ("dl.player.com", "/get?id=77&file=player", "application/x-msdownload"),
            ("cdn3.static.net", "/blob/5f2c9a", "application/octet-stream"),
            ("www.driver.de", "/drv/inst_v2.exe", "application/x-exe"))):
        talk.fetch(world, people.at(world, 300 + 200 * n), hosts[n + 3], site, path, talk.program(world.random, 150_000), kind)
    talk.fetch(world, people.at(world, 900), hosts[6], "10.20.0.5", "/tools/inventory.exe", talk.program(world.random,
                                                                                                         60_000),
               "application/octet-stream", address="10.20.0.5")
    talk.fetch(world, people.at(world, 1000), hosts[7], "www.kernel.org", "/pub/linux/patch.gz", b"\x1f\x8b\x08" +
               world.random.randbytes(50_000), "application/x-gzip")
    for n in range(12):
        talk.https(world, people.at(world, 1100 + 30 * n), hosts[2], "pypi.python.org", down=60_000)


@scenario("mail-client", group="benign")
def mail_client(world):
    """Six people's mail programs with several accounts each; one sends a club's letter to 180 members through his
    provider."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(90), every=300)
    for n, host in enumerate(hosts[:6]):
        for account in ("post.provider.net", "mail.work.com", "imap.freemail.com")[:1 + n % 3]:
            people.mail_program(world, host, world.start, people.at(world, 5400), every=180, account=account)
    time = people.at(world, 1000)
    for n in range(180):
        time = talk.smtp(world, time, hosts[1], world.site("smtp.provider.net")[0], port=587, helo="[10.20.0.12]",
                         login=True,
                         sender="club@provider.net", recipients=(f"{people.mail_name(world.random)}@{people.domain(world.random)}",),
                         size=2500) + ns(1)


@scenario("newsletter", group="benign", same=("mass_mail",))
def newsletter(world):
    """A shop's letter to 2,500 customers through the provider's relay on port 25, 2 % refused later."""
    hosts = people.hosts(7)
    people.office(world, hosts, people.minutes(45), every=200)
    time, relay = people.at(world, 200), world.site("relay.provider.net")[0]
    for n in range(1200):
        talk.smtp(world, time, hosts[3], relay, helo="shop.riverpaper.com", sender="letter@riverpaper.com", size=1800,
                  recipients=(f"{people.mail_name(world.random)}@{people.domain(world.random)}",),
                  reject="550 5.1.1 no such user" if n % 50 == 0 else "")
        time += ns(1.9)


@scenario("mail-server", group="benign", same=("mass_mail",))
def mail_server(world):
    """A mail server that nobody declared: takes mail from sixty others and delivers to three hundred, 3 % of it
    refused; with a mailing list, greylisting and dead exchangers."""
    from scenarios.bots_mail import exchanger
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(70), every=200)
    server = "10.20.0.25"
    time = people.at(world, 30)
    for n in range(400):
        site = people.domain(world.random)
        talk.smtp(world, time, world.site(f"out.{site}")[0], server, helo=f"out.{site}",
                  sender=f"{people.mail_name(world.random)}@{site}",
                  recipients=(f"{people.mail_name(world.random)}@riverpaper.com",), size=world.random.randrange(1000,
                                                                                                                20_000),
                  reject="550 5.1.1 no such user" if n % 5 == 0 else "", banner="mail.riverpaper.com")
        time += world.jitter(8)
    time = people.at(world, 100)
    for n in range(600):
        site = people.domain(world.random)
        at, address = exchanger(world, time, server, site)
        if n % 25 == 0:
            world.silent(at, server, address, 25)
        else:
            reply = "450 4.7.1 come back later" if n % 9 == 0 else "550 5.1.1 no such user" if n % 33 == 0 else ""
            talk.smtp(world, at, server, address, helo="mail.riverpaper.com", sender=f"list-{n % 3}@riverpaper.com",
                      recipients=(f"{people.mail_name(world.random)}@{site}",), size=3500, reject=reply)
        time += world.jitter(5)
    for host in hosts[:4]:
        talk.smtp(world, people.at(world, 500), host, server, port=587, helo=f"[{host}]", login=True,
                  sender="anna@riverpaper.com")
