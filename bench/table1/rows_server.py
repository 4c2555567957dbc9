# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on this machine, with clients outside: they accept, hand connections to children and threads, and some of them talk to
third parties in the course of it."""

import os
import pwd
import shutil

from table1.lab import PYTHON, tail, wait_for
from table1.row import program, which

HOME4 = "10.77.1.1"

NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 2;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    upstream back {{ server 10.77.1.20; server 10.77.1.21; server 10.77.1.22; keepalive 4; }}
    server {{
        listen 80; root {folder}/html;
        location /back/ {{ proxy_pass http://back/; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


@program("nginx", "nginx, serving and as a reverse proxy", light=True, programs=["nginx", "curl"],
         packages=["nginx-light", "curl"])
def nginx(lab, run):
    run.file("html/index.html", "hello " * 1000)
    config = run.file("nginx.conf", NGINX.format(folder=run.folder()))
    server = run.near([which("nginx"), "-c", config, "-e", run.folder() / "error.log"], user=False)
    lab.wait_port("home", 80)
    paths = ["", "back/bytes/50000", "back/slow/1000/2", "back/bytes/10"]
    clients = [run.far(["curl", "-fsS", "-o", "/dev/null", f"http://{HOME4}/{p}", "-o", "/dev/null", f"http://{HOME4}/"])
               for p in paths * 3]
    for client in clients:
        run.wait(client)
    # One that holds on and asks again after a pause, while others come and go.
    slow = run.far(["bash", "-c", f"exec 3<>/dev/tcp/{HOME4}/80; for i in 1 2 3; do printf 'GET /back/bytes/9 HTTP/1.1\\r\\n"
                    "Host: x\\r\\n\\r\\n' >&3; sleep 1.2; done"])
    for path in paths:
        run.wait(run.far(["curl", "-fsS", "-o", "/dev/null", f"http://{HOME4}/{path}"]))
    run.wait(slow)
    lab.stop(server)


@program("http-threads", "Python web server, a thread per client", light=True, programs=["curl"], packages=["curl"])
def http_threads(lab, run):
    run.file("site/index.html", "hello " * 100_000)
    server = run.near([PYTHON, "-m", "http.server", "8088", "-d", run.folder() / "site"])
    lab.wait_port("home", 8088)
    for _ in range(3):
        for client in [run.far(["curl", "-fsS", "--limit-rate", "1M", "-o", "/dev/null", f"http://{HOME4}:8088/"])
                       for _ in range(4)]:
            run.wait(client)
    lab.stop(server)


# Takes mail and throws it away, after a moment.
SINK = """
import socketserver, time
class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\\r\\n")
    def handle(self):
        self.say("220 far ESMTP")
        while line := self.rfile.readline().strip():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.say("354 go on")
                while self.rfile.readline().strip() != b".":
                    pass
                time.sleep(0.3)
            self.say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("0.0.0.0", 25), Session).serve_forever()
"""

SEND = """
import smtplib, sys, time
for i in range(3):
    with smtplib.SMTP(sys.argv[1], 25, timeout=20) as s:
        for k in range(2):
            s.sendmail(f"a{i}@far.test", [f"someone@relay{i}{k}.test"], f"Subject: {i}\\r\\n\\r\\nhello {k}\\r\\n")
            time.sleep(0.6)
"""

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = home.test
mydestination =
mynetworks = 10.77.0.0/16
inet_interfaces = all
inet_protocols = ipv4
relay_domains = test
smtp_host_lookup = native, dns
alias_maps =
smtputf8_enable = no
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""


@program("postfix", "postfix: takes mail in and passes it on", programs=["postfix"], packages=["postfix"], alone=True)
def postfix(lab, run):
    folder = run.folder(user=False)
    shutil.copytree("/etc/postfix", folder / "etc", dirs_exist_ok=True)
    run.file("etc/main.cf", MAIN_CF.format(folder=folder), user=False)
    with open("/usr/share/postfix/master.cf.dist") as f:
        master = "".join(line.replace("  y  ", "  n  ") for line in f)  # no chroot: it would lack our resolver
    run.file("etc/master.cf", master, user=False)
    owner = pwd.getpwnam("postfix")
    for name in ("queue", "data"):
        (folder / name).mkdir(exist_ok=True)
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    log = folder / "mail.log"
    run.file("sink.py", SINK, user=False)
    run.file("send.py", SEND, user=False)
    run.far([PYTHON, folder / "sink.py"])
    lab.wait_port("outside", 25)
    # What is compiled in, /etc/postfix, is this row's own in its mount namespace.
    server = run.near(["sh", "-c", f"mount --bind {folder}/etc /etc/postfix && exec postfix start-fg"], user=False)
    wait_for(lambda: log.exists() and "daemon started" in log.read_text(), 20,
             lambda: f"postfix does not start: {tail(server.log)} {tail(log)}", server)
    lab.wait_port("home", 25)
    senders = [run.far([PYTHON, folder / "send.py", HOME4]) for _ in range(2)]
    for sender in senders:
        run.wait(sender)
    wait_for(lambda: log.read_text().count("status=sent") >= 12, run.left(),
             lambda: f"the mail does not leave: {tail(log)}")
    lab.stop(server)

