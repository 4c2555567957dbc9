# SPDX-License-Identifier: GPL-3.0-or-later
"""Bots without IRC: generated names, beacons, tunnels, worms; and single signs by themselves, which make no bot."""

import base64

from scenarios import Label, people, scenario, talk
from scenarios.bots_irc import scan
from scenarios.bots_mail import spam_run
from scenarios.world import ns

CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiouy"


def generated(random, kind="letters"):
    """A domain as Conficker (letters) or Simda (syllables) make them."""
    if kind == "letters":
        name = "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(random.randrange(8, 13)))
    else:
        name = "".join(random.choice(CONSONANTS if n % 2 == 0 else VOWELS) for n in range(7))
    return name + random.choice((".com", ".net", ".org", ".info", ".biz"))


def try_names(world, time, host, count, every, kind="letters", server=talk.RESOLVER):
    """Asks for generated names, none of which exists."""
    for _ in range(count):
        talk.lookup(world, time, host, generated(world.random, kind), rcode=talk.NXDOMAIN, server=server)
        time += world.jitter(every, 0.5)
    return time


def beacon(world, begin, end, host, address, port, every, jitter, up=180, down=90, speak=None):
    """A look at the controller every so often."""
    time = begin
    while time < end:
        tcp = world.tcp(time, host, address, port)
        if speak:
            speak(tcp)
        else:
            tcp.up(world.random.randbytes(up)).down(world.random.randbytes(down))
        tcp.close()
        time += world.jitter(every, jitter)


@scenario("dga-spam", group="bot")
def dga_spam(world):
    """250 generated domains in a burst, the 251st exists: the host fetches a program there under a picture's name,
    checks in by HTTP, and mails."""
    hosts = people.hosts(10)
    people.office(world, hosts, people.minutes(40), every=150)
    bot = hosts[3]
    time = try_names(world, people.at(world, 200), bot, 250, 0.5)
    name = generated(world.random)
    time = talk.fetch(world, time, bot, name, "/logo.jpg", talk.program(world.random, 70_000), "image/jpeg")
    for n in range(6):
        talk.fetch(world, time + ns(300 * n), bot, name, f"/c?i={n}", b"ok", "text/plain", post=b"id=77120&v=2")
    spam_run(world, time + ns(60), bot, 500, 0.4)
    return {bot: Label("dns_anomaly", "egg", "mass_mail", kinds=("dns_anomaly.generated",))}


@scenario("dga-scan", group="bot")
def dga_scan(world):
    """Syllables as names, fifty at a time every ten minutes, for two hours; then the host scans."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(150), every=400)
    bot = hosts[6]
    for n in range(12):
        try_names(world, people.at(world, 100 + 600 * n), bot, 50, 0.3, "syllables")
    scan(world, people.at(world, 7500), bot, 445, 900, 5)
    return {bot: Label("dns_anomaly", "scan")}


@scenario("beacon", group="bot")
def beacon_hours(world):
    """A program under a false name from a bare address, then a look at the same address every minute for four hours,
    jitter 20 %, and at the end a scan on order."""
    hosts = people.hosts(20)
    people.office(world, hosts, people.minutes(250), every=900)
    bot, control = hosts[9], "203.0.113.200"
    talk.fetch(world, people.at(world, 400), bot, control, "/upd/readme.txt", talk.program(world.random, 50_000),
               "text/plain",
               address=control)
    beacon(world, people.at(world, 500), people.at(world, 14_500), bot, control, 8443, 60, 0.2)
    scan(world, people.at(world, 14_200), bot, 22, 400, 4)
    return {bot: Label("egg", "beacon", "scan")}


@scenario("dns-tunnel", group="bot")
def dns_tunnel(world):
    """A program as a picture, then two megabytes of files leave in the names of one domain, and orders come in TXT
    records; at the end the host mails."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(50), every=200)
    bot = hosts[5]
    talk.fetch(world, people.at(world, 200), bot, "203.0.113.31", "/a/cat.png", talk.program(world.random, 60_000),
               "image/png",
               address="203.0.113.31")
    tunnel(world, people.at(world, 300), bot, "t.cloudsync.info", 14_000, 0.12)
    spam_run(world, people.at(world, 2100), bot, 250, 0.4)
    return {bot: Label("egg", "dns_anomaly", "mass_mail", kinds=("dns_anomaly.tunnel", "dns_anomaly.upload"))}


