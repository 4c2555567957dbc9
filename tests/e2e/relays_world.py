# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Internet in network namespaces, for mails that are really sent: our own receiving servers (postfix, exim,
opensmtpd), a provider's relay, a web host, a newsletter's server, an access network with dynamic names, a SOCKS proxy, and
DNS with block lists. Every namespace hangs on a router's; there is no way out of them. The addresses look public, since
reserved ones are never asked about; they exist only here.

    isp       the router, and 61.50.0.66: who commands the bots
    mx        61.48.1.25 postfix, .26 exim, .27 opensmtpd: ours, each with a Maildir
    dns       61.48.2.53 unbound
    provider  61.48.3.25 postfix, takes mail from its own customers (access); .26 exim, from accounts with a password
    shop      61.48.4.80 a web host with a form that sends mail
    proxy     61.48.5.80 SOCKS, open to everybody
    news      61.48.6.25 a newsletter's server, by mistake open to the one above; .77 a rented machine
    access    61.49.0.0/24 customers"""

import contextlib
import os
import select
import socket
import struct
import subprocess
import threading
import time

import lib
import servers
from patience import PATIENCE
from wire import SO_RCVBUFFORCE, call_in_netns

ETH_P_IP = 0x0800

PLACES = {"mx": "61.48.1", "dns": "61.48.2", "provider": "61.48.3", "shop": "61.48.4", "proxy": "61.48.5", "news": "61.48.6",
          "access": "61.49.0"}
ADDRESSES = {"mx": (25, 26, 27), "dns": (53,), "provider": (25, 26), "shop": (80,), "proxy": (80,), "news": (25, 77),
             "access": tuple(range(10, 40))}
MASTER = "61.50.0.66"
RESOLVER, PROVIDER, SUBMISSION, SHOP, PROXY, NEWS = ("61.48.2.53", "61.48.3.25", "61.48.3.26", "61.48.4.80", "61.48.5.80",
                                                     "61.48.6.25")
RECEIVERS = {"postfix": ("61.48.1.25", "mx1.ours.test", "pf.ours.test"), "exim": ("61.48.1.26", "mx2.ours.test", "ex.ours.test"),
             "opensmtpd": ("61.48.1.27", "mx3.ours.test", "os.ours.test")}
NAMES = {"61.48.1.25": "mx1.ours.test", "61.48.1.26": "mx2.ours.test", "61.48.1.27": "mx3.ours.test",
         PROVIDER: "smtp.out.provider.test", SUBMISSION: "submit.out.provider.test", SHOP: "mail.shop.test", NEWS: "mx.news.test",
         PROXY: "host80.rented.test", "61.48.6.77": "host77.rented.test",
         MASTER: "dialup-61-50-0-66.far.test"}
NAMES.update({f"61.49.0.{i}": f"dsl-61-49-0-{i}.pool.provider.test" for i in ADDRESSES["access"]})

UNBOUND = """
remote-control:
    control-enable: no
server:
    directory: "{folder}"
    username: ""
    chroot: ""
    pidfile: "{folder}/unbound.pid"
    use-syslog: no
    do-daemonize: no
    interface: 61.48.2.53
    access-control: 61.0.0.0/8 allow
    module-config: "iterator"
    root-hints: ""
    local-zone: "." static
"""
# Lists: entry addresses and what their answers are. The first two test entries are those of RFC 5782, section 5.
ZEN, PROXIES, DEAD, WORLD = "zen.spamhaus.org", "proxies.test", "dead.test", "world.test"


def listed(zone, address, answer):
    return f'    local-data: "{".".join(reversed(address.split(".")))}.{zone} A {answer}"\n'


def zones(entries):
    """unbound's local data: names both ways, mail exchangers, block lists. `entries`: (zone, address, answer)."""
    text = "".join(f'    local-data-ptr: "{a} {n}"\n    local-data: "{n} A {a}"\n' for a, n in NAMES.items())
    for address, name, domain in RECEIVERS.values():
        text += f'    local-data: "{domain} MX 10 {name}"\n'
    text += '    local-data: "person.test TXT \'v=spf1 ip4:61.48.3.0/24 -all\'"\n'
    for zone in (ZEN, PROXIES):
        text += listed(zone, "127.0.0.2", "127.0.0.2")
    for zone, answer in ((DEAD, "127.255.255.254"), (WORLD, "127.0.0.2")):
        text += f'    local-zone: "{zone}" redirect\n    local-data: "{zone} A {answer}"\n'
    return text + "".join(listed(*entry) for entry in entries)


