#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Inside the test machine with a person, before systemd: makes this machine's root one that boots quickly to a user who is
# logged in at the first console, and into X when a test asks (tests/vm/person.py). Started by tests/vm/init.c at every
# boot; what a test changed since the first one stays (/etc, units, enabled services), since the root's upper half is a disk.
set -u
exec 3>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo 2>/dev/null
PERSON=sekimori-person
HOME_OF_PERSON=/home/$PERSON
UNITS=/run/systemd/system

report() { printf '%s\n' "$*" >&3; }
fatal() { report "fatal $*"; exit 1; }
seconds() { local up; read -r up _ </proc/uptime; echo "$up"; }

# Units of this machine that a test machine has no use for; they would take seconds each under emulation.
UNUSED="systemd-hwdb-update.service systemd-journal-flush.service systemd-firstboot.service systemd-sysusers.service
systemd-repart.service systemd-random-seed.service systemd-machine-id-commit.service systemd-binfmt.service
systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-update-done.service systemd-pcrphase.service
systemd-pcrphase-sysinit.service systemd-journal-catalog-update.service ldconfig.service systemd-pstore.service
systemd-boot-system-token.service systemd-rfkill.socket systemd-initctl.socket systemd-journald-audit.socket
proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount
dev-hugepages.mount dev-mqueue.mount systemd-ask-password-console.path systemd-ask-password-wall.path
cryptsetup.target veritysetup.target integritysetup.target keyboard-setup.service console-setup.service
systemd-tmpfiles-clean.timer serial-getty@ttyS0.service plymouth-quit.service systemd-remount-fs.service
getty-static.service lvm2-monitor.service blk-availability.service"

# What the machine's own administrator enabled must not start here; what a test enables later may.
first_boot() {
        rm -rf /etc/systemd/system/*.wants /etc/systemd/system/*.requires /etc/systemd/user/*.wants
        : >/etc/fstab
        rm -f /.dockerenv # the build machine may be a container; this one is none
        echo sekimori-vm >/etc/hostname
        sed -i "/^$PERSON:/d" /etc/passwd /etc/shadow /etc/group
        echo "$PERSON:x:1500:1500:Person of the tests:$HOME_OF_PERSON:/bin/bash" >>/etc/passwd
        echo "$PERSON:*:19000:0:99999:7:::" >>/etc/shadow
        echo "$PERSON:x:1500:" >>/etc/group
        mkdir -p "$HOME_OF_PERSON/.config/openbox"
        touch "$HOME_OF_PERSON/.hushlogin"
        cp "$SEKIMORI_SOURCE/tests/vm/openbox.xml" "$HOME_OF_PERSON/.config/openbox/rc.xml"
        chown -R 1500:1500 "$HOME_OF_PERSON"
        # No acceleration: neither of the picture, which would be computed, nor of the mouse, whose steps are counted.
        mkdir -p /etc/X11/xorg.conf.d /etc/lightdm/lightdm.conf.d
        cat >/etc/X11/xorg.conf.d/50-test-machine.conf <<'CONF'
Section "Device"
        Identifier "card"
        Driver "modesetting"
        Option "AccelMethod" "none"
EndSection
Section "InputClass"
        Identifier "mouse"
        MatchIsPointer "on"
        Driver "libinput"
        Option "AccelProfile" "flat"
        Option "AccelSpeed" "0"
EndSection
Section "ServerFlags"
        Option "BlankTime" "0"
EndSection
CONF
        cat >/etc/lightdm/lightdm.conf.d/50-test-machine.conf <<CONF
[Seat:*]
autologin-user=$PERSON
autologin-user-timeout=0
autologin-session=test-machine
xserver-command=X -nolisten tcp
CONF
        printf '%s\n' '[Desktop Entry]' Name=test Exec=/usr/bin/openbox Type=Application \
                >/usr/share/xsessions/test-machine.desktop
        : >/var/lib/sekimori-vm.prepared
}

unit() { cat >"$UNITS/$1"; }

units() {
        local name
        mkdir -p "$UNITS/getty@tty1.service.d" "$UNITS/multi-user.target.wants" "$UNITS/getty.target.wants" \
                /run/systemd/system-generators /run/systemd/logind.conf.d /run/systemd/journald.conf.d /run/modules-load.d \
                /run/tmpfiles.d /run/modprobe.d
        # An empty file masks like a link to /dev/null, without a process each.
        for name in $UNUSED; do : >"$UNITS/$name"; done
        for name in /usr/lib/systemd/system-generators/*; do
                : >"/run/systemd/system-generators/${name##*/}"
        done
        ln -sfn /lib/systemd/system/multi-user.target "$UNITS/default.target"
        ln -sfn /lib/systemd/system/getty@.service "$UNITS/getty.target.wants/getty@tty1.service"
        unit getty@tty1.service.d/person.conf <<CONF
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin $PERSON --noclear --noissue %I linux
CONF
        # One console: a second getty would start whenever a test switches there.
        printf '[Login]\nNAutoVTs=1\nReserveVT=0\n' >/run/systemd/logind.conf.d/test-machine.conf
        printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >/run/systemd/journald.conf.d/test-machine.conf
        printf '%s\n' bochs psmouse evdev virtio_console >/run/modules-load.d/test-machine.conf
        # They test themselves for seconds when udev finds them a processor, and nothing in here needs them.
        printf 'blacklist %s\n' aesni_intel ghash_clmulni_intel kvm_amd powernow_k8 >/run/modprobe.d/test-machine.conf
        : >/run/tmpfiles.d/tmp.conf # Debian's empties /tmp, where the sources may lie
        unit sekimori-vm.service <<CONF
[Unit]
Description=The tests of this machine
DefaultDependencies=no
After=multi-user.target

[Service]
EnvironmentFile=/run/sekimori-vm.environment
Environment=SEKIMORI_VM_USER=$PERSON
ExecStart=/bin/bash -c 'bash "\$SEKIMORI_SOURCE/tests/vm/run-list.sh"; systemctl --force --force poweroff'
StandardOutput=file:/dev/console
StandardError=inherit
LimitNOFILE=65536
KillMode=mixed
TimeoutStopSec=5
CONF
        ln -sfn ../sekimori-vm.service "$UNITS/multi-user.target.wants/sekimori-vm.service"
}

report "boot $(seconds) $(uname -r)"
mount -t tmpfs -o mode=0755 tmpfs /run || fatal "cannot mount a tmpfs at /run"
ln -sfn /proc/self/fd /dev/fd
mkdir -p /lib/modules
ln -sfn "$SEKIMORI_VM_MODULES" "/lib/modules/$(uname -r)"
# The file is the one for init.c: NAME=value lines; nothing in them needs quoting for systemd but spaces in paths.
while IFS= read -r name; do
        case $name in SEKIMORI_* | HOME | USER | LANG | PATH | TERM | NO_COLOR | PYTHONDONTWRITEBYTECODE)
                printf '%s="%s"\n' "$name" "${!name}"
                ;;
        esac
done < <(compgen -e) >/run/sekimori-vm.environment
echo sekimori-vm >/proc/sys/kernel/hostname
[ -e /var/lib/sekimori-vm.prepared ] || first_boot
units
