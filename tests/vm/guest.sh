#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Inside the test machine: mounts what a booted Debian has, then runs the list of tests (run-list.sh). Started by
# tests/vm/init.c, reads its orders from the environment.
set -u
exec 3>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo 2>/dev/null

report() { printf '%s\n' "$*" >&3; }
fatal() { report "fatal $*"; exit 1; }
seconds() { local up; read -r up _ </proc/uptime; echo "$up"; }

report "boot $(seconds) $(uname -r)"

# The build machine's own /run must not shine through; its /tmp may, since sources can lie there.
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts || fatal "cannot mount devpts"
for dir in /run /dev/shm; do
        mount -t tmpfs -o mode=1777 tmpfs "$dir" || fatal "cannot mount a tmpfs at $dir"
done
ln -sfn /proc/self/fd /dev/fd
ln -sfn pts/ptmx /dev/ptmx
mount -t cgroup2 cgroup2 /sys/fs/cgroup || fatal "cannot mount cgroup2"
mount -t bpf bpf /sys/fs/bpf || fatal "cannot mount bpffs"
mount -t tracefs tracefs /sys/kernel/tracing || fatal "cannot mount tracefs"
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
[ -e /sys/kernel/btf/vmlinux ] || fatal "this kernel has no BTF"

# modprobe must find this kernel's modules: the package is unpacked in the build folder and not installed.
mkdir -p /lib/modules
ln -sfn "$SEKIMORI_VM_MODULES" "/lib/modules/$(uname -r)"

hostname sekimori-vm 2>/dev/null || echo sekimori-vm >/proc/sys/kernel/hostname
ip link set lo up || fatal "cannot bring up lo"
ulimit -n 65536
exec bash "$SEKIMORI_SOURCE/tests/vm/run-list.sh"
