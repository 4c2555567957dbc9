# SPDX-License-Identifier: GPL-3.0-or-later
"""Real programs that are no bots. A row starts its servers, yields, and then does what is recorded."""

import os
import pwd
import random
import shutil
import subprocess
import time

from accuracy.lab import FAR, HOSTS, PYTHON, address, wait_for
from accuracy.real import real
from scenarios import talk

R = random.Random("real programs")
FILES = {
    "setup.exe": talk.program(R, 300_000), "client.exe": talk.program(R, 90_000), "tool": talk.elf(R, 80_000),
    "page.html": talk.page(R, 9000), "a.jpg": talk.picture(R, 40_000), "big.bin": R.randbytes(20_000_000),
    "lib.deb": b"!<arch>\ndebian-binary   " + R.randbytes(60_000)}


def ended(process, timeout):
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()


@real("real-downloads", "nginx", "dnsmasq", "curl", "wget")
def downloads(lab):
    lab.names()
    lab.web(FILES)
    yield
    jobs = []
    for host in HOSTS[:5]:
        for n in range(12):
            jobs.append(lab.run(host, "curl", "-sS", "-o", "/dev/null", f"http://deb.mirror.test/lib.deb?{n}"))
        jobs.append(lab.run(host, "curl", "-sS", "-o", "/dev/null", "http://download.test/setup.exe"))
        jobs.append(lab.run(host, "wget", "-q", "-O", "/dev/null", "http://www.test/page.html", "http://cdn.test/a.jpg"))
    jobs.append(lab.run("h3", "wget", "-q", "-O", "/dev/null", "http://download.test/tool"))
    assert not [j for j in jobs if j.returncode], [j.stderr for j in jobs if j.returncode][:2]


def member(lab, host, nick, channel, port=6667, server=FAR):
    folder = lab.dir / f"ii-{nick}"
    process = lab.start(host, "ii", "-s", server, "-p", str(port), "-n", nick, "-i", folder, log=f"ii-{nick}")
    top = folder / server
    wait_for(lambda: (top / "in").exists(), 10, f"{nick} does not get in", process)
    tell(top / "in", f"/j {channel}")
    wait_for(lambda: (top / channel / "in").exists(), 10, f"{nick} does not join", process)
    return top / channel / "in"


def tell(fifo, text):
    with open(fifo, "w", encoding="utf-8") as f:
        f.write(text + "\n")


@real("real-chat", "ngircd", "ii", "dnsmasq", "nginx", "curl")
def chat(lab):
    lab.names()
    lab.web(FILES)
    lab.irc_server()
    yield
    people = {nick: member(lab, host, nick, "#lounge") for host, nick in
              (("h1", "petra"), ("h2", "martin_"), ("h3", "zoe77"), ("h4", "kim"), ("outside", "bob"), ("outside",
                                                                                                        "LoungeBot"))}
    lines = ("morning all", "did you see the match?", "lol", "!weather paris", "the build is broken again",
             "see you tomorrow",
             "have a look at http://www.test/page.html", "what time is the meeting?", "thanks!", "brb", "it works here :)",
             "!seen bob", "get the new client at http://files.test/client.exe")
    for n in range(60):
        nick = R.choice(list(people)[:5])
        tell(people[nick], text := R.choice(lines))
        if text.startswith("!"):
            tell(people["LoungeBot"], f"{nick}: 12 degrees")
        for word in text.split():
            if word.startswith("http"):
                lab.run(f"h{1 + n % 4}", "curl", "-sS", "-o", "/dev/null", word)
        time.sleep(0.15)


@real("real-mail-programs", "swaks", "dnsmasq")
def mail_programs(lab):
    lab.names()
    lab.mail_sink(25, 587)
    yield
    for n in range(40):
        lab.run(HOSTS[n % 5], "swaks", "--server", "smtp.test" if n % 3 else "post.test", "--port",
                "587" if n % 2 else "25", "--from",
                f"me{n % 5}@home.test", "--to", f"friend{n}@site{n % 30}.test", "--helo", f"pc{n % 5}.home.test", "--silent", "3",
                check=True)


