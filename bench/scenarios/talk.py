# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts say to each other: DNS, HTTP, TLS, SMTP, IRC and others as their RFCs have it. Each function takes a World and
a time, writes the whole exchange, and returns the time at which it is over."""

import struct

from scenarios import wire
from scenarios.world import ns

RESOLVER = "10.20.0.2"
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "ANY": 255}
NOERROR, NXDOMAIN = 0, 3
AGENT = "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.8.0.9) Gecko/20061206 Firefox/1.5.0.9"


# --- DNS ---

def dns_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def dns_record(kind, value, ttl):
    if kind in ("A", "AAAA"):
        data = wire.packed(value)
    elif kind == "MX":
        data = struct.pack("!H", 10) + dns_name(value)
    elif kind == "TXT":
        data = b"".join(bytes([len(value[i:i + 255])]) + value[i:i + 255].encode() for i in range(0, len(value), 255))
    elif kind == "NULL":
        data = value.encode()
    else:
        data = dns_name(value)
    return struct.pack("!HHHIH", 0xc00c, TYPES[kind], 1, ttl, len(data)) + data


def lookup(world, time, host, name, kind="A", answers=(), rcode=NOERROR, ttl=300, server=RESOLVER, recursive=True,
           lost=False):
    """A question and its answer. `answers`: values of that type."""
    number = world.random.getrandbits(16)
    question = dns_name(name) + struct.pack("!HH", TYPES[kind], 1)
    query = struct.pack("!HHHHHH", number, 0x0100 if recursive else 0, 1, 0, 0, 0) + question
    flags = (0x8180 if recursive else 0x8400) | rcode
    reply = struct.pack("!HHHHHH", number, flags, 1, len(answers), 0, 0) + question
    reply += b"".join(dns_record(kind, value, ttl) for value in answers)
    wait = world.random.uniform(0.0005, 0.002) if world.is_home(server) else world.rtt(host, server) / 1e9
    messages = [(0, True, query)] + ([] if lost else [(wait, False, reply)])
    flow = world.datagrams(time, host, server, 53, messages, service="dns")
    flow.facts.append(("dns", time, {
        "proto": "udp", "trans_id": number, "rtt": None if lost else wait, "query": name, "qclass": 1,
        "qclass_name": "C_INTERNET", "qtype": TYPES[kind], "qtype_name": "*" if kind == "ANY" else kind,
        "rcode": None if lost else rcode, "rcode_name": None if lost else {0: "NOERROR", 3: "NXDOMAIN"}[rcode],
        "AA": not recursive, "TC": False, "RD": recursive, "RA": recursive, "Z": 0,
        "answers": list(answers) or None, "TTLs": [float(ttl)] * len(answers) or None, "rejected": False}))
    return flow.ended


def resolve(world, time, host, name, count=1, ttl=300, server=RESOLVER):
    """Looks a name up; returns the time and an address."""
    answers = world.site(name, count)
    return lookup(world, time, host, name, "A", answers, ttl=ttl, server=server), answers[0]


# --- TLS ---

def _vector(data, size=2):
    return len(data).to_bytes(size, "big") + data


def client_hello(random, name):
    extensions = b""
    if name:
        server = b"\0" + _vector(name.encode())
        extensions += b"\0\0" + _vector(_vector(server))
    extensions += struct.pack("!HH", 10, 8) + _vector(bytes.fromhex("001d00170018"))  # groups
    extensions += struct.pack("!HH", 11, 2) + b"\1\0"
    extensions += struct.pack("!HH", 13, 10) + _vector(bytes.fromhex("0403080405010401"))
    extensions += struct.pack("!HH", 16, 14) + _vector(b"\2h2\x08http/1.1")
    extensions += struct.pack("!HH", 43, 5) + b"\4\3\4\3\3"
    ciphers = bytes.fromhex("130113021303c02bc02fc02cc030cca9cca8c013c014009c009d")
    body = b"\3\3" + random.randbytes(32) + _vector(random.randbytes(32),
                                                    1) + _vector(ciphers) + b"\1\0" + _vector(extensions)
    return b"\x16\3\1" + _vector(b"\1" + _vector(body, 3))


def server_hello(random):
    body = b"\3\3" + random.randbytes(32) + _vector(random.randbytes(32), 1) + b"\x13\1\0" + _vector(b"\0\x2b\0\2\3\4")
    return b"\x16\3\3" + _vector(b"\2" + _vector(body, 3)) + b"\x14\3\3\0\1\1"


def sealed(random, size):
    """Application data of so many bytes."""
    out = b""
    while size > 0:
        part = min(size, 16000)
        out += b"\x17\3\3" + _vector(random.randbytes(part))
        size -= part
    return out


def tls_open(world, tcp, name):
    tcp.flow.service = "ssl"
    tcp.flow.facts.append(("ssl", tcp.now, {
        "version": "TLSv13", "cipher": "TLS_AES_128_GCM_SHA256", "curve": "x25519", "server_name": name or None,
        "resumed": False, "next_protocol": "h2", "established": True}))
    tcp.up(client_hello(world.random, name))
    return tcp.down(server_hello(world.random) + sealed(world.random, 2800)).up(sealed(world.random, 74))


def https(world, time, host, name, up=600, down=20_000, address=None, port=443):
    """One request within TLS, after a lookup unless the address is given."""
    if address is None:
        time, address = resolve(world, time, host, name)
    tcp = tls_open(world, world.tcp(time, host, address, port), name)
    tcp.up(sealed(world.random, up)).down(sealed(world.random, down))
    return tcp.wait(0.2).close()


# --- HTTP ---

def http_request(method, path, name, agent=AGENT, body=b"", more=""):
    size = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    return (f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{more}{size}\r\n").encode() + body


def http_response(body, kind="text/html", status="200 OK", more=""):
    return (f"HTTP/1.1 {status}\r\nServer: Apache/2.0.55\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"{more}\r\n").encode() + body


def mime_of(body):
    for mark, name in ((b"MZ", "application/x-dosexec"), (b"\x7fELF", "application/x-executable"),
                       (b"!<arch>", "application/x-archive"), (b"\xff\xd8", "image/jpeg"), (b"<", "text/html"),
                       (b"\x89PNG", "image/png")):
        if body.startswith(mark):
            return name
    return "text/plain" if body else None


def http_exchange(tcp, method, path, name, body=b"", kind="text/html", agent=AGENT, post=b"", status="200 OK",
                  rate=1_500_000):
    """One request on an open connection."""
    tcp.flow.service = "http"
    mime, mime_up = mime_of(body), mime_of(post)
    tcp.flow.facts.append(("http", tcp.now, {
        "trans_depth": 1, "method": method, "host": name, "uri": path, "version": "1.1", "user_agent": agent,
        "request_body_len": len(post), "response_body_len": len(body), "status_code": int(status.split()[0]),
        "status_msg": status.partition(" ")[2], "orig_mime_types": [mime_up] if mime_up else None,
        "resp_mime_types": [mime] if mime else None}))
    return tcp.up(http_request(method, path, name, agent, post)).down(http_response(body, kind, status), rate=rate)


def fetch(world, time, host, name, path, body, kind="text/html", address=None, port=80, agent=AGENT, rate=1_500_000,
          post=b"",
          status="200 OK"):
    """A GET (POST with `post`) on a connection of its own; `address` if nobody asks for the name."""
    if address is None:
        time, address = resolve(world, time, host, name)
    tcp = world.tcp(time, host, address, port)
    http_exchange(tcp, "POST" if post else "GET", path, name, body, kind, agent, post, status, rate)
    return tcp.wait(0.1).close()


def page(random, size):
    return b"<html><body>" + b"<p>word word word</p>\n" * (size // 22) + b"</body></html>\n"


def picture(random, size):
    return b"\xff\xd8\xff\xe0\0\x10JFIF" + random.randbytes(size)


def program(random, size=174_080):
    """Bytes with the headers of a Windows program and no code in it: it does nothing and does not even start."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64)
    pe = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14c, 3, 0, 0, 0, 224, 0x10f) + b"\x0b\x01" + bytes(222)
    return dos + pe + bytes(512) + random.randbytes(max(size - 1000, 0))


