# SPDX-License-Identifier: GPL-3.0-or-later
"""Look-alikes of scans, floods and odd names: monitoring, resolvers, peers, victims, outages, servers."""

from scenarios import people, scenario, talk
from scenarios.world import ns


@scenario("monitoring", group="benign", same=("scan",))
def monitoring(world):
    """Checks of 120 services at home and outside every minute for an hour: pings, banners, web pages, SNMP; some hosts
    are down."""
    hosts = people.hosts(30)
    people.office(world, hosts, people.minutes(65), every=900)
    watcher = "10.20.0.9"
    outside = [world.outside() for _ in range(40)]
    ports = (22, 80, 443, 25, 3306)
    for minute in range(60):
        time = people.at(world, 60 * minute + 10)
        for n, host in enumerate(hosts[:26]):
            down = n in (7, 19)
            world.arp(time, watcher, host, answered=not down)
            if not down:
                world.ping(time, watcher, host, 2)
                world.datagrams(time, watcher, host, 161, [(0, True, bytes.fromhex("302602010104067075626c6963a019")),
                                                           (0.01, False, bytes(60))])
            time += ns(0.3)
        for n, host in enumerate(outside):
            if n == 11 or (n == 30 and minute > 20):
                world.silent(time, watcher, host, ports[n % 5], (3.0,))
            elif n == 17:
                world.refused(time, watcher, host, ports[n % 5])
            else:
                tcp = world.tcp(time, watcher, host, ports[n % 5])
                tcp.down(("SSH-2.0-OpenSSH_4.2\r\n", "", "", "220 mx ESMTP\r\n",
                          "5.0.18\n")[n % 5] or b"\x15\3\1\0\2\2\x28")
                tcp.close()
            time += ns(0.4)


@scenario("resolver", group="benign")
def resolver(world):
    """A name server at home that asks the whole world for twenty clients, nobody declared it; wrong names and dead
    servers among it."""
    hosts = people.hosts(20)
    people.office(world, hosts, people.minutes(60), every=900)
    servers = [world.outside() for _ in range(300)]
    time = people.at(world, 20)
    while time < people.at(world, 3500):
        host, name = world.random.choice(hosts), f"www.{people.domain(world.random)}"
        kind = world.random.random()
        if kind < 0.12:
            name = f"www.{people.domain(world.random)[:-4]}x.com"
        at = time
        for _ in range(world.random.randrange(1, 4)):
            at = talk.lookup(world, at + ns(0.001), talk.RESOLVER, name, server=world.random.choice(servers),
                             recursive=False,
                             rcode=talk.NXDOMAIN if kind < 0.12 else talk.NOERROR, lost=world.random.random() < 0.04,
                             answers=() if kind < 0.12 else (world.outside(),))
        talk.lookup(world, time, host, name, rcode=talk.NXDOMAIN if kind < 0.12 else talk.NOERROR,
                    answers=() if kind < 0.12 else (world.outside(),))
        if kind > 0.97:
            talk.lookup(world, time, talk.RESOLVER, name.partition(".")[2], "MX", ["mail." + name],
                        server=world.random.choice(servers))
        time += world.pause(0.5)