# --- the servers' configurations ---

RESOLV = "echo 'nameserver 61.48.2.53' >/etc/resolv.conf\n"
POSTFIX = RESOLV + r"""
cat >/etc/postfix/main.cf <<X
compatibility_level = 3.6
myhostname = {name}
mydestination =
inet_interfaces = {listen}
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
maillog_file = /dev/stdout
{more}
X
postconf -F '*/*/chroot = n'
mkdir -p /var/lib/postfix; chown postfix /var/lib/postfix
exec postfix start-fg
"""
# A filter that is trusted, as far as it matters: it calls spam what comes from "spam@", and says so above the server's header.
POSTFIX_IN = """smtpd_relay_restrictions = reject_unauth_destination
smtpd_sender_restrictions = check_sender_access regexp:{{ {{ /^spam@/ PREPEND X-Spam-Flag: YES }} }}
virtual_mailbox_domains = {domain}
virtual_mailbox_base = /srv
virtual_mailbox_maps = static:mail/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534"""
POSTFIX_OUT = """mynetworks = {networks}
smtpd_relay_restrictions = permit_mynetworks, reject"""

EXIM = RESOLV + r"""
mkdir -p /var/log/exim-test /var/spool/exim-test; chown Debian-exim /var/log/exim-test /var/spool/exim-test
mkdir -p /etc/exim4
cat >/etc/exim4/exim4.conf <<'X'
primary_hostname = {name}
local_interfaces = {address}
daemon_smtp_ports = {port}
domainlist here = {domain}
acl_smtp_rcpt = check
spool_directory = /var/spool/exim-test
log_file_path = /var/log/exim-test/%s
tls_advertise_hosts =
host_lookup = *
keep_environment =
begin acl
check:
  warn domains = +here
    senders = ^spam@
    add_header = :at_start:X-Spam-Flag: YES
  accept domains = +here
  accept authenticated = *
  deny
begin routers
in:
  driver = accept
  domains = +here
  transport = in
out:
  driver = dnslookup
  transport = out
begin transports
in:
  driver = appendfile
  directory = /srv/mail
  maildir_format
  create_directory
  user = nobody
  group = nogroup
out:
  driver = smtp
  interface = {address}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{secret}}}}
  server_set_id = $auth2
  server_advertise_condition = yes
X
exec exim4 -bdf
"""
OPENSMTPD = RESOLV + servers.OPENSMTPD.split("cat >/etc/smtpd.conf")[0] + r"""
mkdir -p /srv/mail/tmp /srv/mail/new /srv/mail/cur; chown -R nobody:nogroup /srv/mail
cat >/tmp/deliver <<'X'
#!/bin/sh
name=$(date +%s).$$.host
case $SENDER in spam@*) flag="X-Spam-Flag: YES" ;; *) flag="X-Spam-Flag: NO" ;; esac
(echo "$flag"; exec cat) >/srv/mail/tmp/$name && mv /srv/mail/tmp/$name /srv/mail/new/$name
X
chmod 755 /tmp/deliver
cat >/etc/smtpd.conf <<X
table users {{ "@" = "nobody" }}
listen on {address} port 25 hostname {name}
action "in" mda "/tmp/deliver" virtual <users>
match from any for domain "{domain}" action "in"
X
exec smtpd -d -f /etc/smtpd.conf
"""


def _write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


