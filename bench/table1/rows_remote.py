# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that work on other machines, and let others work on this one: ssh, git, rsync, VNC."""

import os
import shutil
import subprocess

from table1.lab import PYTHON, UID, USER, tail, wait_for
from table1.row import CannotRun, program, which

HOME4 = "10.77.1.1"
SSH = ["ssh", "sshd", "ssh-keygen"]
SSH_PACKAGES = ["openssh-client", "openssh-server"]


def ssh_files(lab):
    """Keys and configurations for a server on either side and for alice and root as clients; made once."""
    folder = lab.dir / "ssh"
    with lab.once:
        if (folder / "sshd_config").exists():
            return folder
        lab.folder("ssh")
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=20)
        (folder / "authorized").write_text((folder / "id.pub").read_text())
        for name in ("id", "id.pub"):
            os.chown(folder / name, UID, UID)
        (folder / "authorized").chmod(0o644)
        lab.file("ssh/config", f"IdentityFile {folder}/id\nUserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n"
                 f"LogLevel ERROR\nUser {USER}\nBatchMode yes\nControlPath {lab.home}/cm-%r@%h\n")
        pam = os.path.exists("/etc/pam.d/sshd")
        lab.file("ssh/sshd_config", f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\n"
                 f"PidFile none\nUsePAM {'yes' if pam else 'no'}\nPermitRootLogin yes\nPrintMotd no\nMaxStartups 50\n"
                 "Subsystem sftp internal-sftp\n")
        if not os.path.isdir("/run/sshd"):
            os.makedirs("/run/sshd", mode=0o755)
            lab.callback(shutil.rmtree, "/run/sshd", True)
    return folder


def far_sshd(lab, run):
    """The far side's server; the first row that needs it starts it, and it stays."""
    folder = ssh_files(lab)
    with lab.once:
        if not lab.services.get("sshd"):
            lab.services["sshd"] = lab.far([which("sshd"), "-D", "-e", "-f", folder / "sshd_config"], log="far-sshd")
            lab.wait_port("outside", 22)
    return folder / "config"


def talk(lab, run, process, lines):
    """Types lines into an interactive shell, one after the other, as a person would after reading the answer."""
    for i, line in enumerate(lines):
        process.stdin.write(f"{line}; echo said-$(({i}+1000))\n".encode())
        process.stdin.flush()
        run.wait_text(process.log, f"said-{i + 1000}", "the shell did not answer")
        run.settle(1.1)
    process.stdin.write(b"exit\n")
    process.stdin.close()
    run.wait(process)


@program("ssh", "ssh, a shell on it that runs curl: the client's side", light=True, programs=[*SSH, "curl"],
         packages=[*SSH_PACKAGES, "curl"])
def ssh(lab, run):
    config = far_sshd(lab, run)
    process = run.near(["ssh", "-F", config, "-tt", "shell.test"], stdin=subprocess.PIPE)
    talk(lab, run, process, ["uname", f"curl -s http://{HOME4}:9/", "uptime"])
    run.sh(f"ssh -F {config} one.test true; ssh -F {config} -J v4jump.test v4behind.test uname; "
           f"ssh -F {config} -o ControlMaster=auto -o ControlPersist=2 v4master.test true;"
           f"ssh -F {config} -o ControlMaster=auto v4master.test uname; sleep 1.2;"
           f"ssh -F {config} -o ControlMaster=auto v4master.test uname; ssh -F {config} -O exit v4master.test;"
           f"ssh -F {config} -f -N -M -S {lab.home}/tunnel -L 127.0.0.1:18080:www.test:80 -o ExitOnForwardFailure=yes tunnel.test; sleep 1.2;"
           f"curl -sS -o /dev/null http://127.0.0.1:18080/bytes/1000; curl -fsS -o /dev/null http://z.test/bytes/10;"
           f"ssh -F {config} -O exit -S {lab.home}/tunnel tunnel.test")


