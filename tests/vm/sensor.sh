#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The host sensor's programs pass the verifier of the kernel that runs: kernels refuse different things, and the one a
# developer uses says nothing about the others. To see the verifier's words: script/test vm -- 'build/sekimori doctor'.
set -eu
said=$("$SEKIMORI_BUILD/sekimori" doctor) || true
printf '%s\n' "$said"
case $said in
*host_bpf*works:*) ;;
*)
        echo "sensor: the eBPF back end does not work on $(uname -r)" >&2
        exit 1
        ;;
esac