class Socks:
    """A SOCKS 5 proxy (RFC 1928) that asks nobody who he is: CONNECT to an IPv4 address, and nothing else."""

    def __init__(self, net):
        path = net.path("proxy")
        self._path = path
        self._listener = call_in_netns(path, lambda: socket.create_server((PROXY, 1080)))
        self._thread = threading.Thread(target=lambda: call_in_netns(path, self._serve), daemon=True)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(20)
                    self._one(client)

    @staticmethod
    def _one(client):
        client.recv(257)
        client.sendall(b"\5\0")
        order = client.recv(300)
        host, port = socket.inet_ntoa(order[4:8]), int.from_bytes(order[8:10], "big")
        with socket.create_connection((host, port), timeout=20, source_address=(PROXY, 0)) as server:
            client.sendall(b"\5\0\0\1" + bytes(6))
            while True:
                ready, _, _ = select.select([client, server], [], [], 20)
                if not ready:
                    return
                for s in ready:
                    data = s.recv(65536)
                    if not data:
                        return
                    (server if s is client else client).sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=PATIENCE)


# The first packet of a Windows machine (Debian's p0f.fp: "Windows NT kernel", 7 or 8), in place of one of ours.
WINDOWS = bytes((2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2))


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    total = (total & 0xffff) + (total >> 16)
    return (~(total + (total >> 16)) & 0xffff).to_bytes(2, "big")


