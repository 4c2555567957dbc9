#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Inside the test machine: runs the commands of $SEKIMORI_VM_LIST from the source root, one per line. Output goes to the
# console; results go to a serial line of their own (ttyS1), so that nothing a test prints can pass for a result. Started
# by guest.sh, or by systemd in the machine with a person (person-boot.sh).
#
# A test may have the machine restarted (tests/vm/person.py). The command that did so is then run again, with
# SEKIMORI_VM_BOOT telling how many times the machine has booted since that command began: 1, 2, ...
set -u
exec 3>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo 2>/dev/null
STATE=/var/lib/sekimori-vm.running # in the machine only; outlives a restart where the root does

report() { printf '%s\n' "$*" >&3; }
seconds() { local up; read -r up _ </proc/uptime; echo "$up"; }

cd "$SEKIMORI_SOURCE" || { report "fatal no source at $SEKIMORI_SOURCE"; exit 1; }
if [ -n "${SEKIMORI_VM_SHELL-}" ]; then
        setsid bash -c 'exec <>/dev/ttyS2 >&0 2>&0; stty sane -echo; while :; do bash; done' 3>&- &
fi
at=0 boot=0
# Not there at the first boot.
{ read -r at boot <"$STATE"; } 2>/dev/null
report "ready $(seconds)"

number=0
while IFS= read -r line <&4; do
        case $line in '' | '#'*) continue ;; esac
        number=$((number + 1))
        [ "$number" -ge "$at" ] || continue
        [ "$number" -eq "$at" ] || boot=0
        SEKIMORI_VM_BOOT=$((boot + 1))
        export SEKIMORI_VM_BOOT
        if [ -n "${SEKIMORI_VM_PERSON-}" ]; then
                echo "$number $SEKIMORI_VM_BOOT" >"$STATE"
                sync "$STATE"
        fi
        report "start $number $line"
        before=$(seconds)
        # A test must not keep the list or the result line, and gets no input.
        timeout --kill-after=10 "$SEKIMORI_VM_LIMIT" bash -c "$line" </dev/null 3>&- 4<&- 2>&1
        report "done $number $? $before $(seconds)"
done 4<"$SEKIMORI_VM_LIST"
report "end $number"
