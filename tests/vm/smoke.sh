#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What the sensor's tests rely on in the test machine; when this fails, no other result there means anything.
set -eu
complain() { echo "smoke: $*" >&2; exit 1; }

case $(uname -r) in 6.1.*) ;; *) complain "kernel $(uname -r) is not Debian 12's" ;; esac
[ "$(id -u)" = 0 ] || complain "not root"
[ -s /sys/kernel/btf/vmlinux ] || complain "no BTF"
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || complain "/sys/fs/cgroup is not version 2"
[ "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs ] || complain "no bpffs"
[ -e /sys/kernel/tracing/events/sched ] || complain "no tracefs"
python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname())' ||
        complain "Python cannot connect over lo"
touch .vm-writable || complain "the overlay is not writable"
rm .vm-writable
ip netns add smoke || complain "no network namespaces"
ip link add smoke0 type veth peer name smoke1 netns smoke || complain "no veth (modules are not found)"
ip link del smoke0
ip netns del smoke
echo "smoke: $(uname -r), $(nproc) processors, BTF $(stat -c %s /sys/kernel/btf/vmlinux) bytes"
