# SPDX-License-Identifier: GPL-3.0-or-later
"""Look-alikes by volume and shape: uploads, remote shells, streams, calls, crawlers, remote desktops, proxies, a
person's work."""

from scenarios import people, scenario, talk, wire
from scenarios.world import ns


@scenario("upload", group="benign")
def upload(world):
    """A mirror's nightly upload and a backup to an outside store, thousands of kilobytes each."""
    hosts = people.hosts(7)
    people.office(world, hosts, people.minutes(30), every=200)
    tcp = world.tcp(people.at(world, 120), hosts[2], world.site("rsync.mirror.org")[0], 873)
    tcp.down("@RSYNCD: 29\n").up("@RSYNCD: 29\nincoming\n").down("@RSYNCD: OK\n").up(world.random.randbytes(6_000_000),
                                                                                     rate=3_000_000)
    tcp.close()
    time, address = talk.resolve(world, people.at(world, 300), hosts[4], "store.backup.com")
    tls = talk.tls_open(world, world.tcp(time, hosts[4], address, 443), "store.backup.com")
    for _ in range(40):
        tls.up(talk.sealed(world.random, 120_000), rate=3_000_000).down(talk.sealed(world.random, 200))
    tls.close()


@scenario("shells", group="benign")
def shells(world):
    """People at remote shells, in and out; version control; copies; a command on forty servers from a list."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(40), every=200)
    for n, host in enumerate(hosts[:4]):
        talk.ssh(world, people.at(world, 60 + 100 * n), host, world.site(f"shell{n}.work.com")[0], keys=250)
    talk.ssh(world, people.at(world, 90), world.outside(), hosts[6], keys=300)
    for n in range(40):
        name = f"node{n:02}.cluster.work.com"
        time, address = talk.resolve(world, people.at(world, 900 + 3 * n), hosts[1], name)
        if n in (9, 31):
            world.silent(time, hosts[1], address, 22)
        else:
            talk.ssh(world, time, hosts[1], address, keys=3, gap=0.1)
    for n in range(20):
        talk.https(world, people.at(world, 1000 + 25 * n), hosts[3], "git.work.com", up=1500, down=8000)


@scenario("streams", group="benign")
def streams(world):
    """A film, a call, a game, a camera that sends outside, and radio."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(20), every=200)
    time, address = talk.resolve(world, people.at(world, 100), hosts[1], "video.film.com")
    tls = talk.tls_open(world, world.tcp(time, hosts[1], address, 443), "video.film.com")
    for _ in range(60):
        tls.up(talk.sealed(world.random, 400)).down(talk.sealed(world.random, 90_000), rate=2_000_000).wait(8)
    tls.close()
    call = [(0.01, n % 2 == 0, b"\x80\0" + world.random.randbytes(170)) for n in range(12_000)]
    world.datagrams(people.at(world, 200), hosts[2], world.outside(), 16_384, call)
    game = [(0.02, n % 3 < 2, world.random.randbytes(60)) for n in range(9_000)]
    world.datagrams(people.at(world, 300), hosts[3], world.outside(), 27_015, game)
    camera = [(0.008, n % 25 != 0, b"\x80\x60" + world.random.randbytes(900)) for n in range(8_000)]
    world.datagrams(people.at(world, 400), hosts[4], world.outside(), 50_004, camera)
    radio = world.tcp(people.at(world, 50), hosts[5], world.site("radio.net")[0], 8000)
    radio.up(b"GET /live HTTP/1.0\r\nHost: radio.net:8000\r\n\r\n")
    radio.down(b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n\xff\xfb" + world.random.randbytes(1_500_000),
               rate=16_000)