@scenario("peers", group="benign")
def peers(world):
    """Two hosts share files: a distributed hash table of 900 nodes, 250 peers of which two thirds are gone, and uploads."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(40), every=200)
    for host in hosts[1:3]:
        own, time = 6881, people.at(world, 100)
        talk.fetch(world, time, host, "tracker.shares.org", "/announce?info_hash=abcdefghij", b"d8:completei5ee",
                   "text/plain")
        for n in range(900):
            query = b"d1:ad2:id20:" + world.random.randbytes(20) + b"e1:q4:ping1:t2:aa1:y1:qe"
            reply = [] if n % 5 < 3 else [(0.12, False, b"d1:rd2:id20:" + world.random.randbytes(20) + b"e1:t2:aa1:y1:re")]
            world.datagrams(time, host, world.outside(), world.random.randrange(1025, 65535), [(0, True, query)] + reply,
                            sport=own)
            time += world.pause(1.5)
        time = people.at(world, 150)
        for n in range(250):
            peer, port = world.outside(), world.random.randrange(1025, 65535)
            if n % 3:
                (world.silent if n % 3 == 1 else world.refused)(time, host, peer, port)
            else:
                share(world, time, host, peer, port)
            time += world.pause(5)
        for n in range(60):
            share(world, people.at(world, 200 + 30 * n), world.outside(), host, own)


def share(world, time, orig, resp, port):
    hello = b"\x13BitTorrent protocol" + bytes(8) + world.random.randbytes(40)
    tcp = world.tcp(time, orig, resp, port, service="bittorrent")
    tcp.up(hello).down(hello).up(b"\0\0\0\1\2").down(b"\0\0\0\1\1").up(world.random.randbytes(170)).down(world.random.randbytes(20_000))
    tcp.wait(world.random.uniform(1, 20))
    return tcp.close()


@scenario("victim", group="benign")
def victim(world):
    """Everybody outside scans, floods, and guesses passwords at two servers and the whole network; they answer as they
    must."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(30), every=200)
    web, shell = "10.20.0.80", "10.20.0.22"
    time = people.at(world, 60)
    for n in range(3000):
        scanner, target = world.site(f"scanner{n % 7}")[0], f"10.20.0.{1 + n % 254}"
        if target in (web, shell) or n % 40 == 0:
            world.refused(time, scanner, target, (23, 445, 135, 3389)[n % 4])
        else:
            world.silent(time, scanner, target, (23, 445, 135, 3389)[n % 4], ())
        time += ns(0.05)
    time = people.at(world, 300)
    for n in range(300):
        tcp = world.tcp(time, world.site("guesser")[0], shell, 22, service="ssh")
        tcp.down("SSH-2.0-OpenSSH_4.2\r\n").up("SSH-2.0-libssh\r\n").up(world.random.randbytes(600)).down(world.random.randbytes(600))
        tcp.reset(1)
        time += ns(2)
    time = people.at(world, 900)
    for n in range(400 * 15):
        source = f"198.18.{n % 250}.{n % 251}"
        tcp = world.tcp(time, source, web, 80) if n % 50 == 0 else None
        if tcp is None:
            world.refused(time, source, web, 80)
        time += ns(1 / 400)
    for n in range(800):
        world.put(people.at(world, 1000) + ns(n / 400), world.outside(), web, 17, b"\x04\xd2\0\x50\0\x10\0\0" + bytes(8))


@scenario("web-server", group="benign")
def web_server(world):
    """A busy server: pages, forms that mail one person each, programs to download, updates it fetches itself."""
    hosts = people.hosts(7)
    people.office(world, hosts, people.minutes(40), every=200)
    web, setup = "10.20.0.80", talk.program(world.random, 30_000)
    time = people.at(world, 30)
    for n in range(500):
        client = world.outside()
        tcp = world.tcp(time, client, web, 80)
        if n % 12 == 0:
            talk.http_exchange(tcp, "GET", "/files/setup.exe", "www.riverpaper.com", setup, "application/octet-stream")
        elif n % 15 == 0:
            talk.http_exchange(tcp, "POST", "/contact", "www.riverpaper.com", b"<p>thanks</p>",
                               post=b"name=x&text=" + b"y" * 700)
            talk.smtp(world, tcp.now, web, world.site("relay.provider.net")[0], helo="www.riverpaper.com",
                      sender="form@riverpaper.com",
                      recipients=("office@riverpaper.com",), size=1200)
        else:
            talk.http_exchange(tcp, "GET", f"/page{n % 30}", "www.riverpaper.com", talk.page(world.random, 6000))
        tcp.close()
        time += world.pause(4)
    talk.fetch(world, people.at(world, 1000), web, "updates.cms.org", "/latest.zip",
               b"PK\3\4" + world.random.randbytes(60_000),
               "application/zip")


