# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network for real programs: five or six home hosts, each a namespace of its own, behind one bridge, and an outside in which
every address of 10.77.1.0/24 and 10.77.2.0/24 answers and none of 10.77.3.0/24 does. No namespace has a way out of it.

    h1 .. h6   10.77.8.11 .. .16, home
    outside    10.77.8.254 on the bridge; names under test., the servers that a row starts"""

import contextlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import lib
from wire import SO_RCVBUFFORCE, call_in_netns

HOSTS = [f"h{n}" for n in range(1, 7)]
HOME = "10.77.8.0/24"
FAR = "10.77.1.2"
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/nagios/plugins"
# What programs see in place of the machine's own files, in a mount namespace of their own.
ENTER = 'for f in resolv.conf hosts; do mount --bind "$0/$f" "/etc/$f" || exit 125; done; exec "$@"'
ETH_P_ALL, SO_TIMESTAMPNS = 3, 35


class CannotRun(Exception):
    """Why a row says nothing."""


def address(host):
    return f"10.77.8.{10 + int(host[1:])}"


def wait_for(condition, timeout, why, process=None):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline or (process and process.poll() is not None):
            raise CannotRun(why() if callable(why) else why)
        time.sleep(0.02)


class Recorder:
    """Every packet of the bridge's device into a pcap file, by a packet socket in that namespace."""

    def __init__(self, path, device, file):
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
            s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            s.bind((device, ETH_P_ALL))
            s.settimeout(0.2)
            return s
        self.socket, self.file = call_in_netns(path, make), open(file, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        self.frames, self._stop = 0, False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        record = struct.Struct("<IIII")
        while True:
            try:
                data, more, _, _ = self.socket.recvmsg(262144, 128)
            except TimeoutError:
                if self._stop:
                    return
                continue
            seconds, nanoseconds = next(struct.unpack("qq", body[:16]) for level, kind,
                                        body in more if kind == SO_TIMESTAMPNS)
            self.file.write(record.pack(seconds, nanoseconds, len(data), len(data)) + data)
            self.frames += 1

    def close(self):
        """Returns how many packets the kernel had no room for."""
        self._stop = True
        self._thread.join(timeout=10)
        dropped = struct.unpack("II", self.socket.getsockopt(263, 6, 8))[1]  # SOL_PACKET, PACKET_STATISTICS
        self.socket.close()
        self.file.close()
        return dropped


class Lab:
    def __init__(self, build):
        self.sim = pathlib.Path(build) / "src/demo/sekimori-sim"
        self._stack = contextlib.ExitStack()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sekimori-lab-"))
        self._stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        try:
            self.dir.chmod(0o755)
            self.net = self._stack.enter_context(lib.Net(("outside", *HOSTS)))
            self._wire()
            self.file("hosts", "127.0.0.1 localhost\n")
            self.resolv(FAR)
        except BaseException:
            self.close()
            raise

    def close(self):
        self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _wire(self):
        outside = self.net.names["outside"]
        ip = lib._ip
        ip("-n", outside, "link", "add", "lan", "type", "bridge")
        for host in HOSTS:
            name = self.net.names[host]
            ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", host, "netns", outside)
            ip("-n", name, "addr", "add", f"{address(host)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "route", "add", "default", "via", "10.77.8.254")
            ip("-n", outside, "link", "set", host, "master", "lan", "up")
        ip("-n", outside, "addr", "add", "10.77.8.254/24", "dev", "lan")
        ip("-n", outside, "link", "set", "lan", "up")
        for network in ("10.77.1.0/24", "10.77.2.0/24"):
            ip("-n", outside, "route", "add", "local", network, "dev", "lo")
        self._tell(outside, "net/ipv4/icmp_ratelimit", "0")
        self._tell(outside, "net/ipv4/ip_unprivileged_port_start", "0")

    def _tell(self, name, knob, value):
        def write():
            with contextlib.suppress(OSError), open(f"/proc/sys/{knob}", "w", encoding="ascii") as f:
                f.write(value)
        call_in_netns(f"{lib.NETNS_DIR}/{name}", write)

    # --- files and programs ---

    def file(self, name, data, mode=0o644):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        path.chmod(mode)
        return path

    def resolv(self, server):
        """Written in place: programs have it bound."""
        self.file("resolv.conf", f"nameserver {server}\noptions timeout:1 attempts:1\n")

    def _argv(self, side, argv):
        return ["nsenter", f"--net={self.net.path(side)}", "--", "unshare", "--mount", "--", "sh", "-c", ENTER,
                str(self.dir),
                *map(str, argv)]

    def start(self, side, *argv, log=None, **more):
        """A program that runs beside; ended with the lab, or by stop()."""
        more.setdefault("stdin", subprocess.DEVNULL)
        with open(self.dir / f"log-{log or os.path.basename(str(argv[0]))}", "ab") as out:
            process = subprocess.Popen(self._argv(side, argv), stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                                       env={"PATH": PATH, "HOME": str(self.dir), "LANG": "C"}, **more)
        process.log = pathlib.Path(out.name)
        self._stack.callback(self.stop, process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()

    def run(self, side, *argv, timeout=30, check=False):
        done = subprocess.run(self._argv(side, argv), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL,
                              env={"PATH": PATH, "HOME": str(self.dir), "LANG": "C"})
        if check and done.returncode:
            raise CannotRun(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-200:]}")
        return done

    def wait_port(self, side, port, udp=False, timeout=15):
        """Until somebody listens there, by the namespace's own table: no packet is sent."""
        def there():
            names = ("udp", "udp6") if udp else ("tcp", "tcp6")
            table = self.net.run(side, ["cat", *(f"/proc/self/net/{n}" for n in names)]).stdout
            return any(f[1].endswith(f":{port:04X}") and f[3] == ("07" if udp else "0A")
                       for f in (line.split() for line in table.splitlines()) if len(f) > 3)
        wait_for(there, timeout, lambda: f"nobody listens on port {port}")

    @contextlib.contextmanager
    def record(self, file):
        recorder = Recorder(self.net.path("outside"), "lan", file)
        try:
            yield recorder
        finally:
            recorder.dropped = recorder.close()

    # --- servers that several rows use ---

    def names(self, mail_sites=0):
        """Every name under test. and no other; the far side's dnsmasq."""
        argv = ["dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--local=/#/", "--user=root",
                "--port=53",
                "--pid-file=", "--bind-interfaces", "--listen-address=" + FAR, "--local-ttl=60"]
        for n, name in enumerate(("www", "deb.mirror", "download", "files", "irc", "smtp", "post", "cdn", "shell",
                                  "tracker")):
            argv.append(f"--address=/{name}.test/10.77.1.{10 + n}")
        argv.append("--address=/sites.test/10.77.1.40")
        for n in range(mail_sites):
            argv += [f"--mx-host=site{n}.test,mx.site{n}.test,10", f"--address=/mx.site{n}.test/10.77.2.{1 + n}"]
        process = self.start("outside", *argv)
        self.wait_port("outside", 53, udp=True)
        return process

    def web(self, files):
        """nginx with these files: name -> bytes."""
        for name, data in files.items():
            self.file(f"www/{name}", data)
        conf = self.file("nginx.conf", f"""daemon off; pid {self.dir}/nginx.pid; error_log {self.dir}/nginx.err; worker_processes 1;
events {{ worker_connections 512; }}
http {{ access_log off; include /etc/nginx/mime.types; default_type application/octet-stream; sendfile on;
  server {{ listen 80; listen 8080; root {self.dir}/www; autoindex on; }} }}
""")
        process = self.start("outside", "nginx", "-c", conf, "-e", self.dir / "nginx.err", "-g", "user root;")
        self.wait_port("outside", 80)
        return process

    def mail_sink(self, *ports):
        """A mail server outside, which takes all and keeps nothing."""
        processes = []
        for port in ports:
            processes.append(self.start("outside", PYTHON, "-m", "aiosmtpd", "-n", "-l", f"0.0.0.0:{port}", "-c",
                                        "aiosmtpd.handlers.Sink", log="aiosmtpd"))
            self.wait_port("outside", port)
        return processes

    def irc_server(self, port=6667):
        conf = self.file("ngircd.conf", f"""[Global]
Name = irc.test
Info = a server of the laboratory
Listen = 0.0.0.0
Ports = {port}
MotdPhrase = hello
[Limits]
MaxConnectionsIP = 0
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local1
""", mode=0o600)
        process = self.start("outside", "ngircd", "-n", "-f", conf)
        self.wait_port("outside", port)
        return process
