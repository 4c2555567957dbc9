/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A process and its descendants, as far as /proc and the caller's own records of creation tell. /proc knows living
 * parents, and the session that a process was born in: its members all descend from its leader. Of a process that was
 * forked twice it knows nothing more; the caller may (the gate's labels). Needs no rights. Used by the keeper and by
 * `sekimori block`. */
#ifndef SEKIMORI_RESPOND_BLOCK_TREE_H
#define SEKIMORI_RESPOND_BLOCK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BLOCK_TREE_MAX (1u << 17) /* processes and records looked at, as GATE_TASKS */

/* Starts are nanoseconds since boot. Those of /proc come in whole clock ticks: within one, two count as the same. */
struct block_tree_process {
        uint64_t start;
        uint32_t pid;
};

/* What the caller knows of one process, which may have ended. */
struct block_tree_link {
        uint64_t start, creator_start;
        uint32_t pid, creator; /* creator 0: not known */
        bool member;           /* it is known to belong to the tree */
};

typedef void (*block_tree_add)(void *tree, const struct block_tree_link *link);

struct block_tree_params {
        const char *proc; /* NULL: /proc */
        uint32_t pid;     /* the subject */
        uint64_t start;
        void *userdata;
        /* Calls `add` for each process of which something is known. 0 or negative errno. May be NULL. */
        int (*links)(void *userdata, block_tree_add add, void *tree);
};

struct block_tree {
        struct block_tree_process *items; /* alive; the subject first, if it is */
        size_t n;
        unsigned spared; /* that belong to it and are left alone: this process and what it runs beneath */
        bool full;       /* there were more than BLOCK_TREE_MAX */
};

/* 0; -ESRCH: neither the subject nor a descendant is alive; -EPERM: the subject is process 1, a kernel thread, this
 * process, or one that it runs beneath; -ENOMEM; or what `links` said. */
int block_tree_find(const struct block_tree_params *params, struct block_tree *ret);
void block_tree_done(struct block_tree *t);

/* A descriptor of that very process (pidfd). -ESRCH: it has ended, and its number may be another's. */
int block_tree_open(const char *proc, uint32_t pid, uint64_t start);
bool block_tree_same_start(uint64_t a, uint64_t b);

#endif