@scenario("outage", group="benign")
def outage(world):
    """The line is down for four minutes, the mail provider for twenty, an intranet server for good; programs retry and
    retry."""
    hosts = people.hosts(15)
    people.office(world, hosts, people.minutes(50), every=300)
    post = world.site("post.provider.net")[0]
    sites = [people.domain(world.random) for _ in range(12)]
    for n, host in enumerate(hosts):
        for k in range(40):
            world.silent(people.at(world, 600 + 30 * k + n), host, post, 993, (3.0,))
        for k in range(8):
            time = people.at(world, 1200 + 28 * k + n)
            site = sites[k] if n % 2 else sites[n % 12]
            talk.lookup(world, time, host, f"www.{site}", lost=True)
            world.silent(time + ns(1), host, world.site(f"www.{site}")[0], 80)
        for k in range(30):
            world.silent(people.at(world, 300 + 60 * k + 2 * n), host, "10.20.0.40", 445, (1.0,))
            world.arp(people.at(world, 300 + 60 * k + 2 * n), host, "10.20.0.40", answered=False)


@scenario("names", group="benign")
def names(world):
    """Names as programs make them: delivery networks with short leases, probes of a browser, hashes asked of a
    reputation service, SPF and keys in TXT, search domains, typing errors."""
    hosts = people.hosts(12)
    people.office(world, hosts, people.minutes(60), every=200)
    for n, host in enumerate(hosts):
        time = people.at(world, 40 + 5 * n)
        for _ in range(3):  # a browser's probes for a provider that answers for every name
            probe = "".join(world.random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(10))
            talk.lookup(world, time, host, f"{probe}.office.lan", rcode=talk.NXDOMAIN)
            talk.lookup(world, time, host, probe, rcode=talk.NXDOMAIN)
        while time < people.at(world, 3300):
            kind = world.random.random()
            if kind < 0.4:
                label = f"{world.random.getrandbits(48):012x}"
                talk.lookup(world, time, host, f"e{label}.a.edge.net",
                            answers=[f"241.{world.random.randrange(9)}.7.{k}" for k in range(4)],
                            ttl=20)
            elif kind < 0.6:
                talk.lookup(world, time, host, f"{world.random.getrandbits(128):032x}.files.reputation.com",
                            answers=["127.0.0.4"], ttl=60)
            elif kind < 0.7:
                talk.lookup(world, time, host, people.domain(world.random), "TXT",
                            ["v=spf1 include:_spf.provider.net ~all"])
            elif kind < 0.8:
                talk.lookup(world, time, host, f"wpad.{world.random.choice(('office.lan', 'lan'))}", rcode=talk.NXDOMAIN)
            elif kind < 0.85:
                talk.lookup(world, time, host, f"www.{people.domain(world.random)[1:]}", rcode=talk.NXDOMAIN)
            else:
                talk.resolve(world, time, host, f"img{world.random.randrange(40)}.cloud-store.com", count=8, ttl=30)
            time += world.pause(9)


@scenario("day", group="benign")
def day(world):
    """Ten hours of an office of twenty-five: the clock, updates, mail every few minutes, a little browsing; regular as
    it is."""
    hosts = people.hosts(25)
    people.office(world, hosts, people.minutes(600), every=5000)
    for n, host in enumerate(hosts[:10]):
        thermometer = world.site("measure.weather.org")[0]
        time = people.at(world, 60 + n)
        tcp = talk.tls_open(world, world.tcp(time, host, world.site("chat.work.com")[0], 5223), "chat.work.com")
        for _ in range(350):
            tcp.wait(100).up(talk.sealed(world.random, 40)).down(talk.sealed(world.random, 40))
        if n < 2:
            for k in range(110):
                talk.fetch(world, people.at(world, 30 + 300 * k), host, "measure.weather.org", "/put", b"ok", "text/plain",
                           post=b"t=21.5", address=thermometer)