def elf(random, size=60_000):
    """The same for Linux."""
    return b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHI", 2, 3, 1) + bytes(28) + random.randbytes(size)


# --- mail ---

def smtp(world, time, host, server, port=25, helo="client.example", sender="a@client.example",
         recipients=("b@site.example",),
         size=3000, reject="", banner="mx", login=False):
    """One mail, or as far as the server lets it. `reject`: its reply to every recipient."""
    tcp = world.tcp(time, host, server, port, service="smtp")
    facts = {"trans_depth": 1, "helo": helo, "mailfrom": sender, "rcptto": [], "date": None, "from": None, "to": None,
             "subject": None, "msg_id": None, "last_reply": "", "path": None, "tls": False}
    facts_time = tcp.now
    tcp.down(f"220 {banner} ESMTP\r\n").up(f"EHLO {helo}\r\n" if login else f"HELO {helo}\r\n").down(f"250 {banner}\r\n")
    if login:
        tcp.up("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n").down("235 2.7.0 ok\r\n")
    tcp.up(f"MAIL FROM:<{sender}>\r\n").down("250 ok\r\n")
    taken = 0
    for recipient in recipients:
        facts["rcptto"].append(recipient)
        facts["last_reply"] = reject or "250 ok"
        tcp.up(f"RCPT TO:<{recipient}>\r\n").down((reject or "250 ok") + "\r\n")
        taken += not reject
    if taken:
        tcp.up("DATA\r\n").down("354 go on\r\n")
        head = (f"From: <{sender}>\r\nTo: <{recipients[0]}>\r\nSubject: news\r\nDate: Mon, 2 Jan 2006 10:00:00 +0000\r\n"
                f"Message-ID: <{world.random.getrandbits(40)}@{helo}>\r\n\r\n")
        lines = "a line of text in a mail, as long as they are\r\n" * max((size - len(head)) // 48, 1)
        tcp.up(head + lines + ".\r\n").down("250 2.0.0 accepted\r\n")
        facts.update({"from": sender, "subject": "news", "date": "Mon, 2 Jan 2006", "last_reply": "250 2.0.0 accepted"})
    tcp.flow.facts.append(("smtp", facts_time, facts))
    tcp.up("QUIT\r\n").down("221 bye\r\n")
    return tcp.close()


# --- others ---

def ntp(world, time, host, server):
    return world.datagrams(time, host, server, 123, [(0, True, b"\x1b" + bytes(47)), (0.03, False, b"\x1c\2" + bytes(46))],
                           sport=123, service="ntp").ended


def imap_poll(world, time, host, name, address):
    """A look for new mail."""
    tcp = tls_open(world, world.tcp(time, host, address, 993), name)
    for _ in range(3):
        tcp.up(sealed(world.random, 60)).down(sealed(world.random, 180))
    return tcp.close()


def ssh(world, time, host, server, keys=40, port=22, gap=1.5):
    """A person at a remote shell."""
    tcp = world.tcp(time, host, server, port, service="ssh")
    tcp.down("SSH-2.0-OpenSSH_4.2\r\n").up("SSH-2.0-OpenSSH_4.3\r\n")
    tcp.up(world.random.randbytes(700)).down(world.random.randbytes(800)).up(world.random.randbytes(144))
    for _ in range(keys):
        tcp.now += world.pause(gap)
        tcp.up(world.random.randbytes(48)).down(world.random.randbytes(48 if world.random.random() < 0.9 else 900))
    return tcp.close()


def tftp(world, time, host, server, name, data):
    """A file by TFTP (RFC 1350): the server answers from a port of its own."""
    sport, port = world.port(host), world.random.randrange(1025, 60000)
    ask = b"\0\1" + name.encode() + b"\0octet\0"
    end = world.datagrams(time, host, server, 69, [(0, True, ask)], sport=sport).ended
    messages = []
    for number, at in enumerate(range(0, len(data) + 1, 512), 1):
        messages += [(0.02, False, struct.pack("!HH", 3, number & 0xffff) + data[at:at + 512]),
                     (0.001, True, struct.pack("!HH", 4, number & 0xffff))]
    a, b = wire.packed(host), wire.packed(server)
    for after, up, what in messages:
        end += ns(after)
        ends = (a, b, sport, port) if up else (b, a, port, sport)
        world.put(end, *((host, server) if up else (server, host)), wire.UDP, wire.udp(*ends, what))
    return end