@program("sshd", "sshd: logins whose shells run curl", light=True, programs=[*SSH, "curl"], packages=[*SSH_PACKAGES, "curl"])
def sshd(lab, run):
    folder = ssh_files(lab)
    server = run.near([which("sshd"), "-D", "-e", "-f", folder / "sshd_config"], user=False)
    lab.wait_port("home", 22)

    def client(*argv, **kwargs):
        return run.far(["ssh", "-F", folder / "config", *argv], user=True, **kwargs)
    shell = client("-tt", HOME4, stdin=subprocess.PIPE)
    talk(lab, run, shell, [f"curl -fsS -o /dev/null http://{h}.test/slow/5000/0.7" for h in "abcd"])
    run.wait(client(HOME4, "curl -fsS -o /dev/null http://e.test/slow/10/0.7 && curl -fsS -o /dev/null http://f.test/bytes/10"))
    root = client("-tt", f"root@{HOME4}", stdin=subprocess.PIPE)
    talk(lab, run, root, ["curl -fsS -o /dev/null http://g.test/slow/5000/0.7", "id"])
    lab.stop(server)


def repositories(lab):
    """Bare repositories with a few commits, one of them with the others as submodules."""
    folder = lab.folder("www/git", user=True)
    with lab.once:
        if (folder / "whole.git").exists():
            return folder
        (lab.home / ".gitconfig").write_text(
            "[user]\nname = Alice\nemail = alice@example.test\n[safe]\ndirectory = *\n[protocol \"file\"]\nallow = always\n"
            "[init]\ndefaultBranch = main\n")
        os.chown(lab.home / ".gitconfig", UID, UID)
        script = ("set -e; cd $0; for r in a b c; do git init -q work-$r; cd work-$r; head -c 300000 /dev/urandom >f; git add f;"
                  "git commit -qm one; cd ..; git clone -q --bare work-$r $r.git; done; git init -q work; cd work;"
                  "for r in a b c; do git submodule --quiet add ../$r.git $r; done; git commit -qm whole; cd ..;"
                  "git clone -q --bare work whole.git; rm -rf work work-?")
        process = lab.start("outside", ["bash", "-c", script, folder], user=True, log="git-files")
        if process.wait(60):
            raise CannotRun(f"the repositories cannot be made: {tail(process.log)}")
    return folder


@program("git-https", "git over https, with submodules", light=True, programs=["git", "openssl"], packages=["git", "openssl"])
def git_https(lab, run):
    repositories(lab)
    env = {"GIT_SSL_CAINFO": str(lab.ca)}
    run.sh(f"cd {run.folder()}; git clone -q --recurse-submodules -j 3 https://git.far.test/git/whole.git; cd whole;"
           "sleep 1.2; git fetch -q; git ls-remote -q >/dev/null; git submodule --quiet update --remote", env=env)


@program("git-ssh", "git over ssh, with submodules", light=True, programs=["git", *SSH], packages=["git", *SSH_PACKAGES])
def git_ssh(lab, run):
    folder, config = repositories(lab), far_sshd(lab, run)
    env = {"GIT_SSH_COMMAND": f"ssh -F {config}"}
    run.sh(f"cd {run.folder()}; git clone -q --recurse-submodules -j 3 ssh://git.test{folder}/whole.git; cd whole/a;"
           "sleep 1.2; git fetch -q; git checkout -q -b mine; git commit -q --allow-empty -m more; "
           "git push -q origin mine", env=env)


@program("rsync", "rsync, from a daemon and over ssh", light=True, limit=30, programs=["rsync", *SSH],
         packages=["rsync", *SSH_PACKAGES])
def rsync(lab, run):
    config = far_sshd(lab, run)
    for i in range(40):
        lab.file(f"www/sync/{i}", f"{i}" * 5000)
    conf = run.file("rsyncd.conf", f"use chroot = no\n[sync]\npath = {lab.www}/sync\nread only = yes\n")
    run.far(["rsync", "--daemon", "--no-detach", f"--config={conf}", "--port=873", "--log-file=/dev/null"])
    lab.wait_port("outside", 873)
    to = run.folder()
    run.sh(f"set -e; rsync -a --timeout=10 rsync://mirror.test/sync/ {to}/a; rsync -a --timeout=10 --bwlimit=60 rsync://mirror2.test/sync/ {to}/b;"
           f"rsync -a -e 'ssh -F {config}' v4mirror.test:{lab.www}/sync/ {to}/c; test -e {to}/a/39 -a -e {to}/b/39 -a -e {to}/c/39")