def tunnel(world, time, host, below, count, every, kind="TXT"):
    for number in range(count):
        data = base64.b32encode(world.random.randbytes(100)).decode().rstrip("=").lower()
        name = ".".join([data[i:i + 60] for i in range(0, len(data), 60)] + [below])
        talk.lookup(world, time, host, name, kind, [base64.b64encode(world.random.randbytes(60)).decode()], ttl=0)
        time += world.jitter(every)


@scenario("worm-tftp", group="bot", same=("scan",))
def worm_tftp(world):
    """Somebody outside exploits port 135, the host fetches the worm from him by TFTP, scans for others, and hands the
    worm on to two home hosts, which do the same."""
    hosts = people.hosts(10)
    people.office(world, hosts, people.minutes(20))
    attacker, egg = world.outside(), talk.program(world.random, 6176)
    sick, second, third = hosts[4], hosts[7], hosts[8]
    exploited(world, people.at(world, 150), attacker, sick, egg)
    scan(world, people.at(world, 160), sick, 135, 5000, 20, pick=_neighbourly(world))
    for victim, when in ((second, 400), (third, 500)):
        exploited(world, people.at(world, when), sick, victim, egg)
        scan(world, people.at(world, when + 10), victim, 135, 3000, 20, pick=_neighbourly(world))
    return {sick: Label("egg", "scan", kinds=("egg.after_inbound", "egg.served")), second: Label("egg", "scan"),
            third: Label("egg", "scan")}


def _neighbourly(world):
    """Addresses one after the other, as Blaster took them."""
    state = [world.random.randrange(65536)]

    def pick():
        state[0] = (state[0] + 1) % 65536
        return f"198.18.{state[0] >> 8}.{state[0] & 255}"
    return pick


def exploited(world, time, attacker, victim, egg):
    """The overflow, its shell, and the file."""
    hit = world.tcp(time, attacker, victim, 135)
    hit.up(b"\5\0\x0b\3\x10\0\0\0" + world.random.randbytes(1700))
    hit.close()
    shell = world.tcp(hit.now + ns(0.5), attacker, victim, 4444)
    shell.up(b"tftp -i GET msblast.exe\n")
    end = talk.tftp(world, shell.now + ns(0.2), victim, attacker, "msblast.exe", egg)
    shell.until(end).up(b"start msblast.exe\n")
    shell.reset()


@scenario("worm-http", group="bot")
def worm_http(world):
    """An intrusion on port 445, the egg from the intruder by HTTP, then a scan so slow that it takes four hours: a
    contact every 25 s."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(260), every=900)
    bot, attacker = hosts[2], "203.0.113.66"
    hit = world.tcp(people.at(world, 300), attacker, bot, 445)
    hit.up(world.random.randbytes(3000)).down(world.random.randbytes(120))
    hit.close()
    talk.fetch(world, hit.now + ns(3), bot, attacker, "/ssms.exe", talk.program(world.random, 80_000),
               "application/octet-stream",
               address=attacker, port=8181)
    scan(world, people.at(world, 400), bot, 445, 560, 1 / 25, live=0.005)
    return {bot: Label("egg", "scan", kinds=("egg.after_inbound", "scan.horizontal"))}


@scenario("http-bot", group="bot", same=("flood", "scan"))
def http_bot(world):
    """Orders by HTTP from a bare address every two minutes; the host fetches a program there, scans ports of one
    machine, and floods a web server with requests that it lets open."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(40), every=150)
    bot, control, victim = hosts[1], "203.0.113.140", "198.51.100.44"

    def speak(tcp):
        talk.http_exchange(tcp, "POST", "/gate.php", control, b"wait", "text/plain", "Mozilla/4.0", post=b"id=4711&os=xp")
    beacon(world, people.at(world, 60), people.at(world, 2300), bot, control, 80, 120, 0.1, speak=speak)
    talk.fetch(world, people.at(world, 100), bot, control, "/s.exe", talk.program(world.random, 40_000),
               "application/octet-stream",
               address=control, port=8000)
    time = people.at(world, 700)
    for port in range(1, 600):
        world.refused(time, bot, victim, port)
        time += ns(0.05)
    time = people.at(world, 1500)
    for n in range(300 * 30):
        world.silent(time, bot, victim, 80, ())
        time += ns(1 / 300)
    return {bot: Label("egg", "scan", "flood", kinds=("scan.vertical", "flood.syn"))}


