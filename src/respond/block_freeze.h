/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stops a process and its descendants where they stand, so that undoing it goes on from there: by the freezer of cgroup
 * v2, in a group of our own, or by SIGSTOP for whom that is not possible. Who was moved from where is written down
 * before it is done, so that a later process can undo it after any crash. Needs root, or rights over the processes.
 *
 * What it is not: a program that forks and ends faster than it can be moved may get away for as long as it keeps
 * running (`settled` is false then); SIGSTOP can be undone by anybody of the same user; and a scope of systemd ends
 * when its last process is moved out of it. The refusal of the network (block.h) holds without all this. */
#ifndef SEKIMORI_RESPOND_BLOCK_FREEZE_H
#define SEKIMORI_RESPOND_BLOCK_FREEZE_H

#include "base/clock.h"
#include "respond/block_tree.h"

#define BLOCK_FREEZE_GROUP  "sekimori-frozen"
#define BLOCK_FREEZE_ID_MAX 32 /* letters, digits and '-' */

struct block_freeze_params {
        struct block_tree_params tree;
        const char *id;     /* of this block: name of the group and of the file */
        const char *state;  /* folder of the files; only root may write there */
        const char *cgroup; /* where the root of cgroup v2 is mounted; NULL: signals only */
        const char *group;  /* path beneath it of the folder for our groups; NULL: BLOCK_FREEZE_GROUP */
        nsec_t patience;    /* to wait until all have stopped; 0: not at all */
};

struct block_freeze_result {
        unsigned frozen;    /* by the freezer */
        unsigned stopped;   /* by a signal */
        unsigned elsewhere; /* frozen for another block already: they go on when that one is undone */
        unsigned failed;    /* could be neither */
        unsigned spared;    /* see block_tree.h */
        unsigned rounds;
        bool settled;  /* the last look found nobody new */
        bool verified; /* all were seen to stand still */
};

struct block_thaw_result {
        unsigned restored;  /* moved back or continued */
        unsigned displaced; /* their group is gone: the nearest one above it took them */
        unsigned gone;      /* ended meanwhile */
};

/* May be called again for the same id, to take in who was missed. 0; -EINVAL: a bad id; -EBUSY: somebody else is at it;
 * or as block_tree_find(). */
int block_freeze(const struct block_freeze_params *params, struct block_freeze_result *ret);
/* Undoes it; uses only `id`, `state`, `cgroup`, `group` and tree.proc. -ENOENT: nothing is frozen under that id;
 * -EAGAIN: somebody could not be let go, call again. */
int block_thaw(const struct block_freeze_params *params, struct block_thaw_result *ret);

#endif
