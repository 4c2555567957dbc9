# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine does by itself: updates, timed jobs, the address, the clock."""

import gzip
import hashlib
import os
import signal
import subprocess

from table1.lab import FAR4, tail, wait_for
from table1.row import CannotRun, program, which


def make_repository(lab, folder):
    """A flat repository of small packages, one of which downloads something when it is installed."""
    repo = lab.folder("www/debian")
    entries = []
    for i in range(6):
        name, root = f"t1-part{i}", folder / f"deb{i}"
        (root / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (root / "usr/share").mkdir(parents=True, exist_ok=True)
        (root / f"usr/share/{name}").write_bytes(os.urandom(200_000))
        needs = "".join(f"Depends: {', '.join(f't1-part{k}' for k in range(1, 6))}\n" if i == 0 else "")
        (root / "DEBIAN/control").write_text(f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.test>\n"
                                             f"{needs}Description: part {i}\n")
        if i == 0:
            script = root / "DEBIAN/postinst"
            script.write_text("#!/bin/sh\nfor h in a b c; do curl -fsS -o /dev/null http://v4$h.test/slow/50000/0.5; done\n")
            script.chmod(0o755)
        deb = repo / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, deb], check=True, capture_output=True, timeout=30)
        data = deb.read_bytes()
        entries.append((root / "DEBIAN/control").read_text() + f"Filename: ./{name}.deb\nSize: {len(data)}\n"
                       f"SHA256: {hashlib.sha256(data).hexdigest()}\n")
    text = "\n".join(entries).encode() + b"\n"
    (repo / "Packages").write_bytes(text)
    (repo / "Packages.gz").write_bytes(gzip.compress(text))
    sums = "".join(f" {hashlib.sha256((repo / n).read_bytes()).hexdigest()} {(repo / n).stat().st_size} {n}\n"
                   for n in ("Packages", "Packages.gz"))
    (repo / "Release").write_text("Suite: t1\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n" + sums)


@program("apt", "apt update and install, from a local repository", programs=["apt-get", "dpkg-deb", "curl"],
         packages=["apt", "dpkg", "curl"])
def apt(lab, run):
    folder = run.folder(user=False)
    make_repository(lab, folder)
    for name in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "log", "root/var/lib/dpkg",
                 "etc/trusted.gpg.d", "root/var/lib/dpkg/updates", "root/var/lib/dpkg/info"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "root/var/lib/dpkg/status").write_text("")
    (folder / "root/var/lib/dpkg/available").write_text("")
    (folder / "etc/sources.list").write_text("".join(
        f"deb [trusted=yes] http://{h}/debian ./\n" for h in ("v4deb.test", "v4security.test", "v4mirror.test")))
    config = run.file("apt.conf", f"""
Dir::State "{folder}/state"; Dir::State::status "{folder}/root/var/lib/dpkg/status"; Dir::Cache "{folder}/cache";
Dir::Etc "{folder}/etc"; Dir::Etc::sourcelist "{folder}/etc/sources.list"; Dir::Etc::sourceparts "-"; Dir::Etc::parts "-";
Dir::Log "{folder}/log"; APT::Sandbox::User "root"; Acquire::Languages "none"; APT::Install-Recommends "false";
DPkg::Options {{ "--root={folder}/root"; "--force-script-chrootless"; "--force-depends"; "--log=/dev/null"; }};
DPkg::Use-Pty "false"; Acquire::http::Dl-Limit "400";
""", user=False)
    process = run.sh("apt-get -q update && apt-get -q -y install t1-part0 && sleep 1.2 && apt-get -q update",
                     user=False, env={"APT_CONFIG": str(config), "DEBIAN_FRONTEND": "noninteractive"})
    if not (folder / "root/usr/share/t1-part0").exists():
        raise CannotRun(f"the package was not installed: {tail(process.log)}")


@program("cron", "cron running wgets", light=True, programs=["cron", "wget"], packages=["cron", "wget"])
def cron(lab, run):
    folder = run.folder(user=False)
    jobs = "".join(f"@reboot root wget -q -O /dev/null http://v4{h}.test/slow/5000/0.7 && touch {folder}/done-{h}\n"
                   for h in "abcd")
    run.file("cron.d/jobs", "SHELL=/bin/sh\nPATH=/usr/bin:/bin\nMAILTO=\"\"\n" + jobs, user=False)
    for name in ("spool", "run"):
        (folder / name).mkdir(exist_ok=True)
    # Its own tables and no others, and the note that it has not run since the start of the machine.
    script = (f"mount --bind {folder}/cron.d /etc/cron.d && mount --bind {folder}/spool /var/spool/cron/crontabs && "
              f"mount --bind /dev/null /etc/crontab && mount --bind {folder}/run /run && exec cron -f -L 0")
    daemon = run.near(["sh", "-c", script], user=False)
    wait_for(lambda: len(list(folder.glob("done-*"))) == 4, run.left(), lambda: f"the jobs do not run: {tail(daemon.log)}")
    lab.stop(daemon)


@program("dhcp", "DHCP client, with a hook that reports the address", programs=["busybox", "curl"],
         packages=["busybox", "curl", "udhcpc"], alone=True)
def dhcp(lab, run):
    folder = run.folder(user=False)
    (folder / "leases").write_text("")
    config = run.file("udhcpd.conf", f"start 10.77.1.100\nend 10.77.1.110\ninterface veth0\nlease_file {folder}/leases\n"
                      f"pidfile {folder}/pid\noption subnet 255.255.255.0\noption lease 600\noption dns {FAR4}\n", user=False)
    run.far(["busybox", "udhcpd", "-f", config])
    lab.wait_port("outside", 67, udp=True)
    hook = run.file("hook", f"""#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/24" dev "$interface"
case $1 in bound|renew) curl -fsS -o /dev/null "http://v4ddns.test/bytes/5"; echo "$1" >>{folder}/said ;; esac
exit 0
""", 0o755, user=False)
    client = run.near(["busybox", "udhcpc", "-f", "-i", "veth0", "-s", hook, "-t", "5"], user=False)

    def said():
        return (folder / "said").read_text().count("\n") if (folder / "said").exists() else 0
    try:
        for i in range(4):
            wait_for(lambda n=i: said() > n, 15, lambda: f"no lease: {tail(client.log)}", client)
            run.settle(1.1)
            client.send_signal(signal.SIGUSR1)
    finally:
        lab.stop(client)
        lab.net.run("home", ["sh", "-c", "for i in $(seq 100 110); do ip addr del 10.77.1.$i/24 dev veth0 2>/dev/null; done"])


@program("chrony", "chrony, with four time servers", programs=["chronyd"], packages=["chrony"])
def chrony(lab, run):
    folder = run.folder(user=False)
    common = "cmdport 0\nbindcmdaddress /\n"
    # -x: neither of them touches the clock of the machine.
    far = run.file("far.conf", f"local stratum 8\nallow all\n{common}pidfile {folder}/far.pid\n", user=False)
    run.far([which("chronyd"), "-d", "-x", "-u", "root", "-f", far])
    lab.wait_port("outside", 123, udp=True)
    servers = "".join(f"server v4time{i}.test iburst minpoll 0 maxpoll 1\n" for i in range(4))
    near = run.file("near.conf", f"{servers}{common}pidfile {folder}/near.pid\n", user=False)
    client = run.near([which("chronyd"), "-d", "-x", "-u", "root", "-f", near], user=False)
    run.wait_text(client.log, "Selected source", "no time server was selected")
    run.settle(5)
    lab.stop(client)

