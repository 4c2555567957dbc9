# SPDX-License-Identifier: GPL-3.0-or-later
"""What ordinary hosts do all day, as the background of every scenario: browse, read mail, set the clock, chat, update."""

from scenarios import talk
from scenarios.world import SECOND, ns

WORDS = ("river paper stone garden winter market bridge silver coffee window orange forest letter travel music ocean "
         "kitchen school summer mountain bicycle pepper family planet weather history rocket copper village lantern "
         "harbor meadow castle pencil ticket camera valley island butter basket engine velvet walnut tiger dragon "
         "falcon maple cedar amber cotton marble thunder shadow granite harvest compass anchor beacon canyon").split()
ENDS = ("com", "org", "net", "de", "co.uk", "fr")


def domain(random):
    """A registered domain as people choose them."""
    return f"{random.choice(WORDS)}{random.choice(WORDS)}.{random.choice(ENDS)}"


def mail_name(random):
    return f"{random.choice(WORDS)}.{random.choice(WORDS)}"


def visit(world, time, host, site=None):
    """A page with what belongs to it, over TLS or not."""
    site = site or domain(world.random)
    time, address = talk.resolve(world, time, host, f"www.{site}", count=world.random.choice((1, 1, 2, 4)))
    if world.random.random() < 0.5:
        tcp = talk.tls_open(world, world.tcp(time, host, address, 443), f"www.{site}")
        for _ in range(world.random.randrange(1, 5)):
            tcp.up(talk.sealed(world.random, 500)).down(talk.sealed(world.random, world.random.randrange(800, 40_000)))
            tcp.now += world.pause(0.5)
        return tcp.close()
    tcp = world.tcp(time, host, address, 80)
    talk.http_exchange(tcp, "GET", "/", f"www.{site}", talk.page(world.random, world.random.randrange(2_000, 20_000)))
    for n in range(world.random.randrange(1, 4)):
        talk.http_exchange(tcp, "GET", f"/img/{n}.jpg", f"www.{site}",
                           talk.picture(world.random, world.random.randrange(1_000, 20_000)), "image/jpeg")
        tcp.now += world.pause(0.3)
    if world.random.random() < 0.3:
        world.site(f"cdn{world.random.randrange(9)}.static.net", 4)
        talk.https(world, tcp.now, host, f"cdn{world.random.randrange(9)}.static.net", down=30_000)
    return tcp.close()


def browse(world, host, begin, end, every=60):
    """A person with a browser."""
    favourites = [domain(world.random) for _ in range(6)]
    time = begin + world.pause(every)
    while time < end:
        site = world.random.choice(favourites) if world.random.random() < 0.6 else None
        time = visit(world, time, host, site) + world.pause(every)


def clock(world, host, begin, end, every=64):
    name = "0.pool.ntp.org"
    time, address = talk.resolve(world, begin + ns(world.random.uniform(0, every)), host, name, count=4)
    while time < end:
        time = talk.ntp(world, time, host, address) + ns(every)


def mail_program(world, host, begin, end, every=300, account="post.provider.net"):
    time = begin + ns(world.random.uniform(0, every))
    while time < end:
        at, address = talk.resolve(world, time, host, account, ttl=3600)
        talk.imap_poll(world, at, host, account, address)
        if world.random.random() < 0.2:
            talk.smtp(world, at + ns(4), host, world.site("smtp.provider.net")[0], port=587, helo="[10.20.0.9]", login=True,
                      sender=f"me@{account}", recipients=(f"{mail_name(world.random)}@{domain(world.random)}",),
                      size=world.random.randrange(800, 20_000))
        time += ns(every)


def update_check(world, host, begin, end, every=3600, name="updates.vendor.com"):
    time = begin + ns(world.random.uniform(0, min(every, 900)))
    while time < end:
        talk.https(world, time, host, name, up=400, down=1200)
        time += ns(every)


def neighbours(world, hosts, begin, end, every=600):
    """ARP between hosts and their router and resolver, and names asked for by multicast."""
    for host in hosts:
        time = begin + ns(world.random.uniform(0, 10))
        while time < end:
            world.arp(time, host, "10.20.0.1")
            world.arp(time + ns(0.5), host, talk.RESOLVER)
            time += ns(every) + world.jitter(30)


def office(world, hosts, seconds, every=75):
    """The background: `hosts` from the beginning for so long. Returns the end."""
    begin, end = world.start, world.start + ns(seconds)
    neighbours(world, hosts, begin, end)
    for number, host in enumerate(hosts):
        clock(world, host, begin, end, every=(64, 128, 1024)[number % 3])
        update_check(world, host, begin, end)
        if number % 2 == 0:
            browse(world, host, begin, end, every)
        if number % 3 != 1:
            mail_program(world, host, begin, end)
    return end


def hosts(count, first=11):
    return [f"10.20.0.{first + n}" for n in range(count)]


def minutes(count):
    return count * 60


def at(world, seconds):
    """A time of the world's clock."""
    return world.start + int(seconds * SECOND)