@scenario("crawler", group="benign", same=("scan", "flood"))
def crawler(world):
    """A checker of links: 1,200 names, some gone, some servers silent; and a load test of the firm's own site outside."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(40), every=200)
    time = people.at(world, 100)
    for n in range(1200):
        site = f"www.{people.domain(world.random)}"
        if n % 17 == 0:
            talk.lookup(world, time, hosts[3], f"www.{people.domain(world.random)[1:]}", rcode=talk.NXDOMAIN)
        elif n % 29 == 0:
            at, address = talk.resolve(world, time, hosts[3], site)
            world.silent(at, hosts[3], address, 80)
        else:
            talk.fetch(world, time, hosts[3], site, "/", talk.page(world.random, 900),
                       status="404 Not Found" if n % 11 == 0 else "200 OK")
        time += world.pause(1.2)
    at, address = talk.resolve(world, people.at(world, 600), hosts[5], "test.riverpaper.com")
    for n in range(1500):
        talk.fetch(world, at + ns(n / 25), hosts[5], "test.riverpaper.com", f"/load/{n % 50}", b"<p>ok</p>",
                   address=address)


@scenario("lan", group="benign")
def lan(world):
    """A flat network after a power cut: forty machines start at once, ask for addresses, names and neighbours, and find
    each other's shares; a printer is missing."""
    hosts = people.hosts(40)
    people.office(world, hosts, people.minutes(15), every=300)
    for n, host in enumerate(hosts):
        time = people.at(world, 10 + 0.4 * n)
        world.arp(time, host, host, answered=False)
        for k in range(6):
            world.arp(time + ns(k), host, hosts[(n + k + 1) % 40])
        world.datagrams(time, host, "10.20.0.255", 137, [(0.7 * k, True, bytes(50)) for k in range(3)], sport=137)
        world.datagrams(time, host, "239.255.255.250", 1900, [(0, True, b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n")])
        world.datagrams(time, host, "224.0.0.251", 5353, [(0, True, bytes(12) + b"\5_http\4_tcp\5local\0\0\x0c\0\1")],
                        sport=5353)
        for k in (3, 11, 19):
            tcp = world.tcp(time + ns(2), host, hosts[(n + k) % 40], 445)
            tcp.up(b"\0\0\0\x85\xffSMBr" + bytes(120)).down(b"\0\0\0\x85\xffSMBr" + bytes(120))
            tcp.close()
        for k in range(5):
            world.silent(time + ns(5 + 40 * k), host, "10.20.0.60", 9100, (3.0,))


@scenario("own-proxy", group="benign")
def own_proxy(world):
    """A person's SOCKS proxy at home, used by him on the way: pages, and mail by one provider's submission port; with a
    backup that arrives while mails leave."""
    hosts = people.hosts(7)
    people.office(world, hosts, people.minutes(30), every=200)
    proxy, phone = hosts[3], world.outside()
    for n in range(40):
        smtp = n % 5 == 0
        address = world.site("smtp.provider.net" if smtp else f"www.{people.domain(world.random)}")[0]
        asked = world.tcp(people.at(world, 60 + 35 * n), phone, proxy, 1080)
        asked.up(b"\5\1\2").down(b"\5\2").up(b"\1\4anna\6secret").down(b"\1\0")
        asked.up(b"\5\1\0\1" + wire.packed(address) + (b"\2\x4b" if smtp else b"\0\x50"))
        asked.down(b"\5\0\0\1" + bytes(6))
        if smtp:
            end = talk.smtp(world, asked.now, proxy, address, port=587, helo="phone", login=True,
                            sender="anna@provider.net", size=900)
        else:
            end = talk.fetch(world, asked.now, proxy, "www.site.org", "/", talk.page(world.random, 5000), address=address)
        asked.until(end).up(b"x" * 900).down(b"y" * 900)
        asked.close()
    backup = world.tcp(people.at(world, 200), world.outside(), hosts[5], 9102)
    for n in range(20):
        backup.up(world.random.randbytes(60_000)).wait(20)
        talk.smtp(world, backup.now, hosts[5], world.site("smtp.provider.net")[0], port=587, helo="pc", login=True,
                  size=5000)
    backup.close()


@scenario("admin", group="benign")
def admin(world):
    """An administrator's morning: a path traced, two zones copied, a port looked at here and there, a machine started
    over the network with a file from the house's server, a script fetched by address."""
    hosts = people.hosts(10)
    people.office(world, hosts, people.minutes(30), every=200)
    me = hosts[0]
    for hop in range(1, 20):
        for k in range(3):
            world.datagrams(people.at(world, 60 + hop), me, "203.0.113.8", 33434 + 3 * hop + k, [(0, True, bytes(24))])
    for n, port in enumerate((22, 80, 443, 8080, 3389, 5900)):
        (world.refused if n % 2 else world.silent)(people.at(world, 120 + 9 * n), me, "203.0.113.8", port)
    for zone in ("riverpaper.com", "work.com"):
        talk.lookup(world, people.at(world, 200), me, zone, "MX", [f"mail.{zone}"])
        talk.lookup(world, people.at(world, 210), me, zone, "NS", [f"ns1.{zone}"])
        talk.lookup(world, people.at(world, 220), me, zone, "ANY", [])
    talk.tftp(world, people.at(world, 300), hosts[8], "10.20.0.5", "pxelinux.0", talk.elf(world.random, 20_000))
    talk.fetch(world, people.at(world, 500), me, "203.0.113.50", "/setup.sh", b"#!/bin/sh\necho hello\n", "text/plain",
               address="203.0.113.50")
    for n in range(30):
        world.ping(people.at(world, 600 + n), me, hosts[n % 10])


@scenario("house-proxy", group="benign")
def house_proxy(world):
    """A network that leaves only by its proxy: everybody asks it for pages, secure pages, and a few for mail's secure
    ports."""
    hosts = people.hosts(14)
    people.neighbours(world, hosts, world.start, people.at(world, 1800))
    proxy = "10.20.0.3"
    for n in range(400):
        host, site = world.random.choice(hosts), f"www.{people.domain(world.random)}"
        time = people.at(world, 20 + 4 * n)
        asked = world.tcp(time, host, proxy, 3128)
        if n % 3 == 0:
            talk.http_exchange(asked, "GET", f"http://{site}/", site, talk.page(world.random, 4000))
            talk.fetch(world, time, proxy, site, "/", talk.page(world.random, 4000))
        else:
            port = 993 if n % 17 == 0 else 465 if n % 23 == 0 else 443
            name = site if port == 443 else "post.provider.net"
            asked.up(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n").down("HTTP/1.1 200 Connection established\r\n\r\n")
            asked.up(talk.client_hello(world.random, name)).down(talk.server_hello(world.random) + talk.sealed(world.random,
                                                                                                               9000))
            talk.https(world, time, proxy, name, port=port, down=9000)
        asked.close()


@scenario("private-net", group="benign")
def private_net(world):
    """Clients of networks that hide: an onion router with a hundred relays by address on odd ports, a tunnel that
    stands for an hour, and a currency's peers."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(60), every=200)
    relays = [(world.outside(), world.random.choice((443, 9001, 9001, 8443))) for _ in range(100)]
    time = people.at(world, 60)
    for n in range(150):
        address, port = relays[n % 3] if n % 2 else world.random.choice(relays)
        if n % 20 == 7:
            world.silent(time, hosts[2], address, port)
        else:
            tls = talk.tls_open(world, world.tcp(time, hosts[2], address, port), "www.kq3xw7a.net" if n % 2 else "")
            tls.up(talk.sealed(world.random, 1100)).down(talk.sealed(world.random, 12_000)).close()
        time += world.pause(20)
    world.datagrams(people.at(world, 50), hosts[3], world.outside(), 1194,
                    [(0.2, n % 2 == 0, b"\x30" + world.random.randbytes(400)) for n in range(14_000)])
    for n in range(40):
        peer = world.outside()
        if n % 4 == 1:
            world.silent(people.at(world, 100 + 7 * n), hosts[4], peer, 8333)
        else:
            tcp = world.tcp(people.at(world, 100 + 7 * n), hosts[4], peer, 8333)
            tcp.up(b"\xf9\xbe\xb4\xd9version\0\0\0\0\0" + bytes(90)).down(b"\xf9\xbe\xb4\xd9version\0\0\0\0\0" + bytes(90))
            for _ in range(10):
                tcp.wait(30).down(world.random.randbytes(600)).up(world.random.randbytes(60))
            tcp.close()