@scenario("reflector", group="bot")
def reflector(world):
    """After an intrusion and a naked program, ANY questions by the hundred to open resolvers: home's part in a
    reflection."""
    hosts = people.hosts(7)
    people.office(world, hosts, people.minutes(12))
    bot, attacker = hosts[3], world.outside()
    hit = world.tcp(people.at(world, 100), attacker, bot, 139)
    hit.up(world.random.randbytes(2500)).down(world.random.randbytes(40))
    hit.up(talk.elf(world.random, 30_000))
    hit.close()
    pushed = world.tcp(hit.now + ns(2), attacker, bot, 5554)
    pushed.up(talk.elf(world.random, 30_000))
    pushed.close()
    resolvers = [world.outside() for _ in range(60)]
    time = people.at(world, 200)
    for n in range(4000):
        talk.lookup(world, time, bot, "fat.amplifier.org", "ANY", (), server=resolvers[n % 60],
                    lost=n % 3 == 0)
        time += ns(1 / 50)
    return {bot: Label("egg", "flood", "dns_anomaly", kinds=("flood.reflection", "dns_anomaly.any"))}


# --- one sign by itself: a suspect at most, since one stage convicts nobody ---

@scenario("sign-dga", group="sign")
def sign_dga(world):
    """Generated names for eight hours, and nothing else: control, but no act."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(60), every=300)
    for n in range(8):
        try_names(world, people.at(world, 60 + 400 * n), hosts[4], 60, 0.4)
    return {hosts[4]: Label("dns_anomaly", level="suspect", sign=True, kinds=("dns_anomaly.generated",))}


@scenario("sign-scan", group="sign", same=("scan",))
def sign_scan(world):
    """A scan of 1,500 addresses by all three protocols, and nothing else."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(20))
    scan(world, people.at(world, 60), hosts[2], 3306, 1500, 10)
    time = people.at(world, 400)
    for n in range(400):
        world.ping(time, hosts[2], f"198.19.{n % 200}.{n // 200 + 1}", answered=n % 40 == 0)
        time += ns(0.1)
    return {hosts[2]: Label("scan", level="suspect", sign=True)}


@scenario("sign-mail", group="sign", same=("mass_mail",))
def sign_mail(world):
    """A spam run without any other sign, cautious: one name, few dead addresses."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(40), every=200)
    spam_run(world, people.at(world, 60), hosts[5], 600, 0.3, refused=0.14, names=1)
    return {hosts[5]: Label("mass_mail", level="suspect", sign=True, kinds=("mass_mail.servers",))}


@scenario("sign-tunnel", group="sign")
def sign_tunnel(world):
    """A tunnel in names by itself: a person may tunnel."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(30), every=200)
    tunnel(world, people.at(world, 60), hosts[1], "x.tun.net", 6000, 0.2, "NULL")
    return {hosts[1]: Label("dns_anomaly", level="suspect", sign=True, kinds=("dns_anomaly.tunnel",))}


@scenario("sign-beacon", group="sign")
def sign_beacon(world):
    """A beacon every five minutes for ten hours to an address without a name, and nothing else: below suspect."""
    hosts = people.hosts(16)
    people.office(world, hosts, people.minutes(600), every=3000)
    beacon(world, people.at(world, 60), people.at(world, 36_000), hosts[7], "203.0.113.77", 4443, 300, 0.05)
    return {hosts[7]: Label("beacon", level="clear", sign=True)}