@program("rsyncd", "rsync, serving", light=True, programs=["rsync"], packages=["rsync"])
def rsyncd(lab, run):
    for i in range(40):
        run.file(f"sync/{i}", f"{i}" * 5000)
    conf = run.file("rsyncd.conf", f"use chroot = no\n[sync]\npath = {run.folder()}/sync\nread only = yes\n")
    run.near(["rsync", "--daemon", "--no-detach", f"--config={conf}", "--port=873", "--log-file=/dev/null"], user=False)
    lab.wait_port("home", 873)
    clients = [run.far(["rsync", "-a", "--bwlimit=100", f"rsync://{HOME4}/sync/", run.folder() / f"to{i}"]) for i in range(4)]
    for client in clients:
        run.wait(client)


# A viewer: no password, every update asked for, the pointer moved. RFC 6143.
VIEWER = """
import socket, struct, sys, time
def exactly(n):
    data = b""
    while len(data) < n:
        data += s.recv(n - len(data)) or sys.exit("the server hung up")
    return data
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=15)
s.sendall(exactly(12))
kinds = exactly(exactly(1)[0]); assert 1 in kinds
s.sendall(b"\\1"); assert exactly(4) == b"\\0\\0\\0\\0"
s.sendall(b"\\1")
width, height = struct.unpack("!HH", exactly(4)); exactly(16); exactly(struct.unpack("!I", exactly(4))[0])
s.sendall(struct.pack("!BxHi", 2, 1, 0))
end, updates = time.monotonic() + float(sys.argv[3]), 0
s.settimeout(2)
while time.monotonic() < end:
    s.sendall(struct.pack("!BBHHHH", 3, updates > 0, 0, 0, width, height))
    s.sendall(struct.pack("!BBHH", 5, 0, updates * 7 % width, updates * 5 % height))
    try:
        s.recv(1 << 20)
    except TimeoutError:
        pass
    updates += 1
    time.sleep(0.05 if updates % 20 else 1.2)
"""


@program("x11vnc", "x11vnc with viewers attached", programs=["x11vnc", "Xvfb"], packages=["x11vnc", "xvfb"])
def x11vnc(lab, run):
    number = 70
    run.near(["Xvfb", f":{number}", "-screen", "0", "800x600x24", "-nolisten", "tcp"], root=False)
    wait_for(lambda: os.path.exists(f"/tmp/.X11-unix/X{number}"), 15, "the X server does not start")
    run.near(["x11vnc", "-display", f":{number}", "-forever", "-shared", "-nopw", "-rfbport", "5900", "-noxrecord"])
    lab.wait_port("home", 5900)
    viewer = lab.file("viewer.py", VIEWER)
    viewers = [run.far([PYTHON, viewer, HOME4, 5900, seconds]) for seconds in (6, 8, 5)]
    for process in viewers:
        run.wait(process)


@program("vnc-viewer", "VNC viewer, to other machines", programs=["x11vnc", "Xvfb", "xtigervncviewer"],
         packages=["x11vnc", "xvfb", "tigervnc-viewer"])
def vnc_viewer(lab, run):
    run.far(["Xvfb", ":71", "-screen", "0", "640x480x24", "-nolisten", "tcp"], user=True)
    run.near(["Xvfb", ":72", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], root=False)
    wait_for(lambda: all(os.path.exists(f"/tmp/.X11-unix/X{n}") for n in (71, 72)), 15, "the X servers do not start")
    run.far(["x11vnc", "-display", ":71", "-forever", "-shared", "-nopw", "-rfbport", "5900", "-noxrecord"], user=True)
    lab.wait_port("outside", 5900)
    for host in ("v4a.test", "v4b.test", "v4c.test"):
        process = run.near(["xtigervncviewer", f"{host}::5900"], env={"DISPLAY": ":72"})
        run.settle(3)
        if process.poll() is not None:
            raise CannotRun(f"the viewer ended: {tail(process.log)}")
        lab.stop(process)
