/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who created whom: processes and threads by their creators, built from process events and never rewritten. A dead
 * creator stays while a living descendant needs it. A dead one without descendants stays until LINEAGE_LEAVES others
 * died after it, since its last flow events may come after its end. Caps: LINEAGE_TASKS threads of about 380 bytes;
 * beyond, the longest-dead go first, counted; their children then hang on their creator's creator, so that no chain is
 * ever cut. Runs in the engine; no I/O. */
#ifndef SEKIMORI_FLOW_LINEAGE_H
#define SEKIMORI_FLOW_LINEAGE_H

#include "base/table.h"
#include "model/event.h"

#define LINEAGE_TASKS     65536u
#define LINEAGE_LEAVES    4096u
#define LINEAGE_DEPTH_MAX 256 /* longest chain followed */
/* Chains longer than this lose their dead, silent members: a program that forks and dies a thousand times in a row gets
 * no further away from its ancestors. Those that talked, and leaders of terminal sessions, stay. */
#define LINEAGE_DEPTH_KEEP 48

struct lineage;

/* One thread. Facts about the program (exe_*, uid, ...) are those of its process and stand in the first thread's node.
 */
struct lineage_node {
        struct task task;
        struct task creator; /* pid 0: none known */
        nsec_t born;         /* time of its fork or present event */
        nsec_t ended;        /* 0: alive */
        uint64_t exe_ino, cgroup;
        uint32_t exe_dev, uid, loginuid, session, netns, pidns, tty;
        uint32_t flags; /* enum process_flag */
        uint32_t execs; /* programs it has run */
        bool talks;     /* had a flow of its own; process: one of its threads had */
        bool present;   /* was there before the source started: `born` is when it was found */
        char name[32];  /* base name of the program, or comm; for people only */
        char path[96];  /* as given to exec, cut; for people only */
};

int lineage_new(struct lineage **ret);
void lineage_free(struct lineage *l);
DEFINE_FREEP(struct lineage, lineage_free)

/* Takes EVENT_PROCESS, and EVENT_FLOW for `talks`; ignores others. */
void lineage_event(struct lineage *l, const struct event *e);

/* The thread's node, or NULL if never seen. Pointers stay valid until the next lineage_event(). */
const struct lineage_node *lineage_find(const struct lineage *l, const struct task *t);
/* The node of the first thread of t's process, or NULL. */
const struct lineage_node *lineage_process(const struct lineage *l, const struct task *t);
/* The creator of a thread's node (a thread), or NULL at the root. */
const struct lineage_node *lineage_creator(const struct lineage *l, const struct lineage_node *n);
/* The process (first thread's node) that created n's process, or NULL at the root. */
const struct lineage_node *lineage_parent_process(const struct lineage *l, const struct lineage_node *n);
/* Did a person log in between `n` and its ancestor `above`? By audit's login user, by a terminal of its own beneath
 * root or a login, or from root to a person's user. */
bool lineage_is_login(const struct lineage_node *above, const struct lineage_node *n);
/* Name for people: "?" when unknown. */
const char *lineage_name(const struct lineage *l, const struct task *t);

void lineage_get_stats(const struct lineage *l, struct table_stats *ret);

#endif
