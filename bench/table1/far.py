# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers on the far side, in a process of their own that no row descends from: names (UDP 53), HTTP on 80 and 8080, HTTPS
on 443. Any name under test. is one of the far addresses, always the same one.

    /files…        what lies in the root folder      /bytes/N    N bytes              /slow/N/S   N bytes over S seconds
    /push/N        an event stream, one line a second, N of them                      /git/…      git's smart protocol
    /to/URL        a redirect                                                         POST        is read and thanked for
    /radio/S/FILE  a file, over S seconds                                             /announce   a BitTorrent tracker"""

import argparse
import hashlib
import http.server
import ipaddress
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

HOSTS = 22  # 10.77.1.10 to .31


def addresses_of(name):
    n = int(hashlib.sha256(name.lower().encode()).hexdigest(), 16)
    return ipaddress.ip_address(f"10.77.1.{10 + n % HOSTS}"), ipaddress.ip_address(f"fd77:1::{0x10 + n % 16:x}")


def answer(query):
    """To one DNS query with one question."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    kind = struct.unpack_from("!H", query, at + 1)[0]
    name, question = ".".join(labels), query[12:at + 5]
    ours = name.lower().endswith(".test")
    v4, v6 = addresses_of(name)
    data = {1: v4.packed, 28: v6.packed}.get(kind) if ours and not (kind == 28 and name.startswith("v4")) else None
    flags = 0x8180 if ours else 0x8183
    head = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if data else 0, 0, 0)
    return head + question + (struct.pack("!HHHIH", 0xc00c, kind, 1, 60, len(data)) + data if data else b"")


def serve_names():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", 53))

    def loop():
        while True:
            query, peer = s.recvfrom(2048)
            try:
                s.sendto(answer(query), peer)
            except (IndexError, struct.error, OSError):
                pass
    threading.Thread(target=loop, daemon=True).start()


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self, data, kind="application/octet-stream"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[0] == "bytes":
            self.body(b"x" * min(int(parts[1]), 100_000_000))
        elif parts[0] == "slow":
            self.slow(int(parts[1]), float(parts[2]))
        elif parts[0] == "push":
            self.push(int(parts[1]))
        elif parts[0] == "to":
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif parts[0] == "git":
            self.git()
        elif parts[0] == "radio":
            self.radio(float(parts[1]), "/".join(parts[2:]))
        elif parts[0] == "announce":
            self.announce()
        else:
            super().do_GET()

    def slow(self, size, seconds):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for i in range(10):
            self.wfile.write(b"x" * (size // 10 + (size % 10 if i == 9 else 0)))
            time.sleep(seconds / 10)

    def radio(self, seconds, name):
        with open(os.path.join(self.directory, name), "rb") as f:
            data = f.read()
        self.send_response(200)
        self.send_header("Content-Type", "audio/mpeg")
        self.send_header("Connection", "close")
        self.end_headers()
        step = max(len(data) // 100, 1)
        for i in range(0, len(data), step):
            self.wfile.write(data[i:i + step])
            time.sleep(seconds / 100)
        self.close_connection = True

    swarms = {}

    def announce(self):
        """BEP 3 with BEP 23's compact answer. Peers on this side stand under different far addresses."""
        query = urllib.parse.parse_qs(self.path.partition("?")[2], encoding="latin-1")
        port = int(query["port"][0])
        address = self.client_address[0].removeprefix("::ffff:")
        if address != "10.77.1.1":
            address = f"10.77.1.{10 + port % HOSTS}"
        swarm = self.swarms.setdefault(query["info_hash"][0], set())
        swarm.discard((address, port)) if query.get("event") == ["stopped"] else swarm.add((address, port))
        peers = b"".join(socket.inet_aton(a) + struct.pack("!H", p) for a, p in sorted(swarm) if (a, p) != (address, port))
        self.body(b"d8:intervali2e12:min intervali2e5:peers%d:%se" % (len(peers), peers), "text/plain")

    def push(self, count):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Connection", "close")
        self.end_headers()
        for i in range(count):
            self.wfile.write(f"data: {i}\n\n".encode())
            self.wfile.flush()
            time.sleep(1.2)
        self.close_connection = True

    def do_POST(self):
        if self.path.startswith("/git/"):
            return self.git()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.body(b"thank you\n", "text/plain")

    do_PUT = do_POST

    def git(self):
        """git http-backend, which is a CGI program."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(length)
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": os.path.join(self.directory, "git"), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": path[4:], "QUERY_STRING": query, "REQUEST_METHOD": self.command,
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(data)),
               "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "REMOTE_USER": "", "REMOTE_ADDR": ""}
        done = subprocess.run(["git", "http-backend"], input=data, env=env, stdout=subprocess.PIPE, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().splitlines():
            key, _, value = line.partition(": ")
            if key.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((key, value))
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 256
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super(http.server.HTTPServer, self).server_bind()
        self.server_name, self.server_port = "far.test", self.server_address[1]

    def handle_error(self, *_):
        pass


class SecureServer(Server):
    context = None

    def finish_request(self, request, client_address):
        # The handshake in the request's own thread, so that a slow client holds up nobody.
        request.settimeout(20)
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--cert")
    options = parser.parse_args()

    def handler(*args):
        return Handler(*args, directory=options.root)
    serve_names()
    servers = [Server(("::", port), handler) for port in (80, 8080)]
    if options.cert:
        secure = SecureServer(("::", 443), handler)
        secure.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.context.load_cert_chain(options.cert)
        servers.append(secure)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
