// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Kernel half of the gate, loaded and pinned by gate_load.c: it decides whether a process may send mail, and refuses a
 * blocked one the network. It goes on deciding when none of our processes lives. */
#include "respond/gate_block.bpf.h"
#include "respond/gate_common.bpf.h"
#include "respond/gate_door.bpf.h"
#include "respond/gate_judge.bpf.h"
#include "respond/gate_net.bpf.h"
#include "respond/gate_person.bpf.h"
#include "respond/gate_task.bpf.h"
#include "respond/gate_tell.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
