/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel half of the gate (gate.bpf.c): loading, pinning, finding it again, swapping it for a newer one, and its
 * maps. Once pinned it decides on, whoever of our processes lives; what nobody writes any more opens nothing. Needs
 * root. All return 0 or negative errno where nothing else is said. */
#ifndef SEKIMORI_RESPOND_GATE_LOAD_H
#define SEKIMORI_RESPOND_GATE_LOAD_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "config/config.h"
#include "respond/gate_map.h"

struct gate;

enum gate_map {
        GATE_MAP_STATE,
        GATE_MAP_PROGRAMS,
        GATE_MAP_UNITS,
        GATE_MAP_SESSIONS,
        GATE_MAP_HANDS,
        GATE_MAP_TOUCHED,
        GATE_MAP_LABELS,
        GATE_MAP_PERMITS,
        GATE_MAP_BLOCKS,
        GATE_MAP_COUNTERS,
        GATE_MAP_RING, /* for the engine */
        GATE_MAP_BELL, /* for the keeper */
        GATE_MAPS,
};

/* Loads it into this process alone: it ends with it. `cgroup` NULL: the root of cgroup v2. -ENOSYS: no cgroup v2;
 * -ENOENT: no BTF; -EPERM: no right; others as the kernel said. */
int gate_load(const char *cgroup, struct gate **ret);
/* Finds the one that is pinned beneath `folder`. -ENOENT: there is none; -EPROTO: another version made it. */
int gate_open(const char *folder, struct gate **ret);
/* Makes sure one of this version is pinned beneath `folder` (a bpffs, mounted there when missing): loads it, or swaps
 * the programs of an older one without a gap. */
int gate_pin(const char *folder, const char *cgroup, struct gate **ret);
/* Takes away what is pinned there, and the mount. 0 also when there is nothing. */
int gate_unpin(const char *folder);
void gate_close(struct gate *g);
DEFINE_FREEP(struct gate, gate_close)

bool gate_is_pinned(const struct gate *g);
/* A map's descriptor; stays the gate's. */
int gate_map_fd(const struct gate *g, enum gate_map map);

int gate_get_state(const struct gate *g, struct gate_state *ret);
/* What the configuration says of it; the other members stay. */
void gate_fill_state(struct gate_state *s, const struct config *config);
/* Stores that, with this mode, keeping what is deliberately open. */
int gate_set_mode(const struct gate *g, const struct config *config, enum gate_mode mode);
int gate_set_state(const struct gate *g, const struct gate_state *s);
/* Are all its programs still attached, and are they ours? 0; -ENOENT with the name of the first that is not. */
int gate_check(const struct gate *g, struct buf *what);

/* What is needed only now and then: system calls are looked at (a mail program runs in a terminal). */
int gate_watch_typing(struct gate *g, bool on);
/* A person is here: what desktop shells ask of systemd --user and D-Bus daemons is looked at. */
int gate_watch_requests(struct gate *g, bool on);
/* What refuses packets, sockets and datagrams is attached: before a gate that is not pinned refuses anything. */
int gate_arm(struct gate *g);
/* Bursts that were counted are told. */
int gate_flush(const struct gate *g);
/* Puts a record of our own into the rings: tampering that only user space sees. */
int gate_say(const struct gate *g, const struct gate_record *r);
/* The sockets that blocked processes have are blocked too, but for those that others share: they are told of. */
int gate_block_sockets(const struct gate *g, void (*shared)(void *userdata, pid_t pid), void *userdata);

/* Path of a control group beneath the root, as "/system.slice/postfix.service", to the key of `units`. */
uint64_t gate_cgroup_key(const char *path);
/* Processes that began before the gate: labels as far as their parents and programs tell. After the programs are in the
 * map, since labels say what a process runs. */
int gate_label_present(const struct gate *g);
/* The session's descendants, and `pid` itself, belong to it. Returns how many. */
int gate_label_session(const struct gate *g, pid_t pid, unsigned session);
/* The same with a block: the process and its descendants are refused the network. */
int gate_label_block(const struct gate *g, pid_t pid, uint64_t start, unsigned block, uint32_t serial);
/* A process's label. -ESRCH: none. `start` 0: whatever process has the number. */
int gate_label_get(const struct gate *g, pid_t pid, uint64_t start, struct gate_label *ret);
int gate_label_put(const struct gate *g, pid_t pid, const struct gate_label *l);
int gate_label_each(const struct gate *g, int (*each)(void *userdata, pid_t pid, const struct gate_label *l),
                    void *userdata);

#endif
