/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the freezer share: the state file (block_freeze_state.c) and the groups (block_freeze_group.c). */
#ifndef SEKIMORI_RESPOND_BLOCK_FREEZE_INTERNAL_H
#define SEKIMORI_RESPOND_BLOCK_FREEZE_INTERNAL_H

#include <limits.h>

#include "base/cleanup.h"
#include "respond/block_freeze.h"

#define BLOCK_STATE_MAX (16u << 20) /* bytes of a state file that are read */

enum block_how {
        BLOCK_HOW_GROUP = 'g',  /* moved */
        BLOCK_HOW_SIGNAL = 's', /* stopped by us */
        BLOCK_HOW_BEFORE = 'b', /* was stopped before us: it stays so */
};

struct block_entry {
        uint64_t start;
        uint32_t pid;
        char how;    /* enum block_how */
        size_t path; /* GROUP: of the group it came from, offset in the text */
};

/* An open state file and what stands in it. */
struct block_state {
        int fd; /* locked */
        char *text;
        size_t len;
        struct block_entry *entries;
        size_t n, cap;
        bool other_boot; /* it is from before the machine was started: nobody in it is alive */
};

/* Opens and locks <folder>/<id>; `create` makes it. -ENOENT; -EBUSY: locked; -EINVAL: a bad id. Lines that are cut or
 * wrong, as after a crash, are left out. */
int block_state_open(const char *folder, const char *id, bool create, struct block_state *ret);
void block_state_done(struct block_state *s);
/* Writes an entry down for good before it is done; `path` NULL: none. */
int block_state_add(struct block_state *s, uint32_t pid, uint64_t start, enum block_how how, const char *path);
const struct block_entry *block_state_find(const struct block_state *s, uint32_t pid, uint64_t start);
int block_state_remove(const char *folder, const char *id);

/* The group of a block. */
struct block_group {
        int root, fd;         /* the hierarchy; ours; negative: cannot be had */
        char path[PATH_MAX];  /* beneath the root, as /proc/PID/cgroup writes it */
        char above[PATH_MAX]; /* of the folder for our groups */
};

/* Finds the group; `create` makes it. 0, or why there is none. */
int block_group_open(const struct block_freeze_params *params, bool create, struct block_group *ret);
void block_group_done(struct block_group *g);
int block_group_freeze(const struct block_group *g, bool on);
/* Waits at most `patience` for all in it to stand still. */
bool block_group_is_frozen(const struct block_group *g, nsec_t patience);
/* The group of a process. -ESRCH: it has ended; -ENOTSUP: it is not one that can be gone back to exactly. */
int block_group_of(const struct block_group *g, const char *proc, uint32_t pid, char path[static PATH_MAX]);
/* Moves a process into the group of that path; -ESRCH: it has ended. */
int block_group_move(const struct block_group *g, const char *path, uint32_t pid);
/* Calls for each process in our group. */
int block_group_each(const struct block_group *g, int (*each)(void *userdata, uint32_t pid), void *userdata);
/* Takes our group away, and the folder above when it was the last. */
int block_group_remove(struct block_group *g);

#endif
