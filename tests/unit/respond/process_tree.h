/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real processes for the tests of blocks: a subject with descendants of every kind, and an innocent sibling. Each
 * counts while it runs, so that it shows whether it does; all end when the test does, however that ends. */
#ifndef SEKIMORI_TESTS_PROCESS_TREE_H
#define SEKIMORI_TESTS_PROCESS_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum who {
        WHO_SUBJECT, /* leader of a session */
        WHO_CHILD,
        WHO_GRANDCHILD,
        WHO_ORPHAN,    /* forked twice; still in the subject's session */
        WHO_ESCAPED,   /* forked twice, in a session of its own */
        WHO_OF_THREAD, /* created by a thread that has ended */
        WHO_INNOCENT,  /* the subject's sibling */
        WHO_MAX,
};

struct process_shared {
        volatile uint64_t count[WHO_MAX];
        volatile pid_t pid[WHO_MAX];
        volatile uint64_t start[WHO_MAX];
        volatile pid_t middle; /* between the subject and the escaped one; it has ended */
        volatile uint64_t middle_start;
        volatile uint64_t forks;
};

struct process_tree {
        struct process_shared *shared;
        int alive[2]; /* nobody writes; who reads its end ends */
};

void process_tree_start(struct process_tree *t);
void process_tree_end(struct process_tree *t);
/* Until it has counted on `n` times; false after ten seconds. */
bool process_tree_runs(const struct process_tree *t, enum who who, unsigned n);
/* Does not count while the innocent one does? */
bool process_tree_stands(const struct process_tree *t, enum who who);
/* Nanoseconds since boot, in ticks. 0: there is none. */
uint64_t process_tree_start_of(pid_t pid);
char process_tree_state(pid_t pid);
/* A program that does nothing but fork children that do the same, some of which end at once; at most `n` times. */
pid_t process_tree_start_bomb(struct process_tree *t, unsigned n);

#endif