def as_windows(packet):
    """The SYN as a Windows machine one router away would have sent it: the systems of this world are all the same kernel."""
    addresses, ports = packet[12:20], packet[20:24]
    tcp = ports + packet[24:32] + bytes(((20 + len(WINDOWS)) // 4 << 4, 2)) + (8192).to_bytes(2, "big")
    tcp += checksum(addresses + b"\0\6" + (20 + len(WINDOWS)).to_bytes(2, "big") + tcp + bytes(4) + WINDOWS) + b"\0\0" + WINDOWS
    head = b"\x45\0" + (20 + len(tcp)).to_bytes(2, "big") + packet[4:6] + b"\x40\0\x7f\6"
    return head + checksum(head + b"\0\0" + addresses) + addresses + tcp


class Syns:
    """What a firewall in front of our servers would keep: the SYNs to port 25, as a capture."""

    def __init__(self, net):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            s.bind(("veth0", ETH_P_IP))
            s.setblocking(False)
            return s
        self.socket = call_in_netns(net.path("mx"), make)

    def save(self, path, windows):
        """Those from the addresses `windows` as Windows would have sent them. How many there were."""
        count = 0
        with open(path, "wb") as f, contextlib.suppress(BlockingIOError):
            f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # LINKTYPE_RAW
            while True:
                packet = self.socket.recv(65536)
                if packet[9] != 6 or packet[(packet[0] & 15) * 4 + 13] & 0x12 != 2 or packet[22:24] != b"\0\x19":
                    continue
                if socket.inet_ntoa(packet[12:16]) in windows:
                    packet = as_windows(packet)
                now, count = time.time(), count + 1
                f.write(struct.pack("=IIII", int(now), 0, len(packet), len(packet)) + packet)
        return count

    def close(self):
        self.socket.close()


class World:
    """All of it, running. `kinds`: the receiving servers that are to be had; `missing`: why the others are not."""

    def __init__(self, folder, entries, without=()):
        self.folder, self.kinds, self.missing, self.refused = folder, {}, {}, {}
        self.net = lib.Net(("isp", *PLACES))
        try:
            self._wire()
            self.syns = self.net._keep(Syns(self.net))
            self._dns(entries)
            self._start(without)
        except BaseException:
            self.net.close()
            raise

    def _wire(self):
        names = self.net.names
        isp = [f"addr add {MASTER}/32 dev lo"]
        for place, prefix in PLACES.items():
            lib._ip("-n", names["isp"], "link", "add", place, "type", "veth", "peer", "name", "veth0", "netns", names[place])
            isp += [f"addr add {prefix}.1/24 dev {place}", f"link set {place} up"]
            lib.Net._batch(names[place], [f"addr add {prefix}.{i}/24 dev veth0" for i in ADDRESSES[place]] +
                           ["link set veth0 up", f"route add default via {prefix}.1"])
        lib.Net._batch(names["isp"], isp)
        call_in_netns(self.net.path("isp"), lambda: _write("/proc/sys/net/ipv4/ip_forward", "1"))

    def _dns(self, entries):
        _write(f"{self.folder}/unbound.conf", UNBOUND.format(folder=self.folder) + zones(entries))
        self.net.popen("dns", ["unbound", "-d", "-c", f"{self.folder}/unbound.conf"],
                       stderr=subprocess.DEVNULL)

    def _start(self, without):
        net, waits = self.net, []

        def start(kind, side, address, text, *, port=25, share=None, more="", **values):
            values = {"name": NAMES[address], "address": address, "listen": address, "domain": "", "port": port, **values}
            proc = servers.start_as(net, side, kind, text.format(more=more.format(**values), **values), share)
            waits.append((proc, side, address, port))
            return proc
        texts = {"postfix": POSTFIX, "exim": EXIM, "opensmtpd": OPENSMTPD}
        for kind, (address, _, domain) in RECEIVERS.items():
            share = f"{self.folder}/{kind}"
            os.mkdir(share)
            os.chown(share, 65534, 65534)
            try:
                if kind in without:
                    raise servers.Unavailable("not asked for")
                self.kinds[kind] = start(kind, "mx", address, texts[kind], domain=domain, more=POSTFIX_IN, share=share)
            except servers.Unavailable as e:
                self.missing[kind] = str(e)
        start("postfix", "provider", PROVIDER, POSTFIX, more=POSTFIX_OUT, networks="61.49.0.0/24")
        start("postfix", "shop", SHOP, POSTFIX, more=POSTFIX_OUT + "\nsmtp_bind_address = {address}", networks="127.0.0.0/8",
              listen=f"127.0.0.1, {SHOP}")
        start("postfix", "news", NEWS, POSTFIX, more=POSTFIX_OUT, networks=f"61.48.6.0/24 {MASTER}")
        try:
            start("exim", "provider", SUBMISSION, EXIM, port=587)
        except servers.Unavailable as e:
            self.missing["submission"] = str(e)
        for wait in waits:
            self._wait(*wait)
        self.socks = net._keep(Socks(net))

    def _wait(self, proc, side, address, port):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), self.net.socket(side, socket.AF_INET, socket.SOCK_STREAM) as s:
                s.settimeout(2)
                s.connect((address, port))
                if s.recv(100):
                    return
            proc._read(0.05)
        proc._read(0.2)
        raise TimeoutError(f"nobody greets at {address}:{port}: {proc.lines[-8:]}")

    def inside(self, side, function):
        """function() by somebody in that namespace."""
        return call_in_netns(self.net.path(side), function)

    def maildir(self, kind):
        return f"{self.folder}/{kind}/mail"

    def delivered(self, kind):
        """The mails that are there: {case: path}, by the header that tests put in."""
        found, new = {}, f"{self.maildir(kind)}/new"
        for name in os.listdir(new) if os.path.isdir(new) else ():
            with open(f"{new}/{name}", "rb") as f:
                for line in f:
                    if line.startswith(b"X-Case: "):
                        found[line[8:].strip().decode()] = f"{new}/{name}"
        return found

    def wait_delivered(self, kind, cases, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while True:
            found = self.delivered(kind)
            if set(cases) <= set(found):
                return found
            if time.monotonic() > deadline:
                logs = [line for proc in self.net._things if isinstance(proc, lib.Proc) for line in proc.lines[-6:]]
                raise TimeoutError(f"{kind} did not deliver {sorted(set(cases) - set(found))}: {logs}")
            for proc in self.net._things:
                if isinstance(proc, lib.Proc):
                    proc._read(0.02)

    def close(self):
        self.net.close()
