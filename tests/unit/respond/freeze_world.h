/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tree of real processes in control groups of the test's own, where those can be had. */
#ifndef SEKIMORI_TESTS_FREEZE_WORLD_H
#define SEKIMORI_TESTS_FREEZE_WORLD_H

#include "process_tree.h"
#include "respond/block_freeze.h"

struct world {
        struct process_tree t;
        char root[128];             /* of cgroup v2; "": not to be had */
        char own[64], a[80], b[80]; /* groups of ours, beneath it: paths as /proc/PID/cgroup says */
        char group[96], state[64];
        struct block_freeze_params params;
        struct block_tree_link links[2];
};

int world_set_up(void **state);
int world_tear_down(void **state);
void world_need_groups(const struct world *w); /* skips the test without them */

const char *world_in_root(const struct world *w, const char *path); /* until the next call */
void world_join(const struct world *w, const char *path, pid_t pid);
const char *world_group_of(pid_t pid); /* until the next call */
/* Says who created the one that escaped. */
int world_say_links(void *userdata, block_tree_add add, void *tree);

/* All but the innocent one. */
void world_expect_still(const struct world *w);
void world_expect_running(const struct world *w);
void world_expect_home(const struct world *w);

#endif
