# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers for end-to-end tests, that the machine need not have installed: Debian's packages are downloaded once into the
build folder, unpacked over this machine's root in an overlay of the test's own, and started there. Nothing is installed,
and nothing outlives the test: the overlay lives in a mount namespace, the programs end with the test's network namespace."""

import glob
import os
import subprocess

BUILD = os.environ.get("SEKIMORI_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build")


class Unavailable(Exception):
    """Why a server is not to be had here: a skip, not a failure."""


def packages(names):
    """The .deb files, downloaded where they are not there yet."""
    folder, found = os.path.join(os.path.abspath(BUILD), "servers"), []
    os.makedirs(folder, exist_ok=True)
    for name in names:
        ready = sorted(glob.glob(os.path.join(folder, f"{name}_*.deb")))
        if not ready:
            try:
                done = subprocess.run(["apt-get", "download", "-o", "APT::Sandbox::User=root", name], cwd=folder, text=True,
                                      capture_output=True, timeout=120)
            except (OSError, subprocess.TimeoutExpired) as e:
                raise Unavailable(f"the package {name} cannot be downloaded: {e}") from e
            ready = sorted(glob.glob(os.path.join(folder, f"{name}_*.deb")))
            if not ready:
                why = (done.stderr or done.stdout).strip().splitlines()
                raise Unavailable(f"the package {name} cannot be downloaded: {why[-1] if why else 'no reason given'}")
        found.append(ready[-1])
    return found


# /run and /tmp are the server's own; /usr is one with /bin, /sbin and /lib.
OVERLAY = r"""
set -e
top=/mnt # of this mount namespace only
mount -t tmpfs tmpfs "$top"
mkdir "$top/upper" "$top/work" "$top/root"
for deb in $DEBS; do dpkg -x "$deb" "$top/upper"; done
for part in lib bin sbin; do
        [ -d "$top/upper/$part" ] || continue
        mkdir -p "$top/upper/usr/$part"
        cp -a "$top/upper/$part/." "$top/upper/usr/$part/"
        rm -rf "${top:?}/upper/$part"
done
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$top/root"
mount --rbind /proc "$top/root/proc"
mount --rbind /dev "$top/root/dev"
mount -t tmpfs tmpfs "$top/root/run"
mount -t tmpfs -o mode=1777 tmpfs "$top/root/tmp"
if [ -n "$SHARE" ]; then
        mkdir -p "$top/root/srv"
        mount --bind "$SHARE" "$top/root/srv"
fi
number=900
for user in $USERS; do
        number=$((number + 1))
        grep -q "^$user:" "$top/root/etc/passwd" || echo "$user:x:$number:$number::/nonexistent:/usr/sbin/nologin" >>"$top/root/etc/passwd"
        grep -q "^$user:" "$top/root/etc/group" || echo "$user:x:$number:" >>"$top/root/etc/group"
done
exec chroot "$top/root" /bin/bash -c "$INSIDE"
"""

POSTFIX = r"""
cat >/etc/postfix/main.cf <<X
compatibility_level = 3.6
myhostname = {name}
mydestination =
inet_interfaces = {address}
inet_protocols = all
smtpd_relay_restrictions = reject
alias_maps =
local_recipient_maps =
maillog_file = /dev/stdout
X
mkdir -p /var/lib/postfix; chown postfix /var/lib/postfix
exec postfix start-fg
"""
OPENSMTPD = r"""
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
for part in offline purge temporary incoming corrupt queue; do mkdir -p /var/spool/smtpd/$part; done
chmod 711 /var/spool/smtpd; chown root:root /var/spool/smtpd
for part in purge temporary incoming corrupt queue; do chown opensmtpq /var/spool/smtpd/$part; chmod 700 /var/spool/smtpd/$part; done
chown root:opensmtpq /var/spool/smtpd/offline; chmod 770 /var/spool/smtpd/offline
cat >/etc/smtpd.conf <<X
listen on {address} port 25 hostname {name}
action "nowhere" relay
match from any for domain "nowhere.test" action "nowhere"
X
exec smtpd -d -f /etc/smtpd.conf
"""
EXIM = r"""
mkdir -p /var/log/exim-test /var/spool/exim-test; chown Debian-exim /var/log/exim-test /var/spool/exim-test
cat >/tmp/exim.conf <<X
primary_hostname = {name}
local_interfaces = {address}
daemon_smtp_ports = 25
acl_smtp_rcpt = no
spool_directory = /var/spool/exim-test
log_file_path = /var/log/exim-test/%s
tls_advertise_hosts =
host_lookup =
keep_environment =
begin acl
no:
  deny
X
exec exim4 -C /tmp/exim.conf -bdf
"""

KINDS = {
    "postfix": (POSTFIX, ["postfix"], ["postfix", "postdrop"]),
    "opensmtpd": (OPENSMTPD, ["opensmtpd", "libevent-2.1-7"], ["opensmtpd", "opensmtpq"]),
    "exim": (EXIM, ["exim4-daemon-light", "exim4-base", "libgnutls-dane0", "libidn12", "libunbound8", "libevent-2.1-7"],
             ["Debian-exim"]),
}


def start_as(net, side, kind, script, share=None):
    """A mail server of that kind, set up and started by a script; the folder `share` is its /srv. Raises Unavailable."""
    _, debs, users = KINDS[kind]
    environment = dict(os.environ, DEBS=" ".join(packages(debs)), USERS=" ".join(users), INSIDE=script, SHARE=share or "")
    return net.popen(side, ["unshare", "--mount", "--propagation", "private", "bash", "-c", OVERLAY], env=environment,
                     stderr=subprocess.STDOUT)


def start(net, side, kind, address, name):
    """One that greets on address:25 in the namespace and takes no mail. Raises Unavailable."""
    return start_as(net, side, kind, KINDS[kind][0].format(address=address, name=name))
