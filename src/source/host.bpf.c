// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Kernel half of the host sensor, loaded by the warden: who talks to whom, by process and thread. Traffic is aggregated
 * here, so that a busy socket costs a record per change and not one per call. Best hooks first; what a kernel does not
 * have is left out at load time (host_load.c). */
#include "source/host_common.bpf.h"
#include "source/host_flow.bpf.h"
#include "source/host_link.bpf.h"
#include "source/host_socket.bpf.h"
#include "source/host_task.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