MAIN_CF = """compatibility_level = 3.6
queue_directory = {folder}/queue
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.home.test
mydestination =
mynetworks = 10.77.0.0/16
inet_interfaces = all
inet_protocols = ipv4
relay_domains = test
alias_maps =
smtputf8_enable = no
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""
SEND = """
import smtplib, sys
for n in range(int(sys.argv[2])):
    with smtplib.SMTP(sys.argv[1], 25, local_hostname=f"out{n % 12}.sites.test", timeout=10,
                      source_address=(f"10.77.1.{60 + n % 12}", 0)) as s:
        s.sendmail(f"a{n}@site{n % 12}.test", [f"list{k}@site{(5 * n + k) % 50}.test" for k in range(3)],
                   "Subject: x\\r\\n\\r\\n" + "text\\r\\n" * 200)
"""


@real("real-mail-server", "postfix", "dnsmasq")
def mail_server(lab):
    lab.names(mail_sites=50)
    lab.mail_sink(25)
    folder, owner = lab.dir / "postfix", pwd.getpwnam("postfix")
    shutil.copytree("/etc/postfix", folder / "etc", dirs_exist_ok=True)
    lab.file("postfix/etc/main.cf", MAIN_CF.format(folder=folder))
    with open("/usr/share/postfix/master.cf.dist", encoding="ascii") as f:
        # Not in a chroot: it would lack our resolver.
        lab.file("postfix/etc/master.cf", "".join(line.replace("  y  ", "  n  ") for line in f))
    for name in ("queue", "data"):
        (folder / name).mkdir()
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    server = lab.start("h5", "sh", "-c", f"mount --bind {folder}/etc /etc/postfix && exec postfix start-fg", log="postfix")
    lab.wait_port("h5", 25)
    yield
    lab.file("send.py", SEND)
    lab.run("outside", PYTHON, lab.dir / "send.py", address("h5"), "40", check=True, timeout=60)
    log = folder / "mail.log"
    wait_for(lambda: log.read_text().count("status=sent") >= 100, 40,
             lambda: f"mail does not leave: {log.read_text()[-200:]}", server)
    lab.run("h5", "postfix", "-c", str(folder / "etc"), "stop")


@real("real-monitoring", "nginx", "dnsmasq", "fping", "check_http", "check_tcp", "check_ping")
def monitoring(lab):
    lab.names()
    lab.web(FILES)
    lab.mail_sink(25)
    yield
    targets = [f"10.77.1.{n}" for n in range(10, 40)] + ["10.77.3.7", "10.77.3.8"] + [address(h) for h in HOSTS[:4]]
    for _ in range(5):
        lab.run("h6", "fping", "-r", "0", "-t", "200", "-q", *targets, timeout=30)
        for n, target in enumerate(targets[:32]):
            port = (80, 25, 22, 443)[n % 4]
            argv = ["check_http", "-I", target, "-t", "1"] if port == 80 else ["check_tcp", "-H", target, "-p", str(port),
                                                                               "-t", "1"]
            lab.run("h6", *argv)


@real("real-resolver", "dnsmasq", "dig")
def resolver(lab):
    lab.names(mail_sites=30)
    lab.start("h6", "dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--server={FAR}", "--user=root",
              "--pid-file=", log="dnsmasq-home")
    lab.wait_port("h6", 53, udp=True)
    yield
    for host in HOSTS[:5]:
        names = [f"{word}{R.randrange(99)}.{('sites.test', 'wrong', 'www.test')[n % 3]}"
                 for n, word in enumerate(("mail", "img", "a", "shop") * 15)]
        names += [f"site{n}.test" for n in range(2)]
        lab.file(f"names-{host}", "\n".join(names) + "\nwww.test MX\nsites.test TXT\n")
        lab.run(host, "dig", f"@{address('h6')}", "+tries=1", "+time=1", "-f", lab.dir / f"names-{host}", timeout=90)


@real("real-shells", "ssh", "scp", "rsync", "ssh-keygen")
def shells(lab):
    key, host_key = lab.dir / "key", lab.dir / "host"
    for path in (key, host_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    os.makedirs("/run/sshd", exist_ok=True)
    conf = lab.file("sshd.conf", f"HostKey {host_key}\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
                                 f"AuthorizedKeysFile {key}.pub\nPort 22\nSubsystem sftp internal-sftp\n")
    lab.start("outside", "/usr/sbin/sshd", "-D", "-f", conf)
    lab.wait_port("outside", 22)
    lab.file("up.bin", R.randbytes(15_000_000))
    options = ["-i", key, "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={lab.dir}/known", "-o",
               "LogLevel=ERROR"]
    yield
    for n in range(12):
        lab.run("h1", "ssh", *options, f"root@10.77.1.{10 + n}", "echo", "hello", check=True)
    lab.run("h2", "scp", *options, lab.dir / "up.bin", f"root@10.77.1.40:{lab.dir}/copy.bin", check=True)
    lab.run("h3", "rsync", "-e", "ssh " + " ".join(map(str, options)), lab.dir / "up.bin",
            f"root@10.77.1.41:{lab.dir}/mirror.bin",
            check=True)


TRACKER = """
import http.server, sys
sys.path.insert(0, sys.argv[1])
from table1 import far
far.Handler.directory = "/"
http.server.ThreadingHTTPServer(("0.0.0.0", 6969), lambda *a: far.Handler(*a, directory="/nonexistent")).serve_forever()
"""


@real("real-peers", "aria2c", "transmission-cli", "transmission-create", "dnsmasq")
def peers(lab):
    bench = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    lab.names()
    lab.start("outside", PYTHON, lab.file("tracker.py", TRACKER), bench, log="tracker")
    lab.wait_port("outside", 6969)
    lab.file("seed/file.bin", R.randbytes(8_000_000))
    subprocess.run(["transmission-create", "-t", "http://tracker.test:6969/announce", "-o", lab.dir / "a.torrent",
                    lab.dir / "seed/file.bin"],
                   check=True, capture_output=True)
    common = ["--seed-ratio=0.0", "--enable-dht=false", "--bt-enable-lpd=false", "--file-allocation=none",
              "--bt-tracker-interval=2"]
    for port in (7001, 7002):
        lab.start("outside", "aria2c", *common, "-V", f"--listen-port={port}", f"--dir={lab.dir}/seed",
                  lab.dir / "a.torrent", log="seed")
        lab.wait_port("outside", port)
    yield
    for host in ("h1", "h2"):
        (lab.dir / host).mkdir()
    one = lab.start("h1", "aria2c", *common, "--seed-time=0.1", "--listen-port=7003", f"--dir={lab.dir}/h1",
                    lab.dir / "a.torrent")
    lab.start("h2", "transmission-cli", "-g", lab.dir / "h2/conf", "-w", lab.dir / "h2", "-p", "7004", "-M", "-et",
              lab.dir / "a.torrent")
    lab.run("h3", "curl", "-s", "-o", "/dev/null", "http://www.test:6969/")
    ended(one, 40)
    assert (lab.dir / "h1/file.bin").stat().st_size == 8_000_000


@real("real-clock", "chronyd", "dnsmasq")
def clock(lab):
    lab.names()
    server = lab.file("chrony-far.conf", f"local stratum 5\nallow all\ncmdport 0\npidfile {lab.dir}/far.pid\n")
    lab.start("outside", "chronyd", "-x", "-d", "-u", "root", "-f", server, log="chronyd-far")
    lab.wait_port("outside", 123, udp=True)
    yield
    for n, host in enumerate(HOSTS[:4]):
        conf = lab.file(f"chrony-{host}.conf",
                        f"server 10.77.1.{20 + n} iburst minpoll -2 maxpoll -2\ncmdport 0\npidfile {lab.dir}/{host}.pid\n")
        lab.start(host, "chronyd", "-x", "-d", "-u", "root", "-f", conf, log=f"chronyd-{host}")
    time.sleep(15)
